"""A program on the model and on the RTL: whether everything agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.machine import Machine, Run
from spec.errors import Error
from spec.registers import Policy
from tb import compare
from tb.system import Job

if TYPE_CHECKING:
    from spec.config import Config
    from spec.memory import Memory
    from tb.compare import Difference
    from tb.programs import Sample
    from tb.system import Observed

__all__ = ["difference", "expected", "job"]

#: Counters that say how much was done, not how long it took.
UNTIMED = (
    "READ_BURSTS", "WRITE_BURSTS", "FETCH_BURSTS", "COMPUTES", "EVICTIONS", "WRITE_BACKS", "FILLS", "SERIALS", "YIELDS",
    "OVERDRAFTS",
)  # fmt: skip


def job(sample: Sample, memory: Memory, **changes: object) -> Job:
    """The job that runs ``sample`` and dumps all of its DRAM."""
    settings = {
        "image": sample.image,
        "program_address": sample.program_address,
        "program_length": sample.length,
        "data_base": sample.data_base,
        "read_window": sample.read_window,
        "write_window": sample.write_window,
        "dump_bytes": len(sample.image),
        "memory": memory,
    }
    return Job(**{**settings, **changes})


def expected(config: Config, work: Job, *, machine: Machine | None = None) -> tuple[Run, bytes]:
    """What the model says of a job: the run, and DRAM afterwards."""
    dram = bytearray(work.image)
    machine = machine or Machine(config)
    machine.memory = work.memory
    if work.reset:
        machine.reset()
    first = work.program_address - work.load_address
    run = machine.run(
        work.image[first:], dram, policy=Policy(work.policy), address=work.program_address,
        length=work.program_length, data_base=work.data_base, dram_base=work.load_address,
        read_window=work.read_window, write_window=work.write_window,
    )  # fmt: skip
    return run, bytes(dram)


def difference(run: Run, dram: bytes, seen: Observed, *, timed: bool = True) -> Difference | None:
    """The first difference between model and RTL; without ``timed`` of data and order only."""
    if not seen.finished:
        return compare.Difference("run", "end", "an interrupt", "none before the limit")
    if (run.error, seen.error) != (Error.NONE, Error.NONE):
        return compare.counters(
            {"ERROR_CODE": int(run.error), "ERROR_ADDRESS": run.error_address}, seen.registers
        )
    found = None
    if timed:
        found = compare.commands(run.commands, seen.commands)
        found = found or compare.transactions(run.transactions, seen.transactions)
        found = found or compare.counters(run.counters, seen.registers)
    else:
        for kind in "RWP":
            # Their order counts: so each stands in the cycle of its number.
            wanted, got = (
                [t._replace(cycle=i) for i, t in enumerate(t for t in side if t.kind == kind)]
                for side in (run.transactions, seen.transactions)
            )
            found = found or compare.transactions(wanted, got)
        wanted, got = ([c._replace(start=0, finish=0) for c in side] for side in (run.commands, seen.commands))
        found = found or compare.commands(wanted, got)
        found = found or compare.counters({name: run.counters[name] for name in UNTIMED}, seen.registers)
    return found or compare.words(dram, seen.dram)
