"""hw.linebuffer against sim.linebuffer."""

from __future__ import annotations

import os
from dataclasses import replace

import cocotb
import numpy as np
import pytest

from hw.linebuffer import LineBuffer
from sim.linebuffer import line_windows
from spec.config import CONFIGS
from tb.bench import Bench

#: Rows and columns of the window.
KERNELS = (3, 5, 7)
#: A machine of each.
MACHINES = {kernel: replace(CONFIGS["tiny"], line_kernel=kernel) for kernel in KERNELS}
CONFIG = MACHINES[int(os.environ.get("KERNEL", "5"))]
LANES = CONFIG.rows
MOST = CONFIG.line_kernel


async def start(bench, columns, rows=MOST):
    """Begin a region, for kernels of some rows."""
    bench.set("rows", rows)
    bench.set("columns", columns)
    bench.set("shift", 0)
    bench.set("start", 1)
    await bench.tick()
    bench.set("start", 0)


async def send(bench, region, pace):
    """Send a region's words; of each the cycle, and the window in every cycle."""
    sent, seen = [], []
    for word in region.reshape(-1, LANES):
        while not bench.go(pace):
            await tick(bench, seen)
        bench.set("shift", 1)
        sent.append(len(seen))
        await tick(bench, seen, word)
    await tick(bench, seen)
    return sent, seen


async def tick(bench, seen, word=None):
    """A cycle with a word, or with none and any bits."""
    raw = bench.random.randbytes(LANES) if word is None else word.tobytes()
    bench.dut.word.value = int.from_bytes(raw, "little")
    await bench.tick()
    bench.set("shift", 0)
    seen.append(int(bench.dut.window.value))


def taps(raw, kernel):
    """The taps of a kernel in a window, as the model orders them."""
    words = np.frombuffer(raw.to_bytes(MOST**2 * LANES, "little"), np.int8).reshape(MOST, MOST, -1)
    return words[: kernel[1], : kernel[0]][::-1, ::-1].transpose(1, 0, 2).reshape(-1, LANES)


async def run(bench, region, pace, most=MOST):
    """Every window, and those of smaller kernels along the edges, from one cycle after its last word to the next's."""
    rows, columns, _ = region.shape
    await start(bench, columns, most)
    sent, seen = await send(bench, region, pace)
    for index, (first, after) in enumerate(zip(sent, [*sent[1:], len(seen) - 1], strict=True)):
        row, column = divmod(index, columns)
        kernel = min(row + 1, most), min(column + 1, MOST)
        windows = line_windows(region, kernel=kernel, strides=(1, 1))
        want = windows[(row - kernel[0] + 1) * (columns - kernel[1] + 1) + column - kernel[1] + 1]
        for cycle in range(first + 1, after + 1):
            got = taps(seen[cycle], kernel)
            assert np.array_equal(got, want), (
                f"{rows}x{columns}, {most} rows: the window of word {index} in cycle {cycle} must be {want.tolist()}, "
                f"not {got.tolist()}; repeat: make test UNIT=linebuffer SEED={bench.seed}"
            )
    return len(sent)


def drawn(rng, rows, columns):
    """A region of random words."""
    return rng.integers(-128, 128, (rows, columns, LANES)).astype(np.int8)


@cocotb.test()
@cocotb.parametrize(pace=[1.0, 0.4])
async def agrees_with_the_model(dut, pace):
    bench = Bench(dut, LineBuffer(config=CONFIG))
    rng = np.random.default_rng(bench.seed)
    await start(bench, 2)
    await bench.reset()
    count = 0
    for rows, columns in ((1, 2), (5, 2), (4, 3), (3, CONFIG.line_columns), (7, 4)):
        count += await run(bench, drawn(rng, rows, columns), pace)
    for _ in range(20):
        size = int(rng.integers(1, MOST + 6)), int(rng.integers(2, CONFIG.line_columns + 1))
        # Lines above the kernel's rows rest; what they hold is not seen, nor missed by the next region.
        count += await run(bench, drawn(rng, *size), pace, int(rng.integers(1, MOST + 1)))
    dut._log.info("%d windows agree", count)  # noqa: SLF001


@cocotb.test()
async def forgets_everything_on_reset(dut):
    bench = Bench(dut, LineBuffer(config=CONFIG))
    rng = np.random.default_rng(bench.seed)
    await start(bench, 5)
    await bench.reset()
    for words in (1, 3, 7, 12):
        await start(bench, 5)
        await send(bench, drawn(rng, 1, words), 1.0)
        await bench.reset()
        await bench.tick()
        assert int(dut.window.value) == 0
        # The next word is the first of its row, without a start.
        bench.set("columns", 4)
        region = drawn(rng, MOST, 4)
        sent, seen = await send(bench, region, 1.0)
        want = line_windows(region, kernel=(MOST, 3), strides=(1, 1))[-1]
        assert np.array_equal(taps(seen[sent[-1] + 1], (MOST, 3)), want)


@pytest.mark.parametrize("kernel", KERNELS)
def test_linebuffer(simulate, kernel):
    simulate(LineBuffer(config=MACHINES[kernel]), environment={"KERNEL": str(kernel)})
