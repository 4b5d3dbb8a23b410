"""hw.multiply against sim.multiply."""

from __future__ import annotations

from dataclasses import replace

import cocotb
import numpy as np

from hw.multiply import PRODUCT_BITS, Multiply
from sim.multiply import multiply
from spec.config import CONFIGS
from tb.bench import Bench

LANES = 4
CONFIG = replace(CONFIGS["tiny"], rows=LANES, cols=LANES)


def packed(row):
    """The raw bits of a word."""
    return int.from_bytes(np.ascontiguousarray(row, np.int8).tobytes(), "little")


class Play:
    """A unit, and pairs of words."""

    def __init__(self, dut):
        self.dut, self.bench = dut, Bench(dut, Multiply(config=CONFIG))
        self.rng = np.random.default_rng(self.bench.seed)

    async def begin(self):
        for name in ("tap", "other"):
            self.bench.set(name, 0)
        await self.bench.reset()

    async def run(self, count, pace, zeros=None):
        """Pairs at a pace; products must stand from the promised cycle until those of the next pair."""
        bench, rng = self.bench, self.rng
        zero, other_zero = zeros or (int(z) for z in rng.integers(-128, 128, 2))
        pad, padded = int(rng.integers(-128, 128)), rng.random(count) < 0.2
        words, others = (rng.integers(-128, 128, (count, LANES)).astype(np.int8) for _ in range(2))
        words[:2], others[:2] = [[-128] * LANES, [127] * LANES], [[-128, 127] * (LANES // 2)]
        for name, value in (("pad", pad), ("zero", zero), ("other_zero", other_zero)):
            bench.set(name, value)
        wanted = multiply(np.where(padded[:, None], pad, words), others, zero=zero, other_zero=other_zero)
        sent, ready, cycle, stands = [], [], 0, None
        while len(ready) < count or cycle < ready[-1] + Multiply.latency + 2:
            tap = len(sent) == len(ready) < count and bench.go(pace)
            other = not tap and len(sent) > len(ready) and bench.go(pace)
            bench.set("tap", int(tap))
            bench.set("other", int(other))
            bench.set("padded", int(padded[len(sent)]) if tap else bench.random.getrandbits(1))
            word = words[len(sent)] if tap else others[len(ready)] if other else rng.integers(-128, 128, LANES)
            self.dut.word.value = packed(word)
            sent += [cycle] * tap
            ready += [cycle] * other
            await bench.tick()
            stands = max((i for i, at in enumerate(ready) if at + Multiply.latency <= cycle), default=stands)
            if stands is not None:
                raw = int(self.dut.products.value)
                got = [raw >> PRODUCT_BITS * lane & (1 << PRODUCT_BITS) - 1 for lane in range(LANES)]
                assert got == [int(w) & (1 << PRODUCT_BITS) - 1 for w in wanted[stands]], (
                    f"{words[stands]} less {zero} times {others[stands]} less {other_zero}; "
                    f"repeat: make test UNIT=multiply SEED={bench.seed}"
                )
            cycle += 1


@cocotb.test()
@cocotb.parametrize(pace=[1.0, 0.4])
async def agrees_with_the_model(dut, pace):
    play = Play(dut)
    await play.begin()
    for zeros in ((127, -128), (-128, 127), (-128, -128), (0, 0), *[None] * 20):
        await play.run(20, pace, zeros)


@cocotb.test()
async def forgets_everything_on_reset(dut):
    play = Play(dut)
    await play.begin()
    for names in (("tap",), ("tap", "other")):
        for name in names:
            play.bench.set(name, 1)
            await play.bench.tick()
            play.bench.set(name, 0)
        await play.bench.reset()
        assert int(dut.products.value) == 0
        await play.run(20, 1.0)


def test_multiply(simulate):
    simulate(Multiply(config=CONFIG))
