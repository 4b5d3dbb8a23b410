"""hw.freelist: which frame is taken, first freed first."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import replace

import cocotb
import pytest

from hw.freelist import FreeList
from spec.config import CONFIGS
from spec.policy import reserve
from tb.bench import Bench

STAGES = int(os.environ.get("STAGES", "0"))
CONFIG = replace(CONFIGS["tiny"], control_stages=STAGES)
UNIT = FreeList(config=CONFIG)
BANKS, SIZE = CONFIG.banks, CONFIG.bank_frames


async def wipe(bench):
    for name in ("find", "give", "colour", "avoid", "given"):
        bench.set(name, 0)
    for index in range(2 * CONFIG.frames):
        bench.set("wipe", {"valid": 1, "index": index})
        await bench.tick()
    bench.set("wipe", {"valid": 0, "index": 0})
    return [deque(range(bank * SIZE, (bank + 1) * SIZE)) for bank in range(BANKS)]


async def begin(dut):
    bench = Bench(dut, UNIT)
    bench.set("wipe", {"valid": 0, "index": 0})
    await bench.reset()
    return bench, await wipe(bench)


async def choose(bench):
    """The cycle before, if the choice is its."""
    if STAGES:
        bench.set("find", 0)
        bench.set("give", 0)
        await bench.tick()


async def cycle(bench, lists, held, *, find, give):
    """A choice against lists in Python; returns the frame taken, whose number stands in the next cycle."""
    colour, avoid = bench.random.randrange(BANKS), bench.random.randrange(1 << BANKS)
    bench.set("colour", colour)
    bench.set("avoid", avoid)
    await choose(bench)
    bench.set("find", find)
    frame = bench.random.choice(held) if give and held else None
    bench.set("give", frame is not None)
    bench.set("given", frame or 0)
    await bench.tick()
    assert bench.get("any") == any(lists)
    assert bench.get("count") == sum(map(len, lists))
    taken = None
    if find:
        having = [b for i in range(BANKS) if lists[b := (colour + i) % BANKS]]
        having.sort(key=lambda bank: avoid >> bank & 1)
        taken = lists[having[0]].popleft() if having else None
    if frame is not None:
        held.remove(frame)
        lists[frame // SIZE].append(frame)
    return taken


@cocotb.test()
@cocotb.parametrize(share=[0.3, 0.5, 0.7])
async def agrees_with_lists(dut, share):
    bench, lists = await begin(dut)
    held, before, short = [], None, False
    for number in range(3000):
        fewer = sum(map(len, lists)) < reserve(CONFIG)
        find, give = bench.random.random() < share, bench.random.random() < 0.5
        taken = await cycle(bench, lists, held, find=find, give=give)
        assert number == 0 or bench.get("short") == (fewer if STAGES else short)
        short = fewer
        if before is not None:
            got = bench.get("frame")
            assert got == before, f"frame {number} must be {before}, not {got}, seed {bench.seed}"
            held.append(before)
        before = taken


@cocotb.test()
async def is_full_and_ascending_once_wiped(dut):
    bench, lists = await begin(dut)
    for _ in range(2):
        bench.set("colour", 2)
        await choose(bench)
        bench.set("find", 1)
        await bench.tick()
        for frame in [f for i in range(BANKS) for f in lists[(2 + i) % BANKS]]:
            await choose(bench)
            bench.set("find", 1)
            await bench.tick()
            assert bench.get("frame") == frame
        assert not bench.get("any")
        lists = await wipe(bench)


@cocotb.test()
async def is_empty_after_reset(dut):
    bench, _ = await begin(dut)
    await bench.reset()
    await bench.tick()
    assert not bench.get("any")


@pytest.mark.parametrize("stages", [0, 1])
def test_freelist(simulate, stages):
    simulate(FreeList(config=replace(CONFIG, control_stages=stages)), environment={"STAGES": str(stages)})
