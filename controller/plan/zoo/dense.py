"""DenseNet-121: every layer reads all maps before it in its block."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controller.plan.builder import Builder


def densenet121(net: Builder, size: int = 224) -> tuple[str, ...]:
    """Huang et al., "Densely connected convolutional networks" (2016), growth 32."""
    x = net.pool(net.conv(net.input(1, 3, size, size), 64, 7, stride=2), 3, stride=2, padding=1)
    for stage, layers in enumerate((6, 12, 24, 16)):
        maps = [x]
        for _ in range(layers):
            y = net.concat(*maps) if len(maps) > 1 else x
            y = net.conv(net.rectify(net.normalization(y)), 128, 1)
            maps.append(net.conv(y, 32, 3, norm=False, act=False))
        x = net.rectify(net.normalization(net.concat(*maps)))
        if stage < 3:
            x = net.pool(net.conv(x, net.shape(x)[1] // 2, 1, norm=False, act=False), 2)
    return (net.dense(net.global_pool(x), 1000),)
