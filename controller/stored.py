"""Where the stored maps of a graph lie, and so every tensor: buffers, blocks, lanes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING

from controller.features import Feature, features, homes, part_name, uses
from controller.graph import (
    Addition,
    Concatenation,
    Constant,
    Convolution,
    Gather,
    Graph,
    Node,
    Normalization,
    Pool,
    Product,
    Requantize,
    Rescale,
    Selection,
    Softmax,
    Tensor,
    sources,
)
from controller.lanes import together
from controller.lanewise import table_of_bytes
from controller.layout import NOTHING, Block, Buffer, Lanes, View, full_blocks, positions
from controller.needs import in_blocks, needs
from controller.products import rounded
from spec.isa import TensorClass

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from spec.config import Config


def on_windows(node: Convolution, config: Config) -> bool:
    """Whether the window engine does a convolution."""
    return node.depthwise and _taps(node) <= config.window_taps


@dataclass(frozen=True)
class Stay:
    """A stored map: its buffer, its lanes, and the byte in those that hold no channel, None where it is not known."""

    buffer: Buffer
    lanes: Lanes
    resting: int | None


class Stored:
    """The maps that operators write, in buffers of their own or next to each other as a concatenation has them.

    A sum on the array lays its channels out as `controller.needs` and `controller.lanes` have them, an addition as its
    leader's lie, and everything else as those lie that it reads. A map that is the second one of a product has a pitch
    of whole tiles.

    Parameters
    ----------
    graph, config
        The network and the machine.
    leaders
        For each addition by its result's name the operand whose lanes it takes.
    changed
        Results of changes that what makes their bytes does with a table.
    past
        Inputs, by name, that lie where an earlier graph stored them.

    Members
    -------
    views
        Every tensor that was asked for, by name.
    """

    def __init__(
        self, graph: Graph, config: Config, leaders: Mapping[str, Tensor], changed: Collection[str],
        past: Mapping[str, Stay] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        self.graph, self.config, self.leaders, self.changed = graph, config, leaders, changed
        self.features = features(graph)
        self.inside = homes(graph, self.features)
        convolutions = [node for node in graph.nodes if isinstance(node, Convolution)]
        self.uses = uses(graph, {node.result.name for node in convolutions if not on_windows(node, config)})
        self.needs = needs(graph, self.features)
        seconds = [node.second.name for node in graph.nodes if isinstance(node, Product)]
        self.tiled = {self._home(root)[0] for name in seconds for root, _ in self.features[name]}
        self.lanes: dict[str, Lanes] = {}
        #: The byte in lanes of a stored map that hold no channel, where it is known.
        self.resting: dict[str, int] = {}
        #: Block and lane of each channel of a stored map, and where each buffer comes among all.
        self.positions: dict[str, list[tuple[int, int]]] = {}
        self.order: dict[str, int] = {}
        self.views: dict[str, View] = {}
        self.buffers: dict[str, Buffer] = {name: stay.buffer for name, stay in past.items()}
        for port in graph.inputs:
            name = port.tensor.name
            self._keep(name, past[name].lanes if name in past else full_blocks(port.tensor.shape[1], config.rows))
            resting = past[name].resting if name in past else port.tensor.zero
            if resting is not None:
                self.resting[name] = resting
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
                buffer = self._buffer(home, batch * height, width, sum(sizes))
                blocks.append(Block(buffer, sum(sizes[: parts.index(root)]) + block, sum(sizes)))
            self.views[tensor.name] = View(batch, height, width, tuple(blocks), self._lanes(tensor))
        return self.views[tensor.name]

    def stay(self, name: str) -> Stay:
        """How a stored map lies, one that has a buffer of its own."""
        return Stay(self.buffers[name], self.lanes[name], self.resting.get(name))

    def apart(self, tensor: Tensor) -> bool:
        """Whether each block holds channels from lane 0 on without a gap."""
        return not any(NOTHING in some for some in self._lanes(tensor))

    def counted(self, tensor: Tensor, *, alone: bool) -> bool:
        """Whether channels lie in lanes as they are numbered; `alone`: and all other lanes hold the zero point."""
        if self._lanes(tensor) != full_blocks(tensor.shape[1], self.config.rows):
            return False
        ragged = [(root, block, some) for root, block, some in self._gathered(tensor) if len(some) < self.config.rows]
        return not alone or all(
            self.resting.get(root) == tensor.zero and len(self.lanes[root][block]) == len(some)
            for root, block, some in ragged
        )

    def _lay(self, node: Node) -> None:
        """Lay the channels out of what a node stores."""
        if isinstance(node, Concatenation):
            for place, (source, form) in enumerate(zip(node.sources, node.requantizes, strict=True)):
                if form is not None:
                    self._keep(part_name(node, place), self._lanes(source))
                    self._rest(part_name(node, place), form)
        elif not isinstance(node, Selection):
            self._keep(node.result.name, self._laid(node))
        if isinstance(node, Constant):
            self.resting[node.result.name] = node.result.zero
        elif isinstance(node, Rescale) and node.result.name in self.changed:
            self._change(node)
        elif not isinstance(node, Addition | Concatenation | Selection | Pool | Gather):
            self._rest(node.result.name, node.requantize)

    def _laid(self, node: Node) -> Lanes:
        """The lanes of what a node stores."""
        full = full_blocks(node.result.shape[1], self.config.rows)
        match node:
            case Addition():
                return self._lanes(self.leaders[node.result.name])
            case Convolution() if not on_windows(node, self.config):
                return self._summed(node)
            case Product():
                return full if node.turned else self._lanes(node.second)
            case Softmax() | Normalization() if not self.apart(node.source):
                return full
            case Constant():
                return full
        return self._lanes(sources(node)[0])

    def _summed(self, node: Convolution) -> Lanes:
        """The lanes of a sum's result: groups that are needed so, then all others."""
        groups, readers = self.needs.get(node.result.name, ()), self.uses[node.result.name]
        grouped = {channel for group in groups for channel in group}
        others = [channel for channel in range(len(readers)) if channel not in grouped]
        lanes = [some for group in groups for some in in_blocks(group, self.config.rows)]
        if others:
            some = together(
                [readers[channel] for channel in others], self.config.rows, self._passes, self._depth(node)
            )
            lanes += [tuple(others[place] for place in block) for block in some]
        return tuple(lanes)

    def _rest(self, name: str, form: Requantize) -> None:
        """Note what lanes hold that have a scale and a bias of 0."""
        byte = min(max(form.zero, form.low), form.high)
        self.resting[name] = byte if form.table is None else int(form.table[byte % 256])

    def _change(self, node: Rescale) -> None:
        """Note what a table makes of what lanes hold."""
        byte = self.resting.get(node.source.name)
        if byte is not None:
            self.resting[node.result.name] = int(table_of_bytes(node.requantize)[byte % 256])

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

    def _buffer(self, home: str, height: int, width: int, blocks: int) -> Buffer:
        if home not in self.buffers:
            kind = TensorClass.ACTIVATION
            leaving = {root for tensor in self.graph.leaving for root, _ in self.features[tensor.name]}
            if any(self._home(root)[0] == home for root in leaving):
                kind = TensorClass.OUTPUT
            if any(port.tensor.name == home for port in self.graph.inputs):
                kind = TensorClass.INPUT
            if any(isinstance(node, Constant) and node.result.name == home for node in self.graph.nodes):
                kind = TensorClass.CONSTANTS
            pitch = rounded(width, self.config.rows) if home in self.tiled else width
            gap = (pitch, width) if pitch > width else (0, 0)
            self.buffers[home] = Buffer(home, kind, height * pitch * blocks, *gap)
        return self.buffers[home]


def _taps(node: Convolution) -> int:
    return int(prod(node.weights.shape[2:]))
