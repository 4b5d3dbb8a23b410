"""A compiled network and its machine as planners see them: maps in whole pages, operators as they are cut.

What the papers' machines leave out is counted here: beside the maps that stay, an operator needs room for its weights
and for what it reads and writes as it runs, and some frames stay free, since the front end runs ahead (decision 14).
"""

from __future__ import annotations

from collections import defaultdict
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING

from controller.plan.machine import Machine
from controller.plan.network import Cut, Kind, Network, Operator, Tensor, Window
from spec.isa import Mode, Statistic, TensorClass
from spec.policy import reserve

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from controller.choice import Tiled
    from controller.commands import Command
    from controller.compiler import Compiled
    from controller.layout import Buffer, View
    from spec.config import Config

#: Classes of buffers that are no maps.
PARAMETERS = frozenset({TensorClass.WEIGHTS, TensorClass.CONSTANTS})


def machine_of(config: Config) -> Machine:
    """The rates of a machine in cycles: one bus for both directions, as the papers have it."""
    memory = config.memory
    beats = memory.rate_beats / memory.rate_cycles if memory.profile == "shared" else 1
    frames = config.frames - reserve(config)
    return Machine(
        config.name, frames * config.page_bytes, config.rows * config.cols, config.rows, config.bus_bytes * beats
    )


def from_program(compiled: Compiled) -> Network:
    """The layer graph of a program's operators; a concatenation that takes no work is several maps in one buffer."""
    config = compiled.config
    parts = parts_of(compiled)
    sources = _inputs(compiled)
    made = {name: view for view in (*sources, *(one.operator.result for one in compiled.tiled))
            for name in parts.of(view)}  # fmt: skip
    return Network(
        compiled.graph.name,
        tuple(_tensor(name, view, config) for name, view in made.items()),
        tuple(_operator(one, parts, config) for one in compiled.tiled),
        tuple(name for view in sources for name in parts.of(view)),
        tuple(name for name, view in made.items() if view.buffer.kind is TensorClass.OUTPUT),
    )


class Parts:
    """Which maps lie in a buffer: those that operators write, each some channel blocks of it."""

    def __init__(self, views: Iterable[View]) -> None:
        self._blocks: dict[Buffer, list[tuple[int, int]]] = defaultdict(list)
        for view in views:
            blocks = view.blocks[0].index, view.blocks[-1].index + 1
            if blocks not in self._blocks[view.buffer]:
                self._blocks[view.buffer].append(blocks)

    def of(self, view: View) -> tuple[str, ...]:
        """The maps that a view reads or writes."""
        return tuple(name for buffer in view.buffers for name in self.within(view, buffer))

    def within(self, view: View, buffer: Buffer) -> tuple[str, ...]:
        """Those of them that lie in a buffer."""
        touched = {block.index for block in view.blocks if block.buffer is buffer}
        return tuple(
            self._name(buffer, blocks) for blocks in self._blocks[buffer] if not touched.isdisjoint(range(*blocks))
        )

    def all(self, buffer: Buffer) -> tuple[str, ...]:
        """All maps of a buffer."""
        return tuple(self._name(buffer, blocks) for blocks in self._blocks[buffer])

    def _name(self, buffer: Buffer, blocks: tuple[int, int]) -> str:
        return buffer.name if len(self._blocks[buffer]) == 1 else f"{buffer.name}, blocks {blocks[0]} to {blocks[1]}"


def parts_of(compiled: Compiled) -> Parts:
    """The maps of a program."""
    return Parts((*_inputs(compiled), *(one.operator.result for one in compiled.tiled)))


def _inputs(compiled: Compiled) -> list[View]:
    given = {port.tensor.name for port in compiled.graph.inputs}
    return [view for name, view in compiled.views.items() if name in given]


def _tensor(name: str, view: View, config: Config) -> Tensor:
    shape = view.batch, len(view.lanes) * config.rows, view.height, view.width
    return Tensor(name, shape, 1, config.page_bytes)


