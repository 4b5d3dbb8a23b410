"""One integer to another: the constants that reproduce a dequantization, a clamp and a quantization."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from controller.graph import Requantize, Rescale, Tensor
from controller.numerics import dequantize, matching_scale, quantize
from controller.values import quantization_of

if TYPE_CHECKING:
    from controller.numerics import Integers


def rescaling(source: Tensor, result: Tensor, low: float = -np.inf, high: float = np.inf) -> Requantize:
    """Constants equal to onnxruntime's dequantize, clamp to `low` .. `high`, quantize, for all 256 inputs.

    They are a bias and a scale where there is a float32 scale that reproduces all 256; else a table.
    """
    before, after = quantization_of(source), quantization_of(result)
    integers = np.arange(before.low, before.high + 1)
    real = np.clip(dequantize(integers, before.scale, before.zero), np.float32(low), np.float32(high))
    entries = quantize(real, after.scale, after.zero, after.low, after.high)
    bottom, top = int(entries.min()), int(entries.max())
    scale = matching_scale(
        integers - before.zero, entries, after.zero, bottom, top, float(np.float32(before.scale / after.scale))
    )
    if scale is None:
        return looked_up(source, result, entries)
    channels = source.shape[1]
    return Requantize(
        np.full(channels, -source.zero, np.int32),
        np.full(channels, scale, np.float32),
        result.zero,
        bottom - result.offset,
        top - result.offset,
    )


def looked_up(source: Tensor, result: Tensor, entries: Integers) -> Requantize:
    """Each integer as it is, replaced by its entry; `entries` in ascending order of integers, as ONNX has them."""
    channels = source.shape[1]
    table = np.roll(entries - result.offset, 128).astype(np.int8)
    return Requantize(np.zeros(channels, np.int32), np.ones(channels, np.float32), 0, -128, 127, table)


def rescaled(integer: int, source: Tensor, result: Tensor) -> int:
    """A stored integer of one quantization in another one."""
    before, after = quantization_of(source), quantization_of(result)
    real = dequantize(np.array([integer + source.offset]), before.scale, before.zero)
    return int(quantize(real, after.scale, after.zero, after.low, after.high)[0]) - result.offset


def rescale(name: str, source: Tensor, result: Tensor, low: float, high: float) -> Rescale:
    """The node of `rescaling`."""
    return Rescale(name, source, result, rescaling(source, result, low, high))
