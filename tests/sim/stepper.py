"""The machine cycle by cycle, as docs/machine.md and docs/frontend.md tell it: slow, and sharing nothing with sim.

Every unit looks at what was there before the cycle; strobes and pushes of a cycle are seen in the next one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from sim.steps import Push, Spend, Take
from spec import timing
from spec.isa import INSTRUCTION_BYTES, Queue
from spec.trace import Command, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.commands import Command as Dispatched
    from sim.steps import Step
    from spec.config import Config
    from spec.memory import Memory

_WAITS_FOR = {Queue.READ: Queue.PLACE, Queue.TAKE: Queue.WRITE, Queue.ARRAY: Queue.POST}


@dataclass(eq=False)
class Burst:
    """A burst under way; ``done`` is called with the cycle of its last beat or response, ``seen`` with each beat's."""

    write: bool
    stamp: int
    address: int
    beats: int
    done: Callable[[int], None] = lambda _: None
    seen: Callable[[int], None] = lambda _: None
    start: int = 0
    beat: int = 0


@dataclass
class Bus:
    """A queue of bursts and the beats of the one being served."""

    waiting: deque[Burst] = field(default_factory=deque)
    serving: Burst | None = None
    end: int = 0


class SlowMemory:
    """DRAM, a beat at a time. Give a cycle's bursts with `ask`, writes first, then `tick` the cycle."""

    def __init__(self, memory: Memory, profile: str | None = None) -> None:
        self.m, self.profile = memory, profile or memory.profile
        one = Bus()
        self.buses = (Bus(), Bus()) if self.profile == "flat" else (one, one)
        self.responses: deque[tuple[int, Burst]] = deque()
        self.rows: dict[int, tuple[int, int]] = {}
        self.last_beat: dict[int, int] = {}
        self.refresh, self.refreshed, self.before = 1, 0, ""

    def ask(self, burst: Burst) -> None:
        """An address handshake."""
        self.buses[burst.write].waiting.append(burst)

    def tick(self, cycle: int) -> None:
        """Serve the beats and responses of ``cycle``."""
        for bus in dict.fromkeys(map(id, self.buses)):
            self._serve(next(b for b in self.buses if id(b) == bus), cycle)
        if self.responses and self.responses[0][0] <= cycle:
            self.responses.popleft()[1].done(cycle)

    def _serve(self, bus: Bus, cycle: int) -> None:
        if bus.serving is None and bus.waiting:
            burst = bus.serving = bus.waiting.popleft()
            burst.start = self._begin(bus, burst)
        burst = bus.serving
        if burst is None:
            return
        num, den = (self.m.rate_beats, self.m.rate_cycles) if self.profile == "shared" else (1, 1)
        if burst.start + burst.beat * den // num != cycle:
            return
        burst.seen(cycle)
        burst.beat += 1
        if burst.beat < burst.beats:
            return
        bus.serving, bus.end = None, burst.start + (burst.beats * den + num - 1) // num
        if self.profile == "ddr4":
            bank = burst.address // self.m.row_bytes % self.m.banks
            free = cycle + (self.m.t_wr if burst.write else 1)
            self.last_beat[bank] = max(self.last_beat.get(bank, 0), free)
        if burst.write:
            self.responses.append((cycle + self.m.write_latency, burst))
        else:
            burst.done(cycle)

    def _begin(self, bus: Bus, burst: Burst) -> int:
        if self.profile != "ddr4":
            return max(bus.end, burst.stamp + (1 if burst.write else self.m.read_latency))
        m = self.m
        while self.refresh * m.t_refi <= burst.stamp:
            bus.end = self.refreshed = max(bus.end, self.refresh * m.t_refi) + m.t_rfc
            self.refresh, self.before = self.refresh + 1, ""
            self.rows, self.last_beat = {}, {}
        bank, row = burst.address // m.row_bytes % m.banks, burst.address // m.row_bytes // m.banks
        column = burst.stamp
        if bank not in self.rows:
            activate = max(burst.stamp, self.refreshed)
            self.rows[bank], column = (row, activate), activate + m.t_rcd
        elif self.rows[bank][0] != row:
            ready = max(self.rows[bank][1] + m.t_ras, self.last_beat.pop(bank, 0))
            activate = max(burst.stamp, ready) + m.t_rp
            self.rows[bank], column = (row, activate), activate + m.t_rcd
        now = "W" if burst.write else "R"
        turn = {"WR": m.t_wtr, "RW": m.t_rtw}.get(self.before + now, 0)
        self.before = now
        return max(bus.end + turn, column + (m.t_cwl if burst.write else m.t_cl))


