"""Inputs of few channels: packed columns, fewer passes, the same integers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import controller.packing
from controller.packing import Packing, pack_inputs
from controller.read import read
from spec.config import CONFIGS
from tests.controller.machine import compiled_and_checked, largest_difference
from tests.controller.models import QdqModel
from tests.controller.operators import convolution

if TYPE_CHECKING:
    from pathlib import Path


def _stem(
    model: QdqModel, channels: int, kernel: tuple[int, int], side: tuple[int, int] = (12, 12), stride: int = 2,
    dilation: int = 1,
) -> str:  # fmt: skip
    source = model.input([2, channels, *side])
    dense = model.dense((9, channels, *kernel), 0, source, per_channel=True)
    pads = [kernel[0] // 2, kernel[1] // 2, kernel[0] // 2, (kernel[1] - 1) // 2]
    shape = {"strides": [stride] * 2, "dilations": [1, dilation], "pads": pads}
    return model.node("Conv", [source, *dense], **shape)


def test_a_word_holds_neighbouring_columns() -> None:
    stored = np.arange(1, 9, dtype=np.int8).reshape(1, 2, 1, 4)
    packed = Packing(columns=2, step=1, left=1, width=4).pack(stored, zero=0)
    assert packed[0, :, 0].tolist() == [[0, 1, 2, 3], [0, 5, 6, 7], [1, 2, 3, 4], [5, 6, 7, 8]]
    apart = Packing(columns=2, step=3, left=0, width=3).pack(stored, zero=-1)
    assert apart[0, :, 0].tolist() == [[1, 2, 3], [5, 6, 7], [4, -1, -1], [8, -1, -1]]


@pytest.mark.parametrize(("channels", "kernel", "dilation", "columns", "turns", "stretched"), [
    (3, (7, 7), 1, 4, 2, 4),
    (3, (3, 3), 1, 3, 1, 3),
    (1, (5, 11), 1, 11, 1, 11),
    (5, (3, 7), 2, 3, 3, 6),
])  # fmt: skip
def test_kernel_columns_share_words(
    channels: int, kernel: tuple[int, int], dilation: int, columns: int, turns: int, stretched: int, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The fewest turns of 16 lanes, no wider than they need, computed exactly."""
    monkeypatch.setattr(controller.packing, "_LEAST_SAVED", 0)
    model = QdqModel(True, np.random.default_rng(sum(kernel)))
    model.output(_stem(model, channels, kernel, dilation=dilation))
    path = model.save(tmp_path / "model.onnx")
    graph, packings = pack_inputs(read(path), CONFIGS["default"])
    [packing] = packings.values()
    [node] = graph.nodes
    assert packing.columns == columns
    assert node.weights.shape == (9, channels * columns, kernel[0], turns)
    assert node.dilations == (1, stretched)
    assert graph.inputs[0].tensor == node.source
    compiled = compiled_and_checked(path, CONFIGS["default"])
    assert compiled.macs == read(path).macs
    assert largest_difference(compiled, path, np.random.default_rng(1)) == 0


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("machine", ["tiny", "board"])
def test_packed_convolutions_of_any_shape_are_exact(
    seed: int, machine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controller.packing, "_LEAST_SAVED", 0)
    model = QdqModel(bool(seed % 2), np.random.default_rng(seed))
    convolution(model)
    path = model.save(tmp_path / "model.onnx")
    compiled = compiled_and_checked(path, CONFIGS[machine])
    assert largest_difference(compiled, path, np.random.default_rng(1)) == 0


def test_what_is_not_packed(tmp_path: Path) -> None:
    """Many channels, one column, a second reader, a small image, a dilation that no register holds."""

    def packed(name: str, *, twice: bool = False, **shape: object) -> bool:
        model = QdqModel(True, np.random.default_rng(0))
        real = _stem(model, **shape)  # type: ignore[arg-type]
        model.output(real)
        if twice:
            pooled = model.node("MaxPool", [next(iter(model.scales))], kernel_shape=[2, 2])
            model.output(pooled, *next(iter(model.scales.values())))
        return bool(pack_inputs(read(model.save(tmp_path / f"{name}.onnx")), CONFIGS["default"])[1])

    large = (64, 64)
    assert packed("stem", channels=3, kernel=(7, 7), side=large)
    assert not packed("many", channels=9, kernel=(7, 7), side=large)
    assert not packed("column", channels=3, kernel=(7, 1), side=large)
    assert not packed("twice", channels=3, kernel=(7, 7), side=large, twice=True)
    assert not packed("small", channels=3, kernel=(3, 3), side=(8, 8))
    assert not packed("apart", channels=3, kernel=(7, 7), side=(64, 80), dilation=9)
