"""The program that a host appends to: commands of one operator after the other, of which it knows none to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.bind import NEVER, Binder
from controller.emit import Emitter, Wishes
from controller.liveness import PARAMETERS, unforeseen
from controller.place import Placement, coloured
from spec.isa import Opcode
from spec.program import Instruction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from controller.commands import Command
    from controller.layout import Buffer
    from spec.config import Config

#: Above the place of any command; what was used last is thought to be used first.
_SOME_TIME = NEVER >> 1


class Stream:
    """Instructions so far.

    A buffer's place in DRAM and its bank are chosen when a command first names it, beside what lies somewhere already.
    Slots and windows go to who comes, from who is dead or was used longest ago. Parameters are streamed: their frames
    come free when their operator is done with them.

    Parameters
    ----------
    config
        The machine.

    Members
    -------
    pages, colours, total
        Where buffers lie in DRAM, their banks, and all pages.
    instructions
        In order, END excepted.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.pages: dict[Buffer, int] = {}
        self.colours: dict[Buffer, int] = {}
        self.total = 0
        self.instructions: list[Instruction] = []
        self._issued = 0
        self._used: dict[Buffer, int] = {}
        self._dead: set[Buffer] = set()
        placement = Placement(self.pages, self.colours, 0)
        self._binder = Binder(config, [], placement, later=self._later)
        self._emitter = Emitter(self._binder, config, Wishes())

    @property
    def placement(self) -> Placement:
        """Where everything lies that has come."""
        return Placement(self.pages, self.colours, self.total)

    def add(self, buffers: Iterable[Buffer]) -> None:
        """Give buffers their pages in DRAM, those that have none."""
        for buffer in buffers:
            if buffer not in self.pages:
                self.pages[buffer] = self.total
                self.total += buffer.pages(self.config.page_words)

    def issue(self, commands: Sequence[Command]) -> None:
        """Append the commands of an operator."""
        named = dict.fromkeys(buffer for command in commands for buffer in command.spans)
        self.add(named)
        fresh = [buffer for buffer in named if buffer not in self.colours]
        self.colours |= coloured(fresh, commands, self.config, self.colours)
        self._issued += 1
        self._used |= dict.fromkeys(named, self._issued)
        self._binder.take(commands)
        self.instructions += self._emitter.emitted(commands, unforeseen(commands, self.config.page_words))
        for buffer in named:
            if buffer.kind in PARAMETERS:
                self._binder.forget(buffer)

    def free(self, buffer: Buffer) -> None:
        """Append that nobody names a buffer any more."""
        self._dead.add(buffer)
        slot = self._binder.find(buffer)
        if slot is not None:
            pages = self._binder.bound(slot).pages
            self.instructions.append(Instruction(Opcode.RELEASE, {"slot": slot, "first": 0, "pages": pages}))

    def fetch(self, buffer: Buffer) -> None:
        """Append that DRAM must hold a buffer."""
        self.instructions += self._binder.collect(buffer)

    def _later(self, buffer: Buffer) -> int:
        gone = buffer in self._dead or buffer.kind in PARAMETERS
        return NEVER if gone else _SOME_TIME - self._used[buffer]
