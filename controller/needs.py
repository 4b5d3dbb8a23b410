"""Which channels must fill blocks of their own, in the order in which they are counted, because operators say so.

A product meets lane by lane what it reads, and a statistic counts lanes from the first on. What hands lanes on hands
the need back to what it reads, until a sum on the array can lay its channels out as they are needed.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from controller.graph import (
    Addition,
    Concatenation,
    Convolution,
    Multiplication,
    Normalization,
    Product,
    Softmax,
    sources,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.features import Feature, Features
    from controller.graph import Graph, Node

#: Channels of a stored map, in order.
Group = tuple[int, ...]


def needs(graph: Graph, features: Features) -> dict[str, list[Group]]:
    """For stored maps by name the groups of channels that are needed so; none meets another one of its map."""
    makers = {node.result.name: node for node in graph.nodes}
    found: dict[str, list[Group]] = defaultdict(list)

    def need(some: Sequence[Feature]) -> None:
        by_root: dict[str, list[int]] = {}
        for root, channel in some:
            by_root.setdefault(root, []).append(channel)
        for root, channels in by_root.items():
            if set(channels).isdisjoint(channel for group in found[root] for channel in group):
                found[root].append(tuple(channels))
                for source in _handed_on(makers.get(root)):
                    need([features[source][channel] for channel in channels])

    for node in graph.nodes:
        if isinstance(node, Product | Softmax | Normalization | Multiplication):
            for tensor in sources(node):
                need(features[tensor.name])
    return found


def in_blocks(group: Sequence[int], rows: int) -> list[Group]:
    """Channels in full blocks, one after the other.

    >>> in_blocks([4, 5, 6], 2)
    [(4, 5), (6,)]
    """
    return [tuple(group[start : start + rows]) for start in range(0, len(group), rows)]


def _handed_on(node: Node | None) -> list[str]:
    """The maps whose lanes a node's result has, channel for channel."""
    if node is None or isinstance(node, Convolution | Product | Concatenation):
        return []
    if isinstance(node, Addition | Multiplication):
        return [node.first.name, node.second.name]
    return [tensor.name for tensor in sources(node)]
