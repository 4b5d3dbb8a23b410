"""hw.postprocess against the model of each mode and sim.requantize, on memories that know no pages."""

from __future__ import annotations

import os
from itertools import product

import cocotb
import numpy as np
import pytest

from hw.commands import Commands
from sim.statistics import blank
from spec.isa import PIXELWISE, Mode, Statistic
from spec.timing import POST_LATENCY
from tb.bench import Bench
from tb.post_commands import Job
from tb.post_world import World, configuration
from tb.tiles import LINED

#: What softmax measures.
SOFTMAX = (Statistic.LARGEST, Statistic.EXPONENTIALS)

#: What the machines of the bench differ in.
NAMES = ("ROWS", "TAPS", "KERNEL")


class Play:
    """A world with random contents."""

    def __init__(self, dut):
        self.config = configuration(*(int(os.environ[name]) for name in NAMES))
        self.dut, self.bench = dut, Bench(dut, World(self.config))
        self.rng = np.random.default_rng(self.bench.seed)
        k, c = Commands(self.config), self.config
        self.words = self.rng.integers(-128, 128, (1 << k.address_width, c.rows)).astype(np.int8)
        self.sums = self.rng.integers(-(2**19), 2**19, (2, c.half_rows, c.cols)).astype(np.int32)
        # One sum in eight is from the whole range.
        wild = self.rng.random(self.sums.shape) < 0.125
        self.sums[wild] = self.rng.integers(-(2**31), 2**31, int(wild.sum()))
        self.places = blank(c)

    async def begin(self):
        for name in ("start", "poke_word", "poke_sums"):
            self.bench.set(name, 0)
        await self.bench.reset()
        await self.poke("poke_word", range(len(self.words)), self.words)
        await self.poke("poke_sums", range(2 * self.config.half_rows), self.sums.reshape(-1, self.config.cols))
        # What memories hold in the beginning is not defined.
        everywhere = (1, self.config.half_rows)
        for statistic in (Statistic.LARGEST, Statistic.MOMENTS):
            closing = int(statistic is Statistic.MOMENTS)
            await self.run(self.job(Mode.MEASURE, size=everywhere, statistic=statistic, closing=closing))

    async def poke(self, kind, addresses, data):
        self.bench.set(kind, 1)
        for address in addresses:
            self.dut.poke_address.value = address
            self.dut.poke_data.value = int.from_bytes(data[address].tobytes(), "little")
            await self.bench.tick()
        self.bench.set(kind, 0)

    def job(self, mode, **shape):
        return Job(self.rng, self.config, self.words, self.sums, mode, places=self.places, **shape)

    def pixelwise(self, mode):
        """Some command that takes pixels one by one, often of many, and of what may never have been measured."""
        pick = lambda *range_: int(self.rng.integers(*range_))  # noqa: E731
        statistic = Statistic(pick(int(mode is Mode.NORMALIZE), len(Statistic)))
        size = (pick(1, 9), pick(1, self.config.half_rows // 8 + 1))
        closing = int(statistic is not Statistic.LARGEST and pick(3) == 0)
        return self.job(mode, size=size, residual=pick(2), statistic=statistic, first=pick(2), closing=closing)

    async def run(self, job):
        """Run a command; every read, every write and the finish must come when and as promised."""
        dut, where = self.dut, f"{job.mode.name} residual {job.residual} lines {job.lines} {job.window}"
        await self.poke("poke_word", job.lay(), self.words)
        self.bench.set("payload", job.payload())
        self.bench.set("start", 1)
        reads, writes, cycle, finish = [], [], 0, None
        while finish is None:
            await self.bench.tick()
            assert int(dut.ready.value) == (cycle == 0), f"{where}: ready in cycle {cycle}"
            if int(dut.read_valid.value):
                reads.append((cycle, int(dut.read_address.value)))
            if int(dut.write__valid.value):
                word = int(dut.write__data.value).to_bytes(self.config.rows, "little")
                writes.append((cycle, int(dut.write__address.value), np.frombuffer(word, np.int8).tolist()))
            if int(dut.finish.value):
                finish = cycle
            if cycle == 0:
                self.bench.set("start", 0)
                # What was offered with the start may be gone in the next cycle.
                dut.payload.value = self.bench.random.getrandbits(len(dut.payload))
            cycle += 1
            assert cycle <= job.time() + 10, f"{where}: no finish"
        for kind, mine, theirs in (("read", reads, job.reads()[0]), ("write", writes, job.expected())):
            for index, (got, want) in enumerate(zip(mine, theirs, strict=False)):
                assert got == want, (
                    f"{where}: {kind} {index} must be {want}, not {got}; "
                    f"repeat: make test UNIT=postprocess SEED={self.bench.seed}"
                )
            assert len(mine) == len(theirs), f"{where}: {len(theirs)} {kind}s, not {len(mine)}"
        assert finish == job.time(), f"{where}: finish must be {job.time()}, not {finish}"
        return len(writes)


@cocotb.test()
async def agrees_with_the_model_in_the_promised_cycles(dut):
    play = Play(dut)
    await play.begin()
    half, taps, rows = play.config.half_rows, play.config.window_taps, 0
    for residual in (0, 1):
        for size in ((1, 1), (1, 2), (5, 7), (1, half), (half, 1), (8, half // 8)):
            for side, lookup in product((0, 1), (0, 1)):
                rows += await play.run(play.job(Mode.ARRAY, size=size, residual=residual, half=side, lookup=lookup))
        for mode in (Mode.DEPTHWISE, Mode.SUM, Mode.MAX, Mode.AVERAGE):
            for kernel in ((1, 1), (1, 2), (2, 1), (3, 3), (5, 5), (taps, 1), (1, taps)):
                for size in ((1, 1), (3, 4)):
                    rows += await play.run(play.job(mode, kernel=kernel, size=size, residual=residual))
    # Modes follow each other in any order.
    for _ in range(60):
        kernel = tuple(int(x) for x in play.rng.integers(1, 8, 2))
        size = tuple(int(x) for x in play.rng.integers(1, 9, 2))
        mode = Mode(int(play.rng.integers(0, len(Mode))))
        job = play.job(mode, kernel=kernel, size=size, residual=int(play.rng.integers(0, 2)))
        rows += await play.run(play.pixelwise(mode) if mode in PIXELWISE else job)
    dut._log.info("%d rows agree", rows)  # noqa: SLF001


@cocotb.test()
async def takes_a_region_through_the_line_buffer(dut):
    play = Play(dut)
    await play.begin()
    most, rows = play.config.line_kernel, 0
    side = range(1, most + 1)
    for mode in (Mode.DEPTHWISE, Mode.SUM, Mode.MAX):
        for strides in ((1, 1), (2, 2), (1, 2), (2, 1)):
            # Of the larger kernels some, but the largest always.
            kernels = [(h, w) for h in side for w in side if max(h, w) <= 3 or play.rng.random() < 0.3]
            for kernel in [*kernels, (most, most)]:
                # A column alone, then a few; a region has at least two columns.
                for size in ((3, 1), (2, 4)) if kernel[1] > 1 else ((2, 4),):
                    residual = int(play.rng.integers(0, 2))
                    rows += await play.run(play.job(mode, kernel=kernel, size=size, residual=residual, lines=strides))
        # As wide as the line buffer.
        for stride, kernel in product((1, 2), {3, most}):
            widest = (play.config.line_columns - kernel) // stride + 1
            for residual in (0, 1):
                job = play.job(mode, kernel=(kernel,) * 2, size=(3, widest), residual=residual, lines=(1, stride))
                rows += await play.run(job)
    # Commands follow each other in any order: what a line held before is never seen.
    for _ in range(60):
        mode = Mode(int(play.rng.integers(0, len(Mode))))
        kernel, size = ((int(x) for x in play.rng.integers(1, n, 2)) for n in (most + 1, 4))
        lines = tuple(int(x) for x in play.rng.integers(1, 3, 2)) if mode in LINED else None
        job = play.job(mode, kernel=tuple(kernel), size=tuple(size), residual=int(play.rng.integers(0, 2)), lines=lines)
        job = play.pixelwise(mode) if mode in PIXELWISE else job
        if job.lines and job.region()[1] < 2:
            continue
        rows += await play.run(job)
    dut._log.info("%d rows agree", rows)  # noqa: SLF001


@cocotb.test()
async def takes_pixels_one_by_one(dut):
    """Softmax and normalization of a few blocks as programs do them, and every command by itself, in any order."""
    play = Play(dut)
    await play.begin()
    half, rows = play.config.half_rows, 0
    for size in ((1, 1), (1, 2), (3, 5), (1, half), (half, 1), (8, half // 8)):
        for residual in (0, 1):
            rows += await play.run(play.job(Mode.MULTIPLY, size=size))
            for statistic, kinds in ((Statistic.EXPONENTIALS, SOFTMAX), (Statistic.MOMENTS, (Statistic.MOMENTS,))):
                for kind in kinds:
                    for block in range(3):
                        closing = int(block == 2 and kind is statistic)
                        job = play.job(Mode.MEASURE, size=size, statistic=kind, first=int(not block), closing=closing)
                        await play.run(job)
                rows += await play.run(play.job(Mode.NORMALIZE, size=size, statistic=statistic, residual=residual))
    for _ in range(150):
        rows += await play.run(play.pixelwise(PIXELWISE[int(play.rng.integers(0, len(PIXELWISE)))]))
    dut._log.info("%d rows agree", rows)  # noqa: SLF001


@cocotb.test()
async def forgets_everything_on_reset(dut):
    play = Play(dut)
    await play.begin()
    for mode in Mode:
        for after in (1, 5, 12, 20, 40, 60, 75):
            lines = (1, 1) if mode in LINED and after % 2 else None
            job = play.job(mode, kernel=(play.config.line_kernel,) * 2, size=(5, 7), residual=1, lines=lines)
            play.bench.set("payload", job.payload())
            play.bench.set("start", 1)
            await play.bench.tick()
            play.bench.set("start", 0)
            await play.bench.tick(after)
            await play.bench.reset(1)
            for _ in range(POST_LATENCY + 3):
                await play.bench.tick()
                seen = [int(getattr(dut, n).value) for n in ("ready", "finish", "read_valid", "write__valid")]
                assert seen == [1, 0, 0, 0], f"{mode.name}, reset after {after} cycles: {seen}"
        for lines in (None, *([(2, 1)] if mode in LINED else [])):
            await play.run(play.job(mode, kernel=(3, 3), size=(5, 7), residual=1, lines=lines))


def run(simulate, *shape):
    """Run the bench on a machine."""
    simulate(World(configuration(*shape)), environment=dict(zip(NAMES, map(str, shape), strict=True)))


@pytest.mark.parametrize(("rows", "taps", "kernel"), [(2, 9, 7), (4, 3, 3)])
def test_postprocess(simulate, rows, taps, kernel):
    run(simulate, rows, taps, kernel)


@pytest.mark.soak
@pytest.mark.parametrize(("rows", "taps", "kernel"), [(8, 3, 5), (16, 9, 7), (32, 9, 5)])
def test_postprocess_of_wider_machines(simulate, rows, taps, kernel):
    run(simulate, rows, taps, kernel)
