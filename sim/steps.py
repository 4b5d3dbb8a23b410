"""What the front end does, in order: the input of the schedule.

Decisions depend on program order only (X2), so they are made first, here, and timed afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from sim.commands import Command, Waits
from spec.isa import Queue


class Take(NamedTuple):
    """Take instruction ``index`` from the fetch buffer: a cycle, once it is there."""

    index: int


class Spend(NamedTuple):
    """Pass ``cycles``."""

    cycles: int


class Push(NamedTuple):
    """Push ``command``: a cycle, once its queue has room."""

    command: Command


class Stall(NamedTuple):
    """A cycle, once all of ``waits`` are met."""

    waits: Waits


Step: TypeAlias = Take | Spend | Push | Stall


@dataclass
class Steps:
    """The front end's steps, and how many commands each queue has had."""

    steps: list[Step] = field(default_factory=list)
    pushed: list[int] = field(default_factory=lambda: [0] * len(Queue))

    def take(self, index: int) -> None:
        """See Take."""
        self.steps.append(Take(index))

    def spend(self, cycles: int) -> None:
        """See Spend; neighbours are joined."""
        last = self.steps[-1] if self.steps else None
        if isinstance(last, Spend):
            self.steps[-1] = Spend(last.cycles + cycles)
        elif cycles:
            self.steps.append(Spend(cycles))

    def stall(self, waits: Waits) -> None:
        """See Stall."""
        self.steps.append(Stall(waits))

    def push(self, command: Command) -> None:
        """See Push."""
        command.data.pop(command.queue, None)
        command.port.pop(command.queue, None)
        self.pushed[command.queue] += 1
        self.steps.append(Push(command))

    def next(self, queue: Queue) -> int:
        """The completion count of ``queue``'s next command."""
        return self.pushed[queue] + 1
