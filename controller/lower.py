"""Each ONNX operator as a node of the quantized graph, with the constants of onnxruntime's kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from controller.activation import FUNCTIONS, lower_activation
from controller.attributes import number, whole
from controller.graph import Addition, Concatenation, Convolution, Requantize, Shape, Tensor
from controller.numerics import addition_constants
from controller.pooling import average_pool, global_average_pool, max_pool
from controller.rescale import rescaling
from controller.source import SourceNode
from controller.values import Names, QuantizedConstant, Unfinished, quantization_of
from controller.window import Window, window_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

Lowering = Callable[[Names, SourceNode], Unfinished]

#: onnxruntime takes a bias whose scale is this close to input scale x weight scale as the accumulator's own.
_BIAS_TOLERANCE = 1e-3


def lower_convolution(names: Names, node: SourceNode) -> Unfinished:
    """Conv in two dimensions, of any groups."""
    here = names.map_of(node)
    weights = names.quantized_constant(node, 1)
    if weights is None or weights.values.ndim != 4:
        raise names.source.refuse(node, "must have quantized constant weights of 4 dimensions")
    groups = whole(names.source, node, "group", 1, least=1)
    outputs, per_group, height, width = weights.values.shape
    if per_group * groups != here.tensor.shape[1] or outputs % groups:
        raise names.source.refuse(
            node, f"must have weights for {here.tensor.shape[1]} channels, not {per_group} in each of {groups} groups"
        )
    window = window_of(names.source, node, here.tensor, (height, width))
    batch = here.tensor.shape[0]
    shape = (batch, outputs, *window.size)
    return _dense(names, node, here.tensor, weights, weights.values.shape, shape, 4, groups, window)


def lower_gemm(names: Names, node: SourceNode) -> Unfinished:
    """Gemm with constant weights: a convolution whose kernel is the whole map."""
    alpha, beta = (number(names.source, node, factor, 1.0) for factor in ("alpha", "beta"))
    if alpha != 1 or beta != 1 or whole(names.source, node, "transA", 0):
        raise names.source.refuse(node, "must have alpha 1, beta 1 and transA 0")
    return _matrix(names, node, transposed=bool(whole(names.source, node, "transB", 0)))


def lower_matmul(names: Names, node: SourceNode) -> Unfinished:
    """MatMul of a matrix of activations with constant weights."""
    return _matrix(names, node, transposed=False)


def _matrix(names: Names, node: SourceNode, *, transposed: bool) -> Unfinished:
    here = names.map_of(node, flat=True)
    weights = names.quantized_constant(node, 1)
    if weights is None or weights.values.ndim != 2:
        raise names.source.refuse(node, "must have quantized constant weights of 2 dimensions")
    batch, channels, height, width = here.tensor.shape
    if here.rank != 2 and not here.flat:
        raise names.source.refuse(node, f"must read a matrix, not {here.rank} dimensions")
    table, axis = (weights.values, weights.axis) if transposed else (weights.values.T, 1 - weights.axis)
    if table.shape[1] != channels * height * width:
        inputs = channels * height * width
        raise names.source.refuse(node, f"must have weights for {inputs} inputs, not {table.shape[1]}")
    if weights.scale.size > 1 and axis != 0:
        raise names.source.refuse(node, "must have a weight scale for each output, not for each input")
    turned = QuantizedConstant(table, weights.scale, weights.zero, 0)
    shape = (batch, table.shape[0], 1, 1)
    window = Window((height, width), (1, 1), (0, 0, 0, 0), (1, 1), (1, 1))
    kernel = (table.shape[0], channels, height, width)
    return _dense(names, node, here.tensor, turned, kernel, shape, 2, 1, window)


def _dense(
    names: Names,
    node: SourceNode,
    source: Tensor,
    weights: QuantizedConstant,
    kernel: tuple[int, ...],
    shape: Shape,
    rank: int,
    groups: int,
    window: Window,
) -> Unfinished:
    if weights.scale.size > 1 and weights.axis != 0:
        raise names.source.refuse(node, "must have a weight scale for each output channel, not along another axis")
    centred = weights.centred().reshape(kernel)
    if centred.min() < -128 or centred.max() > 127:
        raise names.source.refuse(node, "must have weights that fit int8 when their zero point is subtracted")
    outputs = shape[1]
    sums = centred.reshape(outputs, -1).sum(axis=1)
    scale = np.float32(source.scale) * np.broadcast_to(weights.scale, (outputs,))
    bias = _bias(names, node, scale, outputs) - source.zero * sums
    reach = np.abs(centred.reshape(outputs, -1)).sum(axis=1) * 128 + np.abs(bias)
    if reach.max() >= 2**31:
        raise names.source.refuse(node, "must have sums below 2^31: its reduction is too long")

    def build(result: Tensor, _low: float, _high: float) -> Convolution:
        form = Requantize(
            bias.astype(np.int32), (scale / np.float32(result.scale)).astype(np.float32), result.zero, -128, 127
        )
        return Convolution(
            node.name, source, result, centred.astype(np.int8), groups, window.strides, window.pads,
            window.dilations, form,
        )  # fmt: skip

    return Unfinished(node, shape, rank, build)


def _bias(names: Names, node: SourceNode, scale: NDArray[np.float32], outputs: int) -> NDArray[np.int64]:
    bias = names.quantized_constant(node, 2)
    if bias is None:
        return np.zeros(outputs, np.int64)
    if bias.values.dtype != np.int32 or bias.values.size not in {1, outputs} or np.any(bias.zero):
        raise names.source.refuse(node, f"must have {outputs} biases of int32 with zero point 0")
    if not np.allclose(bias.scale, scale, rtol=_BIAS_TOLERANCE, atol=0):
        raise names.source.refuse(node, "must have a bias whose scale is input scale times weight scale")
    return np.broadcast_to(bias.values.astype(np.int64).reshape(-1), (outputs,))


def lower_add(names: Names, node: SourceNode) -> Unfinished:
    """Add of two feature maps of one shape."""
    first, second = names.map_of(node, 0), names.map_of(node, 1)
    if first.tensor.shape != second.tensor.shape:
        raise names.source.refuse(
            node, f"must add maps of one shape, not {first.tensor.shape} and {second.tensor.shape}"
        )

    def build(result: Tensor, _low: float, _high: float) -> Addition:
        one, two, three = (quantization_of(tensor) for tensor in (first.tensor, second.tensor, result))
        fixed, first_ratio, second_ratio = addition_constants(
            (one.scale, one.zero), (two.scale, two.zero), (three.scale, three.zero)
        )
        return Addition(
            node.name, first.tensor, second.tensor, result, float(fixed), float(first_ratio), float(second_ratio),
            -result.offset, -128, 127,
        )  # fmt: skip

    return Unfinished(node, first.tensor.shape, first.rank, build)


def lower_concat(names: Names, node: SourceNode) -> Unfinished:
    """Concat along channels; operands may have scales of their own."""
    maps = [names.map_of(node, index) for index in range(len(node.inputs))]
    rank = maps[0].rank
    axis = whole(names.source, node, "axis", 0)
    if axis not in {1, 1 - rank}:
        raise names.source.refuse(node, f"must be along channels (axis 1), not axis {axis}")
    batch, _, height, width = maps[0].tensor.shape
    if any((one.tensor.shape[0], *one.tensor.shape[2:]) != (batch, height, width) for one in maps):
        raise names.source.refuse(node, "must have operands of one height and width")

    def build(result: Tensor, _low: float, _high: float) -> Concatenation:
        form = quantization_of(result)
        tables = tuple(
            None if quantization_of(one.tensor) == form else rescaling(one.tensor, result) for one in maps
        )
        return Concatenation(node.name, tuple(one.tensor for one in maps), result, tables)

    channels = sum(one.tensor.shape[1] for one in maps)
    return Unfinished(node, (batch, channels, height, width), rank, build)


LOWERINGS: Mapping[str, Lowering] = MappingProxyType({
    "Conv": lower_convolution,
    "Gemm": lower_gemm,
    "MatMul": lower_matmul,
    "Add": lower_add,
    "Concat": lower_concat,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average_pool,
    **dict.fromkeys(FUNCTIONS, lower_activation),
})
