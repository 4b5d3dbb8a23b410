"""The graph as operators of the machine, in order: additions fused, features where they lie, moves put in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from controller.addition import residual_of
from controller.averages import average_table
from controller.features import part_name
from controller.gathering import gathered
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
    Pool,
    Product,
    Requantize,
    Rescale,
    SequentialAverage,
    Softmax,
    Tensor,
)
from controller.lanewise import lanewise, moved, table_of_bytes, unchanged
from controller.omitted import refuse_what_is_left_out
from controller.operators import Operator
from controller.riders import Riders
from controller.stored import Stored, on_windows
from controller.tokens import multiplication, product, statistic
from controller.values import quantization_of
from spec.isa import Mode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.layout import Lanes, View
    from controller.stored import Stay
    from spec.config import Config


@dataclass(frozen=True, eq=False)
class Arrangement:
    """Operators in order, where every tensor lies by name, and the maps that the network itself has."""

    operators: tuple[Operator, ...]
    views: dict[str, View]
    constants: tuple[Constant, ...]


def arrange(graph: Graph, config: Config) -> Arrangement:
    """Operators for a graph on a machine.

    A convolution, product or normalization whose result only an addition reads takes the other operand as its residual;
    a change of each byte is a table of what makes the bytes.
    What is stored is what operators write; selections and concatenations are read where their channels lie.
    """
    arranger = Arranger(graph, config, {})
    constants = tuple(node for node in graph.nodes if isinstance(node, Constant))
    tensors = [*(port.tensor for port in graph.inputs), *graph.leaving, *(node.result for node in constants)]
    views = {**arranger.stored.views, **{one.name: arranger.stored.view(one) for one in tensors}}
    return Arrangement(tuple(arranger.operators), views, constants)


class Arranger:
    """The operators of a graph.

    Parameters
    ----------
    graph, config, past
        The network, the machine, and inputs that are stored already.

    Members
    -------
    operators, stored
        In order; and where all lies that they read and write.

    Raises
    ------
    ModelError
        If the machine leaves out what a node needs.
    """

    def __init__(self, graph: Graph, config: Config, past: Mapping[str, Stay]) -> None:
        refuse_what_is_left_out(graph.nodes, config)
        self.config = config
        self.riders = Riders(graph, config)
        changed = {node.result.name for node in self.riders.changes.values()}
        self.stored = Stored(graph, config, self.riders.leaders(), changed, past)
        self.operators: list[Operator] = []
        riding = self.riders.all
        for node in graph.nodes:
            if node.result.name not in riding:
                self._emit(node)
                self._change(node)

    def _change(self, node: Node) -> None:
        """Have the operator of a node look its bytes up, if that is all that is done to them."""
        change = self.riders.changes.get(node.result.name)
        if change is not None:
            table = table_of_bytes(change.requantize)
            forms = tuple(replace(form, table=table) for form in self.operators[-1].forms)
            self.operators[-1] = replace(self.operators[-1], forms=forms)

    def _written(self, node: Node) -> View:
        """Where the operator of a node writes: what a change makes of its result lies in the same lanes."""
        change = self.riders.changes.get(node.result.name)
        return self._view(node.result if change is None else change.result)

    def _view(self, tensor: Tensor) -> View:
        return self.stored.view(tensor)

    def _emit(self, node: Node) -> None:
        if isinstance(node, Addition):
            self._add(node)
        elif isinstance(node, Concatenation):
            for place, (source, form) in enumerate(zip(node.sources, node.requantizes, strict=True)):
                if form is not None:
                    part = self._view(replace(source, name=part_name(node, place)))
                    self.operators.append(lanewise(node.name, source, self._view(source), part, form))
        elif isinstance(node, Rescale):
            view = self._view(node.result)
            self.operators.append(lanewise(node.name, node.source, self._view(node.source), view, node.requantize))
        elif isinstance(node, Pool):
            self.operators.append(self._pool(node))
        elif isinstance(node, Gather):
            self._gather(node)
        elif isinstance(node, Multiplication):
            result = self._written(node)
            first, second = (self._aligned(node.name, one, result.lanes) for one in (node.first, node.second))
            self.operators.append(multiplication(node, first, second, result))
        else:
            self.operators += self._made(node, node)

    def _gather(self, node: Gather) -> None:
        result = self._view(node.result)
        views = [self._aligned(node.name, source, result.lanes).folded() for source in node.sources]
        forms = tuple(form or unchanged(result.channels) for form in node.requantizes)
        operator = lanewise(node.name, node.sources[0], views[0], result.folded(), None)
        lines = gathered(node.pixels, views, result.width)
        self.operators.append(replace(operator, forms=forms, gathered=tuple(lines)))

    def _made(self, node: Node, last: Node) -> list[Operator]:
        """A node whose result an addition may take, the `last`, as operators that write the last one's result."""
        match node:
            case Convolution():
                return [self._convolution(node, self._written(last))]
            case Product():
                return list(product(node, self.stored, self._written(last)))
            case Softmax() | Normalization():
                return list(statistic(node, self.stored, self._written(last)))
            case _:
                return []

    def _convolution(self, node: Convolution, result: View) -> Operator:
        kernel = (node.weights.shape[2], node.weights.shape[3])
        return Operator(
            node.name, Mode.DEPTHWISE if on_windows(node, self.config) else Mode.ARRAY, self._view(node.source),
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
        result = self._written(node)
        own = self.riders.additions.get(node.result.name)
        swap = own == node.second.name
        addend = self._aligned(node.name, node.first if swap else node.second, result.lanes)
        residual = residual_of(node, addend, first=swap)
        if own is None:
            view = self._aligned(node.name, node.first, result.lanes)
            operator = lanewise(node.name, node.first, view, result, None)
        else:
            *copies, operator = self._made(self.riders.producers[own], node)
            self.operators += copies
        self.operators.append(replace(operator, residual=residual, name=node.name))

    def _aligned(self, name: str, tensor: Tensor, lanes: Lanes) -> View:
        """The view of a tensor, or of a copy whose channels lie in the lanes that are wanted."""
        view = self._view(tensor)
        if view.lanes == lanes:
            return view
        self.operators.append(moved(name, tensor, view, lanes))
        return self.operators[-1].result


def _averaging(node: Pool, form: SequentialAverage) -> Requantize:
    """What passes an average unchanged, with the table that makes it."""
    after = quantization_of(node.result)
    table = average_table(node.source.scale, form.divisor, (after.scale, after.zero), after.low, after.high)
    return replace(unchanged(node.source.shape[1]), average=table)
