"""When everything happens: the front end's steps, the engines behind their queues, the memory behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sim.engines import Engines
from sim.fetch import Fetch
from sim.memory import dram
from sim.steps import Push, Spend, Take
from spec.isa import Queue
from spec.registers import CAUSES
from spec.trace import Command, Transaction

if TYPE_CHECKING:
    from sim.steps import Step
    from spec.config import Config
    from spec.memory import Memory

#: Order of bursts in one cycle.
_KINDS = {"W": 0, "R": 1, "P": 2}


class Schedule(NamedTuple):
    """The times of a run.

    Attributes
    ----------
    cycles
        From START, cycle 0, to the end.
    commands
        Every command, in order of queue and index.
    transactions
        Every burst, in order of cycle; in one cycle write, read, program.
    counters
        ``QUEUE_CAUSE``: cycles of each queue charged to each cause; those of a queue add up to ``cycles``.
    full
        For each queue, commands that waited for room in it.
    pushes
        For each queue, the cycles in which its commands were pushed.
    """

    cycles: int
    commands: list[Command]
    transactions: list[Transaction]
    counters: dict[str, int]
    full: dict[str, int]
    pushes: list[list[int]]


def schedule(
    config: Config, memory: Memory, steps: list[Step], *, address: int = 0, length: int, lazily: bool = False
) -> Schedule:
    """Time the steps of a whole program.

    Where reads and writes do not meet in the memory, this is one pass in program order. Otherwise, or if ``lazily``,
    bursts wait until nothing else can be resolved, and are then served in order of time.

    Parameters
    ----------
    config, memory
        The machine and its memory.
    steps
        The front end's, ending with END's stall.
    address, length
        Where the program lies, and its instructions.
    lazily
        Do not take the short way; the result is the same.
    """
    ddr = dram(memory)
    at_once = ddr.separate and not lazily
    engines = Engines(config, ddr, at_once=at_once)
    fetch = Fetch(config, memory, address, length)
    # Cycle 0 is START.
    cycle, at = 1, 0
    while True:
        cycle, at = _walk(steps, at, cycle, engines, fetch, at_once=at_once)
        if at == len(steps):
            break
        assert not at_once, f"step {at} must only wait for what is before it: {steps[at]}"
        moved = engines.settle() or engines.commit()
        assert moved, f"step {at} must be reached: {steps[at]}"
    # END saw every command finish, and leaves one cycle before the end.
    return _result(engines, fetch, cycle)


def _walk(
    steps: list[Step], at: int, cycle: int, engines: Engines, fetch: Fetch, *, at_once: bool
) -> tuple[int, int]:
    """Walk from step ``at``, reached in ``cycle``, to the first whose time is not known yet: its cycle and number."""
    queues, met, resolvers = engines.queues, engines.completions.met, engines.resolvers
    for number in range(at, len(steps)):
        step = steps[number]
        if isinstance(step, Spend):
            cycle += step.cycles
        elif isinstance(step, Push):
            command = step.command
            queue = command.queue
            pushed = queues[queue].push(command, cycle)
            if pushed is None:
                return cycle, number
            cycle = pushed + 1
            # A command is resolved when it is pushed, all at once; WEIGHTS in two steps.
            if at_once and resolvers[queue]() and queue is Queue.WEIGHTS:
                while resolvers[queue]():
                    pass
        elif isinstance(step, Take):
            cycle = fetch.take(step.instruction, cycle) + 1
        else:
            left = met(step.waits)
            if left is None:
                return cycle, number
            cycle = max(cycle, left) + 1
    return cycle, len(steps)


def _result(engines: Engines, fetch: Fetch, cycles: int) -> Schedule:
    fetch.finish(cycles)
    finishes = engines.completions.finishes
    commands: list[Command] = []
    counters: dict[str, int] = {}
    full: dict[str, int] = {}
    for line in engines.queues:
        queue = Queue(line.queue)
        done = finishes[queue]
        assert len(done) == len(line.commands), f"{queue.name} must finish {len(line.commands)}, not {len(done)}"
        commands += [Command(queue, i, s, f) for i, (s, f) in enumerate(zip(line.starts, done, strict=True))]
        charges = line.close(cycles)
        counters |= {f"{queue.name}_{cause.upper()}": charges[cause] for cause in CAUSES}
        full[queue.name] = line.full
    transactions = engines.transactions + fetch.transactions
    transactions.sort(key=lambda t: t.cycle * len(_KINDS) + _KINDS[t.kind])
    return Schedule(cycles, commands, transactions, counters, full, [line.pushes for line in engines.queues])
