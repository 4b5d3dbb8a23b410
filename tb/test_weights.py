"""hw.weights: which words, in which cycle, and when a pass may start."""

from __future__ import annotations

import cocotb

from hw.weights import WeightLoader
from spec.config import CONFIGS
from spec.timing import READ_LATENCY, WEIGHTS_ISSUE, WEIGHTS_TURN, weights_load
from tb.bench import Bench

CONFIG = CONFIGS["tiny"]
UNIT = WeightLoader(config=CONFIG)
LOAD = weights_load(CONFIG)
WORDS = 1 << len(UNIT.read.address)


def content(address):
    """What lies at an address: something of every bit of it."""
    return (address * 0x9E3779B1 + 0x1234567) & 0xFFFFFFFF


class Driver:
    """The scratchpad, and passes that take tiles and end."""

    def __init__(self, dut):
        self.bench, self.dut, self.cycle = Bench(dut, UNIT), dut, 0
        self.asked, self.claimed, self.loads, self.words, self.finishes, self.readies = {}, {}, [], {}, [], []
        for name in ("start", "tile__swap", "tile__finish"):
            getattr(dut, name).value = 0

    async def step(self, start=None, swap=False, ending=False):
        """One cycle; what the unit did in it is recorded."""
        self.bench.set("start", start is not None)
        self.bench.set("payload", start or {"base": 3, "tiles": 5, "serial": 1})
        self.dut.tile__swap.value, self.dut.tile__finish.value = swap, ending
        then = self.cycle - READ_LATENCY
        self.dut.read__data.value = content(self.asked.get(then, self.claimed.get(then, -self.cycle)))
        await self.bench.tick()
        if self.dut.read__valid.value:
            self.asked[self.cycle] = int(self.dut.read__address.value)
        if self.dut.tile__load.value:
            self.loads.append(self.cycle)
        self.words[self.cycle] = int(self.dut.tile__weights.value)
        if self.bench.get("finish"):
            self.finishes.append(self.cycle)
        ready = bool(self.dut.tile__ready.value)
        if ready:
            self.readies.append((self.cycle, bool(self.dut.tile__last.value)))
        idle = bool(self.bench.get("ready"))
        self.cycle += 1
        return ready, idle


@cocotb.test()
async def loads_every_tile_in_its_cycles(dut):
    driver = Driver(dut)
    await driver.bench.reset()
    random = driver.bench.random
    free = 0  # the swap that freed the shadow registers
    left = 0  # pixels of the pass that runs, without this one
    for _ in range(200):
        serial, tiles = random.randrange(2), random.choice((1, 1, 2, 5))
        base = random.choice((0, WORDS - 5, random.randrange(WORDS)))
        # A pass of the command before may still run.
        for _ in range(random.randrange(8)):
            await driver.step(ending=left == 1)
            left -= left > 0
        begun = driver.cycle
        await driver.step({"base": base, "tiles": tiles, "serial": serial}, ending=left == 1)
        left -= left > 0
        first = max(begun, free) + WEIGHTS_ISSUE
        for tile in range(tiles):
            # Nothing is known of this tile before its time; then it waits to be taken.
            while driver.cycle < first + LOAD:
                ready, idle = await driver.step(ending=left == 1)
                left -= left > 0
                assert not ready
                assert not idle
            # With a serial tile the pass before has ended by now; else it may not have.
            while left or random.random() < 0.5:
                ready, _ = await driver.step(ending=left == 1)
                left -= left > 0
                assert ready
            pixels = random.choice((1, 2, random.randrange(1, 40)))
            free = driver.cycle
            ready, idle = await driver.step(swap=True, ending=pixels == 1)
            assert ready
            assert idle == (tile == tiles - 1)
            left = pixels - 1
            driver.claimed.update({first + row: driver.asked.pop(first + row) for row in range(CONFIG.rows)})
            rows = [driver.claimed[first + row] for row in range(CONFIG.rows)]
            assert rows == [(base + tile * CONFIG.rows + row) % WORDS for row in range(CONFIG.rows)]
            assert not driver.asked, "nothing else is asked for"
            assert driver.loads.pop() == first + READ_LATENCY
            assert not driver.loads
            assert all(last == (tile == tiles - 1) for _, last in driver.readies)
            assert driver.readies[0][0] == first + LOAD
            driver.readies.clear()
            if tile == tiles - 1:
                assert driver.finishes == [first + LOAD - 1]
                driver.finishes.clear()
            first = free + pixels - 1 + WEIGHTS_TURN if serial else free + WEIGHTS_ISSUE
    for _ in range(READ_LATENCY):
        await driver.step()
    for cycle, address in driver.claimed.items():
        assert driver.words[cycle + READ_LATENCY] == content(address)


@cocotb.test()
async def forgets_on_reset(dut):
    driver = Driver(dut)
    await driver.bench.reset()
    await driver.step({"base": 0, "tiles": 3, "serial": 1})
    for _ in range(CONFIG.rows + 4):
        await driver.step()
    await driver.bench.reset()
    driver.asked.clear()
    begun = driver.cycle
    await driver.step({"base": 64, "tiles": 1, "serial": 0})
    for _ in range(20):
        await driver.step()
    assert driver.asked == {begun + WEIGHTS_ISSUE + row: 64 + row for row in range(CONFIG.rows)}


def test_weights(simulate):
    simulate(UNIT)
