"""hw.array, and hw.pe in it, against sim.array."""

from __future__ import annotations

import os
from dataclasses import replace

import cocotb
import numpy as np
import pytest

from hw.array import Array
from sim.array import array_sums
from spec.config import CONFIGS
from tb.bench import Bench

SIZES = (2, 4, 16)


def unit(size):
    return Array(config=replace(CONFIGS["default"], rows=size, cols=size))


class Driver:
    """Passes as the engine would run them: each tile is loaded in time, each word is given once."""

    def __init__(self, dut):
        self.bench = Bench(dut, unit(int(os.environ["SIZE"])))
        self.size = self.bench.unit.config.rows
        self.random = np.random.default_rng(self.bench.seed)
        self.cycle = 0
        #: What is driven in which cycle, and what must come in which.
        self.loads, self.swaps, self.weights, self.words, self.sums = set(), set(), {}, {}, {}

    def values(self, *shape):
        """Random bytes less a zero, with many of the largest and the smallest."""
        some = self.random.integers(-255, 256, shape)
        edges = self.random.choice((-255, 255, -128, 127, 0), shape)
        return np.where(self.random.random(shape) < 0.3, edges, some).astype(np.int16)

    def plan(self, at, pixels, ahead=1, extreme=None):
        """A pass whose swap is in cycle ``at`` and whose tile begins ``ahead`` cycles before; its last word's cycle."""
        tile, words = self.values(self.size, self.size), self.values(pixels, self.size)
        if extreme is not None:
            tile[:], words[:] = extreme
        self.loads.add(at - ahead)
        self.swaps.add(at)
        self.weights.update({at - ahead + row: word for row, word in enumerate(tile)})
        for index, word in enumerate(words):
            self.words[at + 1 + index] = word
            want = array_sums(word[None, None], tile[None])[0].tolist()
            self.sums[at + 1 + index + 2 * self.size - 1] = want
        return at + pixels

    async def run(self):
        """Drive the plan to its end and compare every sum in its cycle; all else is noise."""
        while self.cycle <= max(self.sums):
            self.bench.set("load", self.cycle in self.loads)
            self.bench.set("swap", self.cycle in self.swaps)
            for name, planned in (("weights", self.weights), ("activations", self.words)):
                word = planned.get(self.cycle, self.values(self.size))
                self.bench.set(name, word.tolist())
            await self.bench.tick()
            if self.cycle in self.sums:
                self.bench.agree([int(x) for x in self.bench.get("sums")], self.sums[self.cycle])
            self.cycle += 1


@cocotb.test()
async def agrees_with_the_model_however_passes_follow_each_other(dut):
    driver = Driver(dut)
    await driver.bench.reset()
    size, at = driver.size, driver.size + 3
    for extreme in ((-255, -255), (255, -255), (255, 255), None):
        at = max(driver.plan(at, 3, extreme=extreme), at + size)
    for _ in range(60):
        pixels = int(driver.random.integers(1, 2 * size + 2))
        ahead = int(driver.random.integers(1, size + 3))
        # A tile begins when the one before is swapped in and all its rows are given.
        at = max(at, ahead + max(*driver.swaps, max(driver.loads) + size))
        at = driver.plan(at, pixels, ahead)
    await driver.run()


@cocotb.test()
async def streams_without_a_bubble(dut):
    driver = Driver(dut)
    await driver.bench.reset()
    at = driver.size + 1
    for _ in range(8):
        at = driver.plan(at, driver.size, driver.size)
    await driver.run()


@cocotb.test()
async def forgets_loads_and_swaps_on_reset(dut):
    driver = Driver(dut)
    await driver.bench.reset()
    size = driver.size
    # Marks that are under way when reset comes must not reach the elements of the tile that follows.
    for _ in range(size):
        driver.bench.set("load", 1)
        driver.bench.set("swap", 1)
        driver.bench.set("weights", [7] * size)
        await driver.bench.tick()
    await driver.bench.reset(1)
    driver.plan(1, 4 * size)
    await driver.run()


@pytest.mark.parametrize("size", SIZES)
def test_array(simulate, size):
    simulate(unit(size), environment={"SIZE": str(size)})
