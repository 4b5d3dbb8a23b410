"""SSD300: boxes at six sizes from one backbone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.plan.network import Kind

if TYPE_CHECKING:
    from controller.plan.builder import Builder

_CLASSES, _ANCHORS = 91, (4, 6, 6, 6, 4, 4)
# A 1x1 convolution, then 3x3: channels, stride, padding.
_EXTRA = ((256, 512, 2, 1), (128, 256, 2, 1), (128, 256, 1, 0), (128, 256, 1, 0))


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
    for narrow, channels, stride, padding in _EXTRA:
        x = net.conv(maps[-1], narrow, 1, bias=True, norm=False)
        maps.append(net.conv(x, channels, 3, stride=stride, padding=padding, bias=True, norm=False))
    return tuple(
        net.conv(x, anchors * values, 3, bias=True, norm=False, act=False)
        for x, anchors in zip(maps, _ANCHORS, strict=True)
        for values in (4, _CLASSES)
    )