def _operator(one: Tiled, parts: Parts, config: Config) -> Operator:
    operator = one.operator
    window = Window(operator.kernel, operator.strides, operator.pads, operator.dilations)
    elements = prod((operator.result.batch, operator.result.height, operator.result.width)) * operator.result.channels
    residual = parts.of(operator.residual.view) if operator.residual else ()
    read = [view for view in operator.views if view is not operator.result]
    inputs = tuple(dict.fromkeys(name for view in read for name in parts.of(view)))
    sources = parts.of(operator.source)
    outputs = operator.result.channels // operator.groups
    return Operator(
        operator.name, _kind(one), inputs, parts.of(operator.result), operator.macs,
        0 if operator.macs else elements * window.taps,
        _pages(one.commands, PARAMETERS, config) * config.page_bytes,
        window.taps * outputs if operator.weights is not None else 1, window,
        aligned=tuple(name for name in residual if name not in sources), cut=_cut(one, parts, config),
    )  # fmt: skip


def _kind(one: Tiled) -> Kind:
    operator = one.operator
    match operator.mode:
        case Mode.ARRAY if operator.other:
            return Kind.PRODUCT
        case Mode.MULTIPLY:
            return Kind.GATE
        case Mode.NORMALIZE:
            return Kind.SOFTMAX if operator.statistic is Statistic.EXPONENTIALS else Kind.NORMALIZATION
        case Mode.ARRAY:
            whole = operator.kernel == (operator.source.height, operator.source.width)
            return Kind.DENSE if whole else Kind.CONVOLUTION
        case Mode.DEPTHWISE:
            return Kind.DEPTHWISE
        case _ if operator.kernel != (1, 1):
            return Kind.POOL
        case _:
            return Kind.ELEMENTWISE if operator.residual else Kind.ACTIVATION


def _cut(one: Tiled, parts: Parts, config: Config) -> Cut:
    """Pages from the first command that names them to the last; where all do not fit, only those of a command."""
    views = one.operator.buffers
    named = {operand.buffer for command in one.commands for operand in command.operands.values()}
    parameters = {buffer for buffer in named if buffer.kind in PARAMETERS}
    room = config.frames - reserve(config)
    for peak in (_longest, _largest):
        held = peak(one.commands, parameters, config)
        streams = {buffer: peak(one.commands, {buffer}, config) for buffer in views}
        if held + sum(streams.values()) <= room:
            break
    # A command that takes nearly all frames takes from those that should stay free.
    if sum(streams.values()) > room:
        streams = {buffer: min(pages, room // len(views)) for buffer, pages in streams.items()}
    held = min(held, room - sum(streams.values()))
    shares = {
        name: streams[buffer] * config.page_bytes // len(names)
        for buffer, names in ((buffer, _touched(one, buffer, parts)) for buffer in views)
        for name in names
    }
    return Cut(max(command.height for command in one.commands), held * config.page_bytes, shares)


def _touched(one: Tiled, buffer: Buffer, parts: Parts) -> tuple[str, ...]:
    """The maps of a buffer that an operator touches."""
    return tuple(dict.fromkeys(name for view in one.operator.views for name in parts.within(view, buffer)))


def _pages(commands: Iterable[Command], classes: AbstractSet[TensorClass], config: Config) -> int:
    """Different pages that commands name of buffers of some classes."""
    return len({
        (operand.buffer, page)
        for command in commands
        for operand in command.operands.values()
        if operand.buffer.kind in classes
        for first, end in operand.pages(config.page_words)
        for page in range(first, end)
    })


def _longest(commands: Sequence[Command], buffers: AbstractSet[Buffer], config: Config) -> int:
    """The most pages of buffers that are between their first and their last command."""
    change = [0] * (len(commands) + 1)
    for first, last in _lives(commands, buffers, config).values():
        change[first] += 1
        change[last + 1] -= 1
    return max(accumulate(change))


def _largest(commands: Sequence[Command], buffers: AbstractSet[Buffer], config: Config) -> int:
    """The most pages of buffers that a command names."""
    return max(len(_lives([command], buffers, config)) for command in commands)


def _lives(
    commands: Sequence[Command], buffers: AbstractSet[Buffer], config: Config
) -> Mapping[tuple[Buffer, int], tuple[int, int]]:
    """The first and the last command that names each page."""
    found: dict[tuple[Buffer, int], tuple[int, int]] = {}
    for index, command in enumerate(commands):
        for operand in command.operands.values():
            if operand.buffer in buffers:
                for low, high in operand.pages(config.page_words):
                    for page in range(low, high):
                        found[operand.buffer, page] = found.get((operand.buffer, page), (index, index))[0], index
    return found
