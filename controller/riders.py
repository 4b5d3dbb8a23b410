"""What rides on the operator before it, whose result nothing else reads: an addition, or a change of each byte."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from controller.graph import (
    Addition,
    Convolution,
    Graph,
    Multiplication,
    Node,
    Normalization,
    Product,
    Rescale,
    Softmax,
    Tensor,
    sources,
)
from controller.stored import on_windows

if TYPE_CHECKING:
    from spec.config import Config


class Riders:
    """Nodes that need no operator of their own.

    Parameters
    ----------
    graph, config
        The network and the machine.

    Members
    -------
    producers
        The node of each result by name.
    additions
        Result of an addition -> result of the node that does it as its residual.
    changes
        Result of a node -> the change of its bytes that it does with its table.
    """

    def __init__(self, graph: Graph, config: Config) -> None:
        self.graph, self.config = graph, config
        self.producers: dict[str, Node] = {node.result.name: node for node in graph.nodes}
        self._reads = Counter(tensor.name for node in graph.nodes for tensor in sources(node))
        self._kept = {one.name for one in (*(port.tensor for port in graph.inputs), *graph.leaving)}
        self.additions = self._additions()
        self.changes = {
            node.source.name: node for node in graph.nodes if isinstance(node, Rescale) and self._changes(node)
        }

    @property
    def all(self) -> set[str]:
        """Results of nodes that are another's operator: those that do an addition, and changes that are a table."""
        return set(self.additions.values()) | {node.result.name for node in self.changes.values()}

    def leaders(self) -> dict[str, Tensor]:
        """For each addition whose lanes they are: an operand that it, or who does it, cannot lay otherwise."""
        found = {}
        for node in self.graph.nodes:
            if isinstance(node, Addition):
                own = self.producers.get(self.additions.get(node.result.name, ""))
                found[node.result.name] = node.first
                if isinstance(own, Convolution):
                    other = node.second if own.result == node.first else node.first
                    found[node.result.name] = own.result if on_windows(own, self.config) else other
                elif own is not None:
                    found[node.result.name] = own.result
        return found

    def _alone(self, tensor: Tensor) -> bool:
        """Whether one node reads a tensor, once, and nothing else does."""
        return self._reads[tensor.name] == 1 and tensor.name not in self._kept

    def _additions(self) -> dict[str, str]:
        order = {node.result.name: index for index, node in enumerate(self.graph.nodes)}
        pairs = {}
        for node in self.graph.nodes:
            if not isinstance(node, Addition) or node.first == node.second:
                continue
            free = [
                one
                for one in (node.first, node.second)
                if isinstance(self.producers.get(one.name), Convolution | Product | Normalization) and self._alone(one)
            ]
            if free:
                pairs[node.result.name] = max(free, key=lambda one: order[one.name]).name
        return pairs

    def _changes(self, node: Rescale) -> bool:
        """Whether a change is the same for all channels, of what an operator writes that has no table yet."""
        form, producer = node.requantize, self.producers.get(node.source.name)
        if not isinstance(producer, Addition | Convolution | Product | Softmax | Normalization | Multiplication):
            return False
        free = isinstance(producer, Addition) or producer.requantize.table is None
        return free and self._alone(node.source) and not np.ptp(form.bias) and not np.ptp(form.scale)
