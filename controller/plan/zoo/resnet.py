"""Residual networks: ResNet-18, ResNet-50, ResNeXt-50 in two forms, and ResNet-50 with dilation for segmentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controller.plan.builder import Builder


def resnet18(net: Builder, size: int = 224) -> tuple[str, ...]:
    """He et al., "Deep residual learning" (2015), with 18 layers."""
    x = basic_blocks(net, size, ((64, 2, 1), (128, 2, 2), (256, 2, 2), (512, 2, 2)))
    return (net.dense(net.global_pool(x), 1000),)


def resnet50(net: Builder, size: int = 224) -> tuple[str, ...]:
    """He et al., "Deep residual learning" (2015), with 50 layers, strides in the 3x3 convolutions."""
    return (net.dense(net.global_pool(bottlenecks(net, size)[-1]), 1000),)


def resnext50(net: Builder, size: int = 224) -> tuple[str, ...]:
    """Xie et al., "Aggregated residual transformations" (2016), 32 groups of 4 channels."""
    return (net.dense(net.global_pool(bottlenecks(net, size, groups=32, group_width=4)[-1]), 1000),)


def resnext50_slices(net: Builder, size: int = 224) -> tuple[str, ...]:
    """ResNeXt-50 for frameworks without grouped convolutions: 32 slices, 32 convolutions, side by side again."""
    return (net.dense(net.global_pool(bottlenecks(net, size, groups=32, group_width=4, sliced=True)[-1]), 1000),)


def basic_blocks(net: Builder, size: int, stages: tuple[tuple[int, int, int], ...]) -> str:
    """Blocks of two 3x3 convolutions; a stage is its channels, its blocks, and the stride of the first."""
    x = _stem(net, size)
    for channels, blocks, first in stages:
        for block in range(blocks):
            stride = 1 if block else first
            y = net.conv(x, channels, 3, stride=stride)
            y = net.conv(y, channels, 3, act=False)
            same = stride == 1 and net.shape(x)[1] == channels
            x = net.add(y, x if same else net.conv(x, channels, 1, stride=stride, act=False), act=True)
    return x


def bottlenecks(
    net: Builder, size: int, *, groups: int = 1, group_width: int = 64, dilated: bool = False, sliced: bool = False
) -> tuple[str, ...]:
    """The four stages of a 50-layer network; with `dilated` the last two keep their size and widen their kernels."""
    x, stages, dilation = _stem(net, size), [], 1
    for stage, blocks in enumerate((3, 4, 6, 3)):
        width = groups * group_width << stage
        for block in range(blocks):
            stride, before = 2 if stage and not block else 1, dilation
            if dilated and stage >= 2 and not block:
                stride, dilation = 1, 2 * dilation
            y = net.conv(x, width, 1)
            if sliced:
                y = _slices(net, y, groups, stride)
            else:
                y = net.conv(y, width, 3, stride=stride, groups=groups, dilation=dilation if block else before)
            y = net.conv(y, 256 << stage, 1, act=False)
            skip = x if block else net.conv(x, 256 << stage, 1, stride=stride, act=False)
            x = net.add(y, skip, act=True)
        stages.append(x)
    return tuple(stages)


def _slices(net: Builder, x: str, groups: int, stride: int) -> str:
    """A grouped convolution in pieces; what follows it follows all pieces together."""
    batch, channels, *space = net.shape(x)
    narrow, folded = channels // groups, not net.granularity.normalization
    parts = [net.copy(x, (batch, narrow, *space)) for _ in range(groups)]
    return net.follow(net.concat(*(net.conv(y, narrow, 3, stride=stride, norm=folded, act=False) for y in parts)))


def _stem(net: Builder, size: int) -> str:
    return net.pool(net.conv(net.input(1, 3, size, size), 64, 7, stride=2), 3, stride=2, padding=1)
