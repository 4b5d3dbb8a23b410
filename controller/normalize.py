"""Softmax and LayerNormalization: functions of all channels of a pixel, in integers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from controller.attributes import number, whole
from controller.graph import Normalization, Requantize, Softmax, Tensor
from controller.values import Map, Several, Stack, Unfinished

if TYPE_CHECKING:
    from controller.names import Names
    from controller.numerics import Floats
    from controller.source import SourceNode

#: What a sum of exponentials, and of squares, may need.
_SUM_BITS, _SPREAD_BITS = 32, 44
#: Channels times a lane, less the sum of lanes, has 24 bits.
_MOST_CHANNELS = 1 << 15
#: A bias is divided by its channel's scale, which must not be smaller than the bias by more than this.
_LEAST_SCALE = 2.0**-14


def lower_softmax(names: Names, node: SourceNode) -> Unfinished | Several:
    """Softmax over channels: the last axis of tokens and heads, the second of maps."""
    value = names.values.get(node.inputs[0])
    axis = whole(names.source, node, "axis", -1)
    if isinstance(value, Stack) and not value.quantized:
        if value.turned or axis not in {-1, len(value.onnx_shape) - 1}:
            raise names.source.refuse(node, "must be over channels, which are the last axis, not over pixels")
        parts = tuple(
            _softmax(names, node, Map(tensor, 2, tokens=True), f", {place}")
            for place, tensor in enumerate(value.tensors)
        )
        return Several(parts, value.leading)
    here = names.map_of(node, tokens=True)
    _over_channels(names, node, here, axis)
    return _softmax(names, node, here)


def _over_channels(names: Names, node: SourceNode, here: Map, axis: int) -> None:
    channels = here.rank - 1 if here.tokens else 1
    if axis % here.rank != channels or not -here.rank <= axis < here.rank:
        raise names.source.refuse(node, f"must be over channels, which are axis {channels}, not axis {axis}")


def _softmax(names: Names, node: SourceNode, here: Map, part: str = "") -> Unfinished:
    source = here.tensor
    channels = source.shape[1]
    if channels * 65535 >= 1 << _SUM_BITS:
        raise names.source.refuse(node, f"must have at most 65,537 channels, not {channels}")
    distances = np.arange(256) * source.scale
    exponentials = np.rint(65535 * np.exp(-distances)).astype(np.uint16)

    def build(result: Tensor, _low: float, _high: float) -> Softmax:
        # The kernel multiplies by a whole number.
        scale = np.floor(np.float32(1) / np.float32(result.scale)) * np.float32(2.0**-24)
        form = Requantize(np.zeros(channels, np.int32), np.full(channels, scale, np.float32), result.zero, -128, 127)
        return Softmax(node.name + part, source, result, exponentials, form)

    return Unfinished(node, source.shape, here.rank, build, tokens=here.tokens)


def lower_normalization(names: Names, node: SourceNode) -> Unfinished:
    """LayerNormalization over channels, with a scale and a bias for each."""
    here = names.map_of(node, tokens=True)
    _over_channels(names, node, here, whole(names.source, node, "axis", -1))
    if here.rank == 4:
        raise names.source.refuse(node, "must read tokens, whose channels are the last axis")
    source, channels = here.tensor, here.tensor.shape[1]
    scale, bias = _each(names, node, 1, channels), _each(names, node, 2, channels)
    real = number(names.source, node, "epsilon", 1e-5)
    epsilon = round(real * channels**2 / source.scale**2)
    if channels >= _MOST_CHANNELS or channels**2 * 128**2 + epsilon >= 1 << _SPREAD_BITS or epsilon < 0:
        raise names.source.refuse(
            node, f"must have fewer than {_MOST_CHANNELS} channels and an epsilon of its map's scale, not {channels} "
            f"and {real:g}"
        )  # fmt: skip
    # What a channel of scale 0 has, its bias alone, comes from a scale so small that nothing else counts.
    least = np.abs(bias) * np.float32(_LEAST_SCALE)
    scale = np.where(np.abs(scale) < least, np.copysign(least, scale), scale)
    units = np.divide(bias * 65536.0, scale, out=np.zeros(channels), where=scale != 0)

    def build(result: Tensor, _low: float, _high: float) -> Normalization:
        factor = (scale / np.float32(result.scale) * np.float32(2.0**-16)).astype(np.float32)
        form = Requantize(np.rint(units).astype(np.int32), factor, result.zero, -128, 127)
        return Normalization(node.name, source, result, epsilon, form)

    return Unfinished(node, source.shape, here.rank, build, tokens=here.tokens)


def _each(names: Names, node: SourceNode, index: int, channels: int) -> Floats:
    """A number for each channel."""
    real = names.real(node, index)
    if real is None and index == 2 and (len(node.inputs) < 3 or not node.inputs[2]):
        return np.zeros(channels, np.float32)
    if real is None or real.size != channels:
        raise names.source.refuse(node, f"must have {channels} constants as input {index}")
    return real.reshape(-1)
