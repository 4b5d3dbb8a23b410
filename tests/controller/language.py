"""Graphs of products, softmax, normalization and multiplication, by hand; and what they say, one number at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from controller.graph import (
    Addition,
    Concatenation,
    Constant,
    Convolution,
    Gather,
    Graph,
    Multiplication,
    Node,
    Normalization,
    Port,
    Product,
    Requantize,
    Rescale,
    Selection,
    Softmax,
    Tensor,
)
from controller.numerics import addition_constants
from controller.quantized import evaluate_node

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from controller.quantized import Stored


@dataclass
class Drawn:
    """A graph that grows; methods return the tensor of a node's result."""

    rng: np.random.Generator
    batch: int = 1
    nodes: list[Node] = field(default_factory=list)
    inputs: list[Port] = field(default_factory=list)

    def tensor(self, channels: int, tokens: int, scale: float = 0.05, zero: int | None = None) -> Tensor:
        """A map of one row."""
        name = f"t{len(self.nodes) + len(self.inputs)}"
        zero = int(self.rng.integers(-128, 128)) if zero is None else zero
        return Tensor(name, (self.batch, channels, 1, tokens), scale, zero, unsigned=False)

    def input(self, channels: int, tokens: int) -> Tensor:
        """A network input."""
        tensor = self.tensor(channels, tokens)
        self.inputs.append(Port(tensor.name, tensor.shape, tensor))
        return tensor

    def dense(self, source: Tensor, channels: int) -> Tensor:
        """A dense layer on every token."""
        result = self.tensor(channels, source.shape[3])
        weights = self.rng.integers(-127, 128, (channels, source.shape[1], 1, 1)).astype(np.int8)
        bias = -source.zero * weights.astype(np.int64).sum(axis=(1, 2, 3))
        form = self._form(channels, 0.004 / source.shape[1] ** 0.5, result, bias.astype(np.int32))
        self.nodes.append(
            Convolution(self._name("dense"), source, result, weights, 1, (1, 1), (0, 0, 0, 0), (1, 1), form)
        )
        return result

    def product(self, first: Tensor, second: Tensor, *, turned: bool) -> Tensor:
        """A product of two maps."""
        result = self.tensor(second.shape[3 if turned else 1], first.shape[3])
        form = self._form(result.shape[1], 0.02 / first.shape[1] ** 0.5, result)
        self.nodes.append(Product(self._name("product"), first, second, result, turned, form))
        return result

    def softmax(self, source: Tensor) -> Tensor:
        """Softmax over channels."""
        result = self.tensor(source.shape[1], source.shape[3], zero=-128)
        exponentials = np.rint(65535 * np.exp(-0.05 * np.arange(256))).astype(np.uint16)
        form = self._form(source.shape[1], 256 * 2.0**-24, result)
        self.nodes.append(Softmax(self._name("softmax"), source, result, exponentials, form))
        return result

    def normalization(self, source: Tensor) -> Tensor:
        """Layer normalization with scales and biases of channels."""
        channels = source.shape[1]
        result = self.tensor(channels, source.shape[3])
        scale = (40 * 2.0**-16 * self.rng.uniform(0.5, 2, channels)).astype(np.float32)
        bias = self.rng.integers(-(1 << 15), 1 << 15, channels).astype(np.int32)
        form = Requantize(bias, scale, result.zero, -128, 127)
        self.nodes.append(Normalization(self._name("norm"), source, result, 4 * channels * channels, form))
        return result

    def multiplication(self, first: Tensor, second: Tensor) -> Tensor:
        """Lane by lane."""
        result = self.tensor(*first.shape[1::2])
        form = self._form(first.shape[1], 0.01, result)
        self.nodes.append(Multiplication(self._name("multiplication"), first, second, result, form))
        return result

    def addition(self, first: Tensor, second: Tensor) -> Tensor:
        """Lane by lane."""
        result = self.tensor(*first.shape[1::2])
        forms = [(one.scale, one.zero) for one in (first, second, result)]
        fixed, *ratios = (float(one) for one in addition_constants(*forms))
        self.nodes.append(Addition(self._name("addition"), first, second, result, fixed, *ratios, 0, -128, 127))
        return result

    def change(self, source: Tensor) -> Tensor:
        """Each integer by a table."""
        result = self.tensor(*source.shape[1::2])
        table = self.rng.integers(-128, 128, 256).astype(np.int8)
        table[source.zero % 256] = result.zero
        form = Requantize(
            np.full(source.shape[1], 5, np.int32), np.ones(source.shape[1], np.float32), -5, -128, 127, table
        )
        self.nodes.append(Rescale(self._name("change"), source, result, form))
        return result

    def selection(self, source: Tensor, first: int, end: int) -> Tensor:
        """Some channels."""
        result = Tensor(
            f"t{len(self.nodes) + len(self.inputs)}", (self.batch, end - first, 1, source.shape[3]), source.scale,
            source.zero, unsigned=False,
        )  # fmt: skip
        self.nodes.append(Selection(self._name("selection"), source, result, tuple(range(first, end))))
        return result

    def concatenation(self, sources: Sequence[Tensor]) -> Tensor:
        """Channels side by side."""
        result = self.tensor(sum(one.shape[1] for one in sources), sources[0].shape[3], sources[0].scale, 3)
        forms = tuple(
            Requantize(
                np.full(one.shape[1], -one.zero, np.int32), np.ones(one.shape[1], np.float32), result.zero, -128, 127
            )
            for one in sources
        )
        self.nodes.append(Concatenation(self._name("concatenation"), tuple(sources), result, forms))
        return result

    def gather(self, sources: Sequence[Tensor], pixels: Sequence[tuple[int, int]]) -> Tensor:
        """Pixels of maps, those of the first as they are."""
        channels, first = sources[0].shape[1], sources[0]
        result = Tensor(
            f"t{len(self.nodes) + len(self.inputs)}", (1, channels, 1, len(pixels)), first.scale, first.zero,
            unsigned=False,
        )  # fmt: skip
        forms = [self._form(channels, 0.5, result) for _ in sources[1:]]
        self.nodes.append(Gather(self._name("gather"), tuple(sources), result, (None, *forms), tuple(pixels)))
        return result

    def constant(self, channels: int, tokens: int) -> Tensor:
        """A map that the network has."""
        result = self.tensor(channels, tokens, zero=int(self.rng.integers(-20, 21)))
        values = self.rng.integers(-128, 128, result.shape).astype(np.int8)
        self.nodes.append(Constant(self._name("constant"), result, values))
        return result

    def attention(self, source: Tensor, heads: int, width: int) -> Tensor:
        """Some heads on what dense layers make."""
        queries, keys, values = (self.dense(source, heads * width) for _ in range(3))
        made = []
        for head in range(heads):
            some = [self.selection(one, head * width, (head + 1) * width) for one in (queries, keys, values)]
            made.append(self.product(self.softmax(self.product(*some[:2], turned=True)), some[2], turned=False))
        return self.dense(self.concatenation(made), source.shape[1])

    def graph(self, *outputs: Tensor) -> Graph:
        """All of it."""
        return Graph(
            "drawn", tuple(self.nodes), tuple(self.inputs), tuple(Port(one.name, one.shape, one) for one in outputs)
        )

    def _name(self, kind: str) -> str:
        return f"{kind} {len(self.nodes)}"

    def _form(
        self, channels: int, scale: float, result: Tensor, bias: NDArray[np.int32] | None = None
    ) -> Requantize:
        scales = np.full(channels, scale, np.float32)
        return Requantize(np.zeros(channels, np.int32) if bias is None else bias, scales, result.zero, -128, 127)


