"""Random valid programs, with the DRAM they run in, and what of the machine they reach."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sim.steps import Push, Stall
from spec.isa import INSTRUCTION_BYTES, LEAST_ROWS, Mode, Opcode, Queue
from spec.program import Instruction, assemble
from tb.operators import Operators
from tb.tensors import Binder

if TYPE_CHECKING:
    from sim.machine import Run
    from spec.config import Config

__all__ = ["EVENTS", "Sample", "coverage", "sample"]

#: What random programs are meant to reach; see `coverage`.
EVENTS = (
    "evictions", "merges", "write_backs", "refetches", "port_waits", "half_waits", "data_waits", "full_queues",
    "serials", "stale_stalls", "array_computes", "window_computes", "single_tiles", "chained_computes", "residuals",
    "drops", "flushes", "prefetches", "refusals", "discards", "barren", "reserved", "sidesteps", "guesses",
    "novelties", "yields", "overdrafts", "lookups", "line_computes", "large_kernels",
    "average_computes", "turned_weights", "runs_of_tiles", "computed_weights", "multiplications", "measures",
    "factors", "normalizations",
)  # fmt: skip
_TOLD = (
    "merges", "drops", "flushes", "prefetches", "refusals", "discards", "barren", "reserved", "exhausted", "sidesteps",
    "guesses", "novelties",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A program and what it needs to run.

    Attributes
    ----------
    config, seed
        What made it.
    program
        Its bytes.
    length
        Its instructions, header included.
    image
        DRAM from byte 0 on, the program included.
    program_address, data_base
        Where the program and DRAM page 0 lie.
    read_window, write_window
        Base and limit of the pages that may be read and written.
    flushed
        Everything leaves the machine at the end, so DRAM holds all results.
    dead
        Addresses (first, end) of tensors that died, and so need not.
    """

    config: Config
    seed: int
    program: bytes
    length: int
    image: bytes
    program_address: int
    data_base: int
    read_window: tuple[int, int]
    write_window: tuple[int, int]
    flushed: bool
    dead: tuple[tuple[int, int], ...]


def sample(config: Config, seed: int, *, computes: int = 12) -> Sample:
    """A valid program of about so many COMPUTEs, the same for the same configuration and seed, whatever its stages."""
    sizes = replace(config, data_stages=0, control_stages=0)
    rng = random.Random(f"program {sizes.hash} {seed}")
    binder = Binder(config, rng)
    operators = Operators(binder)
    while operators.computes < computes:
        operators.run()
    # What a frame held before must not stay in DRAM.
    flushed = rng.random() < 0.5 or operators.homeless
    if flushed:
        binder.release()
    instructions = [*binder.instructions, Instruction(Opcode.END, {})]
    program = assemble(config, instructions)
    grid = 4096
    program_first = rng.random() < 0.5
    data_base = rng.randrange(3) * grid + (-(-len(program) // grid) * grid if program_first else 0)
    end = data_base + len(binder.image)
    burst = config.fetch_burst * INSTRUCTION_BYTES
    # A burst may not cross 4 KiB, so a program lies on the grid of its bursts.
    program_address = 0 if program_first else -(-end // burst) * burst
    image = bytearray(max(end, program_address + len(program)))
    image[data_base:end] = binder.image
    image[program_address : program_address + len(program)] = program
    window = (data_base, end) if rng.random() < 0.5 else (0, len(image))
    return Sample(
        config=config, seed=seed, program=program, length=len(instructions) + 1, image=bytes(image),
        program_address=program_address, data_base=data_base, read_window=window, write_window=window, flushed=flushed,
        dead=tuple(
            (data_base + t.page * config.page_bytes, data_base + (t.page + t.pages) * config.page_bytes)
            for t in binder.tensors if t.dead
        ),
    )  # fmt: skip


def coverage(run: Run) -> Counter[str]:
    """How often a run did each of EVENTS; a queue that waited for a cause at all counts once."""
    found = Counter(dict.fromkeys(EVENTS, 0))
    found["evictions"] = run.counters["EVICTIONS"]
    found["write_backs"] = run.counters["WRITE_BACKS"]
    found.update({name: run.reached.get(name, 0) for name in _TOLD})
    for name in ("serials", "yields", "overdrafts"):
        found[name] = run.counters[name.upper()]
    for cause in ("port", "half", "data"):
        found[f"{cause}_waits"] = sum(v > 0 for k, v in run.counters.items() if k.endswith(f"_{cause.upper()}"))
    found["full_queues"] = sum(run.full.values())
    written: set[int] = set()
    for step in run.steps:
        if isinstance(step, Stall):
            found["stale_stalls"] += bool(step.waits)
        elif isinstance(step, Push):
            _count(step.command.queue, step.command.work, written, found)
            found["computed_weights"] += step.command.queue is Queue.WEIGHTS and Queue.POST in step.command.data
    # END is a stall as well.
    found["stale_stalls"] -= 1
    return found


def _count(queue: Queue, work: dict[str, int], written: set[int], found: Counter[str]) -> None:
    if queue is Queue.WRITE:
        written.add(work["address"])
    elif queue is Queue.READ:
        found["refetches"] += work["address"] in written
    elif queue is Queue.WEIGHTS:
        found["turned_weights"] += work["turned"]
        found["runs_of_tiles"] += work["count"] > 1
    elif queue is Queue.ARRAY:
        found["array_computes"] += 1
        found["single_tiles"] += work["tiles"] == 1
        found["chained_computes"] += not work["first"]
    elif queue is Queue.POST:
        found["window_computes"] += work["mode"] != 0
        found["line_computes"] += work["lines"]
        found["large_kernels"] += work["lines"] and max(work["kernel_h"], work["kernel_w"]) > LEAST_ROWS
        found["average_computes"] += work["mode"] == Mode.AVERAGE
        found["multiplications"] += work["mode"] == Mode.MULTIPLY
        found["measures"] += work["mode"] == Mode.MEASURE
        found["factors"] += work["mode"] == Mode.MEASURE and work["closing"]
        found["normalizations"] += work["mode"] == Mode.NORMALIZE
        found["residuals"] += work["residual"]
        found["lookups"] += work["table_words"] > 0
