"""MaxPool, AveragePool and GlobalAveragePool as window reductions that end in a requantization."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from controller.attributes import whole, wholes
from controller.graph import Pool, Requantize, SequentialAverage, Tensor
from controller.numerics import average_results, matching_scale
from controller.rescale import rescaling
from controller.values import Unfinished, quantization_of
from controller.window import Window, window_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from controller.names import Names
    from controller.source import SourceNode

#: Windows of more values than this are taken for ones whose float sum depends on the order; proving the opposite takes
#: time that grows with the square.
_MOST_TAPS = 256


def max_pool(names: Names, node: SourceNode) -> Unfinished:
    """MaxPool: padding never wins, because the lowest integer fills it."""
    here = names.map_of(node)
    source = here.tensor
    window = window_of(names.source, node, source)
    _taps(names, node, source, window)

    def build(result: Tensor, _low: float, _high: float) -> Pool:
        return Pool(
            node.name, "max", source, result, window.kernel, window.strides, window.pads, window.dilations,
            (rescaling(source, result),), np.zeros(window.size, np.int64),
        )  # fmt: skip

    return Unfinished(node, (*source.shape[:2], *window.size), here.rank, build)


def global_average_pool(names: Names, node: SourceNode) -> Unfinished:
    """GlobalAveragePool: one integer sum for each channel."""
    here = names.map_of(node)
    height, width = here.tensor.shape[2:]
    window = Window((height, width), (1, 1), (0, 0, 0, 0), (1, 1), (1, 1))
    return _whole_average(node, here.tensor, here.rank, window)


def reduce_mean(names: Names, node: SourceNode) -> Unfinished:
    """ReduceMean over all pixels: of tokens, or of rows and columns. onnxruntime adds floats, the machine integers."""
    here = names.map_of(node, tokens=True)
    given = names.number(node, 1)
    listed = node.attributes.get("axes", []) if given is None else given.reshape(-1).tolist()
    axes = sorted(int(axis) % here.rank for axis in listed)
    pixels = [here.rank - 2] if here.tokens else list(range(2, here.rank))
    if axes != pixels or not axes:
        raise names.source.refuse(node, f"must be over all pixels, which are axes {pixels}, not {axes}")
    height, width = here.tensor.shape[2:]
    window = Window((height, width), (1, 1), (0, 0, 0, 0), (1, 1), (1, 1))
    kept = bool(whole(names.source, node, "keepdims", 1))
    mean = _whole_average(node, here.tensor, here.rank if kept else 2, window)
    return replace(mean, tokens=here.tokens and kept)


def average_pool(names: Names, node: SourceNode) -> Unfinished:
    """AveragePool, with or without its padding in the count."""
    here = names.map_of(node)
    source = here.tensor
    window = window_of(names.source, node, source)
    if window.dilations != (1, 1):
        raise names.source.refuse(node, f"must have dilations 1, not {window.dilations}")
    given = wholes(names.source, node, "pads", (0, 0, 0, 0), least=0)
    if window.kernel == source.shape[2:] and not any(given) and not any(window.pads):
        return _whole_average(node, source, here.rank, window)
    counts = _taps(names, node, source, window)
    padded = bool(whole(names.source, node, "count_include_pad", 0))
    divisors = np.full_like(counts, prod(window.kernel)) if padded else counts

    def build(result: Tensor, _low: float, _high: float) -> Pool:
        kinds = sorted(set(divisors.reshape(-1).tolist()))
        taps = prod(window.kernel)
        forms = tuple(
            _average(source, result, taps, kind, np.unique(counts[divisors == kind])) or SequentialAverage(kind)
            for kind in kinds
        )
        return Pool(
            node.name, "average", source, result, window.kernel, window.strides, window.pads, window.dilations,
            forms, np.searchsorted(kinds, divisors),
        )  # fmt: skip

    return Unfinished(node, (*source.shape[:2], *window.size), here.rank, build)


def _taps(names: Names, node: SourceNode, source: Tensor, window: Window) -> NDArray[np.int64]:
    """`valid_taps`, of which every window must have one: onnxruntime runs no other pooling."""
    counts = valid_taps(source, window)
    if counts.min() < 1:
        raise names.source.refuse(node, "must not have windows that lie in the padding alone")
    return counts


def valid_taps(source: Tensor, window: Window) -> NDArray[np.int64]:
    """For each output position, the taps of its window that lie inside the map."""
    sides = []
    for axis in (0, 1):
        starts = np.arange(window.size[axis]) * window.strides[axis] - window.pads[axis]
        taps = starts[:, None] + np.arange(window.kernel[axis])[None, :] * window.dilations[axis]
        sides.append(((taps >= 0) & (taps < source.shape[2 + axis])).sum(axis=1))
    counts: NDArray[np.int64] = np.multiply.outer(sides[0], sides[1])
    return counts


def _whole_average(node: SourceNode, source: Tensor, rank: int, window: Window) -> Unfinished:
    taps = prod(window.kernel)

    def build(result: Tensor, _low: float, _high: float) -> Pool:
        scale = np.float32(source.scale) / (np.float32(result.scale) * np.float32(taps))
        form = _requantize(source, result, taps, scale)
        return Pool(
            node.name, "average", source, result, window.kernel, window.strides, window.pads, window.dilations,
            (form,), np.zeros(window.size, np.int64),
        )  # fmt: skip

    return Unfinished(node, (*source.shape[:2], *window.size), rank, build)


def _requantize(source: Tensor, result: Tensor, taps: int, scale: np.float32) -> Requantize:
    channels = source.shape[1]
    bias = np.full(channels, -taps * source.zero, np.int32)
    return Requantize(bias, np.full(channels, scale, np.float32), result.zero, -128, 127)


def _average(
    source: Tensor, result: Tensor, taps: int, divisor: int, counts: NDArray[np.int64]
) -> Requantize | None:
    # None: two windows of one integer sum can differ in onnxruntime, or no factor gives all sums their result.
    before, after = quantization_of(source), quantization_of(result)
    sums, results = [], []
    for count in counts.tolist():
        if count > _MOST_TAPS:
            return None
        total, least, greatest = average_results(
            count, divisor, (before.scale, before.zero, before.low, before.high), (after.scale, after.zero)
        )
        if np.any(least != greatest):
            return None
        sums.append(total)
        results.append(least)
    near = float(np.float32(before.scale) / (np.float32(after.scale) * np.float32(divisor)))
    scale = matching_scale(np.concatenate(sums), np.concatenate(results), after.zero, after.low, after.high, near)
    return None if scale is None else _requantize(source, result, taps, scale)
