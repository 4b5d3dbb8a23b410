"""Features that no operator computes: which channel of which stored map each of them is.

A Selection and a Concatenation copy nothing. What reads their results reads the maps that the channels came from
(Zheng et al., arXiv 2002.12798, section 3: accesses composed, domains split), and what is stored is only what an
operator of the machine writes: network inputs, results, and operands of a concatenation that change their scale.
"""

from __future__ import annotations

from collections import Counter
from itertools import repeat
from typing import TYPE_CHECKING

from controller.graph import Concatenation, Constant, Selection, sources

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from controller.graph import Graph

#: A channel of a stored map.
Feature = tuple[str, int]
Features = dict[str, tuple[Feature, ...]]


def features(graph: Graph) -> Features:
    """For every tensor by name, what each of its channels is."""
    found = {port.tensor.name: _own(port.tensor.name, port.tensor.shape[1]) for port in graph.inputs}
    for node in graph.nodes:
        if isinstance(node, Selection):
            found[node.result.name] = tuple(found[node.source.name][channel] for channel in node.channels)
        elif isinstance(node, Concatenation):
            some: list[Feature] = []
            for place, (source, form) in enumerate(zip(node.sources, node.requantizes, strict=True)):
                name = source.name if form is None else part_name(node, place)
                some += found.setdefault(name, _own(name, source.shape[1]))
            found[node.result.name] = tuple(some)
        else:
            found[node.result.name] = _own(node.result.name, node.result.shape[1])
    return found


def part_name(node: Concatenation, place: int) -> str:
    """The name of an operand of a concatenation in its scale."""
    return f"{node.result.name}, part {place}"


def homes(graph: Graph, found: Features) -> dict[str, tuple[str, int]]:
    """For stored maps that lie next to each other as a concatenation has them: which one, and which of its maps.

    A concatenation is such a home if each of its channels is computed for it alone, or for smaller ones that it
    contains, and something reads it whole.
    """
    given = {port.tensor.name for port in graph.inputs}
    given |= {node.result.name for node in graph.nodes if isinstance(node, Constant)}
    whole = {tensor.name for tensor in graph.leaving}
    whole |= {tensor.name for node in graph.nodes if not isinstance(node, Selection) for tensor in sources(node)}
    inside: dict[str, tuple[str, int]] = {}
    for node in reversed(graph.nodes):
        if isinstance(node, Concatenation) and node.result.name in whole:
            some = found[node.result.name]
            widths = Counter(root for root, _ in some)
            apart = some != tuple(feature for root, width in widths.items() for feature in _own(root, width))
            apart |= any(len(found[root]) != width for root, width in widths.items())
            if not apart and given.isdisjoint(widths) and inside.keys().isdisjoint(widths):
                inside |= {root: (node.result.name, place) for place, root in enumerate(widths)}
    return inside


def uses(graph: Graph, sums: AbstractSet[str]) -> dict[str, list[frozenset[int]]]:
    """For every channel of every tensor by name, the nodes that read it, by their place in the graph.

    Nodes whose results `sums` names read all channels for each of theirs; the others hand lanes on, so what reads a
    channel of their results counts as well. Outputs count as read behind the last node.
    """
    tensors = [*(port.tensor for port in graph.inputs), *(node.result for node in graph.nodes)]
    found = {tensor.name: [frozenset[int]()] * tensor.shape[1] for tensor in tensors}

    def read(name: str, more: Iterable[frozenset[int]], channels: Iterable[int] | None = None) -> None:
        for channel, some in zip(channels or range(len(found[name])), more, strict=False):
            found[name][channel] |= some

    for tensor in graph.leaving:
        read(tensor.name, repeat(frozenset({len(graph.nodes)})))
    for index, node in reversed(list(enumerate(graph.nodes))):
        after, here = found[node.result.name], frozenset({index})
        if isinstance(node, Selection):
            read(node.source.name, after, node.channels)
        elif isinstance(node, Concatenation):
            first = 0
            for source, form in zip(node.sources, node.requantizes, strict=True):
                some = after[first : first + source.shape[1]]
                read(source.name, some if form is None else [one | here for one in some])
                first += source.shape[1]
        else:
            for source in sources(node):
                read(source.name, repeat(here) if node.result.name in sums else [one | here for one in after])
    return found


def _own(name: str, channels: int) -> tuple[Feature, ...]:
    return tuple((name, channel) for channel in range(channels))
