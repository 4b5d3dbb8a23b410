"""Who wrote and who reads each frame, and who used each bank port last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.commands import Waits, meet
from spec.isa import Queue

if TYPE_CHECKING:
    from spec.config import Config

_READERS = (Queue.WEIGHTS, Queue.ARRAY, Queue.POST, Queue.TAKE)


class Hazards:
    """Last writer and last readers of each frame; last user of each bank's read and write port.

    A wait is a count: "queue q has finished n commands". Since a writer waits for everyone before it, waiting for the
    last writer is waiting for all before; the same holds for the last user of a port.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self._writer: list[tuple[int, int]] = [(Queue.PLACE, 0)] * config.frames
        self._readers: list[dict[int, int]] = [{} for _ in range(config.frames)]
        self._ports: dict[str, list[tuple[int, int]]] = {
            "read": [(Queue.ARRAY, 0)] * config.banks,
            "write": [(Queue.PLACE, 0)] * config.banks,
        }

    def read_all(self, frames: list[int], waits: Waits, queue: Queue, count: int) -> None:
        """The command that completes ``queue`` to ``count`` waits for the writers of ``frames`` and reads them."""
        writer, readers = self._writer, self._readers
        for frame in frames:
            writing, needed = writer[frame]
            if needed > waits.get(writing, 0):
                waits[writing] = needed
            readers[frame][queue] = count

    def write_all(self, frames: list[int], waits: Waits, queue: Queue, count: int) -> None:
        """The command that completes ``queue`` to ``count`` waits for all users of ``frames`` and writes them."""
        for frame in frames:
            self.before_writing(frame, waits)
            self.writes(frame, queue, count)

    def before_reading(self, frame: int, waits: Waits) -> None:
        """A reader of ``frame`` waits for its last writer."""
        meet(waits, *self._writer[frame])

    def before_writing(self, frame: int, waits: Waits) -> None:
        """A writer of ``frame`` waits for its last writer and all readers since."""
        meet(waits, *self._writer[frame])
        for queue, count in self._readers[frame].items():
            meet(waits, queue, count)

    def users(self, frame: int) -> list[tuple[int, int]]:
        """The last writer of ``frame`` and its readers since, each a queue and a count that completes it."""
        return [self._writer[frame], *self._readers[frame].items()]

    def reads(self, frame: int, queue: Queue, count: int) -> None:
        """The command that completes ``queue`` to ``count`` reads ``frame``."""
        self._readers[frame][queue] = count

    def writes(self, frame: int, queue: Queue, count: int) -> None:
        """The command that completes ``queue`` to ``count`` writes ``frame``."""
        self._writer[frame] = (queue, count)
        self._readers[frame] = {}

    def before_port(self, port: str, bank: int, waits: Waits) -> None:
        """The next user of a bank's port waits for the last one."""
        meet(waits, *self._ports[port][bank])

    def takes_port(self, port: str, bank: int, queue: Queue, count: int) -> None:
        """The command that completes ``queue`` to ``count`` uses the port next."""
        self._ports[port][bank] = (queue, count)
