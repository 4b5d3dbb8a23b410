"""What stands around the front end in its bench: a program that arrives, and engines that take some time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from cocotb.triggers import RisingEdge

from hw.commands import COUNTS, Commands
from hw.fault import FAULT
from hw.queue import entry
from sim.commands import HALF
from spec.isa import INSTRUCTION_BYTES, Queue
from tb.bench import decode, encode

if TYPE_CHECKING:
    from random import Random

    from spec.config import Config

__all__ = ["QUEUES", "Fault", "Push", "Run", "Surroundings"]

QUEUES = tuple(q for q in Queue if q is not Queue.SUMS)
PAGE_QUEUES = (Queue.READ, Queue.PLACE, Queue.TAKE, Queue.WRITE)
#: From ARRAY's finish to SUMS; any will do.
SUMS = 7


class Push(NamedTuple):
    """A command that the front end pushed, and when; the cycle of START is 0."""

    cycle: int
    queue: Queue
    command: Any


class Fault(NamedTuple):
    """What the front end refused."""

    code: int
    address: int


class Run:
    """What was seen of a run.

    Members: ``pushes``, commands; ``starts`` and ``finishes``, cycles of each queue; ``arrivals`` and ``takes``, cycles
    of each instruction; ``maps``, page and frame; ``fault``, what was refused, or None; ``cycles``, that of done, or
    None.
    """

    def __init__(self) -> None:
        self.pushes: list[Push] = []
        self.starts: dict[int, list[int]] = {q: [] for q in Queue}
        self.finishes: dict[int, list[int]] = {q: [] for q in Queue}
        self.arrivals: list[int] = []
        self.takes: list[int] = []
        self.maps: list[tuple[int, int]] = []
        self.fault: Fault | None = None
        self.cycles: int | None = None


class Surroundings:
    """Drives a front end cycle by cycle.

    Parameters
    ----------
    dut, config
        cocotb's handle, and the machine; the clock runs.
    random
        Where durations and arrivals come from.
    slow
        Longest duration of a command.
    late
        Most cycles between two instructions' arrivals.
    """

    def __init__(self, dut: Any, config: Config, random: Random, *, slow: int, late: int) -> None:
        self.offered = False
        self.dut, self.config, self.random, self.slow, self.late = dut, config, random, slow, late
        k = Commands(config)
        self.shapes = {q: entry(getattr(k, q.name.lower())) for q in QUEUES}
        self.handles = {
            q: [getattr(dut, f"{q.name.lower()}__{part}") for part in ("valid", "ready", "payload")] for q in QUEUES
        }
        self.depths = {q: config.page_queue_depth if q in PAGE_QUEUES else config.queue_depth for q in QUEUES}
        for name in ("start", "abort", "counts", "fetch__valid"):
            getattr(dut, name).value = 0

    async def ready(self, limit: int = 2000) -> None:
        """Wait until the front end can start."""
        for _ in range(limit):
            await RisingEdge(self.dut.clk)
            if self.dut.ready_for_start.value:
                return
        raise AssertionError(f"the front end must be ready for a start within {limit} cycles")

    async def run(
        self, program: bytes, *, address: int = 0, length: int | None = None, data_base: int = 0,
        policy: int = 0, abort: int | None = None, cut: int | None = None, limit: int = 300_000,
    ) -> Run:
        """Run a program; ``abort`` in that cycle; stop watching in cycle ``cut``."""  # fmt: skip
        dut, run = self.dut, Run()
        lines = [program[i : i + INSTRUCTION_BYTES] for i in range(0, len(program), INSTRUCTION_BYTES)]
        at = 1
        for _ in lines:
            run.arrivals.append(at)
            at += self.random.randint(0, self.late) if self.random.random() < 0.5 else 0
        dut.program_address.value, dut.data_base.value, dut.policy.value = address, data_base, policy
        dut.length.value = len(lines) if length is None else length
        dut.start.value = 1
        self.offered, dut.fetch__valid.value = False, 0
        waiting: dict[Queue, deque[Push]] = {q: deque() for q in QUEUES}
        counts = [0] * len(Queue)
        dut.counts.value = 0
        room = dict.fromkeys(QUEUES, True)
        for _, ready, _ in self.handles.values():
            ready.value = 1
        for cycle in range(limit):
            await RisingEdge(dut.clk)
            if cycle == cut:
                return run
            if cycle == 0:
                dut.start.value = 0
            if self.offered and dut.fetch__ready.value:
                run.takes.append(cycle)
                self.offered = False
            if dut.map__valid.value:
                run.maps.append((int(dut.map__page.value), int(dut.map__frame.value)))
            if (raw := int(dut.fault.value)) & 1:
                assert run.fault is None, "a run must be refused once"
                fault = decode(FAULT, raw)
                run.fault = Fault(fault.code, fault.address)
            if dut.done.value:
                run.cycles = cycle
                return run
            for queue in QUEUES:
                if waiting[queue]:
                    self._start(queue, run, waiting[queue], counts, cycle)
            # After the starts: what is pushed in a cycle starts in the next one at the earliest.
            for queue, (valid, ready, payload) in self.handles.items():
                if room[queue] and valid.value:
                    push = Push(cycle, queue, decode(self.shapes[queue], int(payload.value)))
                    run.pushes.append(push)
                    waiting[queue].append(push)
                if room[queue] != (len(waiting[queue]) < self.depths[queue]):
                    room[queue] = not room[queue]
                    ready.value = int(room[queue])
            self._count(run, counts, cycle)
            self._offer(run, lines, address, cycle)
            if abort is not None:
                dut.abort.value = int(cycle + 1 == abort)
        raise AssertionError(f"a run must end within {limit} cycles")

    def _offer(self, run: Run, lines: list[bytes], address: int, cycle: int) -> None:
        """Offer the next instruction for the cycle after ``cycle`` if it has arrived."""
        n = len(run.takes)
        there = n < len(lines) and run.arrivals[n] <= cycle + 1
        if there != self.offered or (there and run.takes and run.takes[-1] == cycle):
            self.dut.fetch__valid.value = int(there)
            self.offered = there
            if there:
                word = int.from_bytes(lines[n], "little")
                self.dut.fetch__payload.value = word | (address + n * INSTRUCTION_BYTES & 0xFFFFFFFF) << 128
        elif not there and run.takes and run.takes[-1] == cycle:
            self.dut.fetch__valid.value = 0

    def _count(self, run: Run, counts: list[int], cycle: int) -> None:
        """Advance the completion counts to those of the cycle after ``cycle``."""
        moved = False
        for queue in Queue:
            finishes = run.finishes[queue]
            while counts[queue] < len(finishes) and finishes[counts[queue]] <= cycle:
                counts[queue] += 1
                moved = True
        if moved:
            self.dut.counts.value = encode(COUNTS, counts)

    def _start(self, queue: Queue, run: Run, waiting: deque[Push], counts: list[int], cycle: int) -> None:
        """Start the head of ``queue`` in this cycle if nothing holds it back."""
        finishes = run.finishes[queue]
        if finishes and finishes[-1] >= cycle:
            return
        command = waiting[0].command
        for q in Queue:
            if q != queue and (command.data[q] > counts[q] or command.port[q] > counts[q]):
                return
        if queue in HALF and command.half > counts[HALF[queue]]:
            return
        waiting.popleft()
        run.starts[queue].append(cycle)
        finishes.append(cycle + self.random.randint(0, self.slow))
        if queue is Queue.ARRAY:
            sums = run.finishes[Queue.SUMS]
            sums.append(max(finishes[-1] + SUMS, sums[-1] + 1 if sums else 0))
