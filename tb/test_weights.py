"""hw.weights, and hw.turn in it: which words, in which cycle, which tiles, and when a pass may start."""

from __future__ import annotations

import cocotb
import numpy as np

from hw.weights import WeightLoader
from sim.weights import tile_addresses, tiles
from spec.config import CONFIGS
from spec.timing import READ_LATENCY, WEIGHTS_ISSUE, WEIGHTS_TURN, weights_load
from tb.bench import Bench, decode

CONFIG = CONFIGS["tiny"]
UNIT = WeightLoader(config=CONFIG)
WORDS = 1 << len(UNIT.read.address)


def content(address):
    """What lies at an address: something of every bit of it."""
    return (address * 0x9E3779B1 + 0x1234567) & 0xFFFFFFFF


def command(random):
    """A command: one run of tiles or several, as they are or turned."""
    each, count = random.choice(((1, 1), (2, 1), (5, 1), (1, 3), (2, 2)))
    return {
        "range": {"base": random.choice((0, WORDS - 5, random.randrange(WORDS))), "run": each * CONFIG.rows,
                  "stride": random.choice((0, each * CONFIG.rows, random.randrange(WORDS))), "count": count},
        "zero": random.choice((0, 127, -128, random.randint(-128, 127))), "turned": random.randrange(2),
        "serial": random.randrange(2),
    }  # fmt: skip


#: What stands at the payload when no command begins: it must not matter.
NOISE = {"range": {"base": 3, "run": 4, "stride": 9, "count": 5}, "zero": 77, "turned": 1, "serial": 1}


class Driver:
    """The scratchpad, and passes that take tiles and end."""

    def __init__(self, dut):
        self.bench, self.dut, self.cycle = Bench(dut, UNIT), dut, 0
        self.asked, self.claimed, self.loads, self.words, self.finishes, self.readies = {}, {}, [], {}, [], []
        self.announced, self.tile = [], UNIT.tile.signature.members["weights"].shape
        for name in ("start", "tile__swap", "tile__finish"):
            getattr(dut, name).value = 0

    async def step(self, start=None, swap=False, ending=False):
        """One cycle; what the unit did in it is recorded."""
        self.bench.set("start", start is not None)
        self.bench.set("payload", start or (NOISE if self.bench.random.getrandbits(1) else {}))
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
    rows, held = CONFIG.rows, {}
    for _ in range(300):
        job = command(random)
        load = weights_load(CONFIG, turned=bool(job["turned"]))
        addresses = tile_addresses(job["range"]) % WORDS
        raw = np.array([content(int(address)) for address in addresses], "<u4").view(np.int8).reshape(-1, rows)
        made = tiles(raw, zero=job["zero"], turned=bool(job["turned"]))
        # A pass of the command before may still run.
        for _ in range(random.randrange(8)):
            await driver.step(ending=left == 1)
            left -= left > 0
        begun = driver.cycle
        await driver.step(job, ending=left == 1)
        left -= left > 0
        first = max(begun, free) + WEIGHTS_ISSUE
        for index, tile in enumerate(made):
            # Nothing is known of this tile before its time; then it waits to be taken.
            while driver.cycle < first + load:
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
            free, last = driver.cycle, index == len(made) - 1
            ready, idle = await driver.step(swap=True, ending=pixels == 1)
            assert ready
            assert idle == last
            left = pixels - 1
            driver.claimed.update({first + row: driver.asked.pop(first + row) for row in range(rows)})
            assert [driver.claimed[first + row] for row in range(rows)] == addresses[index * rows :][:rows].tolist()
            assert not driver.asked, "nothing else is asked for"
            announced = first + READ_LATENCY + (rows if job["turned"] else 0)
            held.update({announced + row: weights.tolist() for row, weights in enumerate(tile)})
            assert driver.readies[0][0] == first + load
            assert all(said == last for _, said in driver.readies)
            driver.readies.clear()
            if last:
                assert driver.finishes == [first + load - 1]
                driver.finishes.clear()
            # The tile is announced before the pass meets it, which is as long under way as a word.
            assert announced < free + READ_LATENCY
            driver.announced.append(announced)
            first = free + pixels - 1 + WEIGHTS_TURN if job["serial"] else free + WEIGHTS_ISSUE
    for _ in range(READ_LATENCY):
        await driver.step()
    assert driver.loads == driver.announced
    for cycle, weights in held.items():
        assert list(decode(driver.tile, driver.words[cycle])) == weights


@cocotb.test()
async def forgets_on_reset(dut):
    driver = Driver(dut)
    await driver.bench.reset()
    random = driver.bench.random
    for cycles in range(2 * CONFIG.rows + 4):
        await driver.step({**command(random), "turned": int(random.random() < 0.8)})
        for _ in range(cycles):
            await driver.step()
        await driver.bench.reset()
        driver.asked.clear()
        driver.loads.clear()
        begun = driver.cycle
        await driver.step({**NOISE, "range": {**NOISE["range"], "base": 64}, "turned": 0})
        for _ in range(20):
            await driver.step()
        assert driver.asked == {begun + WEIGHTS_ISSUE + row: 64 + row for row in range(CONFIG.rows)}
        assert driver.loads == [begun + WEIGHTS_ISSUE + READ_LATENCY]


def test_weights(simulate):
    simulate(UNIT)
