"""hw.core as a whole on the smallest machine: errors with their addresses, resets, and the run after each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.machine import Machine
from spec.config import CONFIGS
from spec.errors import Error
from spec.isa import INSTRUCTION_BYTES, Queue
from tb.compare import commands, counters, transactions, words
from tb.programs import sample
from tb.system import Job, observe

CONFIG = CONFIGS["tiny"]
MEMORY_BYTES = 1 << 22
#: The lowest bits of STATUS: busy, done, error.
BUSY, DONE, FAILED = 1, 2, 4


def job(made):
    """The job of a sample, after a reset."""
    return Job(
        image=made.image, program_address=made.program_address, program_length=made.length, dump_bytes=len(made.image),
        read_window=made.read_window, write_window=made.write_window, data_base=made.data_base, limit=100_000,
    )  # fmt: skip


def check(made, seen):
    """A run must be the model's, in everything."""
    dram = bytearray(made.image)
    run = Machine(CONFIG).run(
        made.program, dram, address=made.program_address, length=made.length, data_base=made.data_base,
        read_window=made.read_window, write_window=made.write_window,
    )  # fmt: skip
    assert seen.finished
    assert seen.registers["STATUS"] & (BUSY | DONE | FAILED) == DONE
    for difference in (
        commands(run.commands, seen.commands), transactions(run.transactions, seen.transactions),
        counters(run.counters, seen.registers), words(bytes(dram), seen.dram),
    ):  # fmt: skip
        assert difference is None, str(difference)


@pytest.fixture
def made(seed):
    """A program that reads and writes, apart from it in DRAM by pages of 4 KiB."""
    return next(s for s in (sample(CONFIG, seed + i) for i in range(100)) if s.program_address == 0)


def test_each_error_has_its_address_and_the_next_run_works(made):
    good = job(made)
    run = Machine(CONFIG).run(
        made.program, bytearray(made.image), address=made.program_address, data_base=made.data_base
    )
    first = {kind: next(t.address for t in run.transactions if t.kind == kind) for kind in "RW"}
    burst = CONFIG.fetch_burst * INSTRUCTION_BYTES
    wrong = {
        Error.READ_OUT_OF_WINDOW: (replace(good, read_window=(0, 0)), first["R"]),
        Error.WRITE_OUT_OF_WINDOW: (replace(good, write_window=(0, 0)), first["W"]),
        Error.READ_FAILED: (replace(good, error_page=first["R"] >> 12), first["R"]),
        Error.FETCH_FAILED: (replace(good, error_page=0), 0),
        Error.TRUNCATED_PROGRAM: (replace(good, program_length=9), 9 * INSTRUCTION_BYTES),
        Error.NOT_A_PROGRAM: (replace(good, program_address=burst), burst),
    }
    jobs = [replace(j, reset=False) for bad, _ in wrong.values() for j in (bad, good)]
    seen, _ = observe(CONFIG, jobs, memory_bytes=MEMORY_BYTES)
    for (error, (_, address)), bad, after in zip(wrong.items(), seen[::2], seen[1::2], strict=True):
        assert bad.finished, error.name
        assert (bad.error, bad.registers["ERROR_ADDRESS"]) == (error, address)
        assert bad.registers["STATUS"] & (BUSY | DONE | FAILED) == DONE | FAILED
        check(made, after)


def test_a_reset_in_mid_run_leaves_nothing_behind(made):
    good = job(made)
    cycles = Machine(CONFIG).run(made.program, bytearray(made.image), data_base=made.data_base).cycles
    resets = [replace(good, reset_after=cycles * part // 7) for part in range(1, 7)]
    seen, _ = observe(CONFIG, [j for reset in resets for j in (reset, good)], memory_bytes=MEMORY_BYTES)
    for after in seen[1::2]:
        check(made, after)


def test_the_watchdog_bites_and_a_reset_helps(made):
    good = job(made)
    seen, _ = observe(CONFIG, [replace(good, watchdog=5), good], memory_bytes=MEMORY_BYTES)
    # Nothing is pushed yet: it is the program that does not come.
    assert (seen[0].error, seen[0].registers["ERROR_ADDRESS"]) == (Error.WATCHDOG, Queue.SUMS)
    check(made, seen[1])


def test_random_stalls_change_neither_data_nor_order(made):
    good = job(made)
    seen, _ = observe(CONFIG, [replace(good, stall_seed=n) for n in range(1, 9)], memory_bytes=MEMORY_BYTES)
    dram = bytearray(made.image)
    run = Machine(CONFIG).run(made.program, dram, data_base=made.data_base)
    for one in seen:
        assert one.finished
        assert words(bytes(dram), one.dram) is None
        for kind in "RWP":
            expected = [(t.address, t.beats) for t in run.transactions if t.kind == kind]
            assert [(t.address, t.beats) for t in one.transactions if t.kind == kind] == expected
