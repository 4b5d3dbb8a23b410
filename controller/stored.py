"""Where the stored maps of a graph lie, and so every tensor: buffers, blocks, lanes."""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import TYPE_CHECKING

from controller.features import Feature, features, homes, part_name, uses
from controller.graph import Addition, Concatenation, Convolution, Graph, Node, Selection, Tensor, sources
from controller.lanes import together
from controller.layout import NOTHING, Block, Buffer, Lanes, View, full_blocks, positions
from spec.isa import TensorClass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spec.config import Config


def on_windows(node: Convolution, config: Config) -> bool:
    """Whether the window engine does a convolution."""
    return node.depthwise and _taps(node) <= config.window_taps


class Stored:
    """The maps that operators write, in buffers of their own or next to each other as a concatenation has them.

    A sum on the array lays its channels out as `controller.lanes` has them, an addition as its leader's lie, and
    everything else as those lie that it reads.

    Parameters
    ----------
    graph, config
        The network and the machine.
    leaders
        For each addition by its result's name the operand whose lanes it takes.

    Members
    -------
    views
        Every tensor that was asked for, by name.
    """

    def __init__(self, graph: Graph, config: Config, leaders: Mapping[str, Tensor]) -> None:
        self.graph, self.config, self.leaders = graph, config, leaders
        self.features = features(graph)
        self.inside = homes(graph, self.features)
        convolutions = [node for node in graph.nodes if isinstance(node, Convolution)]
        self.uses = uses(graph, {node.result.name for node in convolutions if not on_windows(node, config)})
        self.lanes: dict[str, Lanes] = {}
        #: Block and lane of each channel of a stored map, and where each buffer comes among all.
        self.positions: dict[str, list[tuple[int, int]]] = {}
        self.order: dict[str, int] = {}
        self.views: dict[str, View] = {}
        self.buffers: dict[str, Buffer] = {}
        for port in graph.inputs:
            self._keep(port.tensor.name, full_blocks(port.tensor.shape[1], config.rows))
        for node in graph.nodes:
            self._lay(node)

    def view(self, tensor: Tensor) -> View:
        """Where a tensor's channels lie."""
        if tensor.name not in self.views:
            batch, _, height, width = tensor.shape
            blocks = []
            for root, block, _ in self._gathered(tensor):
                home, _ = self._home(root)
                parts = [name for name, (there, _) in self.inside.items() if there == home] or [root]
                sizes = [len(self.lanes[name]) for name in parts]
                buffer = self._buffer(home, batch * height * width * sum(sizes))
                blocks.append(Block(buffer, sum(sizes[: parts.index(root)]) + block, sum(sizes)))
            self.views[tensor.name] = View(batch, height, width, tuple(blocks), self._lanes(tensor))
        return self.views[tensor.name]

    def _lay(self, node: Node) -> None:
        """Lay the channels out of what a node stores."""
        if isinstance(node, Concatenation):
            for place, (source, form) in enumerate(zip(node.sources, node.requantizes, strict=True)):
                if form is not None:
                    self._keep(part_name(node, place), self._lanes(source))
        elif isinstance(node, Addition):
            self._keep(node.result.name, self._lanes(self.leaders[node.result.name]))
        elif isinstance(node, Convolution) and not on_windows(node, self.config):
            readers = self.uses[node.result.name]
            self._keep(node.result.name, together(readers, self.config.rows, self._passes, self._depth(node)))
        elif not isinstance(node, Selection):
            self._keep(node.result.name, self._lanes(sources(node)[0]))

    def _passes(self, index: int) -> int:
        """Cycles that a node, or the host, takes for one block more of what it reads."""
        if index == len(self.graph.nodes):
            return 0
        node = self.graph.nodes[index]
        batch, channels, *size = node.result.shape
        each = 1
        if isinstance(node, Convolution) and not on_windows(node, self.config):
            each = -(-channels // self.config.rows) * _taps(node)
        return batch * prod(size) * each

    def _depth(self, node: Convolution) -> int:
        """Cycles that a convolution takes for one block more of its result."""
        batch, _, *size = node.result.shape
        blocks = -(-int(node.weights.shape[1]) // self.config.rows)
        return batch * prod(size) * _taps(node) * blocks

    def _keep(self, name: str, lanes: Lanes) -> None:
        self.lanes[name] = lanes
        self.positions[name] = [divmod(int(place), self.config.rows) for place in positions(lanes, self.config.rows)]
        self.order.setdefault(self._home(name)[0], len(self.order))

    def _home(self, root: str) -> tuple[str, int]:
        """The buffer that a stored map lies in, by name, and which of the maps there it is."""
        return self.inside.get(root, (root, 0))

    def _gathered(self, tensor: Tensor) -> list[tuple[str, int, dict[int, int]]]:
        """The blocks that hold a tensor's channels: of which stored map, which of its blocks, channels by lane.

        They come in the order of buffers, and as they lie there; what is wanted again comes in another block.
        """
        found: dict[tuple[int, int, int, int, str], dict[int, int]] = {}
        again: Counter[Feature] = Counter()
        for channel, feature in enumerate(self.features[tensor.name]):
            root = feature[0]
            home, place = self._home(root)
            block, lane = self.positions[root][feature[1]]
            found.setdefault((again[feature], self.order[home], place, block, root), {})[lane] = channel
            again[feature] += 1
        return [(key[4], key[3], found[key]) for key in sorted(found)]

    def _lanes(self, tensor: Tensor) -> Lanes:
        """The lanes of a tensor as it is read."""
        return tuple(
            tuple(some.get(lane, NOTHING) for lane in range(max(some) + 1)) for _, _, some in self._gathered(tensor)
        )

    def _buffer(self, home: str, words: int) -> Buffer:
        if home not in self.buffers:
            kind = TensorClass.ACTIVATION
            leaving = {root for port in self.graph.outputs for root, _ in self.features[port.tensor.name]}
            if any(self._home(root)[0] == home for root in leaving):
                kind = TensorClass.OUTPUT
            if any(port.tensor.name == home for port in self.graph.inputs):
                kind = TensorClass.INPUT
            self.buffers[home] = Buffer(home, kind, words)
        return self.buffers[home]


def _taps(node: Convolution) -> int:
    return int(prod(node.weights.shape[2:]))
