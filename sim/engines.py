"""When every command starts and finishes, resolved as soon as all it depends on is."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sim.completions import Completions
from sim.queue import CommandQueue
from spec import timing
from spec.isa import Queue
from spec.trace import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.commands import Command
    from sim.memory import Dram
    from spec.config import Config

_PAGE_QUEUES = (Queue.READ, Queue.PLACE, Queue.TAKE, Queue.WRITE)


class Engines:
    """The engines behind their queues.

    A time is a max-plus function of earlier ones. What needs one that is not known yet stays unresolved, and so does
    everything behind it in its queue.

    Parameters
    ----------
    config
        The machine.
    dram
        The memory at cycle 0.
    at_once
        Serve each burst when its address is known, which only a memory with ``separate`` directions allows. Otherwise
        bursts wait for `commit`.

    Attributes
    ----------
    queues
        Pushes, starts and charges of each.
    completions
        Finishes of each, as far as known.
    transactions
        Data bursts as far as known, each direction in order.
    resolvers
        For each queue a function that resolves its next command; false if that cannot be done yet.
    """

    def __init__(self, config: Config, dram: Dram, *, at_once: bool) -> None:
        assert dram.separate or not at_once, "bursts that meet in the memory must be served in order of time"
        self._config, self._dram, self._at_once = config, dram, at_once
        self.completions = Completions()
        self._finishes = self.completions.finishes
        self.queues = [
            CommandQueue(q, config.page_queue_depth if q in _PAGE_QUEUES else config.queue_depth, self.completions)
            for q in Queue
            if q is not Queue.SUMS
        ]
        self.transactions: list[Transaction] = []
        self._bursts, self._burst_beats = config.page_bursts, config.burst_beats
        self._burst_bytes = config.burst_beats * config.bus_bytes
        self._place = timing.PLACE_LATENCY + config.page_words - 1
        self._take = timing.take_latency(config) + config.page_words - 1
        self._loads = [timing.WEIGHTS_ISSUE + timing.weights_load(config, turned=turned) for turned in (False, True)]
        self._sums = timing.sums_latency(config)
        self._array_times: dict[tuple[int, int, int, int], timing.ArrayTime] = {}
        #: First cycle in which a pass may start with tile 0 of each WEIGHTS; last swap of each ARRAY.
        self._tile_ready: list[int] = []
        self._swaps: list[int] = []
        #: Bursts not served yet: stamp, address, whether it is its page's last.
        self._reads: deque[tuple[int, int, bool]] = deque()
        self._writes: deque[tuple[int, int, bool]] = deque()
        self.resolvers: list[Callable[[], bool]] = [
            self._resolve_read, self._resolve_place, self._resolve_weights, self._resolve_array, self._resolve_post,
            self._resolve_take, self._resolve_write,
        ]  # fmt: skip

    def settle(self) -> bool:
        """Resolve all that can be; false if nothing could."""
        progress = again = False
        while True:
            for resolver in self.resolvers:
                while resolver():
                    again = True
            if not again:
                return progress
            progress, again = True, False

    def commit(self) -> bool:
        """Serve the earliest burst that waits, a write before a read; false if none waits.

        Right as soon as nothing else can be resolved: a burst without a stamp yet depends on the completion of one that
        waits, so its stamp will be later than the earliest.
        """
        if self._writes and not (self._reads and self._reads[0][0] < self._writes[0][0]):
            stamp, address, last = self._writes.popleft()
            answer = self._dram.write(stamp, address, self._burst_beats)
            if last:
                self._finishes[Queue.WRITE].append(answer)
        elif self._reads:
            stamp, address, last = self._reads.popleft()
            beat = self._dram.read(stamp, address, self._burst_beats)
            if last:
                self._finishes[Queue.READ].append(beat)
        else:
            return False
        return True

    def _page(self, queue: Queue, kind: str, issue: int) -> bool:
        """Start a READ or WRITE: its bursts, one address a cycle."""
        line = self.queues[queue]
        start = line.start()
        if start is None:
            return False
        line.occupy(start + self._bursts)
        address = line.commands[len(line.starts) - 1].work["address"]
        serve = self._dram.read if kind == "R" else self._dram.write
        waiting = self._reads if kind == "R" else self._writes
        finish = 0
        for i in range(self._bursts):
            stamp = start + issue + i
            self.transactions.append(Transaction(stamp, kind, address, self._burst_beats))
            if self._at_once:
                finish = serve(stamp, address, self._burst_beats)
            else:
                waiting.append((stamp, address, i == self._bursts - 1))
            address += self._burst_bytes
        if self._at_once:
            self._finishes[queue].append(finish)
        return True

    def _fixed(self, queue: Queue, cycles: int) -> bool:
        """Start a command that finishes ``cycles`` later."""
        line = self.queues[queue]
        start = line.start()
        if start is None:
            return False
        line.occupy(start + cycles + 1)
        self._finishes[queue].append(start + cycles)
        return True

    def _resolve_read(self) -> bool:
        return self._page(Queue.READ, "R", timing.READ_ISSUE)

    def _resolve_write(self) -> bool:
        return self._page(Queue.WRITE, "W", timing.WRITE_ISSUE)

    def _resolve_place(self) -> bool:
        return self._fixed(Queue.PLACE, self._place)

    def _resolve_take(self) -> bool:
        return self._fixed(Queue.TAKE, self._take)

    def _next(self, queue: Queue) -> Command | None:
        line = self.queues[queue]
        n = len(line.starts)
        return line.commands[n] if n < len(line.commands) else None

    def _resolve_weights(self) -> bool:
        """Start a WEIGHTS, or see its tile 0 into the shadow registers that the last ARRAY before frees."""
        line = self.queues[Queue.WEIGHTS]
        n = len(self._tile_ready)
        if n < len(line.starts):
            if n > len(self._swaps):
                return False
            freed = self._swaps[n - 1] if n else 0
            work = line.commands[n].work
            ready = max(line.starts[n], freed) + self._loads[work["turned"]]
            self._tile_ready.append(ready)
            if work["tiles"] == 1:
                self._finish_weights(ready - 1)
            return True
        # The engine is ready again when its last command has finished.
        return len(self._finishes[Queue.WEIGHTS]) == n and line.start() is not None

    def _finish_weights(self, finish: int) -> None:
        self._finishes[Queue.WEIGHTS].append(finish)
        self.queues[Queue.WEIGHTS].occupy(finish + 1)

    def _resolve_array(self) -> bool:
        line = self.queues[Queue.ARRAY]
        n = len(line.starts)
        if n >= len(self._tile_ready):
            return False
        start = line.start(self._tile_ready[n])
        if start is None:
            return False
        work = line.commands[n].work
        key = work["tiles"], work["pixels"], work["serial"], work["turned"]
        time = self._array_times.get(key)
        if time is None:
            time = timing.array_time(
                self._config, passes=key[0], pixels=key[1], serial=bool(key[2]), turned=bool(key[3])
            )
            self._array_times[key] = time
        finish = start + time.finish
        self._swaps.append(start + time.last_swap)
        self._finishes[Queue.ARRAY].append(finish)
        self._finishes[Queue.SUMS].append(finish + self._sums)
        line.occupy(finish + 1)
        if key[0] > 1:
            self._finish_weights(start + time.last_tile)
        return True

    def _resolve_post(self) -> bool:
        command = self._next(Queue.POST)
        if command is None:
            return False
        work = command.work
        cycles = timing.post_time(
            table_words=work["table_words"], tap_words=work["tap_words"], slots=work["slots"],
            slot_cycles=work["slot_cycles"], addends=work["addends"], constants_words=work["constants_words"],
            latency=work["latency"],
        )  # fmt: skip
        return self._fixed(Queue.POST, cycles)
