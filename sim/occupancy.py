"""Which frame held a page of which class, from when to when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sim.steps import Push
from spec.isa import Queue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.hazards import Hazards
    from sim.schedule import Schedule
    from sim.steps import Step, Steps

#: A queue and how many of its commands have finished.
_Count = tuple[int, int]


class Life(NamedTuple):
    """A page of a tensor of class ``tensor_class`` in ``frame``, from cycle ``start`` to cycle ``finish``."""

    frame: int
    tensor_class: int
    start: int
    finish: int


@dataclass(slots=True)
class _Stay:
    """A page in a frame: its first writer; its last users, and how many commands were pushed when it was given up."""

    frame: int
    tensor_class: int
    writer: _Count
    users: list[_Count]
    pushed: int | None = None


class Occupancy:
    """Is told by the allocator, in program order, what lies where; tells the times when the run is over.

    A page's life begins when the first command that writes its frame starts, be it a fill or a result. It ends when
    the controller has given it up and the last command that uses it has finished, whichever is later.

    Parameters
    ----------
    steps, hazards
        The front end's.
    """

    def __init__(self, steps: Steps, hazards: Hazards) -> None:
        self._steps, self._hazards = steps, hazards
        self._here: dict[int, _Stay] = {}
        self._gone: list[_Stay] = []

    def mapped(self, frame: int, tensor_class: int) -> None:
        """A page comes to ``frame``: the current COMPUTE writes it, unless it is `filled`."""
        writer = Queue.POST, self._steps.pushed[Queue.POST] + 1
        self._here[frame] = _Stay(frame, tensor_class, writer, [])

    def filled(self, frame: int) -> None:
        """The page that has come to ``frame`` is fetched: by the last PLACE pushed."""
        self._here[frame].writer = Queue.PLACE, self._steps.pushed[Queue.PLACE]

    def lost(self, frame: int) -> None:
        """The page in ``frame`` is given up."""
        stay = self._here.pop(frame)
        stay.users, stay.pushed = self._hazards.users(frame), sum(self._steps.pushed)
        self._gone.append(stay)

    def lives(self, steps: list[Step], times: Schedule) -> Iterator[Life]:
        """The life of every page of a run that ended, in the order in which they were given up."""
        for frame in list(self._here):
            self.lost(frame)
        pushes = [times.pushes[step.command.queue][step.command.index] for step in steps if isinstance(step, Push)]
        starts: list[list[int]] = [[] for _ in Queue]
        finishes: list[list[int]] = [[] for _ in Queue]
        for command in times.commands:
            starts[command.queue].append(command.start)
            finishes[command.queue].append(command.finish)
        for stay in self._gone:
            # The controller's next command tells when it had given the page up.
            assert stay.pushed is not None
            given_up = pushes[stay.pushed] if stay.pushed < len(pushes) else times.cycles
            last = max(finishes[queue][count - 1] for queue, count in [stay.writer, *stay.users] if count)
            queue, count = stay.writer
            yield Life(stay.frame, stay.tensor_class, starts[queue][count - 1], max(given_up, last))
