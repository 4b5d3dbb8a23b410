"""The host of eager execution: lays out, cuts and appends an operator when it is called, from what has been before."""

from __future__ import annotations

from dataclasses import replace
from operator import methodcaller
from typing import TYPE_CHECKING

from controller.arrange import Arranger
from controller.constants import Constants
from controller.eager.framework import Called, Fetched, Freed, Given
from controller.eager.stream import Stream
from controller.features import part_name
from controller.graph import Concatenation, Graph, Port, Selection, sources
from controller.layout import Buffer
from controller.shared import Sharing
from controller.stored import Stay, Stored
from controller.tile import tile
from spec.isa import TensorClass

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.choice import Tiled
    from controller.eager.framework import Event
    from controller.graph import Node, Tensor
    from controller.layout import View
    from controller.trial import Trials
    from spec.config import Config


class Host:
    """Appends to a program what a framework asks for.

    A layout operator or a concatenation that changes no scale is a view: it appends nothing, and what it is made of
    stays for as long as it does. Any other operator is compiled as a network of its own, whose inputs lie where they
    were written.

    Parameters
    ----------
    trials
        Of cuts, on the machine.

    Members
    -------
    tiled
        Operators so far, as they are cut.
    stream
        The program so far.
    """

    def __init__(self, trials: Trials) -> None:
        self.config = config = trials.config
        self.tiled: list[Tiled] = []
        self.tables: list[Buffer] = []
        self.stream = Stream(config)
        self._steps: list[Callable[[Stream], None]] = []
        self._trials, self._sharing = trials, Sharing()
        #: Maps that are stored, tensors that are views, and of each living tensor the stored maps that it needs.
        self._stays: dict[str, Stay] = {}
        self._views: dict[str, Selection | Concatenation] = {}
        self._needs: dict[str, frozenset[str]] = {}

    def take(self, event: Event) -> None:
        """Do what an event asks for."""
        match event:
            case Given(tensor, constant):
                ports = () if constant else (Port(tensor.name, tensor.shape, tensor),)
                stored = Stored(Graph("", (constant,) if constant else (), ports, ()), self.config, {}, ())
                self._tell(methodcaller("add", stored.view(tensor).buffers))
                self._keep(tensor.name, stored)
            case Called(node):
                self._call(node)
            case Freed(tensor):
                self._free(tensor)
            case Fetched(tensor):
                for buffer in self.view(tensor).buffers:
                    if buffer.kind is TensorClass.ACTIVATION:
                        self._tell(methodcaller("fetch", buffer))

    def view(self, tensor: Tensor) -> View:
        """Where a tensor lies."""
        graph = self._graph((tensor,), ())
        return Stored(graph, self.config, {}, (), self._past(graph)).view(tensor)

    def again(self, config: Config) -> Stream:
        """The same operators, cut as they are, for a machine that differs in its scratchpad or bus."""
        stream = Stream(config)
        for step in self._steps:
            step(stream)
        return stream

    def _call(self, node: Node) -> None:
        graph = self._graph(sources(node), (node,))
        arranger = Arranger(graph, self.config, self._past(graph))
        for operator in arranger.operators:
            page, index = self.config.page_words, len(self.tiled)
            words = -(-Constants(operator, self.config.rows).words // page) * page
            table = Buffer(f"{operator.name} constants", TensorClass.CONSTANTS, words)
            self.tiled.append(self._sharing.taken(tile(operator, index, self._trials, table, 0)))
            self.tables.append(table)
            self._tell(methodcaller("issue", self.tiled[-1].commands))
        self._remember(node, arranger.stored)
        living = {stay.buffer for stay in self._stays.values()}
        made = (buffer for operator in arranger.operators for buffer in operator.buffers)
        for copy in dict.fromkeys(buffer for buffer in made if buffer not in living):
            self._tell(methodcaller("free", copy))

    def _remember(self, node: Node, stored: Stored) -> None:
        """Note where the result of a node lies, or of what it is a view."""
        if not isinstance(node, Selection | Concatenation):
            self._keep(node.result.name, stored)
            return
        if isinstance(node, Concatenation):
            parts = []
            for place, (source, form) in enumerate(zip(node.sources, node.requantizes, strict=True)):
                changed = replace(node.result, name=part_name(node, place), shape=source.shape)
                parts.append(source if form is None else changed)
                if form is not None:
                    self._stays[changed.name] = stored.stay(changed.name)
            node = replace(node, sources=tuple(parts), requantizes=(None,) * len(parts))
        self._views[node.result.name] = node
        needs = [self._needs.get(source.name, {source.name}) for source in sources(node)]
        self._needs[node.result.name] = frozenset().union(*needs)

    def _free(self, tensor: Tensor) -> None:
        needed = self._needs.pop(tensor.name)
        for name in sorted(needed - frozenset().union(*self._needs.values())):
            self._tell(methodcaller("free", self._stays.pop(name).buffer))

    def _keep(self, name: str, stored: Stored) -> None:
        self._stays[name], self._needs[name] = stored.stay(name), frozenset({name})

    def _graph(self, tensors: tuple[Tensor, ...], nodes: tuple[Node, ...]) -> Graph:
        """A network of some nodes alone, and of the views that they read."""
        views: list[Node] = []
        inputs: dict[str, Port] = {}
        seen: set[str] = set()

        def reach(tensor: Tensor) -> None:
            if tensor.name in seen:
                return
            seen.add(tensor.name)
            view = self._views.get(tensor.name)
            if view is None:
                inputs[tensor.name] = Port(tensor.name, tensor.shape, tensor)
                return
            for source in sources(view):
                reach(source)
            views.append(view)

        for tensor in tensors:
            reach(tensor)
        return Graph("", (*views, *nodes), tuple(inputs.values()), ())

    def _past(self, graph: Graph) -> dict[str, Stay]:
        return {port.tensor.name: self._stays[port.tensor.name] for port in graph.inputs}

    def _tell(self, step: Callable[[Stream], None]) -> None:
        step(self.stream)
        self._steps.append(step)
