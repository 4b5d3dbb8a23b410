"""What commands cost: the golden model's cycles of a program that holds nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from controller.emit import emit
from controller.place import place
from sim.machine import Machine
from spec.program import assemble

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from controller.commands import Command
    from controller.layout import Buffer, View
    from controller.operators import Gathered, Operator
    from spec.config import Config

_ALIGNMENT = 4096


class Trials:
    """Runs the commands of an operator alone, each cut of each shape of operator once.

    Alone is as in the network but for its ends: under policy ``none`` nothing stays from one operator to the next, but
    the next one's operands are fetched while the last commands run.

    Parameters
    ----------
    config
        The machine.
    finalists
        Cuts of an operator that are tried, those first that are estimated to be cheapest; 1: trust the estimate.
    """

    def __init__(self, config: Config, finalists: int) -> None:
        self.config, self.finalists = config, finalists
        self._cycles: dict[tuple[Hashable, str], int] = {}

    def cycles(self, operator: Operator, choice: str, commands: Sequence[Command]) -> int:
        """Cycles of an operator that is cut into `commands`, which `choice` names."""
        key = shape(operator), choice
        if key not in self._cycles:
            buffers = dict.fromkeys(operand.buffer for command in commands for operand in command.operands.values())
            self._cycles[key] = self.run(list(buffers), commands)
        return self._cycles[key]

    def run(self, buffers: Sequence[Buffer], commands: Sequence[Command]) -> int:
        """Cycles of a program of `commands`, whose buffers lie in DRAM in the order given."""
        config = self.config
        placement = place(buffers, commands, config)
        image = np.zeros(placement.total * config.page_bytes, np.uint8)
        program = assemble(config, emit(commands, placement, config))
        address = -(-len(image) // _ALIGNMENT) * _ALIGNMENT
        cycles = Machine(config).run(program, image, address=address, compute_outputs=False).cycles
        assert cycles is not None
        return cycles


def shape(operator: Operator) -> Hashable:
    """What times depend on: everything of an operator but its name and its numbers."""
    return (
        operator.kernel, operator.strides, operator.dilations, operator.pads, operator.groups,
        tuple(operator.mode_of(form) for form in range(len(operator.forms))),
        operator.turned, operator.statistic,
        tuple(_lines(one, operator) for one in operator.gathered),
        None if operator.which is None else operator.which.tobytes(),
        tuple(_extent(view, operator.buffers) for view in operator.views),
    )  # fmt: skip


def _lines(one: Gathered, operator: Operator) -> Hashable:
    source = operator.views.index(one.source)
    return source, one.first, one.lines, one.step, one.pixels, one.stride, one.place, one.pitch


def _extent(view: View, buffers: Sequence[Buffer]) -> Hashable:
    blocks = tuple(
        (buffers.index(one.buffer), one.buffer.words, one.buffer.pitch, one.index, one.count) for one in view.blocks
    )
    return view.batch, view.height, view.width, blocks, view.lanes
