"""Networks found by search: PNASNet-5, AmoebaNet-D, NASNet-A, DARTS. Two cells each, repeated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controller.plan.builder import Builder


@dataclass(frozen=True)
class Cell:
    """Blocks of two operations whose results are added, and which maps leave the cell side by side.

    An operation reads map 0 (the cell before the previous one), map 1 (the previous cell) or a block's sum, 2 and
    on; `"sep3,0"` is a separable 3x3 convolution of map 0.
    """

    blocks: tuple[tuple[str, str], ...]
    joined: tuple[int, ...]


@dataclass(frozen=True)
class Architecture:
    """A normal and a reduction cell, how many normal cells follow the later reductions, the first cell's channels."""

    normal: Cell
    reduction: Cell
    repeats: tuple[int, int, int]
    channels: float


def _cell(blocks: str, *joined: int) -> Cell:
    pairs = [tuple(block.split()) for block in blocks.split("|")]
    return Cell(tuple((first, second) for first, second in pairs), joined)


_PNAS = _cell("sep5,0 max3,0|sep7,1 max3,1|sep5,1 sep3,1|sep3,4 max3,1|sep3,0 avg1,1", 2, 3, 4, 5, 6)
_PNASNET5 = Architecture(_PNAS, _PNAS, (3, 2, 2), 13.5)
_AMOEBANETD = Architecture(
    _cell("avg3,0 max3,0|id,0 avg3,1|sep5,2 sep3,1|sep3,2 id,1|avg3,4 sep3,0", 0, 3, 5, 6),
    _cell("avg3,0 sep3,1|max3,1 max3,0|max3,0 sep7,2|sep7,0 avg3,1|sep3,3 line7,0", 4, 5, 6),
    (4, 4, 4), 12.5,
)  # fmt: skip
_NASNETA = Architecture(
    _cell("sep5,1 sep3,0|sep5,0 sep3,0|avg3,1 id,0|avg3,0 avg3,0|sep3,1 id,1", 0, 2, 3, 4, 5, 6),
    _cell("sep5,1 sep7,0|max3,1 sep5,0|avg3,1 sep5,0|id,3 avg3,2|sep3,2 max3,1", 3, 4, 5, 6),
    (4, 4, 4), 11,
)  # fmt: skip
_DARTS = Architecture(
    _cell("sep3,0 sep3,1|sep3,0 sep3,1|sep3,1 id,0|id,0 dil3,2", 2, 3, 4, 5),
    _cell("max3,0 max3,1|id,2 max3,1|max3,0 id,2|id,2 max3,1", 2, 3, 4, 5),
    (4, 4, 4), 12,
)  # fmt: skip


def pnasnet5(net: Builder, size: int = 224) -> tuple[str, ...]:
    """Liu et al., "Progressive neural architecture search" (2017), mobile: 3 cells of a kind, 54 filters."""
    return _imagenet(net, _PNASNET5, size)


def amoebanetd(net: Builder, size: int = 224) -> tuple[str, ...]:
    """Real et al., "Regularized evolution for image classifiers" (2018), cell D, mobile: 4 cells, 50 filters."""
    return _imagenet(net, _AMOEBANETD, size)


def nasneta(net: Builder, size: int = 224) -> tuple[str, ...]:
    """Zoph et al., "Learning transferable architectures" (2017), mobile: 4 cells, 1056 filters at the end."""
    return _imagenet(net, _NASNETA, size)


def darts(net: Builder, size: int = 224) -> tuple[str, ...]:
    """Liu et al., "DARTS: differentiable architecture search" (2018), second order, for ImageNet: 48 filters."""
    return _imagenet(net, _DARTS, size)


def _imagenet(net: Builder, architecture: Architecture, size: int) -> tuple[str, ...]:
    """A convolution, two reductions, then normal cells with two more reductions among them."""
    x = net.conv(net.input(1, 3, size, size), 32, 3, stride=2, padding=0, act=False)
    older = x
    for times, repeats in zip((1, 2, 8, 16), (0, *architecture.repeats), strict=True):
        older, x = x, _run(net, architecture.reduction, (older, x), int(times * architecture.channels), reduces=True)
        for _ in range(repeats):
            wide = int(max(4, times) * architecture.channels)
            older, x = x, _run(net, architecture.normal, (older, x), wide, reduces=False)
    return (net.dense(net.global_pool(net.rectify(x)), 1000),)


def _run(net: Builder, cell: Cell, sources: tuple[str, str], channels: int, *, reduces: bool) -> str:
    space = net.shape(sources[1])[2:]
    maps = [
        _pointwise(net, x, channels) if net.shape(x)[2:] == space else _shrink(net, x, channels) for x in sources
    ]
    for block in cell.blocks:
        parts = []
        for operation in block:
            name, _, place = operation.partition(",")
            parts.append(_operate(net, name, maps[int(place)], 2 if reduces and int(place) < 2 else 1))
        maps.append(net.add(*parts))
    return net.concat(*(maps[place] for place in cell.joined))


def _operate(net: Builder, name: str, x: str, stride: int) -> str:
    """One operation of a cell; it keeps the channels."""
    channels = net.shape(x)[1]
    kind, digits = re.fullmatch(r"([a-z]+)(\d*)", name).groups()  # type: ignore[union-attr]
    kernel = int(digits or 1)
    match kind:
        case "id":
            return x if stride == 1 else _shrink(net, x, channels)
        case "max" | "avg":
            return net.pool(x, kernel, stride=stride, padding=kernel // 2)
        case "sep":
            return _separable(net, _separable(net, x, kernel, stride, 1), kernel, 1, 1)
        case "dil":
            return _separable(net, x, kernel, stride, 2)
    y = net.conv(net.rectify(x), channels, (1, kernel), stride=(1, stride), act=False)
    return net.conv(net.rectify(y), channels, (kernel, 1), stride=(stride, 1), act=False)


def _separable(net: Builder, x: str, kernel: int, stride: int, dilation: int) -> str:
    channels = net.shape(x)[1]
    y = net.conv(
        net.rectify(x), channels, kernel, stride=stride, groups=channels, dilation=dilation, norm=False, act=False
    )
    return net.conv(y, channels, 1, act=False)


def _pointwise(net: Builder, x: str, channels: int) -> str:
    return net.conv(net.rectify(x), channels, 1, act=False)


def _shrink(net: Builder, x: str, channels: int) -> str:
    """A map of half the size: even and odd pixels each give half of the channels."""
    y = net.rectify(x)
    halves = (channels // 2, channels - channels // 2)
    return net.concat(*(net.conv(y, half, 1, stride=2, act=False) for half in halves))
