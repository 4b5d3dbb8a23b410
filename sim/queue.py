"""Commands in order, each held until what it waits for has finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.commands import HALF
from spec.timing import CROSSING

if TYPE_CHECKING:
    from sim.commands import Command
    from sim.completions import Completions
    from spec.isa import Queue


class CommandQueue:
    """When the commands of one queue start, and what each of the queue's cycles is charged to.

    Parameters
    ----------
    queue
        Which it is.
    depth
        Commands that wait in it at most.
    completions
        The finish cycles of all queues.

    Attributes
    ----------
    commands, pushes, starts
        Every command so far and the cycles of its push and start; starts may lag behind.
    ready
        The first cycle in which the engine can start another command.
    full
        Commands whose push waited for room.
    busy, empty, data, port, half
        Cycles before ``ready`` charged to each cause (``spec.registers.CAUSES``).
    """

    __slots__ = ("_finishes", "_half", "_met", "busy", "commands", "data", "depth", "empty", "full", "half", "port",
                 "pushes", "queue", "ready", "starts")  # fmt: skip

    def __init__(self, queue: Queue, depth: int, completions: Completions) -> None:
        self.queue, self.depth = queue, depth
        self.commands: list[Command] = []
        self.pushes: list[int] = []
        self.starts: list[int] = []
        self.ready = self.full = 0
        self.busy = self.empty = self.data = self.port = self.half = 0
        self._met, self._finishes = completions.met, completions.finishes
        self._half = completions.finishes[HALF[queue]] if queue in HALF else []

    def push(self, command: Command, cycle: int) -> int | None:
        """Push ``command`` in ``cycle`` or as soon as there is room; the cycle, or ``None`` if it is not known yet."""
        n = len(self.pushes) - self.depth
        if n >= 0:
            if n >= len(self.starts):
                return None
            room = self.starts[n] + CROSSING
            if room > cycle:
                cycle = room
                self.full += 1
        self.commands.append(command)
        self.pushes.append(cycle)
        return cycle

    def start(self, extra: int = 0) -> int | None:
        """Start the next command; its start, or ``None`` if it is not known yet.

        ``extra`` is a cycle before which it cannot start, charged to data. The caller tells from when on the engine is
        ready again (`occupy`) before the next.
        """
        n = len(self.starts)
        if n == len(self.pushes):
            return None
        command = self.commands[n]
        data = self._met(command.data)
        port = self._met(command.port) if command.port else 0
        if data is None or port is None or command.half > len(self._half):
            return None
        start = max(self.ready, self.pushes[n] + CROSSING)
        self.empty += start - self.ready
        # Each cause is charged what is left of the wait when those before it are met.
        data = max(data, extra)
        if data > start:
            self.data += data - start
            start = data
        if port > start:
            self.port += port - start
            start = port
        if command.half:
            half = self._half[command.half - 1] + CROSSING
            if half > start:
                self.half += half - start
                start = half
        self.starts.append(start)
        return start

    def occupy(self, ready: int) -> None:
        """The engine is busy from the last start on, and ready again in cycle ``ready``."""
        self.busy += ready - self.starts[-1]
        self.ready = ready

    def close(self, cycles: int) -> dict[str, int]:
        """The charges of a run of so many cycles; they add up to it."""
        charges = {
            "busy": self.busy,
            "empty": self.empty + cycles - self.ready,
            "data": self.data,
            "port": self.port,
            "half": self.half,
        }
        assert sum(charges.values()) == cycles, f"{self.queue.name} must account for every cycle, not {charges}"
        return charges
