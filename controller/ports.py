"""What the host does as it copies inputs and outputs: layout operators next to them cost the machine nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.chosen import chosen
from controller.elements import Elements
from controller.graph import Gather, Node, Port, Tensor, sources
from controller.moves import joined, laid, origins_of
from controller.refusal import ModelError
from controller.size import check_size
from controller.source import HOW_TO_QUANTIZE
from controller.values import (
    Function,
    Joined,
    Later,
    Map,
    Moved,
    Several,
    Stack,
    Unfinished,
    quantization_of,
    stored,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from controller.graph import Shape
    from controller.names import Names
    from controller.source import Source, SourceNode
    from controller.values import Value, Waiting


def output_port(names: Names, name: str) -> tuple[Port, list[Node]]:
    """An output, and the nodes that choose its channels; else the host puts it together of maps as they are stored.

    Raises
    ------
    ModelError
        If it is not computed from quantized tensors.
    """
    value, nodes = _composed(names, names.values.get(name)), list[Node]()
    if isinstance(value, Moved | Stack):
        mixed = isinstance(value, Moved) and len({quantization_of(tensor) for tensor in value.tensors}) > 1
        if mixed and origins_of(value).elements.constant:
            raise names.source.refuse(f"output '{name}'", "must have one quantization where it is padded")
        made = None if mixed or isinstance(value, Stack) else free(names.source, f"output '{name}'", name, value)
        if made is None or isinstance(made[0], Stack):
            moved = origins_of(value)
            return Port(name, moved.shape, moved.tensor, elements=moved.elements), nodes
        value, nodes = made
    value = value.value if isinstance(value, Later) else value
    value = value.parts[0] if isinstance(value, Several) else value
    if isinstance(value, Unfinished | Function):
        raise names.source.refuse(
            value.node, f"must be followed by a QuantizeLinear: its result is float; {HOW_TO_QUANTIZE}"
        )
    if not isinstance(value, Map):
        raise names.source.refuse(f"output '{name}'", "must be computed from a quantized tensor")
    return Port(name, value.onnx_shape, value.tensor, value.tokens), nodes


def _composed(names: Names, value: Value | None) -> Value | None:
    """A Concat that no QuantizeLinear follows, and what layout operators make of it, in the scales of its parts."""
    moves = value.moves if isinstance(value, Later) else ()
    first = value.value if isinstance(value, Later) else value
    if not isinstance(first, Joined):
        return value
    here = joined(first.parts, first.axis)
    for node, place in moves:
        here = laid(names, node, here)[place]
    return here


def free(
    source: Source, where: SourceNode | str, name: str, value: Moved, *, stacked: bool = False
) -> tuple[Map | Stack, list[Node]] | None:
    """What layout operators made, and the nodes that make it, if they copy nothing."""
    try:
        made, nodes = chosen(source, where, name, value, stacked=stacked)
    except ModelError:
        return None
    return None if any(isinstance(node, Gather) for node in nodes) else (made, nodes)


def arranged(port: Port, name: str, value: Moved) -> tuple[Map, Port] | None:
    """An input as it is read, and the port by which the host stores it so; None if it is no map.

    Parameters
    ----------
    port
        The input as ONNX has it.
    name
        Of the map as it is read.
    value
        What layout operators make of the input.
    """
    seen = _seen(value)
    if seen is None:
        return None
    numbers, shape, tokens = seen
    tensor = stored(name, shape, quantization_of(port.tensor))
    elements = Elements(value.tensors, numbers.reshape(shape))
    here = Map(tensor, len(value.shape), quantized=value.quantized, tokens=tokens)
    return here, Port(port.name, port.shape, tensor, port.tokens, elements)


def only_input(inputs: Iterable[Port], value: Moved) -> Port | None:
    """The input, as ONNX has it, that all of a value is of."""
    some = [port for port in inputs if port.tensor in value.tensors and port.elements is None]
    return some[0] if len(some) == len(value.tensors) == 1 else None


def _seen(value: Moved) -> tuple[NDArray[np.int64], Shape, bool] | None:
    numbers = value.elements.numbers
    match value.shape:
        case images, channels, height, width:
            return numbers, (images, channels, height, width), False
        case images, tokens, channels:
            return numbers.transpose(0, 2, 1), (images, channels, 1, tokens), True
        case tokens, channels if value.tensor.shape[0] == 1 and tokens > 1:
            return numbers.T, (1, channels, 1, tokens), True
        case images, channels:
            return numbers, (images, channels, 1, 1), False
    return None


def read_ports(inputs: Sequence[Port], nodes: Sequence[Node], outputs: Sequence[Port]) -> tuple[Port, ...]:
    """The inputs without those that are read in other arrangements alone."""
    read: set[Tensor] = {tensor for node in nodes for tensor in sources(node)}
    read |= {tensor for port in outputs for tensor in port.tensors}
    others = {port.name for port in inputs if port.elements is not None}
    return tuple(port for port in inputs if port.name not in others or port.tensor in read)


def input_shape(source: Source, value: Waiting) -> tuple[Shape, bool]:
    """The shape of the map that an input is; whether its last dimension is channels: of 3 it is taken to be tokens."""
    check_size(source, f"input '{value.name}'", value.shape)
    match value.shape:
        case images, channels:
            return (images, channels, 1, 1), False
        case images, tokens, channels:
            return (images, channels, 1, tokens), True
        case images, channels, height, width:
            return (images, channels, height, width), False
    raise source.refuse(f"input '{value.name}'", f"must have 2, 3 or 4 dimensions, not {len(value.shape)}")
