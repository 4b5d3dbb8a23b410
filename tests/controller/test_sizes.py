"""Arrays and scratchpads at the ends of their ranges; `make nightly` has what lies between, and larger images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from controller.network.large import write_large
from docs.bench import machine
from tests.controller.machine import compiled_and_checked, largest_difference

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("array", [8, 32])
def test_a_network_fits_the_smallest_scratchpad(array: int, tmp_path: Path) -> None:
    """Of 64 KiB, with a small and with the largest array: 32 pages."""
    path = write_large("mobilenetv2", tmp_path / "model.onnx", side=32)
    compiled = compiled_and_checked(path, machine(array, 64))
    assert largest_difference(compiled, path, np.random.default_rng(1)) == 0
