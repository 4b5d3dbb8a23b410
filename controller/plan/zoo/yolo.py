"""YOLOv5s: maps of three sizes made larger, joined, made smaller, joined again, and boxes decoded from each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.access.operators import Repeat, Reshape, Transpose
from controller.plan.network import Kind

if TYPE_CHECKING:
    from controller.plan.builder import Builder

_ANCHORS, _VALUES = 3, 85


def yolov5s(net: Builder, size: int = 640) -> tuple[str, ...]:
    """Ultralytics, YOLOv5 v6.0 (2021), model s: 80 classes, layout operators as its ONNX export has them."""
    x = net.conv(net.input(1, 3, size, size), 32, 6, stride=2, padding=2)
    kept = []
    for channels, blocks in ((64, 1), (128, 2), (256, 3), (512, 1)):
        x = _cross(net, net.conv(x, channels, 3, stride=2), channels, blocks, shortcut=True)
        kept.append(x)
    wide = net.conv(_pyramid(net, x), 256, 1)
    x = _cross(net, net.concat(_larger(net, wide), kept[2]), 256, 1, shortcut=False)
    middle = net.conv(x, 128, 1)
    small = _cross(net, net.concat(_larger(net, middle), kept[1]), 128, 1, shortcut=False)
    medium = net.concat(net.conv(small, 128, 3, stride=2), middle)
    medium = _cross(net, medium, 256, 1, shortcut=False)
    large = _cross(net, net.concat(net.conv(medium, 256, 3, stride=2), wide), 512, 1, shortcut=False)
    return (net.concat(*(_boxes(net, x) for x in (small, medium, large)), axis=1),)


def _cross(net: Builder, x: str, channels: int, blocks: int, *, shortcut: bool) -> str:
    """A stage of which half the channels pass by."""
    y = net.conv(x, channels // 2, 1)
    for _ in range(blocks):
        z = net.conv(net.conv(y, channels // 2, 1), channels // 2, 3)
        y = net.add(y, z) if shortcut else z
    return net.conv(net.concat(y, net.conv(x, channels // 2, 1)), channels, 1)


def _pyramid(net: Builder, x: str) -> str:
    """Maxima over 5, 9 and 13 pixels, side by side."""
    channels = net.shape(x)[1]
    maps = [net.conv(x, channels // 2, 1)]
    for _ in range(3):
        maps.append(net.pool(maps[-1], 5, stride=1, padding=2))
    return net.conv(net.concat(*maps), channels, 1)


def _larger(net: Builder, x: str) -> str:
    """Twice as high and wide, the nearest pixel taken."""
    return net.moved(x, Repeat((1, 1, 2, 2)))


def _boxes(net: Builder, x: str) -> str:
    """Centre, size and scores of every anchor at every pixel, in rows."""
    x = net.conv(x, _ANCHORS * _VALUES, 1, bias=True, norm=False, act=False)
    _, _, height, width = net.shape(x)
    split = Reshape((1, _ANCHORS, _VALUES, height, width))
    x = net.activation(net.moved(x, split, Transpose((0, 1, 3, 4, 2))))
    centre, extent, scores = (net.part(x, 4, first, count) for first, count in ((0, 2), (2, 2), (4, 81)))
    centre = net.operator(Kind.ELEMENTWISE, (centre,), net.shape(centre))
    extent = net.operator(Kind.GATE, (extent,), net.shape(extent))
    whole = net.concat(centre, extent, scores, axis=4)
    return net.moved(whole, Reshape((1, _ANCHORS * height * width, _VALUES)))
