"""Commands as the front end dispatches them: what they wait for and what they do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spec.isa import Queue

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A completion count for each queue that is waited for; absent means none.
Waits = dict[int, int]


def meet(waits: Waits, queue: int, count: int) -> None:
    """Add a wait for ``count`` completions of ``queue``."""
    if count > waits.get(queue, 0):
        waits[queue] = count


@dataclass(slots=True)
class Command:
    """A command in a queue.

    Attributes
    ----------
    queue, index
        Its queue and its place in it, from 0.
    data, port
        Completion counts it waits for.
    half
        Completions of the queue that frees its buffer or half (see ``HALF``).
    work
        What it does: the fields its engine needs.
    """

    queue: Queue
    index: int
    work: Mapping[str, int]
    data: Waits = field(default_factory=dict)
    port: Waits = field(default_factory=dict)
    half: int = 0


#: The queue that a half wait looks at.
HALF = {Queue.READ: Queue.PLACE, Queue.TAKE: Queue.WRITE, Queue.ARRAY: Queue.POST}
