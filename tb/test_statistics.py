"""hw.statistics against sim.statistics."""

from __future__ import annotations

import os
from dataclasses import replace

import cocotb
import numpy as np
import pytest

from hw.factor import Factor
from hw.statistics import JOINED, Statistics
from sim.statistics import blank, measure, numbers
from spec.config import CONFIGS
from spec.isa import FACTOR_BITS, NUMBER_BITS, Statistic
from spec.timing import CLOSING_SLOT, NORMALIZE_SLOT
from tb.bench import Bench

WIDTHS = (2, 4, 16)
CONFIG = replace(CONFIGS["tiny"], rows=int(os.environ.get("ROWS", "4")), cols=int(os.environ.get("ROWS", "4")))
LANES = CONFIG.rows


def packed(row):
    """The raw bits of a word."""
    return int.from_bytes(np.ascontiguousarray(row, np.int8).tobytes(), "little")


class Play:
    """A unit, and what is known of pixels."""

    def __init__(self, dut):
        self.dut, self.bench = dut, Bench(dut, Statistics(config=CONFIG))
        self.rng, self.places = np.random.default_rng(self.bench.seed), blank(CONFIG)

    async def begin(self):
        await self.idle()
        await self.bench.reset()
        # What memories hold in the beginning is not defined.
        await self.measure(Statistic.LARGEST, CONFIG.half_rows, 1, 1.0)
        await self.measure(Statistic.MOMENTS, CONFIG.half_rows, 1, 1.0, closing=1)

    async def idle(self, *names):
        """A cycle in which nothing but the named strobes happens."""
        for name in ("start", "load", "tap"):
            self.bench.set(name, int(name in names))
        self.dut.word.value = self.bench.random.getrandbits(8 * LANES)
        self.bench.set("padded", self.bench.random.getrandbits(1))
        await self.bench.tick()

    def operand(self, statistic):
        if statistic is Statistic.EXPONENTIALS:
            fall = 65535 * np.exp(-np.arange(256) * self.rng.uniform(0.005, 0.5))
            raw = (fall if self.rng.random() < 0.5 else self.rng.integers(0, 1 << 16, 256)).astype("<u2")
        else:
            raw = self.rng.integers(0, 1 << 32, 4 * max(1, LANES // 16)).astype("<u4")
            if self.rng.random() < 0.75:
                raw[:3] = self.rng.integers(1, 300), self.rng.integers(0, 1000), 0
        return raw.view(np.int8).reshape(-1, LANES)

    async def command(self, statistic, operand, pace, **settings):
        """Start, and load an operand."""
        fields = {"measuring": 0, "first": 0, "closing": 0, "lanes": 0, **settings}
        for name, value in (*fields.items(), ("statistic", int(statistic)), ("pad", int(self.rng.integers(-128, 128)))):
            self.bench.set(name, value)
        await self.idle("start")
        for word in operand:
            while not self.bench.go(pace):
                await self.idle()
            for name in ("start", "tap"):
                self.bench.set(name, 0)
            self.bench.set("load", 1)
            self.dut.word.value = packed(word)
            await self.bench.tick()
        await self.idle()

    async def tap(self, word, padded, pad):
        """A pixel's word; what it stands for."""
        for name in ("start", "load"):
            self.bench.set(name, 0)
        self.bench.set("tap", 1)
        self.bench.set("padded", int(padded))
        self.dut.word.value = packed(word)
        await self.bench.tick()
        return np.full(LANES, pad, np.int8) if padded else word

    async def measure(self, statistic, count, first, pace, *, closing=0):
        """Join a block; the finish must come in its cycle. What is known shows later, in numbers and factors."""
        rng, lanes = self.rng, int(self.rng.choice((0, self.rng.integers(1, 64))))
        needed = statistic is Statistic.EXPONENTIALS or (statistic is Statistic.MOMENTS and closing)
        operand = self.operand(statistic) if needed else np.zeros((0, LANES), np.int8)
        await self.command(statistic, operand, pace, measuring=1, first=first, closing=closing, lanes=lanes)
        pad, words = self.bench.dut.pad.value.to_signed(), []
        for index in range(count):
            word = rng.integers(-128, 128, LANES).astype(np.int8)
            words.append(await self.tap(word, rng.random() < 0.1, pad))
            if index < count - 1:
                for _ in range((CLOSING_SLOT - 1 if closing else 0) + (0 if self.bench.go(pace) else 1)):
                    await self.idle()
        last = JOINED + (Factor.latency if closing else 0)
        for cycle in range(1, last + 3):
            await self.idle()
            assert int(self.dut.finish.value) == (cycle == last), f"cycle {cycle} after the last of {count} words"
        measure(
            self.places[:count], words, statistic, operand, first=bool(first), closing=bool(closing), lanes=lanes
        )

    async def numbers(self, statistic, count, pace):
        """Numbers must stand for a slot, and the factor be there before; `ready` says so."""
        rng, operand = self.rng, self.operand(statistic)
        await self.command(statistic, operand, pace)
        pad, known = self.bench.dut.pad.value.to_signed(), self.places[:count]
        for index in range(count):
            word = rng.integers(-128, 128, LANES).astype(np.int8)
            word = await self.tap(word, rng.random() < 0.1, pad)
            wanted = numbers(known[index : index + 1], [word], statistic, operand)[0]
            for cycle in range(1, NORMALIZE_SLOT + (0 if self.bench.go(pace) else 1)):
                await self.idle()
                assert int(self.dut.ready.value) == (cycle == 1)
                raw, where = int(self.dut.factor.value), f"{statistic.name} of pixel {index}"
                mantissa, shift = raw & (1 << FACTOR_BITS) - 1, raw >> FACTOR_BITS
                place = known[index]
                assert mantissa == place["mantissa"], f"{where}: {mantissa}, not {place}; SEED={self.bench.seed}"
                assert mantissa == 0 or shift == place["shift"], f"{where}: {shift}, not {place}"
                if cycle >= 2:
                    got = [
                        int(self.dut.numbers.value) >> NUMBER_BITS * i & (1 << NUMBER_BITS) - 1 for i in range(LANES)
                    ]
                    assert got == [int(n) & (1 << NUMBER_BITS) - 1 for n in wanted], (
                        f"{where}, {word}, cycle {cycle}: {place}; repeat: make test UNIT=statistics "
                        f"SEED={self.bench.seed}"
                    )


@cocotb.test()
@cocotb.parametrize(pace=[1.0, 0.4])
async def agrees_with_the_model(dut, pace):
    play = Play(dut)
    await play.begin()
    for count in (1, 2, 7, CONFIG.half_rows):
        for kinds in ((Statistic.LARGEST, Statistic.EXPONENTIALS), (Statistic.MOMENTS,)):
            for statistic in kinds:
                for block in range(3):
                    closing = int(block == 2 and statistic is kinds[-1])
                    await play.measure(statistic, count, int(block == 0), pace, closing=closing)
                    await play.numbers(Statistic.MOMENTS, count, pace)
            await play.numbers(kinds[-1], count, pace)
    # In any order, of what may never have been measured for it.
    for _ in range(60):
        statistic, count = Statistic(int(play.rng.integers(0, 3))), int(play.rng.integers(1, 9))
        closing = int(statistic is not Statistic.LARGEST and play.rng.random() < 0.5)
        await play.measure(statistic, count, int(play.rng.integers(0, 2)), pace, closing=closing)
        await play.numbers(Statistic(int(play.rng.integers(1, 3))), int(play.rng.integers(1, 9)), pace)


@cocotb.test()
async def the_sum_of_lanes_wraps(dut):
    """After very many blocks of the smallest lanes, on the widest words: on others there would be too many."""
    if LANES not in WIDTHS[-1:]:
        return
    play = Play(dut)
    await play.begin()
    word, blocks = np.full(LANES, -128, np.int8), (1 << NUMBER_BITS - 1) // (128 * LANES) + 5
    await play.command(Statistic.MOMENTS, np.zeros((0, LANES), np.int8), 1.0, measuring=1, first=1)
    for block in range(blocks):
        await play.tap(word, padded=False, pad=0)
        for _ in range(JOINED):
            await play.idle()
        play.bench.set("first", 0)
        measure(play.places[:1], [word], Statistic.MOMENTS, first=block == 0)
        await play.idle("start")
        await play.idle()
    assert play.places["sum"][0] > 0
    await play.numbers(Statistic.MOMENTS, 1, 1.0)


@cocotb.test()
async def forgets_everything_on_reset(dut):
    play = Play(dut)
    await play.begin()
    for after in (1, 2, 4, 30, 60):
        await play.command(Statistic.LARGEST, np.zeros((0, LANES), np.int8), 1.0, measuring=1, closing=1)
        for _ in range(2):
            await play.tap(np.zeros(LANES, np.int8), padded=False, pad=0)
        await play.idle()
        await play.bench.tick(after)
        await play.bench.reset()
        for _ in range(JOINED + Factor.latency + 2):
            await play.idle()
            assert [int(getattr(dut, name).value) for name in ("ready", "finish")] == [0, 0]
        for statistic in Statistic:
            await play.measure(statistic, 5, 1, 1.0, closing=int(statistic is not Statistic.LARGEST))
        await play.numbers(Statistic.MOMENTS, 5, 1.0)


@pytest.mark.parametrize("rows", WIDTHS)
def test_statistics(simulate, rows):
    simulate(Statistics(config=replace(CONFIG, rows=rows, cols=rows)), environment={"ROWS": str(rows)})