def drawn_inputs(graph: Graph, rng: np.random.Generator) -> dict[str, Stored]:
    """Integers at random."""
    return {port.name: rng.integers(-128, 128, port.tensor.shape).astype(np.int8) for port in graph.inputs}


def evaluated(graph: Graph, inputs: Mapping[str, Stored]) -> dict[str, Stored]:
    """All maps by name, those of nodes of language by the definitions of decision 20, number by number."""
    maps = {port.tensor.name: inputs[port.name] for port in graph.inputs}
    for node in graph.nodes:
        maps[node.result.name] = _evaluated(node, maps)
    return maps


def _evaluated(node: Node, maps: Mapping[str, Stored]) -> Stored:
    if isinstance(node, Product):
        first, second = (
            maps[one.name][:, :, 0].astype(np.int64) - one.zero for one in (node.first, node.second)
        )
        totals = np.einsum("bkt,bkc->bct" if node.turned else "bkt,bck->bct", first, second)[:, :, None]
    elif isinstance(node, Multiplication):
        first, second = (maps[one.name].astype(np.int64) - one.zero for one in (node.first, node.second))
        totals = first * second
    elif isinstance(node, Softmax):
        source = maps[node.source.name].astype(np.int64)
        totals = _each_pixel(source, lambda lanes: _softmax(lanes, node.exponentials))
    elif isinstance(node, Normalization):
        source = maps[node.source.name].astype(np.int64)
        totals = _each_pixel(source, lambda lanes: _normalization(lanes, node.epsilon))
    else:
        return evaluate_node(node, maps)
    form = node.requantize
    biased = (totals + form.bias.reshape(1, -1, 1, 1)).astype(np.float32) * form.scale.reshape(1, -1, 1, 1)
    return np.clip(np.rint(biased) + form.zero, form.low, form.high).astype(np.int8)


