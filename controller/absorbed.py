"""Layout operators that an operator takes into its own constants: padding, and the order of a dense layer's inputs."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from controller.attributes import whole
from controller.elements import whole as whole_map
from controller.values import Map, Moved, QuantizedConstant

if TYPE_CHECKING:
    from controller.names import Names
    from controller.source import SourceNode


def absorbed(names: Names, node: SourceNode) -> SourceNode:
    """A node that reads what was before the layout operators, if it can; else itself.

    What it reads then are names of its own, for others read the same as before.
    """
    value = names.values.get(node.inputs[0]) if node.inputs else None
    if not isinstance(value, Moved) or len(value.tensors) > 1 or value.quantized:
        return node
    if node.kind == "Conv" and len(value.shape) == 4:
        return _padded(names, node, value)
    if node.kind in {"Gemm", "MatMul"} and len(value.shape) == 2:
        return _ordered(names, node, value)
    return node


def _padded(names: Names, node: SourceNode, value: Moved) -> SourceNode:
    """A convolution that pads by itself: what is around a whole map is its zero point."""
    tensor, numbers = value.tensor, value.elements.numbers
    inside = np.argwhere(numbers >= 0)
    if node.attributes.get("auto_pad", b"NOTSET") != b"NOTSET" or not inside.size or not value.elements.constant:
        return node
    low, high = inside.min(axis=0), inside.max(axis=0) + 1
    part = numbers[tuple(slice(first, end) for first, end in zip(low, high, strict=True))]
    around = numbers[numbers < 0]
    if not np.array_equal(part, whole_map(tensor).numbers) or np.any(around != -1 - tensor.zero % 256):
        return node
    if low[0] or low[1] or high[1] < numbers.shape[1] or high[0] < numbers.shape[0]:
        return node
    before = node.attributes.get("pads", [0, 0, 0, 0])
    more = [*low[2:].tolist(), *(np.array(numbers.shape) - high)[2:].tolist()]
    name = f"{node.inputs[0]}, before {node.name}"
    names.values[name] = Map(tensor, 4, quantized=False)
    pads = [one + other for one, other in zip(before, more, strict=True)]
    return replace(node, inputs=(name, *node.inputs[1:]), attributes={**node.attributes, "pads": pads})


def _ordered(names: Names, node: SourceNode, value: Moved) -> SourceNode:
    """A dense layer whose weights are put in the order in which the map is stored."""
    tensor, numbers = value.tensor, value.elements.numbers
    weights = names.values.get(node.inputs[1]) if len(node.inputs) > 1 else None
    images, inputs = numbers.shape
    if not isinstance(weights, QuantizedConstant) or weights.values.ndim != 2 or inputs != prod(tensor.shape[1:]):
        return node
    order = numbers[0]
    every = order + inputs * np.arange(images)[:, None]
    if images != tensor.shape[0] or not np.array_equal(numbers, every) or np.any(np.sort(order) != np.arange(inputs)):
        return node
    axis = 1 if node.kind == "Gemm" and whole(names.source, node, "transB", 0) else 0
    if weights.values.shape[axis] != inputs or (weights.scale.size > 1 and weights.axis == axis):
        return node
    source, other = (f"{name}, before {node.name}" for name in node.inputs[:2])
    names.values[source] = Map(tensor, 2, flat=prod(tensor.shape[2:]) > 1, quantized=False)
    names.values[other] = replace(weights, values=weights.values.take(np.argsort(order), axis))
    return replace(node, inputs=(source, other, *node.inputs[2:]))
