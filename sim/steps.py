"""What the front end does, in order: the input of the schedule.

Decisions depend on program order only (X2), so they are made first, here, and timed afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from spec.isa import Queue

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.commands import Command, Waits


class Take(NamedTuple):
    """Take an instruction, by its number, from the fetch buffer: a cycle, once it is there."""

    instruction: int


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
    """The front end's steps, and how many commands each queue has had.

    ``execute`` is called with each command when it is pushed, for its effect on data: program order is a valid order.
    """

    execute: Callable[[Command], None] | None = None
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
        self._backwards(waits)
        self.steps.append(Stall(waits))

    def push(self, command: Command) -> None:
        """See Push."""
        command.data.pop(command.queue, None)
        command.port.pop(command.queue, None)
        self._backwards(command.data)
        self._backwards(command.port)
        if self.execute:
            self.execute(command)
        self.pushed[command.queue] += 1
        self.steps.append(Push(command))

    def _backwards(self, waits: Waits) -> None:
        """Waits only point at commands that were pushed before (X7)."""
        for queue, count in waits.items():
            pushed = self.pushed[Queue.ARRAY if queue == Queue.SUMS else queue]
            assert count <= pushed, f"{Queue(queue).name} must have {count} commands to wait for, not {pushed}"
