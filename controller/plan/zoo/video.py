"""Networks on clips: R(2+1)D-18 and S3D. Their convolutions have three dimensions, each split in space and time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.plan.zoo.inception import GOOGLENET

if TYPE_CHECKING:
    from controller.plan.builder import Builder

_FRAMES, _CLASSES = 16, 400


def r2plus1d(net: Builder, size: int = 224) -> tuple[str, ...]:
    """Tran et al., "A closer look at spatiotemporal convolutions" (2017), 18 layers; 16 frames."""
    x = net.input(1, 3, _FRAMES, size, size)
    x = net.conv(net.conv(x, 45, (1, 7, 7), stride=(1, 2, 2)), 64, (3, 1, 1))
    for stage, channels in enumerate((64, 128, 256, 512)):
        for block in range(2):
            stride, source = 2 if stage and not block else 1, net.shape(x)[1]
            middle = source * channels * 27 // (source * 9 + 3 * channels)
            y = _factored(net, x, middle, channels, stride, act=True)
            y = _factored(net, y, middle, channels, 1, act=False)
            skip = x if stride == 1 else net.conv(x, channels, 1, stride=stride, act=False)
            x = net.add(y, skip, act=True)
    return (net.dense(net.global_pool(x), _CLASSES),)


def _factored(net: Builder, x: str, middle: int, channels: int, stride: int, *, act: bool) -> str:
    x = net.conv(x, middle, (1, 3, 3), stride=(1, stride, stride))
    return net.conv(x, channels, (3, 1, 1), stride=(stride, 1, 1), act=act)


def s3d(net: Builder, size: int = 224) -> tuple[str, ...]:
    """Xie et al., "Rethinking spatiotemporal feature learning" (2017); 16 frames."""
    x = net.input(1, 3, _FRAMES, size, size)
    x = net.conv(net.conv(x, 64, (1, 7, 7), stride=(1, 2, 2)), 64, (7, 1, 1), stride=(2, 1, 1))
    x = net.conv(net.pool(x, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)), 64, 1)
    x = _separable(net, x, 192)
    pools = (((1, 3, 3), (1, 2, 2), (0, 1, 1)), ((3, 3, 3), (2, 2, 2), (1, 1, 1)), ((2, 2, 2), (2, 2, 2), (0, 0, 0)))
    for (kernel, stride, padding), blocks in zip(pools, GOOGLENET, strict=True):
        x = net.pool(x, kernel, stride=stride, padding=padding)
        for one, reduce3, three, reduce5, five, pooled in blocks:
            branches = [net.conv(x, one, 1), _separable(net, net.conv(x, reduce3, 1), three)]
            branches.append(_separable(net, net.conv(x, reduce5, 1), five))
            x = net.concat(*branches, net.conv(net.pool(x, 3, stride=1, padding=1), pooled, 1))
    return (net.conv(net.global_pool(x), _CLASSES, 1, bias=True, norm=False, act=False),)


def _separable(net: Builder, x: str, channels: int) -> str:
    return net.conv(net.conv(x, channels, (1, 3, 3)), channels, (3, 1, 1))
