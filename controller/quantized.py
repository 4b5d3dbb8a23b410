"""What the machine must compute: the quantized graph evaluated node by node, equal to onnxruntime bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from controller import numerics
from controller.graph import (
    Addition,
    Concatenation,
    Constant,
    Convolution,
    Gather,
    Graph,
    Multiplication,
    Node,
    Normalization,
    Pair,
    Pool,
    Port,
    Product,
    Requantize,
    Rescale,
    Selection,
    SequentialAverage,
    Shape,
    Softmax,
    Tensor,
)
from controller.pixelwise import normalized, softmax
from controller.refusal import ModelError
from controller.values import quantization_of

if TYPE_CHECKING:
    from collections.abc import Mapping

Stored = NDArray[np.int8]

#: A reduction of at most this many products of int8 is exact in float32: every partial sum is below 2^24.
_FLOAT32_PRODUCTS = 1024


def evaluate(graph: Graph, inputs: Mapping[str, Stored]) -> dict[str, Stored]:
    """All feature maps of a run, by tensor name, (batch, channels, height, width) as stored.

    `inputs` are stored integers by ONNX input name, as `quantize_inputs` makes them.
    """
    maps = stored_inputs(graph, inputs)
    for node in graph.nodes:
        maps[node.result.name] = evaluate_node(node, maps)
    return maps


def stored_inputs(graph: Graph, inputs: Mapping[str, Stored]) -> dict[str, Stored]:
    """The maps that the host stores, by tensor name."""
    return {port.tensor.name: port.taken(inputs[port.name]) for port in graph.inputs}


def evaluate_node(node: Node, maps: Mapping[str, Stored]) -> Stored:
    """One node's result from the maps it reads."""
    match node:
        case Pool():
            return _pool(node, maps[node.source.name])
        case Addition():
            return _add(node, maps[node.first.name], maps[node.second.name])
        case Selection():
            return maps[node.source.name][:, list(node.channels)]
        case Concatenation():
            return np.concatenate(_parts(node, maps), axis=1)
        case Gather():
            return _gather(node, maps)
        case Constant():
            return node.values
    return _requantized(_sums(node, maps), node.requantize)


def _sums(
    node: Convolution | Product | Softmax | Normalization | Multiplication | Rescale, maps: Mapping[str, Stored]
) -> NDArray[Any]:
    """What a node requantizes, exact."""
    match node:
        case Convolution():
            return convolve(node, maps[node.source.name])
        case Product():
            return _product(node, maps)
        case Softmax():
            return softmax(maps[node.source.name], node.exponentials)
        case Normalization():
            return normalized(maps[node.source.name], node.epsilon)
        case Multiplication():
            first, second = (maps[one.name].astype(np.int64) - one.zero for one in (node.first, node.second))
            return np.asarray(first * second)
        case Rescale():
            return maps[node.source.name]


def quantize_inputs(graph: Graph, inputs: Mapping[str, NDArray[Any]]) -> dict[str, Stored]:
    """Float inputs by ONNX name as stored integers, each as the map that ONNX's input is.

    Raises
    ------
    ModelError
        If an input is missing, unknown or of another shape.
    """
    unknown = sorted(inputs.keys() - {port.name for port in graph.inputs})
    if unknown:
        raise ModelError(f"{graph.name}: there is no input '{unknown[0]}'")
    stored = {}
    for port in graph.inputs:
        if port.name not in inputs:
            raise ModelError(f"{graph.name}: input '{port.name}' is missing")
        real = np.asarray(inputs[port.name])
        if real.shape != port.shape:
            raise ModelError(f"{graph.name}: input '{port.name}' must have shape {port.shape}, not {real.shape}")
        [tensor] = port.tensors
        form = quantization_of(tensor)
        integers = numerics.quantize(real.astype(np.float32), form.scale, form.zero, form.low, form.high)
        stored[port.name] = _as_stored(port, tensor.shape, (integers - tensor.offset).astype(np.int8))
    return stored


def _as_stored(port: Port, shape: Shape, integers: Stored) -> Stored:
    """A map of some shape of integers that have the port's."""
    if not port.tokens:
        return integers.reshape(shape)
    batch, channels, _, width = shape
    return integers.reshape(batch, width, channels).transpose(0, 2, 1)[:, :, None]


def as_onnx(port: Port, maps: Mapping[str, Stored]) -> NDArray[Any]:
    """An output as ONNX has it, of stored maps by tensor name: uint8 or int8, of the port's shape."""
    if port.elements is not None:
        parts = [_integers(tensor, maps[tensor.name]) for tensor in port.tensors]
        return port.elements.values(parts, port.tensor.offset)
    stored = maps[port.tensor.name]
    if port.tokens:
        stored = stored[:, :, 0].transpose(0, 2, 1)
    return _integers(port.tensor, stored).reshape(port.shape)


def _integers(tensor: Tensor, stored: Stored) -> NDArray[Any]:
    """Stored integers as ONNX has them."""
    return (stored.astype(np.int16) + tensor.offset).astype(np.uint8 if tensor.unsigned else np.int8)


