"""How many commands each queue has finished: what all waits look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spec.isa import Queue
from spec.timing import CROSSING

if TYPE_CHECKING:
    from sim.commands import Waits


class Completions:
    """The finish cycles of every queue that are known so far, in order.

    Attributes
    ----------
    finishes
        A list for each queue, and for SUMS: the n-th entry is the cycle of the n-th finish strobe.
    """

    __slots__ = ("finishes",)

    def __init__(self) -> None:
        self.finishes: list[list[int]] = [[] for _ in Queue]

    def met(self, waits: Waits) -> int | None:
        """The first cycle in which the counts meet ``waits``; 0 without waits, ``None`` if it is not known yet.

        >>> completions = Completions()
        >>> completions.finishes[Queue.READ] += [30, 38]
        >>> completions.met({Queue.READ: 2}), completions.met({Queue.READ: 3}), completions.met({})
        (39, None, 0)
        """
        latest = -CROSSING
        finishes = self.finishes
        for queue, count in waits.items():
            if count:
                known = finishes[queue]
                if count > len(known):
                    return None
                finish = known[count - 1]
                latest = max(latest, finish)
        return latest + CROSSING
