"""What the front end does, in order: the input of the schedule.

Decisions depend on program order only (X2), so they are made first, here, and timed afterwards.
"""

from __future__ import annotations

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


_ARRAY, _SUMS = Queue.ARRAY, Queue.SUMS

Step: TypeAlias = Take | Spend | Push | Stall


class Steps:
    """The front end's steps, and how many commands each queue has had.

    Parameters
    ----------
    execute
        Called with each command when it is pushed, for its effect on data: program order is a valid order.

    Attributes
    ----------
    spent
        Cycles since the last step, which become one Spend before the next. Whoever spends often adds to it directly.
    pushed
        Commands of each queue.
    """

    __slots__ = ("_steps", "execute", "pushed", "spent")

    def __init__(self, execute: Callable[[Command], None] | None = None) -> None:
        self.execute = execute
        self.spent = 0
        self.pushed = [0] * len(Queue)
        self._steps: list[Step] = []

    @property
    def steps(self) -> list[Step]:
        """All steps so far."""
        self._note()
        return self._steps

    def take(self, index: int) -> None:
        """See Take."""
        self._note()
        self._steps.append(Take(index))

    def spend(self, cycles: int) -> None:
        """See Spend; neighbours are joined."""
        self.spent += cycles

    def stall(self, waits: Waits) -> None:
        """See Stall."""
        self._backwards(waits)
        self._note()
        self._steps.append(Stall(waits))

    def push(self, command: Command) -> None:
        """See Push."""
        command.data.pop(command.queue, None)
        self._backwards(command.data)
        if command.port:
            command.port.pop(command.queue, None)
            self._backwards(command.port)
        if self.execute:
            self.execute(command)
        self.pushed[command.queue] += 1
        self._note()
        self._steps.append(Push(command))

    def _note(self) -> None:
        """Cycles spent become a step."""
        if self.spent:
            self._steps.append(Spend(self.spent))
            self.spent = 0

    def _backwards(self, waits: Waits) -> None:
        """Waits only point at commands that were pushed before (X7)."""
        for queue, count in waits.items():
            pushed = self.pushed[_ARRAY if queue == _SUMS else queue]
            assert count <= pushed, f"{Queue(queue).name} must have {count} commands to wait for, not {pushed}"