def integers_of(port: Port, found: NDArray[Any]) -> NDArray[Any]:
    """An output of onnxruntime as integers, of the port's shape: it may be what they stand for.

    A float32 product of an integer and a scale, divided by that scale and rounded, is the integer.
    """
    if found.dtype.kind != "f":
        return found.reshape(port.shape)
    if port.elements is None:
        form = quantization_of(port.tensor)
        return numerics.quantize(found, form.scale, form.zero, form.low, form.high).reshape(port.shape)
    which, _ = port.elements.parts()
    made = np.zeros(port.shape, np.int64)
    for place, tensor in [(-1, port.tensor), *enumerate(port.tensors)]:
        form, here = quantization_of(tensor), which == place
        made[here] = numerics.quantize(found.reshape(port.shape)[here], form.scale, form.zero, form.low, form.high)
    return made


def convolve(node: Convolution, source: Stored) -> NDArray[np.int64]:
    """The sums of a convolution before bias, exact."""
    batch, outputs, rows, columns = node.result.shape
    groups = node.groups
    kernel = node.weights.reshape(groups, outputs // groups, -1)
    kind = np.float32 if kernel.shape[2] <= _FLOAT32_PRODUCTS else np.float64
    taps = windows(source, node.source.zero, (node.weights.shape[2], node.weights.shape[3]),
                   node.strides, node.pads, node.dilations, (rows, columns))  # fmt: skip
    sums = np.empty((batch, groups, outputs // groups, rows * columns), np.int64)
    factors = kernel.astype(kind)
    for image in range(batch):
        columns_of = taps[image].reshape(groups, -1, rows * columns).astype(kind)
        sums[image] = factors @ columns_of
    return sums.reshape(node.result.shape)


def _product(node: Product, maps: Mapping[str, Stored]) -> NDArray[np.int64]:
    """The sums of a product of two maps, exact: below 2^53 in float64."""
    first, second = (maps[one.name][:, :, 0].astype(np.float64) - one.zero for one in (node.first, node.second))
    # Maps are channels by pixels. Unturned, k is a pixel of the second.
    rows = second.transpose(0, 2, 1) if node.turned else second
    return (rows @ first).astype(np.int64)[:, :, None]


def windows(
    source: Stored, pad: int, kernel: Pair, strides: Pair, pads: Shape, dilations: Pair, size: Pair
) -> Stored:
    """Every window's taps: (batch, channels, kernel height, kernel width, output height, output width)."""
    top, left, bottom, right = pads
    padded = np.pad(source, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=pad)
    batch, channels = source.shape[:2]
    taps = np.empty((batch, channels, *kernel, *size), np.int8)
    for row in range(kernel[0]):
        for column in range(kernel[1]):
            y, x = row * dilations[0], column * dilations[1]
            taps[:, :, row, column] = padded[
                :,
                :,
                y : y + (size[0] - 1) * strides[0] + 1 : strides[0],
                x : x + (size[1] - 1) * strides[1] + 1 : strides[1],
            ]
    return taps


def _requantized(sums: NDArray[Any], form: Requantize) -> Stored:
    around = (1, -1, 1, 1)
    biased = sums.astype(np.int64) + form.bias.reshape(around)
    made = numerics.requantize(biased, form.scale.reshape(around), form.zero, form.low, form.high).astype(np.int8)
    return made if form.table is None else form.table[made.view(np.uint8)]


def _pool(node: Pool, source: Stored) -> Stored:
    pad = -128 if node.kind == "max" else node.source.zero
    size = (node.result.shape[2], node.result.shape[3])
    taps = windows(source, pad, node.kernel, node.strides, node.pads, node.dilations, size)
    flat = taps.reshape(*source.shape[:2], -1, *size)
    reduced = flat.max(axis=2) if node.kind == "max" else flat.sum(axis=2, dtype=np.int64)
    result = np.empty(node.result.shape, np.int8)
    for index, form in enumerate(node.forms):
        places = node.which == index
        if isinstance(form, SequentialAverage):
            result[:, :, places] = _sequential_average(node.source, node.result, form, taps[..., places])
        else:
            result[:, :, places] = _requantized(reduced, form)[:, :, places]
    return result


def _sequential_average(source: Tensor, result: Tensor, average: SequentialAverage, taps: Stored) -> Stored:
    real = numerics.dequantize(taps, source.scale, source.zero)
    total = np.zeros((*result.shape[:2], taps.shape[4]), np.float32)
    for row in range(taps.shape[2]):
        for column in range(taps.shape[3]):
            total = total + real[:, :, row, column]
    after = quantization_of(result)
    integers = numerics.averaged(total, average.divisor, (after.scale, after.zero), after.low, after.high)
    return (integers - result.offset).astype(np.int8)


def _add(node: Addition, first: Stored, second: Stored) -> Stored:
    one = first.astype(np.int16) + node.first.offset
    two = second.astype(np.int16) + node.second.offset
    real = numerics.add(one, two, (np.float32(node.fixed), np.float32(node.first_ratio), np.float32(node.second_ratio)))
    return np.clip(np.rint(real) + np.float32(node.zero), node.low, node.high).astype(np.int8)


def _parts(node: Concatenation | Gather, maps: Mapping[str, Stored]) -> list[Stored]:
    """The operands in the result's scale."""
    return [
        maps[source.name] if form is None else _requantized(maps[source.name], form)
        for source, form in zip(node.sources, node.requantizes, strict=True)
    ]


def _gather(node: Gather, maps: Mapping[str, Stored]) -> Stored:
    images, channels, height, width = node.result.shape
    flat = [part.swapaxes(0, 1).reshape(channels, -1) for part in _parts(node, maps)]
    made = np.stack([flat[place][:, pixel] for place, pixel in node.pixels], axis=1)
    return made.reshape(channels, images, height, width).swapaxes(0, 1)
