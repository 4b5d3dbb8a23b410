"""One integer to another: the constants that reproduce a dequantization, a clamp and a quantization."""

from __future__ import annotations

import numpy as np

from controller.graph import Requantize, Rescale, Tensor
from controller.numerics import dequantize, matching_scale, quantize
from controller.refusal import ModelError
from controller.values import quantization_of


def rescaling(name: str, source: Tensor, result: Tensor, low: float = -np.inf, high: float = np.inf) -> Requantize:
    """Constants equal to onnxruntime's dequantize, clamp to `low` .. `high`, quantize, for all 256 inputs.

    Raises
    ------
    ModelError
        If no float32 factor reproduces all 256.
    """
    before, after = quantization_of(source), quantization_of(result)
    integers = np.arange(before.low, before.high + 1)
    real = np.clip(dequantize(integers, before.scale, before.zero), np.float32(low), np.float32(high))
    table = quantize(real, after.scale, after.zero, after.low, after.high)
    bottom, top = int(table.min()), int(table.max())
    scale = matching_scale(
        integers - before.zero, table, after.zero, bottom, top, float(np.float32(before.scale / after.scale))
    )
    if scale is None:
        raise ModelError(
            f"node '{name}': no float32 factor takes scale {before.scale} to {after.scale} for all 256 integers"
        )
    channels = source.shape[1]
    return Requantize(
        np.full(channels, -source.zero, np.int32),
        np.full(channels, scale, np.float32),
        result.zero,
        bottom - result.offset,
        top - result.offset,
    )


def rescale(name: str, source: Tensor, result: Tensor, low: float, high: float) -> Rescale:
    """The node of `rescaling`."""
    return Rescale(name, source, result, rescaling(name, source, result, low, high))
