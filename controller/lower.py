"""Each ONNX operator as a node of the quantized graph, with the constants of onnxruntime's kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from controller.activation import FUNCTIONS, lower_activation
from controller.arithmetic import ARITHMETIC, lower_arithmetic
from controller.attributes import number, whole
from controller.graph import Convolution, Requantize, Shape, Tensor
from controller.heads import lower_product
from controller.join import lower_concat
from controller.names import Names
from controller.normalize import lower_normalization, lower_softmax
from controller.pooling import average_pool, global_average_pool, max_pool, reduce_mean
from controller.source import SourceNode
from controller.values import Function, QuantizedConstant, Several, Unfinished
from controller.window import Window, window_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

Lowering = Callable[[Names, SourceNode], Unfinished | Several | Function]

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
    """Gemm with constant weights: a convolution whose kernel is the whole map, or one pixel of tokens."""
    alpha, beta = (number(names.source, node, factor, 1.0) for factor in ("alpha", "beta"))
    if alpha != 1 or beta != 1 or whole(names.source, node, "transA", 0):
        raise names.source.refuse(node, "must have alpha 1, beta 1 and transA 0")
    return _matrix(names, node, transposed=bool(whole(names.source, node, "transB", 0)))


def lower_matmul(names: Names, node: SourceNode) -> Unfinished | Several:
    """MatMul of activations with constant weights, or with other activations."""
    if names.real(node, 1) is None:
        return lower_product(names, node)
    return _matrix(names, node, transposed=False)


def _matrix(names: Names, node: SourceNode, *, transposed: bool) -> Unfinished:
    here = names.map_of(node, flat=True, tokens=True)
    weights = names.quantized_constant(node, 1)
    if weights is None or weights.values.ndim != 2:
        raise names.source.refuse(node, "must have quantized constant weights of 2 dimensions")
    batch, channels, height, width = here.tensor.shape
    if not here.tokens and here.rank != 2 and not here.flat:
        raise names.source.refuse(node, f"must read a matrix or tokens, not {here.rank} dimensions")
    table, axis = (weights.values, weights.axis) if transposed else (weights.values.T, 1 - weights.axis)
    rows, columns = (1, 1) if here.tokens else (height, width)
    inputs = channels * rows * columns
    if table.shape[1] != inputs:
        raise names.source.refuse(node, f"must have weights for {inputs} inputs, not {table.shape[1]}")
    if weights.scale.size > 1 and axis != 0:
        raise names.source.refuse(node, "must have a weight scale for each output, not for each input")
    turned = QuantizedConstant(table, weights.scale, weights.zero, 0)
    shape = (batch, table.shape[0], 1, width if here.tokens else 1)
    window = Window((rows, columns), (1, 1), (0, 0, 0, 0), (1, 1), (1, shape[3]))
    kernel = (table.shape[0], channels, rows, columns)
    dense = _dense(names, node, here.tensor, turned, kernel, shape, here.rank, 1, window)
    return replace(dense, tokens=here.tokens)


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
    # Weights that several operators have are one array: a step's of a network that repeats it.
    key = weights.values.__array_interface__["data"], weights.values.strides, kernel, weights.zero.tobytes()
    if key not in names.weights:
        names.weights[key] = _centred(names, node, weights, kernel)
    centred = names.weights[key]
    outputs = shape[1]
    sums = centred.reshape(outputs, -1).sum(axis=1, dtype=np.int64)
    scale = np.float32(source.scale) * np.broadcast_to(weights.scale, (outputs,))
    bias = _bias(names, node, scale, outputs) - source.zero * sums
    reach = np.abs(centred.reshape(outputs, -1).astype(np.int64)).sum(axis=1) * 128 + np.abs(bias)
    if reach.max() >= 2**31:
        raise names.source.refuse(node, "must have sums below 2^31: its reduction is too long")

    def build(result: Tensor, _low: float, _high: float) -> Convolution:
        form = Requantize(
            bias.astype(np.int32), (scale / np.float32(result.scale)).astype(np.float32), result.zero, -128, 127
        )
        return Convolution(
            node.name, source, result, centred, groups, window.strides, window.pads,
            window.dilations, form,
        )  # fmt: skip

    return Unfinished(node, shape, rank, build)


def _centred(
    names: Names, node: SourceNode, weights: QuantizedConstant, kernel: tuple[int, ...]
) -> NDArray[np.int8]:
    """Weights less their zero points."""
    centred = weights.centred().reshape(kernel)
    if centred.min() < -128 or centred.max() > 127:
        raise names.source.refuse(node, "must have weights that fit int8 when their zero point is subtracted")
    return centred.astype(np.int8)


def _bias(names: Names, node: SourceNode, scale: NDArray[np.float32], outputs: int) -> NDArray[np.int64]:
    bias = names.quantized_constant(node, 2)
    if bias is None:
        return np.zeros(outputs, np.int64)
    if bias.values.dtype != np.int32 or bias.values.size not in {1, outputs} or np.any(bias.zero):
        raise names.source.refuse(node, f"must have {outputs} biases of int32 with zero point 0")
    if not np.allclose(bias.scale, scale, rtol=_BIAS_TOLERANCE, atol=0):
        raise names.source.refuse(node, "must have a bias whose scale is input scale times weight scale")
    return np.broadcast_to(bias.values.astype(np.int64).reshape(-1), (outputs,))


LOWERINGS: Mapping[str, Lowering] = MappingProxyType({
    "Conv": lower_convolution,
    "Gemm": lower_gemm,
    "MatMul": lower_matmul,
    "Softmax": lower_softmax,
    "LayerNormalization": lower_normalization,
    "Concat": lower_concat,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average_pool,
    "ReduceMean": reduce_mean,
    **dict.fromkeys(ARITHMETIC, lower_arithmetic),
    **dict.fromkeys(FUNCTIONS, lower_activation),
})

#: Those that may read a stack of matrices, one for each head.
STACKED = frozenset({"MatMul", "Softmax", "Relu", "Clip", *ARITHMETIC, *FUNCTIONS})
