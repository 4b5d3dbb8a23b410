"""Layout operators between quantized operators: any choice of channels is computed without a copy."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.arrange import arrange
from controller.graph import Gather, Selection
from controller.read import read
from controller.refusal import ModelError
from spec.config import CONFIGS
from spec.isa import Mode
from tests.controller.machine import compiled_and_checked, largest_difference
from tests.controller.models import QdqModel, compare

if TYPE_CHECKING:
    from pathlib import Path

_SIZE = (4, 3)


class Draws:
    """A random graph of maps of one size and quantization: chosen, joined, shuffled, and computed in between."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.model = QdqModel(draw(st.booleans()), np.random.default_rng(draw(st.integers(0, 2**32))))
        self.zero = self.model.zero_point()
        self.maps = [(self.model.input([1, 7, *_SIZE], 0.05, self.zero), 7)]
        self.sums = 0
        for step in range(draw(st.integers(3, 9))):
            moves = self.split, self.slice, self.shuffle, self.join, self.convolve, self.depthwise
            (draw(st.sampled_from(moves)) if step else self.convolve)()

    def some(self) -> tuple[str, int]:
        return self.draw(st.sampled_from(self.maps[-4:]))

    def add(self, name: str, channels: int) -> None:
        self.maps.append((name, channels))

    def split(self) -> None:
        source, channels = self.some()
        if channels > 1:
            first = self.draw(st.integers(1, channels - 1))
            sizes = first, channels - first
            for name, size in zip(self.model.split(source, sizes), sizes, strict=True):
                self.add(name, size)

    def slice(self) -> None:
        source, channels = self.some()
        start, step = self.draw(st.integers(0, channels - 1)), self.draw(st.sampled_from((-2, -1, 1, 3)))
        end = channels if step > 0 else -channels - 1
        self.add(self.model.moved("Slice", source, [start], [end], [1], [step]), len(range(channels)[start:: step]))

    def shuffle(self) -> None:
        source, channels = self.some()
        groups = self.draw(st.sampled_from([one for one in range(1, channels + 1) if channels % one == 0]))
        self.add(self.model.shuffled(source, (1, channels, *_SIZE), groups), channels)

    def join(self) -> None:
        some = [self.some() for _ in range(self.draw(st.integers(2, 3)))]
        channels = sum(one for _, one in some)
        scale = self.draw(st.sampled_from((0.05, 0.05, 0.07)))
        if channels <= 40:
            joined = self.model.quantized(
                self.model.node("Concat", [name for name, _ in some], axis=1), scale, self.zero
            )
            if scale == 0.05:
                self.add(joined, channels)
            else:
                self.convolve(joined, channels)

    def convolve(self, source: str = "", channels: int = 0) -> None:
        if not source:
            source, channels = self.some()
        outputs = self.draw(st.integers(1, 19))
        weights = self.model.dense((outputs, channels, 1, 1), 0, source, per_channel=True)
        self.add(self.model.quantized(self.model.node("Conv", [source, *weights]), 0.05, self.zero), outputs)
        self.sums += 1

    def depthwise(self) -> None:
        source, channels = self.some()
        weights = self.model.dense((channels, 1, 3, 3), 0, source, per_channel=True)
        real = self.model.node("Conv", [source, *weights], group=channels, pads=[1] * 4)
        self.add(self.model.quantized(real, 0.05, self.zero), channels)
        self.sums += 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_random_graphs_equal_onnxruntime(tmp_path: Path, data: st.DataObject) -> None:
    """Compiled for a machine whose words are small, so that most blocks have holes; and there are no copies."""
    made = Draws(data.draw)
    for name, _ in dict.fromkeys(made.maps[-2:]):
        made.model.output(made.model.node("Identity", [name]), *made.model.scales[name])
    path = made.model.save(tmp_path / "model.onnx")
    assert compare(path, np.random.default_rng(0)).differing == 0
    compiled = compiled_and_checked(path, CONFIGS["tiny"])
    assert largest_difference(compiled, path, np.random.default_rng(0)) == 0
    rescaled = sum(one.operator.mode is Mode.SUM for one in compiled.tiled)
    assert len(compiled.tiled) == made.sums + rescaled


