"""A quantized network as planners see it: one operator for each of its nodes."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

from controller.graph import (
    Addition,
    Concatenation,
    Constant,
    Convolution,
    Gather,
    Multiplication,
    Normalization,
    Pool,
    Product,
    Rescale,
    Selection,
    Softmax,
    sources,
)
from controller.plan.network import Kind, Network, Operator, Tensor, Window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.graph import Graph, Node


def from_graph(graph: Graph) -> Network:
    """The layer graph; elements are bytes, and nothing is folded that the graph has not folded already.

    Maps that the network itself has are parameters of who reads them.
    """
    given = {node.result.name: node.values.size for node in graph.nodes if isinstance(node, Constant)}
    nodes = [node for node in graph.nodes if not isinstance(node, Constant)]
    made = [*(port.tensor for port in graph.inputs), *(node.result for node in nodes)]
    return Network(
        graph.name,
        tuple(Tensor(tensor.name, tensor.shape, 1) for tensor in made),
        tuple(_with(_operator(node), given) for node in nodes),
        tuple(port.tensor.name for port in graph.inputs),
        tuple(tensor.name for tensor in graph.leaving),
    )


def _with(operator: Operator, given: Mapping[str, int]) -> Operator:
    """An operator whose parameters include the given maps that it reads."""
    inputs = tuple(name for name in operator.inputs if name not in given)
    more = sum(given[name] for name in operator.inputs if name in given)
    return replace(operator, inputs=inputs, parameters=operator.parameters + more)


#: Nodes without a window, of which each element of the result takes an operation.
_ONE_BY_ONE = {
    Addition: Kind.ELEMENTWISE,
    Multiplication: Kind.GATE,
    Normalization: Kind.NORMALIZATION,
    Rescale: Kind.ACTIVATION,
    Softmax: Kind.SOFTMAX,
}


def _operator(node: Node) -> Operator:
    inputs = tuple(dict.fromkeys(tensor.name for tensor in sources(node)))
    elements, window = prod(node.result.shape), None
    match node:
        case Convolution():
            return _convolution(node, inputs)
        case Product():
            return Operator(node.name, Kind.PRODUCT, inputs, (node.result.name,), node.macs)
        case Pool():
            window = Window(node.kernel, node.strides, node.pads[:2], node.dilations)
            kind, operations = Kind.POOL, elements * window.taps
        case Concatenation():
            kind, operations = Kind.CONCATENATION, 0
        case Selection() | Gather():
            kind, operations = Kind.COPY, 0
        case _:
            kind, operations = _ONE_BY_ONE[type(node)], elements
    return Operator(node.name, kind, inputs, (node.result.name,), operations=operations, window=window)


def _convolution(node: Convolution, inputs: tuple[str, ...]) -> Operator:
    channels, _, height, width = node.weights.shape
    window = Window((height, width), node.strides, node.pads[:2], node.dilations)
    dense = node.source.shape[2:] == (height, width) and node.result.shape[2:] == (1, 1)
    kind = Kind.DENSE if dense else Kind.DEPTHWISE if node.depthwise else Kind.CONVOLUTION
    # A bias of four bytes for each channel counts as four weights.
    parameters = node.weights.size + 4 * channels
    reuse = window.taps * channels // node.groups
    return Operator(node.name, kind, inputs, (node.result.name,), node.macs, 0, parameters, reuse, window)
