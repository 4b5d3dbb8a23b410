"""Tiles cover every output once, name every input they read, and give onnxruntime's integers on every machine."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.compiler import compile_graph
from controller.geometry import Axis, pieces, rectangles, sizes, tiles
from controller.read import read
from controller.refusal import ModelError
from spec.config import CONFIGS
from spec.timing import region
from tests.controller.machine import compiled_and_checked, largest_difference
from tests.controller.models import QdqModel
from tests.controller.networks import NETWORKS
from tests.controller.operators import OPERATORS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from spec.config import Config

#: Half of `tiny`, so that reductions are cut and pages evicted.
NARROW = replace(CONFIGS["tiny"], name="narrow", banks=2)
MACHINES = [*CONFIGS.values(), NARROW]


@pytest.mark.parametrize("machine", MACHINES, ids=[one.name for one in MACHINES])
@pytest.mark.parametrize("operator", OPERATORS, ids=[one.__name__ for one in OPERATORS])
def test_every_operator_equals_onnxruntime(
    operator: Callable[[QdqModel], set[str]], machine: Config, tmp_path: Path
) -> None:
    """Each operator alone, uint8 and int8, batch 2, odd channels, asymmetric pads: no element differs."""
    for unsigned in (True, False):
        rng = np.random.default_rng([unsigned, zlib.crc32(operator.__name__.encode())])
        model = QdqModel(unsigned, rng)
        operator(model)
        path = model.save(tmp_path / "model.onnx")
        compiled = compiled_and_checked(path, machine)
        assert largest_difference(compiled, path, rng) == 0


@pytest.mark.parametrize("machine", MACHINES, ids=[one.name for one in MACHINES])
@pytest.mark.parametrize("network", NETWORKS, ids=[one.__name__ for one in NETWORKS])
def test_every_network_equals_onnxruntime(network: Callable[[QdqModel], None], machine: Config, tmp_path: Path) -> None:
    """Concatenations, residuals, copies and all engines in turn."""
    rng = np.random.default_rng(7)
    model = QdqModel(True, rng)
    network(model)
    path = model.save(tmp_path / "model.onnx")
    compiled = compiled_and_checked(path, machine)
    assert largest_difference(compiled, path, rng) == 0


def test_long_strides_wide_rows_and_large_sums(tmp_path: Path) -> None:
    """What no single field can hold is cut: strides above 15, rows beyond a half, sums beyond the scratchpad."""
    rng = np.random.default_rng(5)
    for shape, kernel, stride in (((1, 2, 35, 40), 3, 17), ((1, 3, 4, 150), 3, 1)):
        model = QdqModel(True, rng)
        source = model.input(list(shape))
        dense = model.dense((5, shape[1], kernel, kernel), 0, source, per_channel=True)
        model.output(model.node("Conv", [source, *dense], strides=[stride, stride], pads=[1, 0, 1, 2]))
        path = model.save(tmp_path / "model.onnx")
        compiled = compiled_and_checked(path, CONFIGS["tiny"])
        assert largest_difference(compiled, path, rng) == 0
    model = QdqModel(False, rng)
    model.output(model.node("GlobalAveragePool", [model.input([2, 5, 40, 36])]), 0.003)
    path = model.save(tmp_path / "model.onnx")
    compiled = compiled_and_checked(path, CONFIGS["tiny"])
    assert largest_difference(compiled, path, rng) == 0


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (2, 1), (4, 1), (5, 1), (5, 2)])
@pytest.mark.parametrize("name", ["tiny", "default"])
def test_maps_wider_than_a_line_are_cut_by_columns(name: str, kernel: int, stride: int, tmp_path: Path) -> None:
    """Every tile goes through the line buffer, none is wider than that, and every integer is right."""
    config, rng = CONFIGS[name], np.random.default_rng(kernel)
    model = QdqModel(True, rng)
    source = model.input([1, 5, 6, 2 * config.line_columns + 9])
    dense = model.dense((5, 1, kernel, kernel), 0, source, per_channel=True)
    shape = {"strides": [stride] * 2, "pads": [kernel // 2] * 4}
    model.output(model.node("Conv", [source, *dense], group=5, **shape))
    path = model.save(tmp_path / "model.onnx")
    compiled = compiled_and_checked(path, config)
    commands = compiled.tiled[0].commands
    assert all(one.lines for one in commands)
    widest = max(region(one.width, kernel, stride) for one in commands)
    assert config.line_columns // 2 < widest <= config.line_columns
    assert largest_difference(compiled, path, rng) == 0


def _window(path: Path, kernel: int, stride: int = 1, dilation: int = 1, **pool: str) -> Path:
    """A model of a depthwise layer, or of a pool, that keeps its size but for the stride."""
    model = QdqModel(True, np.random.default_rng(kernel))
    source = model.input([1, 5, 12, 12], zero=131)
    shape = {"strides": [stride] * 2, "pads": [kernel // 2 * dilation] * 4, "dilations": [dilation] * 2}
    if pool:
        model.output(model.node(pool["kind"], [source], kernel_shape=[kernel] * 2, **shape), *model.scales[source])
    else:
        dense = model.dense((5, 1, kernel, kernel), 0, source, per_channel=True)
        model.output(model.node("Conv", [source, *dense], group=5, **shape))
    return model.save(path / "model.onnx")


@pytest.mark.parametrize(("name", "kernel", "lined"), [
    ("tiny", 5, True), ("tiny", 7, False), ("board", 5, False), ("default", 5, True),
    ("default", 7, True), ("edge", 7, True),
])  # fmt: skip
@pytest.mark.parametrize("shape", [{"stride": 1}, {"stride": 2}, {"kind": "MaxPool"}], ids=str)
def test_kernels_that_the_line_buffer_holds_go_through_it(
    name: str, kernel: int, lined: bool, shape: dict[str, Any], tmp_path: Path
) -> None:
    """And every integer is right."""
    path = _window(tmp_path, kernel, **shape)
    compiled = compiled_and_checked(path, CONFIGS[name])
    assert {one.lines for one in compiled.tiled[0].commands} == {lined}
    assert largest_difference(compiled, path, np.random.default_rng(1)) == 0


@pytest.mark.parametrize("shape", [{"kernel": 5, "stride": 3}, {"kernel": 5, "dilation": 2}, {"kernel": 9}], ids=str)
def test_what_the_line_buffer_does_not_hold_goes_tap_by_tap(shape: dict[str, int], tmp_path: Path) -> None:
    path = _window(tmp_path, **shape)
    config = replace(CONFIGS["default"], window_taps=81)
    compiled = compiled_and_checked(path, config)
    assert not any(one.lines for one in compiled.tiled[0].commands)
    assert largest_difference(compiled, path, np.random.default_rng(1)) == 0


def test_what_cannot_fit_is_refused_with_numbers_and_levers(tmp_path: Path) -> None:
    """A maximum over more rows than the scratchpad has pages cannot be cut."""
    model = QdqModel(False, np.random.default_rng(1))
    source = model.input([1, 3, 60, 60])
    scale, zero = model.scales[source]
    model.output(model.node("MaxPool", [source], kernel_shape=[60, 60]), float(scale), zero)
    graph = read(model.save(tmp_path / "model.onnx"))
    with pytest.raises(ModelError) as refusal:
        compile_graph(graph, CONFIGS["tiny"])
    assert str(refusal.value) == (
        "MaxPool2 does not fit: its smallest tile needs 115 pages in 32, 113 of them for input; "
        "larger banks or more banks fit it (--set bank_bytes)"
    )


@given(st.integers(1, 60), st.integers(1, 60))
def test_pieces_and_sizes_cover(total: int, most: int) -> None:
    """Pieces are disjoint and complete; every size worth trying is allowed."""
    for size in sizes(total, most):
        assert 1 <= size <= most
        assert [one for low, high in pieces(total, size) for one in range(low, high)] == list(range(total))


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 4), st.integers(1, 4), st.data())
def test_tiles_cover_every_position_once(
    height: int, width: int, band: int, columns: int, data: st.DataObject
) -> None:
    """Also where positions have different requantizations: no tile has two."""
    flat = data.draw(st.lists(st.integers(0, 2), min_size=height * width, max_size=height * width))
    which = np.array(flat).reshape(height, width)
    seen = np.zeros((2, height, width), int)
    for tile in tiles(2, (height, width), (band, columns), which):
        part = tile.image, slice(*tile.rows), slice(*tile.columns)
        seen[part] += 1
        assert np.all(which[part[1:]] == tile.form)
        assert tile.height <= band
        assert tile.width <= columns
    assert np.all(seen == 1)
    assert sum((r[1] - r[0]) * (c[1] - c[0]) for r, c, _ in rectangles(which)) == height * width


@given(
    st.integers(1, 20), st.integers(0, 3), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(0, 6),
    st.integers(0, 5), st.integers(1, 5),
)  # fmt: skip
def test_a_reach_holds_every_tap_inside_the_map(
    size: int, skipped: int, taps: int, stride: int, dilation: int, pad: int, first: int, count: int
) -> None:
    """Taps are counted from the reach's start; those outside it are outside the map."""
    axis = Axis(size, (skipped, skipped + taps), stride, dilation, pad)
    (low, high), start = axis.reach((first, first + count))
    assert 0 <= low < high <= size
    for output in range(count):
        for tap in range(taps):
            place = (first + output) * stride - pad + (skipped + tap) * dilation
            assert start + output * stride + tap * dilation == place - low
            assert (low <= place < high) == (0 <= place < size)
