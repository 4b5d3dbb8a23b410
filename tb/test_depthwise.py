"""hw.depthwise against sim.depthwise, tap by tap and through the line buffer."""

from __future__ import annotations

import os
from dataclasses import replace

import cocotb
import numpy as np
import pytest

from hw.depthwise import Depthwise
from sim.depthwise import reduce_windows
from sim.linebuffer import line_windows
from spec.config import CONFIGS
from spec.isa import Mode
from spec.timing import further_cycles, slot_cycles
from tb.bench import Bench

#: Multipliers a lane, and the rows and columns of the line buffer's window.
SHAPES = ((3, 3), (9, 3), (3, 5), (9, 5), (9, 7))


def machine(taps, kernel):
    """A machine of a shape."""
    return replace(CONFIGS["tiny"], depthwise_taps=taps, line_kernel=kernel)


CONFIG = machine(int(os.environ.get("TAPS", "9")), int(os.environ.get("KERNEL", "5")))
LANES = CONFIG.rows
MODES = [Mode.DEPTHWISE, Mode.SUM, Mode.MAX]


def packed(row):
    """The raw bits of a word."""
    return int.from_bytes(np.ascontiguousarray(row, np.int8).tobytes(), "little")


class Windows:
    """Windows of one command, tap by tap: weights for DEPTHWISE, taps, which of them are padding."""

    lines, kernel, columns = 0, (0, 0), 0

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

    def cycles(self):
        """Of each cycle its word, padding, part, whether it is a window's last, and the index of its totals."""
        rows, taps, _ = self.taps.shape
        for row in range(rows):
            for tap in range(taps):
                last = tap == taps - 1
                yield self.taps[row, tap], self.padded[row, tap], 0, last, row if last else None


class Region:
    """A region of one command, word by word, through the line buffer."""

    lines = 1

    def __init__(self, rng, mode, kernel, strides, size, extreme=None):
        self.mode, self.kernel, self.strides = mode, kernel, strides
        self.pad = int(rng.integers(-128, 128)) if extreme is None else extreme
        rows, self.columns = ((n - 1) * s + k for n, s, k in zip(size, strides, kernel, strict=True))
        self.words = rng.integers(-128, 128, (rows, self.columns, LANES)).astype(np.int8)
        self.weights = rng.integers(-128, 128, (kernel[0] * kernel[1], LANES)).astype(np.int8)
        if extreme is not None:
            self.words[:], self.weights[:] = extreme, -128
        self.padded = rng.random((rows, self.columns)) < 0.2

    def expected(self):
        words = np.where(self.padded[..., None], np.int8(self.pad), self.words)
        windows = line_windows(words, kernel=self.kernel, strides=self.strides)
        return reduce_windows(windows, self.mode, self.weights if self.mode is Mode.DEPTHWISE else None)

    def cycles(self):
        """As of Windows; a slot has as many cycles as its multipliers need for what of the window is wanted."""
        found = 0
        for row, column in np.ndindex(self.padded.shape):
            ends = all(
                at >= k - 1 and (at - k + 1) % s == 0
                for at, k, s in zip((row, column), self.kernel, self.strides, strict=True)
            )
            parts = slot_cycles(CONFIG, *self.kernel) + ends * further_cycles(CONFIG, *self.kernel)
            for part in range(parts):
                last = part == parts - 1
                yield self.words[row, column], self.padded[row, column], part, last, found if ends and last else None
            found += ends


async def idle(bench, *names):
    """A cycle in which nothing but the named strobes happens, and the word is any."""
    for name in ("start", "load", "tap", "last", "padded"):
        bench.set(name, int(name in names))
    bench.dut.word.value = bench.random.getrandbits(8 * LANES)
    await bench.tick()


async def load(bench, job):
    """Begin a job: its shape, the start, its weights one after the other."""
    for name in ("mode", "pad", "lines", "columns"):
        bench.set(name, getattr(job, name))
    for name, value in zip(("kernel_h", "kernel_w"), job.kernel, strict=True):
        bench.set(name, value)
    await idle(bench, "start")
    for name in ("start", "tap", "last", "padded"):
        bench.set(name, 0)
    for word in job.weights if job.mode is Mode.DEPTHWISE else ():
        bench.set("load", 1)
        bench.dut.word.value = packed(word)
        await bench.tick()
    bench.set("load", 0)


