"""A quantized network as planners see it: one operator for each of its nodes."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from controller.graph import Addition, Concatenation, Convolution, Pool, Rescale, Selection, sources
from controller.plan.network import Kind, Network, Operator, Tensor, Window

if TYPE_CHECKING:
    from controller.graph import Graph, Node


def from_graph(graph: Graph) -> Network:
    """The layer graph; elements are bytes, and nothing is folded that the graph has not folded already."""
    made = [*(port.tensor for port in graph.inputs), *(node.result for node in graph.nodes)]
    return Network(
        graph.name,
        tuple(Tensor(tensor.name, tensor.shape, 1) for tensor in made),
        tuple(_operator(node) for node in graph.nodes),
        tuple(port.tensor.name for port in graph.inputs),
        tuple(port.tensor.name for port in graph.outputs),
    )


def _operator(node: Node) -> Operator:
    inputs = tuple(dict.fromkeys(tensor.name for tensor in sources(node)))
    elements, window = prod(node.result.shape), None
    match node:
        case Convolution():
            return _convolution(node, inputs)
        case Pool():
            window = Window(node.kernel, node.strides, node.pads[:2], node.dilations)
            kind, operations = Kind.POOL, elements * window.taps
        case Addition():
            kind, operations = Kind.ELEMENTWISE, elements
        case Rescale():
            kind, operations = Kind.ACTIVATION, elements
        case Concatenation():
            kind, operations = Kind.CONCATENATION, 0
        case Selection():
            kind, operations = Kind.COPY, 0
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
