"""Networks that are chains, or nearly: AlexNet, VGG-16, SqueezeNet."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controller.plan.builder import Builder

_VGG = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


def alexnet(net: Builder, size: int = 224) -> tuple[str, ...]:
    """Krizhevsky, "One weird trick for parallelizing convolutional neural networks" (2014), as torchvision has it."""
    x = net.conv(net.input(1, 3, size, size), 64, 11, stride=4, padding=2, bias=True, norm=False)
    x = net.conv(net.pool(x, 3, stride=2), 192, 5, bias=True, norm=False)
    x = net.pool(x, 3, stride=2)
    for channels in (384, 256, 256):
        x = net.conv(x, channels, 3, bias=True, norm=False)
    return (_classifier(net, net.pool(x, 3, stride=2)),)


def vgg16(net: Builder, size: int = 224) -> tuple[str, ...]:
    """Simonyan, Zisserman, "Very deep convolutional networks" (2014), configuration D."""
    x = net.input(1, 3, size, size)
    for stage in _VGG:
        for channels in stage:
            x = net.conv(x, channels, 3, bias=True, norm=False)
        x = net.pool(x, 2)
    return (_classifier(net, x),)


def _classifier(net: Builder, x: str) -> str:
    return net.dense(net.dense(net.dense(x, 4096, act=True), 4096, act=True), 1000)


def squeezenet(net: Builder, size: int = 224) -> tuple[str, ...]:
    """Iandola et al., "SqueezeNet" (2016), version 1.1."""
    x = _stem(net, size, 64, 3)
    fires = ((16, 64), (16, 64), None, (32, 128), (32, 128), None, (48, 192), (48, 192), (64, 256), (64, 256))
    return _fires(net, x, fires)


def squeezenet10(net: Builder, size: int = 224) -> tuple[str, ...]:
    """Iandola et al., "SqueezeNet" (2016), version 1.0, the one of the paper."""
    x = _stem(net, size, 96, 7)
    fires = ((16, 64), (16, 64), (32, 128), None, (32, 128), (48, 192), (48, 192), (64, 256), None, (64, 256))
    return _fires(net, x, fires)


def _stem(net: Builder, size: int, channels: int, kernel: int) -> str:
    x = net.conv(net.input(1, 3, size, size), channels, kernel, stride=2, padding=0, bias=True, norm=False)
    return net.pool(x, 3, stride=2, ceil=True)


def _fires(net: Builder, x: str, fires: tuple[tuple[int, int] | None, ...]) -> tuple[str, ...]:
    """Squeezes followed by two expansions side by side; None is a pooling."""
    for fire in fires:
        if fire is None:
            x = net.pool(x, 3, stride=2, ceil=True)
        else:
            x = net.conv(x, fire[0], 1, bias=True, norm=False)
            x = net.concat(*(net.conv(x, fire[1], kernel, bias=True, norm=False) for kernel in (1, 3)))
    return (net.global_pool(net.conv(x, 1000, 1, bias=True, norm=False)),)
