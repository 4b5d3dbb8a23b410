"""SSD300: boxes at six sizes from one backbone, VGG-16 or ResNet-34."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.plan.network import Kind
from controller.plan.zoo.resnet import basic_blocks

if TYPE_CHECKING:
    from controller.plan.builder import Builder

_ANCHORS = (4, 6, 6, 6, 4, 4)
# A 1x1 convolution, then 3x3: channels, stride, padding.
_BEHIND_VGG = ((256, 512, 2, 1), (128, 256, 2, 1), (128, 256, 1, 0), (128, 256, 1, 0))
_BEHIND_RESNET = ((256, 512, 2, 1), (256, 512, 2, 1), (128, 256, 2, 1), (128, 256, 1, 0), (128, 128, 1, 0))


def ssd300(net: Builder, size: int = 300) -> tuple[str, ...]:
    """Liu et al., "SSD: single shot multibox detector" (2015), on VGG-16; boxes and labels as they leave the heads."""
    x = net.input(1, 3, size, size)
    for count, channels in ((2, 64), (2, 128), (3, 256), (3, 512)):
        x = x if channels == 64 else net.pool(x, 2, ceil=channels == 512)
        for _ in range(count):
            x = net.conv(x, channels, 3, bias=True, norm=False)
    # Lengths over channels made 1, then a factor for each channel.
    maps = [net.operator(Kind.NORMALIZATION, (x,), net.shape(x), parameters=net.shape(x)[1])]
    x = net.pool(x, 2)
    for _ in range(3):
        x = net.conv(x, 512, 3, bias=True, norm=False)
    x = net.conv(net.pool(x, 3, stride=1, padding=1), 1024, 3, dilation=6, bias=True, norm=False)
    maps.append(net.conv(x, 1024, 1, bias=True, norm=False))
    for narrow, channels, stride, padding in _BEHIND_VGG:
        x = net.conv(maps[-1], narrow, 1, bias=True, norm=False)
        maps.append(net.conv(x, channels, 3, stride=stride, padding=padding, bias=True, norm=False))
    return _heads(net, maps, 91)


def ssd300_resnet34(net: Builder, size: int = 300) -> tuple[str, ...]:
    """The same on three stages of ResNet-34, the third at the second's size, as MLPerf trains it (v0.5, 2018)."""
    maps = [basic_blocks(net, size, ((64, 3, 1), (128, 4, 2), (256, 6, 1)))]
    for narrow, channels, stride, padding in _BEHIND_RESNET:
        maps.append(net.conv(net.conv(maps[-1], narrow, 1), channels, 3, stride=stride, padding=padding))
    return _heads(net, maps, 81)


def _heads(net: Builder, maps: list[str], classes: int) -> tuple[str, ...]:
    """Boxes and labels of each map's anchors."""
    return tuple(
        net.conv(x, anchors * values, 3, bias=True, norm=False, act=False)
        for x, anchors in zip(maps, _ANCHORS, strict=True)
        for values in (4, classes)
    )
