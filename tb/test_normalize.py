"""hw.normalize against sim.normalize."""

from __future__ import annotations

from dataclasses import replace

import cocotb
import numpy as np

from hw.normalize import Normalize
from sim.normalize import normalize
from spec.config import CONFIGS
from spec.isa import FACTOR_BITS, NUMBER_BITS
from spec.timing import NORMALIZE_SLOT
from tb.bench import Bench

LANES = 4
CONFIG = replace(CONFIGS["tiny"], rows=LANES, cols=LANES)


class Play:
    """A unit, and words of numbers with their factors."""

    def __init__(self, dut):
        self.dut, self.bench = dut, Bench(dut, Normalize(config=CONFIG))
        self.rng = np.random.default_rng(self.bench.seed)

    async def begin(self):
        self.bench.set("start", 0)
        await self.bench.reset()

    def words(self, count):
        """Numbers from the whole range, small ones, and the ends; any factors, and the largest."""
        rng, half = self.rng, 1 << NUMBER_BITS - 1
        numbers = rng.integers(-half, half, (count, LANES)) >> rng.integers(0, NUMBER_BITS, (count, 1))
        numbers[:3] = [[-half, half - 1, -1, 1]]
        mantissas, shifts = rng.integers(0, 1 << FACTOR_BITS, count), rng.integers(0, 32, count)
        mantissas[:4], shifts[:4] = ((1 << FACTOR_BITS) - 1, 0, 1 << 17, 1 << 16), (0, 0, 31, 22)
        return numbers, mantissas, shifts

    async def run(self, numbers, mantissas, shifts, slots):
        """Words so many cycles apart; their totals must stand until the next one's first step has been taken."""
        bench, wanted = self.bench, normalize(numbers, mantissas, shifts)
        starts = np.cumsum([0, *slots]).tolist()
        for cycle in range(starts[-1] + Normalize.latency + 1):
            word = sum(start <= cycle for start in starts[:-1]) - 1
            since = cycle - starts[word]
            bench.set("start", int(since == 0))
            # The factor comes with the start, its shift stays for a cycle, and numbers for a slot from the next on.
            bench.set("mantissa", int(mantissas[word]) if since == 0 else bench.random.getrandbits(FACTOR_BITS))
            bench.set("shift", int(shifts[word]) if since < 2 else bench.random.getrandbits(5))
            given = word if since > 0 else word - 1
            here = 0 < cycle - starts[given] <= NORMALIZE_SLOT if given >= 0 else False
            raw = [int(n) if here else bench.random.getrandbits(NUMBER_BITS - 1) for n in numbers[given]]
            bench.set("numbers", raw)
            await bench.tick()
            for index, start in enumerate(starts[:-1]):
                if start + Normalize.latency <= cycle <= starts[index + 1] + 1:
                    got = [int(self.dut.totals.value) >> 32 * lane & 0xFFFFFFFF for lane in range(LANES)]
                    assert got == [int(w) & 0xFFFFFFFF for w in wanted[index]], (
                        f"{numbers[index]} times {mantissas[index]} >> {shifts[index]}; "
                        f"repeat: make test UNIT=normalize SEED={bench.seed}"
                    )
        return len(wanted)


@cocotb.test()
@cocotb.parametrize(longest=[NORMALIZE_SLOT, NORMALIZE_SLOT + 1, 30])
async def agrees_with_the_model(dut, longest):
    play = Play(dut)
    await play.begin()
    numbers, mantissas, shifts = play.words(400)
    slots = play.rng.integers(NORMALIZE_SLOT, longest + 1, len(numbers))
    assert await play.run(numbers, mantissas, shifts, slots) == 400


@cocotb.test()
async def forgets_everything_on_reset(dut):
    play = Play(dut)
    await play.begin()
    for after in range(1, 12):
        play.bench.set("start", 1)
        await play.bench.tick()
        play.bench.set("start", 0)
        await play.bench.tick(after)
        await play.bench.reset()
        await play.run(*play.words(6), [NORMALIZE_SLOT] * 6)


def test_normalize(simulate):
    assert Normalize.slot == NORMALIZE_SLOT
    simulate(Normalize(config=CONFIG))
