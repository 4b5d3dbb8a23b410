"""Concat: channels side by side, which lie where they are, or tokens one behind the other, which are copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.arithmetic import constant_of
from controller.attributes import whole
from controller.graph import Concatenation, Constant, Gather, Requantize, Tensor
from controller.moves import origins_of
from controller.rescale import rescaling
from controller.values import Joined, Map, Moved, QuantizedConstant, Stack, Unfinished, quantization_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from controller.names import Names
    from controller.source import SourceNode
    from controller.values import Value


def lower_concat(names: Names, node: SourceNode) -> Unfinished:
    """Concat along channels or tokens; operands may have scales of their own."""
    values = [names.values.get(name) for name in node.inputs]
    some = [index for index, value in enumerate(values) if not isinstance(value, QuantizedConstant)]
    if not some:
        raise names.source.refuse(node, "must have an activation among its operands")
    first = names.map_of(node, some[0], tokens=True)
    if any(_otherwise(names.map_of(node, index, tokens=True), first) for index in some):
        raise names.source.refuse(node, "must have operands whose channels are one axis: others need a copy")
    axis = whole(names.source, node, "axis", 0) % first.rank
    if first.tokens and axis == first.rank - 2:
        return _tokens(names, node, first)
    maps = [names.map_of(node, index, tokens=True) for index in range(len(node.inputs))]
    channels = first.rank - 1 if first.tokens else 1
    if axis != channels:
        raise names.source.refuse(node, f"must be along channels (axis {channels}), not axis {axis}")
    batch, _, height, width = first.tensor.shape
    if any((one.tensor.shape[0], *one.tensor.shape[2:]) != (batch, height, width) for one in maps):
        raise names.source.refuse(node, "must have operands of one height and width")

    def build(result: Tensor, _low: float, _high: float) -> Concatenation:
        tensors = tuple(one.tensor for one in maps)
        return Concatenation(node.name, tensors, result, _forms(tensors, result))

    count = sum(one.tensor.shape[1] for one in maps)
    return Unfinished(node, (batch, count, height, width), first.rank, build, tokens=first.tokens)


def joint(names: Names, node: SourceNode, values: Mapping[str, Value]) -> Joined | None:
    """A Concat of any elements along any axis; None if it is none of activations whose shapes agree.

    `values` are those of names before anything was chosen of them.
    """
    some = [values.get(name) for name in node.inputs]
    parts = [origins_of(one) for one in some if isinstance(one, Map | Moved | Stack) and not one.quantized]
    if not parts or len(parts) < len(some):
        return None
    rank = len(parts[0].shape)
    axis = whole(names.source, node, "axis", 0) % rank
    rest = {(*part.shape[:axis], *part.shape[axis + 1 :]) for part in parts}
    ranks = {len(part.shape) for part in parts}
    return Joined(node, tuple(parts), axis) if len(rest) == len(ranks) == 1 else None


def _otherwise(one: Map, like: Map) -> bool:
    """Whether a map's channels are another axis than those of another; a vector is like either."""
    return one.tokens != like.tokens and (one.rank != 2 or max(one.tensor.shape[2:]) > 1)


def _forms(tensors: Iterable[Tensor], result: Tensor) -> tuple[Requantize | None, ...]:
    """What gives each operand the scale of the result; None where it has that."""
    form = quantization_of(result)
    return tuple(None if quantization_of(one) == form else rescaling(one, result) for one in tensors)


def _tokens(names: Names, node: SourceNode, like: Map) -> Unfinished:
    """Tokens one behind the other, of one image; some may be constants, as a class token is."""
    if like.tensor.shape[0] > 1:
        raise names.source.refuse(node, f"must join tokens of one image, not of a batch of {like.tensor.shape[0]}")
    tensors: list[Tensor] = []
    constants: list[Constant] = []
    for index, name in enumerate(node.inputs):
        value = names.values.get(name)
        if isinstance(value, QuantizedConstant):
            if value.values.ndim != like.rank:
                raise names.source.refuse(node, f"must have constants of {like.rank} dimensions")
            constants.append(constant_of(names, node, index, value, value.values, like))
            tensors.append(constants[-1].result)
        else:
            tensors.append(names.map_of(node, index, tokens=True).tensor)
    channels = like.tensor.shape[1]
    if any(one.shape[:3] != (1, channels, 1) for one in tensors):
        raise names.source.refuse(node, f"must join tokens of {channels} channels")
    pixels = tuple((place, pixel) for place, one in enumerate(tensors) for pixel in range(one.shape[3]))

    def build(result: Tensor, _low: float, _high: float) -> Gather:
        return Gather(node.name, tuple(tensors), result, _forms(tensors, result), pixels)

    return Unfinished(
        node, (1, channels, 1, len(pixels)), like.rank, build, tokens=True, before=tuple(constants)
    )