def _each_pixel(source: NDArray[np.int64], of_lanes: object) -> NDArray[np.int64]:
    flat = source.transpose(0, 2, 3, 1).reshape(-1, source.shape[1])
    made = np.array([of_lanes([int(lane) for lane in lanes]) for lanes in flat], np.int64)  # type: ignore[operator]
    batch, _, *size = source.shape
    return made.reshape(batch, *size, -1).transpose(0, 3, 1, 2)


def _softmax(lanes: Sequence[int], exponentials: NDArray[np.uint16]) -> list[int]:
    terms = [int(exponentials[max(lanes) - lane]) for lane in lanes]
    total, shift = sum(terms), 32 - sum(terms).bit_length()
    mantissa = (1 << 48) // (total << shift) if total else 0
    return [term * mantissa >> max(0, 24 - shift) for term in terms]


def _normalization(lanes: Sequence[int], epsilon: int) -> list[int]:
    channels, total = len(lanes), sum(lanes)
    spread = channels * sum(lane * lane for lane in lanes) - total * total + epsilon
    if not spread:
        return [0] * channels
    shift = (44 - spread.bit_length()) // 2
    root = int(np.floor(np.sqrt(np.longdouble(spread << 2 * shift))))
    while root * root > spread << 2 * shift:
        root -= 1
    while (root + 1) ** 2 <= spread << 2 * shift:
        root += 1
    mantissa = (1 << 38) // root
    return [(channels * lane - total) * mantissa >> 22 - shift for lane in lanes]


@cache
def layer() -> Graph:
    """Attention whose keys end amid a tile, additions, normalizations and a gate: two heads of five channels."""
    drawn = Drawn(np.random.default_rng(6))
    source = drawn.input(10, 9)
    norm = drawn.normalization(drawn.addition(drawn.attention(source, 2, 5), source))
    last = drawn.normalization(drawn.addition(drawn.dense(drawn.dense(norm, 17), 10), norm))
    gate = drawn.selection(drawn.dense(last, 13), 1, 11)
    return drawn.graph(last, drawn.multiplication(last, gate))
