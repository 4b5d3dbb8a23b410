"""hw.average against sim.average."""

from __future__ import annotations

import os
from dataclasses import replace

import cocotb
import numpy as np
import pytest

from hw.average import MORE, Average
from sim.average import average_windows
from spec.config import CONFIGS
from spec.isa import LINE, MANTISSA
from tb.bench import Bench

WIDTHS = (2, 4, 16)
STAGES = int(os.environ.get("STAGES", "0"))
LANES = int(os.environ.get("ROWS", "4"))
CONFIG = replace(CONFIGS["tiny"], rows=LANES, cols=LANES, data_stages=STAGES)
#: From a lane's cycle to its byte.
LATENCY = Average.latency + MORE * STAGES


def packed(row):
    """The raw bits of a word."""
    return int.from_bytes(np.ascontiguousarray(row, np.int8).tobytes(), "little")


def keys_of(numbers):
    """float32 numbers as integers of the same order."""
    bits = np.asarray(numbers, np.float32).view(np.int32)
    return bits ^ (bits >> 31 & 0x7FFFFFFF)


class Job:
    """A table, and windows of taps, some of which are padding."""

    def __init__(self, rng, taps, windows, *, spread=128, table=None):
        self.pad = int(rng.integers(-128, 128))
        low, high = max(-128, self.pad - spread), min(127, self.pad + spread)
        self.taps = rng.integers(low, high + 1, (windows, taps, LANES)).astype(np.int8)
        self.padded = rng.random((windows, taps)) < 0.1
        self.table = self._table(rng) if table is None else table

    def _table(self, rng):
        """A mantissa, and borders of which most are sums that occur, or the float32 above one."""
        mantissa = int(rng.integers(1 << MANTISSA - 1, 1 << MANTISSA))
        total = np.zeros((len(self.taps), LANES), np.float32)
        for tap, padded in zip(self.taps.transpose(1, 0, 2), self.padded.T, strict=True):
            apart = np.where(padded[:, None], 0, tap.astype(np.int32) - self.pad)
            total += apart.astype(np.float32) * np.float32(mantissa)
        borders = rng.choice(total.reshape(-1), 255)
        borders = np.where(rng.random(255) < 0.5, borders, np.nextafter(borders, np.float32(np.inf)))
        return np.array([mantissa, *keys_of(np.sort(borders))], np.int32)

    def expected(self):
        taps = np.where(self.padded[..., None], np.int8(self.pad), self.taps)
        return average_windows(taps, self.pad, self.table)


async def idle(bench, *names):
    """A cycle in which nothing but the named strobes happens, and the other inputs are any."""
    for name in ("start", "load", "tap"):
        bench.set(name, int(name in names))
    for name in ("part", "last", "padded"):
        bench.set(name, bench.random.getrandbits(len(getattr(bench.dut, name))))
    bench.dut.word.value = bench.random.getrandbits(8 * LANES)
    await bench.tick()


async def load(bench, job, pace):
    bench.set("pad", job.pad)
    await idle(bench, "start")
    words = job.table.view(np.int8).reshape(-1, LANES)
    for word in words:
        while not bench.go(pace):
            await idle(bench)
        for name in ("start", "tap"):
            bench.set(name, 0)
        bench.set("load", 1)
        bench.dut.word.value = packed(word)
        await bench.tick()
    bench.set("load", 0)


