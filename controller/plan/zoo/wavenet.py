"""A stack of dilated causal convolutions in one dimension, as WaveNet has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.access.operators import Pad

if TYPE_CHECKING:
    from controller.plan.builder import Builder

_LAYERS, _RESIDUAL, _SKIP, _LEVELS = 30, 64, 256, 256


def wavenet(net: Builder, size: int = 4096) -> tuple[str, ...]:
    """Van den Oord et al., "WaveNet" (2016), figure 4: 30 layers, dilations 1 to 512 three times; widths are ours."""
    x = _causal(net, net.input(1, _LEVELS, 1, size), _RESIDUAL, 1)
    skips = []
    for layer in range(_LAYERS):
        both = _causal(net, x, 2 * _RESIDUAL, 2 ** (layer % 10))
        filtered, gate = (net.activation(net.part(both, 1, first, _RESIDUAL)) for first in (0, _RESIDUAL))
        y = net.multiply(filtered, gate)
        skips.append(net.conv(y, _SKIP, 1, bias=True, norm=False, act=False))
        x = net.add(x, net.conv(y, _RESIDUAL, 1, bias=True, norm=False, act=False)) if layer < _LAYERS - 1 else x
    total = skips[0]
    for skip in skips[1:]:
        total = net.add(total, skip)
    y = net.conv(net.activation(total), _SKIP, 1, bias=True, norm=False)
    return (net.conv(y, _LEVELS, 1, bias=True, norm=False, act=False),)


def _causal(net: Builder, x: str, channels: int, dilation: int) -> str:
    """Each sample from itself and the one `dilation` before it, with zeros before the first."""
    padded = net.moved(x, Pad((0, 0, 0, dilation), (0, 0, 0, 0)))
    dilations = (1, dilation)
    return net.conv(padded, channels, (1, 2), padding=0, dilation=dilations, bias=True, norm=False, act=False)
