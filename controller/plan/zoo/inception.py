"""The Inception family: GoogLeNet, Inception-v3, Inception-v4."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.plan.network import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.plan.builder import Builder

Convolution = tuple[int, int | tuple[int, int]]
#: Channels by stage and block: 1x1; reduction and 3x3; reduction and 5x5, or its like; behind the pooling.
GOOGLENET = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    ((192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64), (112, 144, 288, 32, 64, 64),
     (256, 160, 320, 32, 128, 128)),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)  # fmt: skip


def googlenet(net: Builder, size: int = 224) -> tuple[str, ...]:
    """Szegedy et al., "Going deeper with convolutions" (2014), normalized and with 3x3 for 5x5 as in torchvision."""
    x = net.pool(net.conv(net.input(1, 3, size, size), 64, 7, stride=2), 3, stride=2, ceil=True)
    x = net.conv(net.conv(x, 64, 1), 192, 3)
    for stage, blocks in enumerate(GOOGLENET):
        x = net.pool(x, 2 if stage == 2 else 3, stride=2, ceil=True)
        for one, reduce3, three, reduce5, five, pooled in blocks:
            x = _branches(net, x, [(one, 1)], [(reduce3, 1), (three, 3)], [(reduce5, 1), (five, 3)], pooled=pooled)
    return (net.dense(net.global_pool(x), 1000),)


def googlenet_original(net: Builder, size: int = 224) -> tuple[str, ...]:
    """The network of the same paper as it was trained: biases, 5x5 convolutions, two normalizations across channels."""

    def conv(x: str, channels: int, kernel: int, stride: int = 1) -> str:
        return net.conv(x, channels, kernel, stride=stride, bias=True, norm=False)

    def across(x: str) -> str:
        return net.operator(Kind.NORMALIZATION, (x,), net.shape(x))

    x = across(net.pool(conv(net.input(1, 3, size, size), 64, 7, 2), 3, stride=2, ceil=True))
    x = across(conv(conv(x, 64, 1), 192, 3))
    for blocks in GOOGLENET:
        x = net.pool(x, 3, stride=2, ceil=True)
        for one, reduce3, three, reduce5, five, pooled in blocks:
            branches = [conv(x, one, 1), conv(conv(x, reduce3, 1), three, 3), conv(conv(x, reduce5, 1), five, 5)]
            x = net.concat(*branches, conv(net.pool(x, 3, stride=1, padding=1), pooled, 1))
    return (net.dense(net.global_pool(x), 1000),)


def inceptionv3(net: Builder, size: int = 299) -> tuple[str, ...]:
    """Szegedy et al., "Rethinking the Inception architecture" (2015), without the auxiliary classifier."""
    x = net.conv(net.input(1, 3, size, size), 32, 3, stride=2, padding=0)
    x = net.conv(net.conv(x, 32, 3, padding=0), 64, 3)
    x = net.conv(net.pool(x, 3, stride=2), 80, 1)
    x = net.pool(net.conv(x, 192, 3, padding=0), 3, stride=2)
    for pooled in (32, 64, 64):
        x = _branches(net, x, [(64, 1)], [(48, 1), (64, 5)], [(64, 1), (96, 3), (96, 3)], pooled=pooled)
    x = _reduction(net, x, [(384, 3)], [(64, 1), (96, 3), (96, 3)])
    for c in (128, 160, 160, 192):
        short: list[Convolution] = [(c, 1), (c, (1, 7)), (192, (7, 1))]
        long: list[Convolution] = [(c, 1), (c, (7, 1)), (c, (1, 7)), (c, (7, 1)), (192, (1, 7))]
        x = _branches(net, x, [(192, 1)], short, long, pooled=192)
    x = _reduction(net, x, [(192, 1), (320, 3)], [(192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3)])
    for _ in range(2):
        x = _forks(net, x, 320, [(384, 1)], [(448, 1), (384, 3)], fork=384, pooled=192)
    return (net.dense(net.global_pool(x), 1000),)


def inceptionv4(net: Builder, size: int = 299) -> tuple[str, ...]:
    """Szegedy et al., "Inception-v4, Inception-ResNet" (2016)."""
    x = net.conv(net.input(1, 3, size, size), 32, 3, stride=2, padding=0)
    x = net.conv(net.conv(x, 32, 3, padding=0), 64, 3)
    x = _reduction(net, x, [(96, 3)])
    left = net.conv(net.conv(x, 64, 1), 96, 3, padding=0)
    right = _chain(net, x, [(64, 1), (64, (1, 7)), (64, (7, 1))])
    x = net.concat(left, net.conv(right, 96, 3, padding=0))
    x = _reduction(net, x, [(192, 3)])
    for _ in range(4):
        x = _branches(net, x, [(96, 1)], [(64, 1), (96, 3)], [(64, 1), (96, 3), (96, 3)], pooled=96)
    x = _reduction(net, x, [(384, 3)], [(192, 1), (224, 3), (256, 3)])
    for _ in range(7):
        short: list[Convolution] = [(192, 1), (224, (1, 7)), (256, (7, 1))]
        long: list[Convolution] = [(192, 1), (192, (7, 1)), (224, (1, 7)), (224, (7, 1)), (256, (1, 7))]
        x = _branches(net, x, [(384, 1)], short, long, pooled=128)
    x = _reduction(net, x, [(192, 1), (192, 3)], [(256, 1), (256, (1, 7)), (320, (7, 1)), (320, 3)])
    for _ in range(3):
        x = _forks(net, x, 256, [(384, 1)], [(384, 1), (448, (3, 1)), (512, (1, 3))], fork=256, pooled=256)
    return (net.dense(net.global_pool(x), 1000),)


def _chain(net: Builder, x: str, convolutions: Sequence[Convolution]) -> str:
    for channels, kernel in convolutions:
        x = net.conv(x, channels, kernel)
    return x


def _branches(net: Builder, x: str, *chains: Sequence[Convolution], pooled: int) -> str:
    """Chains side by side, and a pooling with a 1x1 convolution."""
    results = [_chain(net, x, chain) for chain in chains]
    return net.concat(*results, net.conv(net.pool(x, 3, stride=1, padding=1), pooled, 1))


def _reduction(net: Builder, x: str, *chains: Sequence[Convolution]) -> str:
    """Chains whose last convolution halves the size, and a pooling that does so too."""
    results = []
    for chain in chains:
        *first, (channels, kernel) = chain
        results.append(net.conv(_chain(net, x, first), channels, kernel, stride=2, padding=0))
    return net.concat(*results, net.pool(x, 3, stride=2))


def _forks(net: Builder, x: str, one: int, *chains: Sequence[Convolution], fork: int, pooled: int) -> str:
    """Chains that each end in a 1x3 and a 3x1 convolution side by side, a 1x1 convolution, and a pooling."""
    results = [net.conv(x, one, 1)]
    for chain in chains:
        y = _chain(net, x, chain)
        results += [net.conv(y, fork, (1, 3)), net.conv(y, fork, (3, 1))]
    return net.concat(*results, net.conv(net.pool(x, 3, stride=1, padding=1), pooled, 1))
