"""Nothing is lost under faults: damaged programs, resets in any cycle, a host that meddles, a memory that stops."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from sim.errors import UndefinedError
from spec.config import CONFIGS
from spec.errors import Error
from spec.isa import INSTRUCTION_BYTES, Mode
from tb import agreement
from tb.machines import memory
from tb.programs import sample
from tb.regression import LARGE
from tb.system import observe
from tb.test_faults import BUSY, DONE, FAILED, OUTPUT_PAGE, PAGES, job, program

TINY = CONFIGS["tiny"]
#: The tensor that is written, in bytes; its window allows nothing else.
WRITTEN = (OUTPUT_PAGE * TINY.page_bytes, (OUTPUT_PAGE + PAGES) * TINY.page_bytes)
#: Errors of bursts: the hardware reports the first in time, the model the first in program order.
BURSTS = {Error.READ_OUT_OF_WINDOW, Error.WRITE_OUT_OF_WINDOW}
#: Cycles within which the longest loop that a flipped bit makes is over, at a clock without a watchdog.
LONGEST = 5_000_000


def flipped(mode, bits):
    """Jobs of a program with one bit of it flipped, each after a reset."""
    code, length = program(mode)
    for bit in bits:
        spoiled = bytearray(code)
        spoiled[bit // 8] ^= 1 << bit % 8
        yield job(bytes(spoiled), length, write_window=WRITTEN, watchdog=0, limit=LONGEST, reset=True)


def damaged(mode, bits):
    """Run flipped programs: each ends by itself, in its window, as the model says."""
    jobs = list(flipped(mode, bits))
    seen, _ = observe(TINY, jobs, memory_bytes=LARGE)
    refused = 0
    for bit, one, shown in zip(bits, jobs, seen, strict=True):
        where = f"bit {bit % 128} of instruction {bit // 128} in {mode.name}"
        assert shown.finished, f"{where} must not hang"
        assert shown.registers["STATUS"] & (BUSY | DONE) == DONE, where
        low, high = WRITTEN
        assert all(low <= t.address < high for t in shown.transactions if t.kind == "W"), where
        assert shown.dram[:low] + shown.dram[high:] == one.image[:low] + one.image[high:], where
        try:
            run, _ = agreement.expected(TINY, one)
        except UndefinedError:
            continue
        refused += shown.error is not Error.NONE
        if not {run.error, shown.error} & BURSTS:
            said = (shown.error, shown.registers["ERROR_ADDRESS"])
            assert said == (run.error, run.error_address), where
        if not run.error and not shown.error:
            assert shown.cycles == run.cycles, where
    return refused


def bits_of(mode):
    return range(program(mode)[1] * INSTRUCTION_BYTES * 8)


@pytest.mark.parametrize("mode", Mode)
def test_a_flipped_bit_is_refused_or_harmless(mode, seed):
    """One bit in thirty; make soak flips them all."""
    bits = sorted(random.Random(f"flips {seed} {mode}").sample(bits_of(mode), len(bits_of(mode)) // 30))
    assert damaged(mode, bits)


@pytest.mark.soak
@pytest.mark.parametrize("mode", Mode)
def test_every_flipped_bit_is_refused_or_harmless(mode):
    assert damaged(mode, bits_of(mode))


def interrupted(cycles):
    """Reset a program in each of these cycles and run it again; the second run is as if nothing had been."""
    code, length = program()
    whole = job(code, length, reset=False)
    jobs = [one for cycle in cycles for one in (job(code, length, reset_after=cycle), whole)]
    seen, _ = observe(TINY, jobs, memory_bytes=LARGE)
    run, _ = agreement.expected(TINY, replace(whole, reset=True))
    for cycle, cut, after in zip(cycles, seen[::2], seen[1::2], strict=True):
        assert not cut.finished
        assert (after.error, after.cycles) == (Error.NONE, run.cycles), f"after a reset in cycle {cycle}"
        assert after.transactions == seen[1].transactions, f"after a reset in cycle {cycle}"


def length_of_a_run():
    run, _ = agreement.expected(TINY, job(*program(), reset=True))
    return run.cycles


def test_a_reset_in_any_cycle_leaves_nothing_behind(seed):
    """One cycle in twelve; make soak resets in each."""
    interrupted(range(1 + seed % 12, length_of_a_run(), 12))


@pytest.mark.soak
def test_a_reset_in_every_cycle_leaves_nothing_behind():
    interrupted(range(1, length_of_a_run()))


def test_a_host_that_meddles_changes_nothing(seed):
    """Every register but the interrupt's is written during the run, and starts come: not a cycle is different."""
    jobs = [
        agreement.job(sample(TINY, seed + i), memory(seed + i), meddle_seed=seed + i) for i in range(4)
    ]  # fmt: skip
    seen, _ = observe(TINY, jobs, memory_bytes=LARGE)
    for one, shown in zip(jobs, seen, strict=True):
        run, dram = agreement.expected(TINY, one)
        found = agreement.difference(run, dram, shown)
        assert found is None, f"{found}"


def test_a_memory_that_stops_is_waited_for(seed):
    """For 100,000 cycles, at different times of a run; without a watchdog nothing is lost."""
    one = agreement.job(sample(TINY, seed), memory(seed), watchdog=0)
    run, dram = agreement.expected(TINY, one)
    at = sorted(random.Random(f"pauses {seed}").sample(range(1, run.cycles), 5))
    seen, _ = observe(TINY, [replace(one, pause=(cycle, 100_000)) for cycle in at], memory_bytes=LARGE)
    for cycle, shown in zip(at, seen, strict=True):
        assert (shown.finished, shown.error) == (True, Error.NONE)
        found = agreement.difference(run, dram, shown, timed=False)
        assert found is None, f"paused in cycle {cycle}: {found}"
        assert shown.registers["STATUS"] & (DONE | FAILED) == DONE