async def run(bench, job, pace):
    """Send a job's words; totals must stand from the promised cycle until the next word's take their place."""
    seen, sent, ended = [], [], {}
    await load(bench, job)
    for word, padded, part, last, result in job.cycles():
        while not bench.go(pace):
            await idle(bench)
            seen.append(int(bench.dut.totals.value))
        for name, value in (("tap", 1), ("last", last), ("padded", padded), ("part", part)):
            bench.set(name, int(value))
        # The word comes in the first cycle of its slot.
        bench.dut.word.value = bench.random.getrandbits(8 * LANES) if part else packed(word)
        if result is not None:
            ended[result] = len(sent)
        sent.append(len(seen))
        await bench.tick()
        seen.append(int(bench.dut.totals.value))
    for _ in range(Depthwise.latency + 2):
        await idle(bench)
        seen.append(int(bench.dut.totals.value))
    expected = job.expected()
    assert len(ended) == len(expected)
    for row, index in ended.items():
        after = [*sent, len(seen)][index + 1]
        for cycle in range(sent[index] + Depthwise.latency, min(after + Depthwise.latency, len(seen))):
            mine = np.frombuffer(seen[cycle].to_bytes(4 * LANES, "little"), np.int32)
            assert mine.tolist() == expected[row].tolist(), (
                f"{job.mode.name}, lines {job.lines}, kernel {job.kernel}: row {row} in cycle {cycle} must be "
                f"{expected[row]}, not {mine}; repeat: make test UNIT=depthwise SEED={bench.seed}"
            )
    return expected.size


@cocotb.test()
@cocotb.parametrize(pace=[1.0, 0.4])
async def agrees_with_the_model_tap_by_tap(dut, pace):
    bench = Bench(dut, Depthwise(config=CONFIG))
    rng = np.random.default_rng(bench.seed)
    await idle(bench)
    await bench.reset()
    count = 0
    # The largest sums that a full window can make, then windows of every size.
    for mode in MODES:
        for extreme in (-128, 127):
            count += await run(bench, Windows(rng, mode, CONFIG.window_taps, 3, extreme), pace)
    for taps in (1, 2, 3, 9, 25, 49, CONFIG.window_taps):
        for mode in MODES:
            count += await run(bench, Windows(rng, mode, taps, 200 // taps + 3), pace)
    # Without weights a window may be larger than their memory.
    count += await run(bench, Windows(rng, Mode.SUM, 3 * CONFIG.window_taps, 3, -128), pace)
    for _ in range(40):
        taps, rows = int(rng.integers(1, CONFIG.window_taps + 1)), int(rng.integers(1, 20))
        count += await run(bench, Windows(rng, MODES[rng.integers(3)], taps, rows), pace)
    dut._log.info("%d totals agree", count)  # noqa: SLF001


@cocotb.test()
@cocotb.parametrize(pace=[1.0, 0.4])
async def agrees_with_the_model_through_the_line_buffer(dut, pace):
    bench = Bench(dut, Depthwise(config=CONFIG))
    rng = np.random.default_rng(bench.seed)
    await idle(bench)
    await bench.reset()
    most = CONFIG.line_kernel
    sides = range(1, most + 1)
    count = 0
    for mode in MODES:
        for kernel in ((h, w) for h in sides for w in sides):
            # Words of a command before must not be seen, whatever the region was.
            every = ((1, 1), (2, 1), (1, 2), (2, 2))
            for strides in every if max(kernel) in (3, most) else (every[rng.integers(4)],):
                size = int(rng.integers(1, 5)), int(rng.integers(1 + (kernel[1] == 1), 6))
                count += await run(bench, Region(rng, mode, kernel, strides, size), pace)
        for extreme in (-128, 127):
            for side in {3, most}:
                size = 2, CONFIG.line_columns - side + 1
                count += await run(bench, Region(rng, mode, (side, side), (1, 1), size, extreme), pace)
        # Modes of the engine follow each other in any order.
        count += await run(bench, Windows(rng, mode, int(rng.integers(1, 12)), 3), pace)
    dut._log.info("%d totals agree", count)  # noqa: SLF001


@cocotb.test()
async def forgets_everything_on_reset(dut):
    bench = Bench(dut, Depthwise(config=CONFIG))
    rng = np.random.default_rng(bench.seed)
    await idle(bench)
    await bench.reset()
    for mode in MODES:
        # Cut in the middle of a row, then of a region.
        for job in (Windows(rng, mode, 9, 10), Region(rng, mode, (CONFIG.line_kernel,) * 2, (1, 1), (3, 4))):
            await load(bench, job)
            for _ in range(7):
                await idle(bench, "tap")
            await bench.reset()
            await idle(bench)
            assert int(dut.totals.value) == 0
            await run(bench, job, 1.0)


@pytest.mark.parametrize(("taps", "kernel"), SHAPES)
def test_depthwise(simulate, taps, kernel):
    environment = {"TAPS": str(taps), "KERNEL": str(kernel)}
    simulate(Depthwise(config=machine(taps, kernel)), environment=environment)
