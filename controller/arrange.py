"""The graph as operators of the machine, in order: additions fused, concatenations placed, moves put in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from controller.addition import residual_of
from controller.averages import average_table
from controller.graph import (
    Addition,
    Concatenation,
    Convolution,
    Graph,
    Node,
    Pool,
    Requantize,
    Rescale,
    SequentialAverage,
    Tensor,
    sources,
)
from controller.layout import Buffer, View, full_blocks
from controller.operators import Operator
from controller.values import quantization_of
from spec.isa import Mode, TensorClass

if TYPE_CHECKING:
    from spec.config import Config


@dataclass(frozen=True, eq=False)
class Arrangement:
    """Operators in order, and where every tensor lies by name."""

    operators: tuple[Operator, ...]
    views: dict[str, View]


def arrange(graph: Graph, config: Config) -> Arrangement:
    """Operators for a graph on a machine.

    A convolution whose result only an addition reads takes the other operand as its residual. A concatenation's
    operands are computed where the concatenation will lie, unless they lie elsewhere already or change their scale.
    """
    return _Arranger(graph, config).run()


class _Arranger:
    def __init__(self, graph: Graph, config: Config) -> None:
        self.graph, self.config = graph, config
        self.reads = Counter(tensor.name for node in graph.nodes for tensor in sources(node))
        self.kept = {port.tensor.name for port in (*graph.inputs, *graph.outputs)}
        self.producers: dict[str, Node] = {node.result.name: node for node in graph.nodes}
        self.fused = self._fused()
        self.lanes: dict[str, tuple[int, ...]] = {}
        self.inside: dict[str, tuple[str, int]] = {}
        self.views: dict[str, View] = {}
        self.buffers: dict[str, Buffer] = {}
        self.operators: list[Operator] = []

    def run(self) -> Arrangement:
        for port in self.graph.inputs:
            self.lanes[port.tensor.name] = full_blocks(port.tensor.shape[1], self.config.rows)
        for node in self.graph.nodes:
            self.lanes[node.result.name] = self._lanes_of(node)
        for node in reversed(self.graph.nodes):
            if isinstance(node, Concatenation):
                self._place(node)
        for node in self.graph.nodes:
            if node.result.name not in self.fused.values():
                self._emit(node)
        tensors = [port.tensor for port in (*self.graph.inputs, *self.graph.outputs)]
        return Arrangement(tuple(self.operators), {**self.views, **{t.name: self._view(t) for t in tensors}})

    def _fused(self) -> dict[str, str]:
        """Result of the addition -> result of the convolution that does it, for each pair."""
        order = {node.result.name: index for index, node in enumerate(self.graph.nodes)}
        pairs = {}
        for node in self.graph.nodes:
            if not isinstance(node, Addition) or node.first == node.second:
                continue
            free = [
                one
                for one in (node.first, node.second)
                if isinstance(self.producers.get(one.name), Convolution)
                and self.reads[one.name] == 1
                and one.name not in self.kept
            ]
            if free:
                pairs[node.result.name] = max(free, key=lambda one: order[one.name]).name
        return pairs

    def _lanes_of(self, node: Node) -> tuple[int, ...]:
        if isinstance(node, Concatenation):
            return sum((self.lanes[source.name] for source in node.sources), ())
        if isinstance(node, Convolution) and not self._taps(node):
            return full_blocks(node.result.shape[1], self.config.rows)
        if isinstance(node, Addition):
            return self.lanes[self.fused.get(node.result.name, node.first.name)]
        return self.lanes[sources(node)[0].name]

    def _taps(self, node: Convolution) -> bool:
        """Whether the window engine does it."""
        return node.depthwise and int(np.prod(node.weights.shape[2:])) <= self.config.window_taps

    def _place(self, node: Concatenation) -> None:
        inputs = {port.tensor.name for port in self.graph.inputs}
        block = 0
        for source, form in zip(node.sources, node.requantizes, strict=True):
            if form is None and source.name not in self.inside and source.name not in inputs:
                self.inside[source.name] = node.result.name, block
            block += len(self.lanes[source.name])

    def _view(self, tensor: Tensor) -> View:
        if tensor.name not in self.views:
            root, first = tensor.name, 0
            while root in self.inside:
                root, block = self.inside[root]
                first += block
            batch, _, height, width = tensor.shape
            blocks = len(self.lanes[root])
            self.views[tensor.name] = View(
                self._buffer(root, batch * height * width * blocks), batch, height, width, blocks, first,
                self.lanes[tensor.name],
            )  # fmt: skip
        return self.views[tensor.name]

    def _buffer(self, root: str, words: int) -> Buffer:
        if root not in self.buffers:
            kind = TensorClass.ACTIVATION
            if any(port.tensor.name == root for port in self.graph.outputs):
                kind = TensorClass.OUTPUT
            if any(port.tensor.name == root for port in self.graph.inputs):
                kind = TensorClass.INPUT
            self.buffers[root] = Buffer(root, kind, words)
        return self.buffers[root]

    def _emit(self, node: Node) -> None:
        if isinstance(node, Addition):
            self._add(node)
        elif isinstance(node, Concatenation):
            block = 0
            for source, form in zip(node.sources, node.requantizes, strict=True):
                lanes = self.lanes[source.name]
                if self.inside.get(source.name) != (node.result.name, block):
                    whole = self._view(node.result)
                    part = replace(whole, first=whole.first + block, lanes=lanes)
                    self.operators.append(_lanewise(node.name, source, self._view(source), part, form))
                block += len(lanes)
        elif isinstance(node, Convolution):
            self.operators.append(self._convolution(node, self._view(node.result)))
        elif isinstance(node, Rescale):
            view = self._view(node.result)
            self.operators.append(_lanewise(node.name, node.source, self._view(node.source), view, node.requantize))
        else:
            self.operators.append(self._pool(node))

    def _convolution(self, node: Convolution, result: View) -> Operator:
        kernel = (node.weights.shape[2], node.weights.shape[3])
        return Operator(
            node.name, Mode.DEPTHWISE if self._taps(node) else Mode.ARRAY, self._view(node.source),
            result, kernel, node.strides, node.dilations, node.pads[:2], node.source.zero, (node.requantize,),
            weights=node.weights, groups=node.groups, macs=node.macs,
        )  # fmt: skip

    def _pool(self, node: Pool) -> Operator:
        forms = tuple(_averaging(node, form) if isinstance(form, SequentialAverage) else form for form in node.forms)
        return Operator(
            node.name, Mode.MAX if node.kind == "max" else Mode.SUM, self._view(node.source), self._view(node.result),
            node.kernel, node.strides, node.dilations, node.pads[:2],
            -128 if node.kind == "max" else node.source.zero, forms,
            which=node.which if len(forms) > 1 else None,
        )  # fmt: skip

    def _add(self, node: Addition) -> None:
        result = self._view(node.result)
        own = self.fused.get(node.result.name)
        swap = own == node.second.name
        addend = self._aligned(node.name, node.first if swap else node.second, result.lanes)
        residual = residual_of(node, addend, first=swap)
        if own is None:
            view = self._aligned(node.name, node.first, result.lanes)
            operator = _lanewise(node.name, node.first, view, result, None)
        else:
            producer = self.producers[own]
            assert isinstance(producer, Convolution)
            operator = self._convolution(producer, result)
        self.operators.append(replace(operator, residual=residual, name=node.name))

    def _aligned(self, name: str, tensor: Tensor, lanes: tuple[int, ...]) -> View:
        """The view of a tensor, or of a copy whose channels lie in the lanes that are wanted."""
        view = self._view(tensor)
        if view.lanes == lanes:
            return view
        words = view.batch * view.height * view.width * len(lanes)
        copy = View(
            Buffer(f"{tensor.name} for {name}", TensorClass.ACTIVATION, words), view.batch, view.height, view.width,
            len(lanes), 0, lanes,
        )  # fmt: skip
        identity = np.eye(view.channels, dtype=np.int8).reshape(view.channels, view.channels, 1, 1)
        self.operators.append(
            replace(_lanewise(name, tensor, view, copy, None), mode=Mode.ARRAY, weights=identity)
        )
        return copy


def _lanewise(name: str, tensor: Tensor, source: View, result: View, form: Requantize | None) -> Operator:
    """Each integer on its own: requantized, or as it is."""
    form = form or _unchanged(source.channels)
    return Operator(name, Mode.SUM, source, result, (1, 1), (1, 1), (1, 1), (0, 0), tensor.zero, (form,))


def _averaging(node: Pool, form: SequentialAverage) -> Requantize:
    """What passes an average unchanged, with the table that makes it."""
    after = quantization_of(node.result)
    table = average_table(node.source.scale, form.divisor, (after.scale, after.zero), after.low, after.high)
    return replace(_unchanged(node.source.shape[1]), average=table)


def _unchanged(channels: int) -> Requantize:
    """Each integer as it is."""
    return Requantize(np.zeros(channels, np.int32), np.ones(channels, np.float32), 0, -128, 127)