def test_halves_of_a_shuffle_are_read_where_they_were_written(tmp_path: Path) -> None:
    """The thinnest case: Split, a convolution of one half, Concat, shuffle, a convolution; two operators in all."""
    model = QdqModel(unsigned=True, rng=np.random.default_rng(2))
    source = model.input([1, 10, 4, 4], 0.05, 0)
    kept, other = model.split(source, (5, 5))
    half = model.node("Conv", [other, *model.dense((5, 5, 3, 3), 0, other, per_channel=True)], pads=[1] * 4)
    half = model.quantized(model.node("Relu", [half]), 0.05, 0)
    joined = model.quantized(model.node("Concat", [kept, half], axis=1), 0.05, 0)
    turned = model.shuffled(joined, (1, 10, 4, 4), 2)
    model.output(model.node("Conv", [turned, *model.dense((6, 10, 1, 1), 0, turned, per_channel=True)]))
    path = model.save(tmp_path / "model.onnx")
    graph = read(path)
    assert [node.channels for node in graph.nodes if isinstance(node, Selection)] == [
        (5, 6, 7, 8, 9), (0, 1, 2, 3, 4), (0, 5, 1, 6, 2, 7, 3, 8, 4, 9),
    ]  # fmt: skip
    first, second = arrange(graph, CONFIGS["tiny"]).operators
    # Channels 5 to 9 lie in lane 1 of block 1 and after; 0 to 4 in block 0 and lane 0 of block 1.
    assert first.source.lanes == ((-1, 0, 1, 2), (3, 4))
    assert second.source.lanes == ((0, 2, 4, 6), (8,), (1, 3, 5, 7), (9,))
    assert second.source.runs == [(0, 2), (2, 4)]
    assert second.source.buffers == (first.source.buffer, first.result.buffer)
    assert largest_difference(compiled_and_checked(path, CONFIGS["tiny"]), path, np.random.default_rng(0)) == 0


@pytest.mark.parametrize(("channels", "groups"), [(116, (2,)), (232, (2, 4, 8)), (60, (2, 3, 5))])
def test_a_hundred_moves_in_a_row_are_one_choice(channels: int, groups: tuple[int, ...], tmp_path: Path) -> None:
    """Their sets do not grow with the chain: all of it takes no longer than a network may."""
    model = QdqModel(unsigned=True, rng=np.random.default_rng(1))
    here = model.input([1, channels, 4, 4], 0.05, 0)
    for number in range(34):
        here = model.shuffled(here, (1, channels, 4, 4), groups[number % len(groups)])
    model.output(model.node("Conv", [here, *model.dense((6, channels, 1, 1), 0, here, per_channel=True)]))
    path = model.save(tmp_path / "model.onnx")
    began = time.process_time()
    assert len(read(path).nodes) == 2
    assert time.process_time() - began < 20
    assert compare(path, np.random.default_rng(0)).differing == 0


_MOVES = [
    ("Slice", ([1], [3], [2]), {}),
    ("Slice", ([0], [2], [2]), {}),
    ("Transpose", (), {"perm": [0, 1, 3, 2]}),
    ("Reshape", ([0, 4, 8, 4],), {}),
    ("Reshape", ([0, 8, -1],), {}),
]