class Line:
    """A queue and the state of its engine."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.waiting: deque[tuple[int, Dispatched]] = deque()
        self.starts: list[int] = []
        self.finishes: list[int] = []
        self.free = 0
        self.charges = dict.fromkeys(("busy", "empty", "data", "port", "half"), 0)


class Stepper:
    """Runs the front end's steps through all units, one cycle after the other."""

    def __init__(self, config: Config, memory: Memory, steps: list[Step], address: int, length: int) -> None:
        c = self.config = config
        self.dram, self.port = SlowMemory(memory), SlowMemory(memory, "flat")
        self.steps, self.at, self.ready_at = steps, 0, 1
        self.address, self.length = address, length
        deep = (Queue.READ, Queue.PLACE, Queue.TAKE, Queue.WRITE)
        self.lines = {
            q: Line(c.page_queue_depth if q in deep else c.queue_depth) for q in Queue if q is not Queue.SUMS
        }
        self.sums: list[int] = []
        self.transactions: list[Transaction] = []
        self.asked: list[Burst] = []
        self.later: dict[int, list[Callable[[int], None]]] = {}
        #: Cycle of each beat of the program.
        self.beats: list[int] = []
        self.taken: list[int] = []
        self.fetched = 0
        # Tiles left of each WEIGHTS, its start, cycles of a tile; cycles left to load; since when a tile is in the
        # shadow registers.
        self.tiles: deque[list[int]] = deque()
        self.loading = 0
        self.loaded_at: int | None = None
        self.can_load = True
        self.pass_left = self.pixels_left = 0
        self.array: Dispatched | None = None
        self.pass_from: int | None = None

    def run(self, limit: int = 200_000) -> int:
        """The cycles of the whole run."""
        for cycle in range(limit):
            if self._cycle(cycle):
                # END left in this cycle: the run is over in the next, and cycles count from 0.
                return cycle + 1
        raise AssertionError(f"the run must end within {limit} cycles, not hang at step {self.at}")

    def commands(self) -> list[Command]:
        """What happened, by queue and index."""
        return [
            Command(q, i, *times)
            for q, line in self.lines.items()
            for i, times in enumerate(zip(line.starts, line.finishes, strict=True))
        ]

    def _count(self, queue: int, cycle: int) -> int:
        """Completions seen in ``cycle``."""
        done = self.sums if queue == Queue.SUMS else self.lines[Queue(queue)].finishes
        return sum(1 for f in done[-64:] if f < cycle) + max(0, len(done) - 64)

    def _met(self, waits: dict[int, int], cycle: int) -> bool:
        return all(self._count(q, cycle) >= n for q, n in waits.items())

    def _cycle(self, cycle: int) -> bool:
        for action in self.later.pop(cycle, []):
            action(cycle)
        self._weights(cycle)
        self._array(cycle)
        for queue, line in self.lines.items():
            self._queue(queue, line, cycle)
        # Starts first is no shortcut: the room that they make is seen a cycle later.
        ended = self._front(cycle)
        self._fetch(cycle)
        for burst in sorted(self.asked, key=lambda burst: not burst.write):
            self.dram.ask(burst)
        self.asked.clear()
        self.dram.tick(cycle)
        self.port.tick(cycle)
        return ended

    def _queue(self, queue: Queue, line: Line, cycle: int) -> None:
        head = line.waiting[0][1] if line.waiting and line.waiting[0][0] < cycle else None
        if line.free > cycle:
            cause = "busy"
        elif head is None:
            cause = "empty"
        elif not self._met(head.data, cycle) or (queue is Queue.ARRAY and not self._tile_there(cycle)):
            cause = "data"
        elif not self._met(head.port, cycle):
            cause = "port"
        elif head.half and self._count(_WAITS_FOR[queue], cycle) < head.half:
            cause = "half"
        else:
            cause = "busy"
            line.waiting.popleft()
            line.starts.append(cycle)
            self._start(queue, line, head, cycle)
        line.charges[cause] += 1

    def _at(self, cycle: int, action: Callable[[int], None]) -> None:
        self.later.setdefault(cycle, []).append(action)

    def _start(self, queue: Queue, line: Line, command: Dispatched, cycle: int) -> None:
        c, work = self.config, command.work
        if queue in (Queue.READ, Queue.WRITE):
            line.free = cycle + c.page_bursts
            for i in range(c.page_bursts):
                address = work["address"] + i * c.page_bytes // c.page_bursts
                last = i == c.page_bursts - 1
                self._at(cycle + timing.READ_ISSUE + i, partial(self._issue, queue, address, last=last))
            return
        if queue is Queue.WEIGHTS:
            line.free = 1 << 60
            self.tiles.append([work["tiles"], cycle, self.config.rows << work["turned"]])
            self._load(cycle)
            return
        if queue is Queue.ARRAY:
            line.free = 1 << 60
            self.array, self.pass_left = command, work["tiles"]
            self.pass_from = cycle + timing.array_issue(c)
            return
        finish = cycle - 1 + {
            Queue.PLACE: timing.PLACE_LATENCY + c.page_words,
            Queue.TAKE: c.page_words + timing.take_latency(c),
            Queue.POST: timing.POST_ISSUE
            + sum(work.get(kind, 0) for kind in ("constants_words", "table_words", "tap_words"))
            + timing.POST_TURN + work.get("slots", 0) * work.get("slot_cycles", 0) + work.get("addends", 0)
            + work.get("latency", 0),
        }[queue]
        line.free = finish + 1
        self._at(finish, line.finishes.append)

    def _issue(self, queue: Queue, address: int, cycle: int, *, last: bool) -> None:
        write, beats = queue is Queue.WRITE, self.config.burst_beats
        self.transactions.append(Transaction(cycle, "W" if write else "R", address, beats))
        done = self.lines[queue].finishes.append if last else lambda _: None
        self.asked.append(Burst(write, cycle, address, beats, done))

    def _tile_there(self, cycle: int) -> bool:
        return self.loaded_at is not None and self.loaded_at <= cycle

    def _weights(self, cycle: int) -> None:
        """Load the next tile, one row's address a cycle, when the shadow registers are free; turn it row by row."""
        if self.loading:
            self.loading -= 1
            if not self.loading:
                self.loaded_at = cycle + timing.WEIGHTS_LATENCY
                self.tiles[0][0] -= 1
                if not self.tiles[0][0]:
                    self.tiles.popleft()
                    line = self.lines[Queue.WEIGHTS]
                    line.free = self.loaded_at
                    if self.loaded_at - 1 > cycle:
                        self._at(self.loaded_at - 1, line.finishes.append)
                    else:
                        line.finishes.append(cycle)
        else:
            self._load(cycle)

    def _load(self, cycle: int) -> None:
        """In ``cycle`` the registers are free and the command has started: the first address is in the next."""
        if self.tiles and self.can_load and not self.loading and self.tiles[0][1] <= cycle:
            self.can_load, self.loading = False, self.tiles[0][2]

    def _array(self, cycle: int) -> None:
        """Issue a pixel a cycle; a pass begins with a swap."""
        if self.array is None:
            return
        work, line = self.array.work, self.lines[Queue.ARRAY]
        if not self.pixels_left and self.pass_from is not None and self.pass_from <= cycle and self._tile_there(cycle):
            self.loaded_at, self.pass_from = None, None
            self.pixels_left = work["pixels"]
            self.pass_left -= 1
            if not (work["serial"] and self.pass_left):
                self._free_shadow(cycle)
        if not self.pixels_left:
            return
        self.pixels_left -= 1
        if self.pixels_left:
            return
        if self.pass_left:
            self.pass_from = cycle + 1
            if work["serial"]:
                self._free_shadow(cycle)
            return
        line.free = cycle + 1
        line.finishes.append(cycle)
        self._at(cycle + timing.sums_latency(self.config), self.sums.append)
        self.array = None

    def _free_shadow(self, cycle: int) -> None:
        self.can_load = True
        self._load(cycle)

    def _front(self, cycle: int) -> bool:
        while self.at < len(self.steps) and self.ready_at <= cycle:
            step = self.steps[self.at]
            if isinstance(step, Spend):
                self.ready_at += step.cycles
                self.at += 1
                continue
            if isinstance(step, Take):
                last = (step.instruction + 1) * INSTRUCTION_BYTES // self.config.bus_bytes - 1
                if last >= len(self.beats) or self.beats[last] + timing.FETCH_LATENCY > cycle:
                    return False
                self.taken.append(cycle)
            elif isinstance(step, Push):
                line = self.lines[step.command.queue]
                inside = len(line.waiting) + sum(1 for s in line.starts[-1:] if s == cycle)
                if inside >= line.depth:
                    return False
                line.waiting.append((cycle, step.command))
            elif not self._met(step.waits, cycle):
                return False
            self.at += 1
            self.ready_at = cycle + 1
        return self.at == len(self.steps)

    def _fetch(self, cycle: int) -> None:
        c = self.config
        if cycle < timing.FETCH_ISSUE or self.fetched * c.fetch_burst >= self.length:
            return
        room = c.fetch_instructions - self.fetched * c.fetch_burst
        room += sum(1 for t in self.taken if t + timing.FETCH_REFILL <= cycle)
        if room < c.fetch_burst:
            return
        beats = c.fetch_burst * INSTRUCTION_BYTES // c.bus_bytes
        address = self.address + self.fetched * c.fetch_burst * INSTRUCTION_BYTES
        self.transactions.append(Transaction(cycle, "P", address, beats))
        self.port.ask(Burst(write=False, stamp=cycle, address=address, beats=beats, seen=self.beats.append))
        self.fetched += 1