async def run(bench, job, pace):
    """Send a job's windows; each lane's byte must stand from the promised cycle to that of its next tap."""
    await load(bench, job, pace)
    seen, sent, ends = [], [[] for _ in range(LANES)], []
    taps = job.taps.shape[1]
    for window, tap in np.ndindex(job.taps.shape[:2]):
        for lane in range(LANES):
            while not bench.go(pace):
                await idle(bench)
                seen.append(int(bench.dut.averages.value))
            bench.set("tap", 1)
            bench.set("part", lane)
            # Word and padding come with the first lane, the end with the last.
            last, padded = tap == taps - 1, job.padded[window, tap]
            bench.set("last", int(last) if lane == LANES - 1 else bench.random.getrandbits(1))
            bench.set("padded", bench.random.getrandbits(1) if lane else int(padded))
            bench.dut.word.value = bench.random.getrandbits(8 * LANES) if lane else packed(job.taps[window, tap])
            if last:
                ends.append((window, lane, len(sent[lane])))
            sent[lane].append(len(seen))
            await bench.tick()
            seen.append(int(bench.dut.averages.value))
    for _ in range(LATENCY + 2):
        await idle(bench)
        seen.append(int(bench.dut.averages.value))
    expected = job.expected()
    for window, lane, index in ends:
        after = [*sent[lane], len(seen)][index + 1]
        for cycle in range(sent[lane][index] + LATENCY, min(after + LATENCY, len(seen))):
            mine = seen[cycle] >> 8 * lane & 0xFF
            assert mine == int(expected[window, lane]) & 0xFF, (
                f"window {window} of {taps} taps, lane {lane}, cycle {cycle} must be {expected[window, lane] & 0xFF}, "
                f"not {mine}; repeat: make test UNIT=average SEED={bench.seed}"
            )
    return expected.size


@cocotb.test()
@cocotb.parametrize(pace=[1.0, 0.4])
async def agrees_with_the_model(dut, pace):
    bench = Bench(dut, Average(config=CONFIG))
    rng = np.random.default_rng(bench.seed)
    await idle(bench)
    await bench.reset()
    count = 0
    for taps in (1, 2, 3, 4, 6, 9, 16, 49):
        for spread in (1, 4, 30, 255):
            count += await run(bench, Job(rng, taps, 120 // taps + 2, spread=spread), pace)
    # Whatever the table's bytes are, the search goes the same way.
    for _ in range(8):
        table = rng.integers(-(2**31), 2**31, 256).astype(np.int32)
        table = table[: LINE * int(rng.integers(1, LINE + 1))]
        count += await run(bench, Job(rng, int(rng.integers(1, 9)), 30, table=table), pace)
    dut._log.info("%d averages agree", count)  # noqa: SLF001


@cocotb.test()
async def adds_the_largest_sums(dut):
    """Windows of very many taps at the ends of their range, with borders at their last sums."""
    bench = Bench(dut, Average(config=CONFIG))
    rng = np.random.default_rng(bench.seed)
    await idle(bench)
    await bench.reset()
    for pad, extreme in ((-128, 127), (127, -128)):
        job = Job(rng, 3000, 1)
        job.pad, job.taps[:], job.padded[:] = pad, extreme, False
        mantissa = (1 << MANTISSA) - 1
        total = np.float32(0)
        for _ in range(3000):
            total += np.float32(extreme - pad) * np.float32(mantissa)
        borders = np.repeat([total, np.nextafter(total, np.float32(np.inf))], [100, 155])
        job.table = np.array([mantissa, *keys_of(borders)], np.int32)
        assert set(job.expected().reshape(-1).tolist()) == {100 - 128}
        await run(bench, job, 1.0)


@cocotb.test()
async def forgets_everything_on_reset(dut):
    bench = Bench(dut, Average(config=CONFIG))
    rng = np.random.default_rng(bench.seed)
    await idle(bench)
    await bench.reset()
    for _ in range(4):
        job = Job(rng, 4, 6)
        await load(bench, job, 1.0)
        for _ in range(7):
            await idle(bench, "tap")
        await bench.reset()
        await idle(bench)
        assert int(dut.averages.value) == 0
        await run(bench, job, 1.0)


@pytest.mark.parametrize(("rows", "stages"), [*((rows, 0) for rows in WIDTHS), (4, 1), (8, 1)])
def test_average(simulate, rows, stages):
    unit = Average(config=replace(CONFIG, rows=rows, cols=rows, data_stages=stages))
    simulate(unit, environment={"ROWS": str(rows), "STAGES": str(stages)})
