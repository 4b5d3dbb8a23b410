"""What a framework tells a host as a network runs: operators, tensors that are freed, results that are read.

It is all that eager execution takes from a graph, in this order and nothing ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.graph import Constant, sources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.graph import Graph, Node, Tensor


@dataclass(frozen=True, eq=False)
class Given:
    """A tensor that is there before the first operator: an input, or one that the network itself has."""

    tensor: Tensor
    constant: Constant | None = None


@dataclass(frozen=True, eq=False)
class Called:
    """An operator on tensors that exist."""

    node: Node


@dataclass(frozen=True, eq=False)
class Freed:
    """A tensor to which nobody refers any more."""

    tensor: Tensor


@dataclass(frozen=True, eq=False)
class Fetched:
    """A tensor that the caller wants to read from DRAM."""

    tensor: Tensor


Event = Given | Called | Freed | Fetched


def events(graph: Graph, *, told: bool) -> Iterator[Event]:
    """The events of one inference.

    A tensor is freed when the operator has been called that is the last to read it, if the host is `told`: reference
    counts are exact, and no variable outlives its use. The caller holds inputs and outputs, the network its constants.
    """
    held = {tensor.name for tensor in (*(port.tensor for port in graph.inputs), *graph.leaving)}
    held |= {node.result.name for node in graph.nodes if isinstance(node, Constant)}
    last = {tensor.name: index for index, node in enumerate(graph.nodes) for tensor in (*sources(node), node.result)}
    for port in graph.inputs:
        yield Given(port.tensor)
    for node in graph.nodes:
        if isinstance(node, Constant):
            yield Given(node.result, node)
    for index, node in enumerate(graph.nodes):
        if isinstance(node, Constant):
            continue
        yield Called(node)
        for tensor in dict.fromkeys((*sources(node), node.result)):
            if told and last[tensor.name] == index and tensor.name not in held:
                yield Freed(tensor)
    for tensor in graph.leaving:
        yield Fetched(tensor)
