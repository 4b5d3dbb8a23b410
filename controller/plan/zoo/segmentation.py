"""Networks that label pixels: FCN and DeepLabV3 on ResNet-50, L-RASPP on MobileNetV3; no auxiliary heads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.plan.zoo.mobile import mobilenetv3_features
from controller.plan.zoo.resnet import bottlenecks

if TYPE_CHECKING:
    from controller.plan.builder import Builder

_CLASSES = 21


def fcn(net: Builder, size: int = 224) -> tuple[str, ...]:
    """Long et al., "Fully convolutional networks" (2014), on a dilated ResNet-50, as torchvision has it."""
    x = net.conv(bottlenecks(net, size, dilated=True)[-1], 512, 3)
    return (net.resize(net.conv(x, _CLASSES, 1, bias=True, norm=False, act=False), size, size),)


def deeplabv3(net: Builder, size: int = 224) -> tuple[str, ...]:
    """Chen et al., "Rethinking atrous convolution" (2017), rates 12, 24, 36, on a dilated ResNet-50."""
    x = bottlenecks(net, size, dilated=True)[-1]
    maps = [net.conv(x, 256, 1), *(net.conv(x, 256, 3, dilation=rate) for rate in (12, 24, 36))]
    maps.append(net.resize(net.conv(net.global_pool(x), 256, 1), *net.shape(x)[2:]))
    x = net.conv(net.conv(net.concat(*maps), 256, 1), 256, 3)
    return (net.resize(net.conv(x, _CLASSES, 1, bias=True, norm=False, act=False), size, size),)


def lraspp(net: Builder, size: int = 224) -> tuple[str, ...]:
    """Howard et al., "Searching for MobileNetV3" (2019), section 6.4."""
    low, high = mobilenetv3_features(net, size)
    scale = net.conv(net.global_pool(high), 128, 1, norm=False)
    x = net.resize(net.multiply(net.conv(high, 128, 1), scale), *net.shape(low)[2:])
    labels = [net.conv(y, _CLASSES, 1, bias=True, norm=False, act=False) for y in (low, x)]
    return (net.resize(net.add(*labels), size, size),)
