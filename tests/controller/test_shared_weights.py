"""Weights that several operators have: one array only where they read it alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from controller.graph import Convolution
from controller.read import read
from tests.controller.models import QdqModel, compare

if TYPE_CHECKING:
    from pathlib import Path


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
