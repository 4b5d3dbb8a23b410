"""What is recorded of a run, by the RTL's monitors and by the model alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from spec.isa import Queue


class Command(NamedTuple):
    """A command: the ``index``-th (from 0) of its queue, and when it started and finished."""

    queue: Queue
    index: int  # type: ignore[assignment] # hides tuple.index, which nobody asks of a record
    start: int
    finish: int


class Transaction(NamedTuple):
    """A burst: the cycle of its address handshake, its kind, its address and its beats."""

    cycle: int
    kind: str  # "R" data read, "W" data write, "P" program read
    address: int
    beats: int
