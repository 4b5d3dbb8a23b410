"""hw.slots: tables that are looked up together; BIND writes all but one of them at once."""

from __future__ import annotations

import cocotb

from hw.slots import Slots
from spec.config import CONFIGS
from tb.bench import Bench

CONFIG = CONFIGS["tiny"]
UNIT = Slots(config=CONFIG)
TABLES = {"binding": ("bind",), "residency": ("reside",), "usage": ("bind", "touch"), "life": ("bind", "live")}
NONE = {"valid": 0, "index": 0}


def blank():
    return [dict.fromkeys(TABLES, 0) for _ in range(CONFIG.slots)]


async def begin(dut):
    bench = Bench(dut, UNIT)
    bench.set("request", {})
    bench.set("wipe", NONE)
    await bench.reset()
    return bench


async def wipe(bench):
    bench.set("request", {})
    for index in range(CONFIG.slots):
        bench.set("wipe", {"valid": 1, "index": index})
        await bench.tick()
    bench.set("wipe", NONE)


def something(bench, name):
    """A random value of a table's layout, and its bits."""
    shape = UNIT.signature.members[name].shape
    value = {field: bench.random.getrandbits(member.width) for field, member in shape}
    return value, shape.const(value).as_value().value


def bits(bench, name):
    got = bench.get(name)
    return got if isinstance(got, int) else got.as_value().value


@cocotb.test()
async def keeps_what_is_written_and_shows_what_was_before(dut):
    bench = await begin(dut)
    for _ in range(2):
        await wipe(bench)
        table, shown = blank(), None
        for number in range(1500):
            look, slot, to = bench.random.randrange(2), *(bench.random.randrange(CONFIG.slots) for _ in range(2))
            enabled = {e: 1 for enables in TABLES.values() for e in enables if bench.random.random() < 0.3}
            request, new = {"look": look, "slot": slot, "to": to, **enabled}, {}
            for name, enables in TABLES.items():
                value, raw = something(bench, name)
                request[name] = value
                if enabled.keys() & enables:
                    new[name] = raw
            bench.set("request", request)
            await bench.tick()
            if shown is not None:
                got = {name: bits(bench, name) for name in shown}
                assert got == shown, f"step {number} must show {shown}, not {got}, seed {bench.seed}"
            if look:
                shown = dict(table[slot])
            table[to] |= new


def test_slots(simulate):
    simulate(UNIT)
