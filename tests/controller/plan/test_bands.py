"""Bands are what row after row needs, counted here one row at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.plan.bands import Group, GroupError
from controller.plan.builder import FOLDED, Builder
from controller.plan.network import Kind
from controller.plan.zoo import network

if TYPE_CHECKING:
    from controller.plan.network import Network, Operator


@st.composite
def images(draw: st.DrawFn) -> Network:
    """A few windows in a row, perhaps with a branch around some of them that is added or put beside."""
    net = Builder(FOLDED, 1)
    x = net.input(1, draw(st.integers(1, 3)), draw(st.integers(6, 14)), draw(st.integers(6, 9)))
    for _ in range(draw(st.integers(1, 3))):
        kernel = draw(st.sampled_from((1, 2, 3, 5)))
        dilation = draw(st.sampled_from((1, 2, 3))) if kernel == 3 else 1
        stride = draw(st.integers(1, 2)) if min(net.shape(x)[2:]) > 6 else 1
        match draw(st.sampled_from(("conv", "depthwise", "pool", "residual", "fire"))):
            case "conv":
                x = net.conv(x, draw(st.integers(1, 3)), kernel, stride=stride, dilation=dilation)
            case "depthwise":
                x = net.conv(x, net.shape(x)[1], kernel, stride=stride, groups=net.shape(x)[1])
            case "pool":
                x = net.pool(x, 3, stride=stride, padding=1)
            case "residual":
                x = net.add(x, net.conv(net.conv(x, 2, 3), net.shape(x)[1], 3))
            case "fire":
                x = net.conv(x, 1, 1)
                x = net.concat(net.conv(x, 2, 1), net.conv(x, 2, 3))
    return net.finish("images", (x,))


def rows_read(operator: Operator, row: int, height: int) -> set[int]:
    """Rows of an input that one row of the result needs."""
    if operator.window is None:
        return {row}
    window = operator.window
    taps = (row * window.stride[0] - window.before[0] + k * window.dilation[0] for k in range(window.kernel[0]))
    return {tap for tap in taps if 0 <= tap < height}


def counted(group: Group, rows: int, *, cached: bool) -> tuple[int, dict[str, int], dict[str, int]]:
    """Multiplications, rows read of each source, and the largest band of each map, by walking."""
    graph = group.network
    macs, read, largest = 0, dict.fromkeys(group.sources, 0), {}
    had: dict[str, set[int]] = {}
    for begin in range(0, group.height, rows):
        bands: dict[str, set[int]] = {group.result: set(range(begin, min(begin + rows, group.height)))}
        for operator in reversed(group.operators):
            for name in operator.inputs:
                height = graph.tensor[name].shape[2]
                found = {r for row in bands[operator.outputs[0]] for r in rows_read(operator, row, height)}
                joined = found | bands.get(name, set())
                bands[name] = set(range(min(joined), max(joined) + 1))
        for name, band in bands.items():
            largest[name] = max(largest.get(name, 0), len(band))
            fresh = band - had.get(name, set()) if cached else band
            had[name] = had.get(name, set()) | band
            if name in read:
                read[name] += len(fresh)
            else:
                maker = graph.operators[graph.producer[name]]
                macs += maker.macs // graph.tensor[name].shape[2] * len(fresh)
    return macs, read, largest


@settings(max_examples=60, deadline=None)
@given(images(), st.integers(1, 14), st.booleans())
def test_bands_hold_what_rows_need(graph: Network, rows: int, cached: bool) -> None:
    group = Group(graph, tuple(range(len(graph.operators))))
    tiling = group.tiling(rows, cached=cached)
    macs, read, largest = counted(group, rows, cached=cached)
    assert tiling.tiles == -(-group.height // rows)
    assert tiling.macs == macs
    row = {name: graph.tensor[name].bytes // graph.tensor[name].shape[2] for name in graph.tensor}
    assert tiling.read == {name: count * row[name] for name, count in read.items()}
    assert tiling.bands == {name: largest[name] * row[name] for name in (*group.sources, group.result)}


@settings(max_examples=40, deadline=None)
@given(images(), st.integers(1, 14))
def test_one_band_does_the_network_s_work(graph: Network, rows: int) -> None:
    group = Group(graph, tuple(range(len(graph.operators))))
    whole, cut = group.tiling(group.height, cached=False), group.tiling(rows, cached=False)
    kept = group.tiling(rows, cached=True)
    assert whole.copies == 1
    assert whole.macs <= graph.macs
    assert kept.macs <= cut.macs
    assert cut.inner <= kept.inner


def test_halos_are_computed_again_or_kept() -> None:
    """Two 3x3 convolutions on 8 rows in bands of 2: the first makes up to 4 rows for each band of the second."""
    net = Builder(FOLDED, 1)
    x = net.conv(net.conv(net.input(1, 1, 8, 8), 1, 3), 1, 3)
    group = Group(net.finish("two", (x,)), (0, 1))
    again, kept = group.tiling(2, cached=False), group.tiling(2, cached=True)
    # Bands of the middle map are rows 0-2, 1-4, 3-6, 5-7, of the input 0-3, 0-5, 2-7, 4-7.
    assert (again.macs, kept.macs) == (9 * 8 * (8 + 3 + 4 + 4 + 3), 9 * 8 * (8 + 8))
    assert (again.read, kept.read) == ({"input0": 8 * (4 + 6 + 6 + 4)}, {"input0": 8 * 8})
    assert (again.bands, again.inner, kept.inner) == ({"input0": 48, x: 16}, 32, 32)


def test_kept_halos_stay_while_others_run() -> None:
    """Three 3x3 convolutions: the first middle map's two shared rows stay while the third runs."""
    net = Builder(FOLDED, 1)
    x = net.input(1, 1, 16, 8)
    for _ in range(3):
        x = net.conv(x, 1, 3)
    group = Group(net.finish("three", (x,)), (0, 1, 2))
    # Bands of 2: 4 rows of the second map, 6 of the first; both exist while the second convolution runs.
    assert group.tiling(2, cached=False).inner == 8 * (6 + 4)
    assert group.tiling(2, cached=True).inner == 8 * (6 + 4)
    # Bands of 1: 3 and 5 rows, and 2 and 4 are shared with the next.
    assert group.tiling(1, cached=True).inner == 8 * (5 + 3)


def test_a_map_that_is_needed_outside_stays_whole() -> None:
    graph = network("resnet18")
    with pytest.raises(GroupError, match="pool1 is needed outside its group"):
        Group(graph, (1, 2))


@pytest.mark.parametrize(
    ("name", "kind"), [("resnet18", Kind.DENSE), ("attention", Kind.SOFTMAX), ("r2plus1d", Kind.CONVOLUTION)]
)
def test_what_has_no_rows_is_run_alone(name: str, kind: Kind) -> None:
    graph = network(name)
    place = next(p for p, one in enumerate(graph.operators) if one.kind is kind and p)
    assert Group(graph, (place,)).height >= 1
    with pytest.raises(GroupError, match=r"cannot be cut into bands of rows|is needed outside its group"):
        Group(graph, (place - 1, place))
