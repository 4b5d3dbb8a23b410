"""Each named operator, alone in a random model, equals onnxruntime's integer kernel in every element."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.controller.models import QdqModel, compare
from tests.controller.operators import OPERATORS
from tests.controller.token_operators import TOKEN_OPERATORS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CASES = 8
ALL = (*OPERATORS, *TOKEN_OPERATORS)


@pytest.mark.parametrize("unsigned", [True, False], ids=["uint8", "int8"])
@pytest.mark.parametrize("operator", ALL, ids=[operator.__name__ for operator in ALL])
def test_equals_onnxruntime(operator: Callable[[QdqModel], set[str]], unsigned: bool, tmp_path: Path) -> None:
    """No element differs, and onnxruntime's graph really holds the integer kernel."""
    for case in range(CASES):
        rng = np.random.default_rng([case, unsigned, zlib.crc32(operator.__name__.encode())])
        model = QdqModel(unsigned, rng)
        wanted = operator(model)
        found = compare(model.save(tmp_path / "model.onnx"), rng)
        assert found.elements > 0
        assert found.differing == 0, f"case {case}: {found.differing} of {found.elements}"
        assert wanted <= found.operators, found.operators
