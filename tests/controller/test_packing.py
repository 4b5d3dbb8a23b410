"""Inputs of few channels: packed pixels, fewer passes, the same integers."""

from __future__ import annotations

from dataclasses import replace
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


def test_a_packed_pixel_holds_its_neighbours() -> None:
    stored = np.arange(1, 9, dtype=np.int8).reshape(1, 2, 1, 4)
    packed = Packing(box=(1, 2), dilation=(1, 1), grid=(1, 1), before=(0, 1), size=(1, 4)).pack(stored, zero=0)
    assert packed[0, :, 0].tolist() == [[0, 1, 2, 3], [0, 5, 6, 7], [1, 2, 3, 4], [5, 6, 7, 8]]
    apart = Packing(box=(1, 2), dilation=(1, 3), grid=(1, 2), before=(0, 0), size=(1, 2)).pack(stored, zero=-1)
    assert apart[0, :, 0].tolist() == [[1, 3], [5, 7], [4, -1], [8, -1]]
    both = Packing(box=(2, 1), dilation=(2, 1), grid=(1, 3), before=(2, 0), size=(1, 2)).pack(stored, zero=9)
    assert both[0, :, 0].tolist() == [[9, 9], [9, 9], [1, 4], [5, 8]]


@pytest.mark.parametrize(("channels", "kernel", "dilation", "box", "turns", "stretched", "grid"), [
    (3, (7, 7), 1, (7, 2), (1, 4), (1, 1), (2, 2)),
    (3, (3, 3), 1, (3, 3), (1, 1), (1, 1), (2, 2)),
    (1, (5, 11), 1, (5, 6), (1, 2), (1, 3), (2, 2)),
    (5, (3, 7), 2, (3, 1), (1, 7), (1, 1), (2, 2)),
    (8, (1, 6), 1, (1, 2), (1, 3), (1, 1), (2, 2)),
])  # fmt: skip
def test_a_windows_pixels_share_words(
    channels: int, kernel: tuple[int, int], dilation: int, box: tuple[int, int], turns: tuple[int, int],
    stretched: tuple[int, int], grid: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The fewest cycles of array and bus on 16 lanes and a word a cycle, computed exactly."""
    monkeypatch.setattr(controller.packing, "_LEAST_SAVED", 0)
    config = replace(CONFIGS["default"], bus_bytes=16)
    model = QdqModel(True, np.random.default_rng(sum(kernel)))
    model.output(_stem(model, channels, kernel, dilation=dilation))
    path = model.save(tmp_path / "model.onnx")
    graph, packings = pack_inputs(read(path), config)
    [packing] = packings.values()
    [node] = graph.nodes
    assert (packing.box, packing.grid) == (box, grid)
    assert node.weights.shape == (9, channels * box[0] * box[1], *turns)
    assert node.dilations == stretched
    assert node.pads == (0, 0, 0, 0)
    assert graph.inputs[0].tensor == node.source
    compiled = compiled_and_checked(path, config)
    assert compiled.macs == read(path).macs
    assert largest_difference(compiled, path, np.random.default_rng(1)) == 0


def test_the_bus_counts_too(tmp_path: Path) -> None:
    """Fewer passes need a larger image: only a wide bus brings it in less time than they save."""
    model = QdqModel(True, np.random.default_rng(0))
    model.output(_stem(model, 3, (7, 7), side=(64, 64)))
    graph = read(model.save(tmp_path / "model.onnx"))

    def box(bus_bytes: int) -> tuple[int, int]:
        [packing] = pack_inputs(graph, replace(CONFIGS["default"], bus_bytes=bus_bytes))[1].values()
        return packing.box

    assert box(4) == (2, 2)
    assert box(16) == (7, 2)


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
    """Full words, one pixel, a second reader, a small image; nor turns of a dilation that no register holds."""

    def packed(name: str, *, twice: bool = False, **shape: object) -> list[Packing]:
        model = QdqModel(True, np.random.default_rng(0))
        real = _stem(model, **shape)  # type: ignore[arg-type]
        model.output(real)
        if twice:
            pooled = model.node("MaxPool", [next(iter(model.scales))], kernel_shape=[2, 2])
            model.output(pooled, *next(iter(model.scales.values())))
        return list(pack_inputs(read(model.save(tmp_path / f"{name}.onnx")), CONFIGS["default"])[1].values())

    large = (64, 64)
    assert packed("stem", channels=3, kernel=(7, 7), side=large)
    assert not packed("full", channels=16, kernel=(7, 7), side=large)
    assert not packed("pixel", channels=3, kernel=(1, 1), side=large, stride=1)
    assert not packed("twice", channels=3, kernel=(7, 7), side=large, twice=True)
    assert not packed("small", channels=3, kernel=(3, 3), side=(8, 8))
    assert packed("near", channels=8, kernel=(1, 5), side=(64, 192), stride=1, dilation=15)[0].box == (1, 2)
    assert not packed("far", channels=8, kernel=(1, 5), side=(64, 192), stride=1, dilation=16)
