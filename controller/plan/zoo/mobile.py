"""Networks of depthwise-separable convolutions: MobileNetV1, V2, the large V3 for segmentation, ShuffleNetV2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.access.operators import Reshape, Transpose

if TYPE_CHECKING:
    from controller.plan.builder import Builder

# Expansion, channels, blocks, stride of the first.
_V2 = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
# Kernel, expanded channels, channels, squeeze and excitation, stride, dilation where the last stage is dilated.
_V3 = (
    (3, 16, 16, False, 1, 1), (3, 64, 24, False, 2, 1), (3, 72, 24, False, 1, 1), (5, 72, 40, True, 2, 1),
    (5, 120, 40, True, 1, 1), (5, 120, 40, True, 1, 1), (3, 240, 80, False, 2, 1), (3, 200, 80, False, 1, 1),
    (3, 184, 80, False, 1, 1), (3, 184, 80, False, 1, 1), (3, 480, 112, True, 1, 1), (3, 672, 112, True, 1, 1),
    (5, 672, 160, True, 2, 2), (5, 960, 160, True, 1, 2), (5, 960, 160, True, 1, 2),
)  # fmt: skip


def mobilenetv1(net: Builder, size: int = 224) -> tuple[str, ...]:
    """Howard et al., "MobileNets" (2017), width 1.0."""
    x = net.conv(net.input(1, 3, size, size), 32, 3, stride=2)
    strides = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
    widths = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
    for stride, width in zip(strides, widths, strict=True):
        x = net.conv(x, net.shape(x)[1], 3, stride=stride, groups=net.shape(x)[1])
        x = net.conv(x, width, 1)
    return (net.dense(net.global_pool(x), 1000),)


def mobilenetv2(net: Builder, size: int = 224) -> tuple[str, ...]:
    """Sandler et al., "MobileNetV2" (2018), width 1.0."""
    x = net.conv(net.input(1, 3, size, size), 32, 3, stride=2)
    for expansion, channels, blocks, first in _V2:
        for block in range(blocks):
            stride, wide = 1 if block else first, net.shape(x)[1] * expansion
            y = net.conv(x, wide, 1) if expansion > 1 else x
            y = net.conv(net.conv(y, wide, 3, stride=stride, groups=wide), channels, 1, act=False)
            x = net.add(x, y) if block else y
    return (net.dense(net.global_pool(net.conv(x, 1280, 1)), 1000),)


def shufflenetv2(net: Builder, size: int = 224) -> tuple[str, ...]:
    """Ma et al., "ShuffleNet V2" (2018), width 1.0; halves and shuffles as torchvision exports them."""
    x = net.pool(net.conv(net.input(1, 3, size, size), 24, 3, stride=2), 3, stride=2, padding=1)
    for units, channels in ((4, 116), (8, 232), (4, 464)):
        half = channels // 2
        y = net.conv(_separable(net, x, net.shape(x)[1], 2), half, 1)
        x = _shuffled(net, y, net.conv(_separable(net, net.conv(x, half, 1), half, 2), half, 1))
        for _ in range(units - 1):
            kept, y = net.part(x, 1, 0, half), net.part(x, 1, half, half)
            x = _shuffled(net, kept, net.conv(_separable(net, net.conv(y, half, 1), half, 1), half, 1))
    return (net.dense(net.global_pool(net.conv(x, 1024, 1)), 1000),)


def _separable(net: Builder, x: str, channels: int, stride: int) -> str:
    return net.conv(x, channels, 3, stride=stride, groups=channels, act=False)


def _shuffled(net: Builder, x: str, y: str) -> str:
    """Channels of two maps in turn."""
    whole = net.concat(x, y)
    images, channels, height, width = net.shape(whole)
    split = Reshape((images, 2, channels // 2, height, width))
    return net.moved(whole, split, Transpose((0, 2, 1, 3, 4)), Reshape((images, channels, height, width)))


def mobilenetv3_features(net: Builder, size: int) -> tuple[str, str]:
    """Howard et al., "Searching for MobileNetV3" (2019), large, dilated: maps at an 8th and a 16th of the size."""
    x = net.conv(net.input(1, 3, size, size), 16, 3, stride=2)
    eighth = x
    for kernel, wide, channels, excited, step, dilation in _V3:
        stride = 1 if dilation > 1 else step
        y = net.conv(x, wide, 1) if wide != net.shape(x)[1] else x
        y = net.conv(y, wide, kernel, stride=stride, groups=wide, dilation=dilation)
        y = _excite(net, y) if excited else y
        y = net.conv(y, channels, 1, act=False)
        x = net.add(x, y) if step == 1 and channels == net.shape(x)[1] else y
        eighth = x if kernel == 5 and stride == 2 else eighth
    return eighth, net.conv(x, 960, 1)


def _excite(net: Builder, x: str) -> str:
    """Squeeze and excitation: each channel times a factor that depends on all means."""
    channels = net.shape(x)[1]
    squeezed = max(8, (channels // 4 + 4) // 8 * 8)
    squeezed += 8 * (10 * squeezed < 9 * (channels // 4))
    y = net.conv(net.global_pool(x), squeezed, 1, bias=True, norm=False)
    return net.multiply(x, net.conv(y, channels, 1, bias=True, norm=False))
