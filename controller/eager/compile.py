"""A network's program in eager execution: what a host appends while a framework calls operator after operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from controller.bind import Binder
from controller.compiler import FINALISTS, Compiled, compile_graph
from controller.constants import Constants
from controller.eager.framework import Called, Given, events
from controller.eager.host import Host
from controller.emit import Emitter, Wishes
from controller.execution import Execution
from controller.liveness import liveness
from controller.place import place
from controller.trial import Trials
from spec.isa import Opcode, TensorClass
from spec.program import Instruction, assemble

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.eager.stream import Stream
    from controller.graph import Graph
    from spec.config import Config

__all__ = ["compile_eagerly", "compile_for", "foreseen"]


def compile_for(
    execution: Execution, graph: Graph, config: Config, *, progress: Callable[[str], None] | None = None
) -> Compiled:
    """Compile a graph for a machine, its operators all at once or one after the other; errors as of `compile_graph`."""
    if execution is Execution.graph:
        return compile_graph(graph, config, progress=progress)
    return compile_eagerly(graph, config, told=execution is Execution.eager, progress=progress)


def compile_eagerly(
    graph: Graph, config: Config, *, told: bool = True, progress: Callable[[str], None] | None = None,
    trials: Trials | None = None,
) -> Compiled:  # fmt: skip
    """The program of a graph whose operators come one after the other.

    Parameters
    ----------
    graph, config, progress
        As of `compile_graph`.
    told
        Whether the host learns that a tensor is freed.
    trials
        Of the machine, with what others have tried; its own if None.

    Raises
    ------
    ModelError
        If an operator does not fit.
    """
    host, constants = Host(trials or Trials(config, FINALISTS)), []
    for event in events(graph, told=told):
        if isinstance(event, Called) and progress:
            progress(event.node.name)
        if isinstance(event, Given) and event.constant:
            constants.append(event.constant)
        host.take(event)
    tensors = [*(port.tensor for port in graph.inputs), *graph.leaving, *(node.result for node in constants)]
    stream = host.stream
    instructions = _ended(stream)
    compiled = Compiled(
        graph, config, tuple(host.tiled), tuple(instructions), assemble(config, instructions),
        np.zeros(stream.total * config.page_bytes, np.uint8), stream.placement,
        {tensor.name: host.view(tensor) for tensor in tensors}, {}, Execution.eager if told else Execution.untold,
        lambda other: _ended(host.again(other)),
    )  # fmt: skip
    compiled.fill(constants)
    for one, buffer in zip(compiled.tiled, host.tables, strict=True):
        table = Constants(one.operator, config.rows).contents()
        compiled.words(compiled.image, buffer)[: len(table)] = table
    return compiled


def foreseen(compiled: Compiled) -> list[Instruction]:
    """The program of the same commands by a host that knows them all: banks, slots, next uses, and what is dead."""
    config = compiled.config
    commands = [command for one in compiled.tiled for command in one.commands]
    binder = Binder(config, commands, place(list(compiled.placement.pages), commands, config))
    outputs = [buffer for buffer, kind in compiled.kinds.items() if kind is TensorClass.OUTPUT]
    found = list(Emitter(binder, config, Wishes()).emitted(commands, liveness(commands, config.page_words, outputs)))
    return [*found, *(one for buffer in outputs for one in binder.collect(buffer)), Instruction(Opcode.END, {})]


def _ended(stream: Stream) -> list[Instruction]:
    return [*stream.instructions, Instruction(Opcode.END, {})]
