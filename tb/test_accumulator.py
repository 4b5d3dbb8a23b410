"""hw.accumulator against adding."""

from __future__ import annotations

import cocotb
import numpy as np

from hw.accumulator import Accumulator
from spec.config import CONFIGS
from tb.bench import Bench, encode

CONFIG = CONFIGS["tiny"]
UNIT = Accumulator(config=CONFIG)
SUMS = UNIT.signature.members["sums"].shape
LOW, HIGH = -(1 << 17), 1 << 17


class Driver:
    """One step a cycle: a row announced or not, a row drained or not."""

    def __init__(self, dut):
        self.bench, self.dut = Bench(dut, UNIT), dut
        self.random = np.random.default_rng(self.bench.seed)
        self.rows = np.zeros((2, CONFIG.half_rows, CONFIG.cols), np.int32)
        self.following = [0] * CONFIG.cols
        self.expected = None

    async def step(self, add=None, drain=None):
        """Announce (half, row, overwrite, sums), drain (half, row); check the row that was drained a cycle ago."""
        half, row, overwrite, sums = add or (0, 0, 0, None)
        for name, value in (("valid", add is not None), ("half", half), ("row", row), ("overwrite", overwrite)):
            self.bench.set(name, value)
        self.dut.sums.value = encode(SUMS, self.following)
        drained = drain or (0, 0)
        self.dut.drain__valid.value = drain is not None
        self.dut.drain__half.value, self.dut.drain__row.value = drained
        await self.bench.tick()
        if self.expected is not None:
            raw = int(self.dut.drain__sums.value)
            got = np.frombuffer(raw.to_bytes(4 * CONFIG.cols, "little"), np.int32).tolist()
            self.bench.agree(got, self.expected)
        self.expected = self.rows[drain].tolist() if drain else None
        # Sums of a row that was announced now are given in the next cycle; noise is given when there was none.
        self.following = self.random.integers(LOW, HIGH, CONFIG.cols).tolist() if sums is None else sums
        if add:
            before = 0 if overwrite else self.rows[half, row].astype(np.int64)
            self.rows[half, row] = (before + np.array(sums)).astype(np.int32)

    async def begin(self):
        await self.bench.reset()
        for row in range(CONFIG.half_rows):
            for half in range(2):
                await self.step(add=(half, row, 1, [row, -row, LOW, HIGH - 1]))


@cocotb.test()
async def adds_to_one_half_while_the_other_is_drained(dut):
    driver = Driver(dut)
    await driver.begin()
    last = []
    for _ in range(6000):
        half, row = (int(x) for x in driver.random.integers((2, CONFIG.half_rows)))
        sums = driver.random.choice((LOW, HIGH - 1, 0, 1, -1), CONFIG.cols).tolist()
        # The same row comes again after two cycles at the earliest.
        add = (half, row, int(driver.random.random() < 0.05), sums)
        add = add if (half, row) not in last and driver.random.random() < 0.8 else None
        drain = (1 - half, int(driver.random.integers(CONFIG.half_rows)))
        drain = drain if drain not in last and driver.random.random() < 0.8 else None
        last = [*last[-1:], add[:2]] if add else last[-1:]
        await driver.step(add, drain)


@cocotb.test()
async def takes_the_promised_cycles(dut):
    driver = Driver(dut)
    await driver.begin()
    await driver.step(add=(0, 3, 1, [1, 2, 3, 4]))
    await driver.step()
    # Written in the cycle after it was announced: both a drain and an addition two cycles after it meet the sums.
    await driver.step(drain=(0, 3))
    await driver.step(add=(0, 3, 0, [10, 20, 30, 40]))
    await driver.step()
    await driver.step(add=(0, 3, 0, [100, 200, 300, 400]), drain=(1, 3))
    await driver.step()
    await driver.step(drain=(0, 3))
    await driver.step()
    assert driver.rows[0, 3].tolist() == [111, 222, 333, 444]


@cocotb.test()
async def wraps_at_32_bits(dut):
    driver = Driver(dut)
    await driver.begin()
    # Up over the largest sum, and back over the smallest.
    for value, times in ((HIGH - 1, (1 << 14) + 8), (LOW, 16)):
        before = driver.rows[:, 5].copy()
        for index in range(2 * times):
            await driver.step(add=(index & 1, 5, 0, [value] * CONFIG.cols))
        assert ((driver.rows[:, 5] > before) == (value < 0)).all(), "the sums went round"
        await driver.step()
        for half in range(2):
            await driver.step(drain=(half, 5))
        await driver.step()


@cocotb.test()
async def forgets_a_row_under_way_on_reset(dut):
    driver = Driver(dut)
    await driver.begin()
    before = driver.rows.copy()
    dut.rst.value = 1
    await driver.step(add=(1, 7, 1, [9] * CONFIG.cols))
    dut.rst.value = 0
    driver.rows, driver.expected = before, None
    await driver.step()
    await driver.step(drain=(1, 7))
    await driver.step()


def test_accumulator(simulate):
    simulate(UNIT)
