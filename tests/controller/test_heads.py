"""Operators on tokens and heads: in every element equal to onnxruntime's integer kernels, or refused."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from controller.graph import Convolution
from controller.read import read
from tests.controller.models import QdqModel, compare
from tests.controller.token_operators import TOKEN_OPERATORS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CASES = 8


@pytest.mark.parametrize("unsigned", [True, False], ids=["uint8", "int8"])
@pytest.mark.parametrize("operator", TOKEN_OPERATORS, ids=[operator.__name__ for operator in TOKEN_OPERATORS])
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


def test_a_square_matrix_is_used_both_ways_round(tmp_path: Path) -> None:
    """One array of weights serves several operators only where they read it alike."""
    model = QdqModel(unsigned=True, rng=np.random.default_rng(1))
    source = model.input([4, 9], 0.05, 7)
    weights, bias = model.dense((9, 9), 0, source, per_channel=False)
    model.output(model.node("Gemm", [source, weights, bias], transB=1))
    model.output(model.node("Gemm", [source, weights, bias]))
    model.output(model.node("Gemm", [source, weights, bias], transB=1))
    path = model.save(tmp_path / "model.onnx")
    assert compare(path, model.rng).differing == 0
    first, other, again = (node.weights for node in read(path).nodes if isinstance(node, Convolution))
    assert first is again
    assert np.array_equal(first[:, :, 0, 0], other[:, :, 0, 0].T)