@pytest.mark.parametrize("computed", [False, True])
@pytest.mark.parametrize(("kind", "constants", "attributes"), _MOVES)
def test_pixels_that_move_are_copied(
    kind: str, constants: tuple[list[int], ...], attributes: dict[str, list[int]], computed: bool, tmp_path: Path
) -> None:
    """By window commands; of a network input by the host."""
    model = QdqModel(unsigned=True, rng=np.random.default_rng(2))
    here = model.input([1, 8, 4, 4], 0.05, 0)
    if computed:
        here = model.quantized(model.node("MaxPool", [here], kernel_shape=[1, 1]), 0.05, 0)
    moved = model.moved(kind, here, *constants, **attributes)
    model.output(model.node("Relu", [moved]), 0.07, 0)
    path = model.save(tmp_path / "model.onnx")
    gathers = [node for node in read(path).nodes if isinstance(node, Gather)]
    assert len(gathers) <= computed
    assert compare(path, np.random.default_rng(0)).differing == 0
    assert largest_difference(compiled_and_checked(path, CONFIGS["tiny"]), path, np.random.default_rng(0)) == 0


@pytest.mark.parametrize(("kind", "constants", "attributes", "reason"), [
    ("Reshape", ([0, 2, 4, 4, 4],), {}, "must read a feature map, not '{}': it has 5 dimensions"),
    ("Transpose", (), {"perm": [0, 1, 1, 2]}, "must fit what it reads: (0, 1, 1, 2) is no order of 4 axes"),
    ("Reshape", ([0, 7, -1],), {}, "must fit what it reads: a reshape must keep 128 elements, not make 126 of them"),
    ("Slice", ([9], [12], [1]), {}, "must fit what it reads: nothing is left of axis 1"),
    ("Squeeze", ([1],), {}, "must fit what it reads: a reshape must keep 128 elements, not make 16 of them"),
])  # fmt: skip
def test_refuses(
    kind: str, constants: tuple[list[int], ...], attributes: dict[str, list[int]], reason: str, tmp_path: Path
) -> None:
    """One sentence that names the file, the node and the reason."""
    model = QdqModel(unsigned=True, rng=np.random.default_rng(2))
    moved = model.moved(kind, model.input([1, 8, 4, 4], 0.05, 0), *constants, **attributes)
    model.output(model.node("GlobalAveragePool", [moved]))
    # Shape inference stops at what is wrong.
    model.outputs[0].type.tensor_type.shape.dim.add().dim_param = "any"
    path = model.save(tmp_path / "model.onnx")
    with pytest.raises(ModelError) as raised:
        read(path)
    said = str(raised.value)
    assert said.endswith(reason.format(moved))
    assert said.startswith(f"{path}: {kind if 'must fit' in said else 'GlobalAveragePool'} '")


@pytest.mark.parametrize("computed", [False, True])
@pytest.mark.parametrize(("shape", "moves"), [
    # Column x of channel x.
    ([1, 4, 1, 4], [("Reshape", [1, 16]), ("Slice", [0], [16], [1], [5]), ("Reshape", [1, 1, 1, 4])]),
    # Of token x the channels from 2 - x on, as relative positions are taken.
    (
        [1, 3, 6],
        [("Reshape", [1, 18]), ("Slice", [0], [15], [1]), ("Reshape", [1, 3, 5]), ("Slice", [2], [5], [2])],
    ),
])  # fmt: skip
def test_channels_that_differ_from_pixel_to_pixel(
    shape: list[int | str], moves: list[tuple[str, list[int]]], computed: bool, tmp_path: Path
) -> None:
    """Each pixel is where it was, but its channels are others: each sort of pixels is copied by itself."""
    model = QdqModel(unsigned=True, rng=np.random.default_rng(2))
    here = model.input(shape, 0.05, 0)
    if computed:
        here = model.quantized(model.node("Relu", [here]), 0.05, 0)
    for kind, *constants in moves:
        here = model.moved(kind, here, *constants)
    model.output(model.node("Relu", [here]), 0.07, 0)
    path = model.save(tmp_path / "model.onnx")
    assert compare(path, np.random.default_rng(0)).differing == 0
    assert largest_difference(compiled_and_checked(path, CONFIGS["tiny"]), path, np.random.default_rng(0)) == 0
