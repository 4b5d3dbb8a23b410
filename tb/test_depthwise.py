"""hw.depthwise against sim.depthwise."""

from __future__ import annotations

import cocotb
import numpy as np

from hw.depthwise import Depthwise
from sim.depthwise import reduce_windows
from spec.config import CONFIGS
from spec.isa import Mode
from tb.bench import Bench

CONFIG = CONFIGS["tiny"]
LANES = CONFIG.rows
MODES = [Mode.DEPTHWISE, Mode.SUM, Mode.MAX]


def packed(row):
    """The raw bits of a word."""
    return int.from_bytes(np.ascontiguousarray(row, np.int8).tobytes(), "little")


class Job:
    """Windows of one command: weights for DEPTHWISE, taps, which of them are padding."""

    def __init__(self, rng, mode, taps, rows, extreme=None):
        self.mode, self.pad = mode, int(rng.integers(-128, 128)) if extreme is None else extreme
        self.taps = rng.integers(-128, 128, (rows, taps, LANES)).astype(np.int8)
        self.weights = rng.integers(-128, 128, (taps, LANES)).astype(np.int8)
        if extreme is not None:
            self.taps[:], self.weights[:] = extreme, -128
        self.padded = rng.random((rows, taps)) < 0.2

    def expected(self):
        taps = np.where(self.padded[..., None], np.int8(self.pad), self.taps)
        return reduce_windows(taps, self.mode, self.weights if self.mode is Mode.DEPTHWISE else None)


async def idle(bench, *names):
    """A cycle in which nothing but the named strobes happens, and the word is any."""
    for name in ("start", "load", "tap", "last", "padded"):
        bench.set(name, int(name in names))
    bench.dut.word.value = bench.random.getrandbits(8 * LANES)
    await bench.tick()


async def load(bench, job):
    bench.set("mode", job.mode)
    bench.set("pad", job.pad)
    await idle(bench, "start")
    for name in ("start", "tap", "last", "padded"):
        bench.set(name, 0)
    for word in job.weights if job.mode is Mode.DEPTHWISE else ():
        bench.set("load", 1)
        bench.dut.word.value = packed(word)
        await bench.tick()
    await idle(bench)


async def run(bench, job, pace):
    """Send a job's taps; a row's totals must stand from the promised cycle until the next row's take their place."""
    rows, taps, _ = job.taps.shape
    seen, begun, ended = [], [], []
    await load(bench, job)
    for row in range(rows):
        for tap in range(taps):
            while not bench.go(pace):
                await idle(bench)
                seen.append(int(bench.dut.totals.value))
            bench.set("tap", 1)
            bench.set("last", int(tap == taps - 1))
            bench.set("padded", int(job.padded[row, tap]))
            bench.dut.word.value = packed(job.taps[row, tap])
            begun += [len(seen)] * (tap == 0)
            ended += [len(seen)] * (tap == taps - 1)
            await bench.tick()
            seen.append(int(bench.dut.totals.value))
    for _ in range(Depthwise.latency + 2):
        await idle(bench)
        seen.append(int(bench.dut.totals.value))
    expected = job.expected()
    for row, (first, after) in enumerate(zip(ended, [*begun[1:], len(seen)], strict=True)):
        for cycle in range(first + Depthwise.latency, min(after + Depthwise.latency, len(seen))):
            mine = np.frombuffer(seen[cycle].to_bytes(4 * LANES, "little"), np.int32)
            assert mine.tolist() == expected[row].tolist(), (
                f"{job.mode.name}, {taps} taps: row {row} in cycle {cycle} must be {expected[row]}, not {mine}; "
                f"repeat: make test UNIT=depthwise SEED={bench.seed}"
            )
    return expected.size


@cocotb.test()
@cocotb.parametrize(pace=[1.0, 0.4])
async def agrees_with_the_model(dut, pace):
    bench = Bench(dut, Depthwise(config=CONFIG))
    rng = np.random.default_rng(bench.seed)
    await idle(bench)
    await bench.reset()
    count = 0
    # The largest sums that a full window can make, then windows of every size.
    for mode in MODES:
        for extreme in (-128, 127):
            count += await run(bench, Job(rng, mode, CONFIG.window_taps, 3, extreme), pace)
    for taps in (1, 2, 3, 9, 25, 49, CONFIG.window_taps):
        for mode in MODES:
            count += await run(bench, Job(rng, mode, taps, 200 // taps + 3), pace)
    # Without weights a window may be larger than their memory.
    count += await run(bench, Job(rng, Mode.SUM, 3 * CONFIG.window_taps, 3, -128), pace)
    for _ in range(40):
        job = Job(rng, MODES[rng.integers(3)], int(rng.integers(1, CONFIG.window_taps + 1)), int(rng.integers(1, 20)))
        count += await run(bench, job, pace)
    dut._log.info("%d totals agree", count)  # noqa: SLF001


@cocotb.test()
async def forgets_everything_on_reset(dut):
    bench = Bench(dut, Depthwise(config=CONFIG))
    rng = np.random.default_rng(bench.seed)
    await idle(bench)
    await bench.reset()
    for mode in MODES:
        # Cut in the middle of a row.
        await load(bench, Job(rng, mode, 9, 1))
        for _ in range(5):
            await idle(bench, "tap")
        await bench.reset()
        await idle(bench)
        assert int(dut.totals.value) == 0
        await run(bench, Job(rng, mode, 9, 10), 1.0)


def test_depthwise(simulate):
    simulate(Depthwise(config=CONFIG))
