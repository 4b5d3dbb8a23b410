"""hw.factor against sim.factor."""

from __future__ import annotations

import cocotb
import numpy as np

from hw.factor import Factor
from sim.factor import factors
from spec.isa import CHANNEL_BITS, EPSILON_BITS, NUMBER_BITS, Statistic
from spec.timing import CLOSING_SLOT
from tb.bench import Bench


class Play:
    """A unit, and the factors that are due from it."""

    def __init__(self, dut):
        self.dut, self.bench = dut, Bench(dut, Factor())
        self.rng = np.random.default_rng(self.bench.seed)

    async def begin(self):
        self.bench.set("start", 0)
        await self.bench.reset()

    def pixels(self, statistic):
        """Sums, totals and a line: as channels have them, from everywhere, and at the ends of the ranges."""
        rng = self.rng
        channels, epsilon = int(rng.integers(0, 1 << CHANNEL_BITS)), int(rng.integers(0, 1 << EPSILON_BITS))
        sums = rng.integers(-(1 << NUMBER_BITS - 1), 1 << NUMBER_BITS - 1, 12)
        totals = rng.integers(0, 1 << 32, 12)
        sums[:3], totals[:6] = (-(1 << NUMBER_BITS - 1), 0, 1), (0, 1, 2**32 - 1, 2**16, 65535, 3)
        kind = rng.random()
        if kind < 0.6:
            channels, epsilon = int(rng.integers(1, 500)), int(rng.choice((0, 1, 1000)))
            lanes = np.clip(rng.normal(0, rng.choice((2, 50)), (12, channels)), -128, 127).astype(np.int64)
            lanes[0] = lanes[0, 0]
            sums, totals = lanes.sum(axis=1), (lanes**2).sum(axis=1)
            if statistic is Statistic.EXPONENTIALS:
                totals = 65535 + rng.integers(0, 1 << int(rng.integers(1, 25)), 12)
        elif kind < 0.8:
            # A power of two, or the root of one, or one less.
            channels, sums = 1, np.zeros(12, np.int64)
            totals = (1 << rng.integers(0, 32, 12)) - rng.integers(0, 2, 12)
        return sums, totals, (channels, epsilon)

    async def run(self, statistic, sums, totals, line, pace):
        """Send pixels as fast as they are taken, or slower; each factor must be there in its cycle, and no other."""
        bench, dut = self.bench, self.dut
        raw = np.array([line[0], line[1] & 0xFFFFFFFF, line[1] >> 32], np.uint32).view(np.int32)
        wanted = list(zip(*(part.tolist() for part in factors(statistic, sums, totals, raw)), strict=True))
        bench.set("moments", int(statistic is Statistic.MOMENTS))
        bench.set("channels", line[0])
        bench.set("epsilon", line[1])
        starts, cycle, free = [], 0, 0
        while len(starts) < len(sums) or cycle <= starts[-1] + Factor.latency + 2:
            go = len(starts) < len(sums) and cycle >= free and bench.go(pace)
            bench.set("start", int(go))
            bench.set("sum", int(sums[len(starts)]) if go else bench.random.getrandbits(NUMBER_BITS - 1))
            bench.set("total", int(totals[len(starts)]) if go else bench.random.getrandbits(32))
            if go:
                starts.append(cycle)
                free = cycle + CLOSING_SLOT
            await bench.tick()
            due = [index for index, start in enumerate(starts) if start + Factor.latency == cycle]
            assert int(dut.done.value) == len(due), f"cycle {cycle}: {due} must be done"
            for index in due:
                more = any(start < cycle < start + Factor.latency for start in starts[index + 1 :])
                got, wants = [int(getattr(dut, name).value) for name in ("mantissa", "shift")], wanted[index]
                # Of nothing there is no shift.
                same = got[0] == wants[0] and (wants[0] == 0 or got[1] == wants[1])
                assert same, (
                    f"{statistic.name} of {sums[index]}, {totals[index]}, {line} must be {wants}, not {got}; "
                    f"repeat: make test UNIT=factor SEED={bench.seed}"
                )
                assert int(dut.more.value) == more
            cycle += 1
        return len(starts)


@cocotb.test()
@cocotb.parametrize(pace=[1.0, 0.05])
async def agrees_with_the_model(dut, pace):
    play, count = Play(dut), 0
    await play.begin()
    for _ in range(60 if pace == 1.0 else 15):
        for statistic in (Statistic.EXPONENTIALS, Statistic.MOMENTS):
            count += await play.run(statistic, *play.pixels(statistic), pace)
    dut._log.info("%d factors agree", count)  # noqa: SLF001


@cocotb.test()
async def forgets_everything_on_reset(dut):
    play = Play(dut)
    await play.begin()
    for after in (1, 20, 26, 40, 60, 68):
        play.bench.set("start", 1)
        await play.bench.tick()
        play.bench.set("start", 0)
        await play.bench.tick(after)
        await play.bench.reset()
        await play.run(Statistic.MOMENTS, *play.pixels(Statistic.MOMENTS), 1.0)


def test_factor(simulate):
    assert Factor.interval == CLOSING_SLOT
    simulate(Factor())
