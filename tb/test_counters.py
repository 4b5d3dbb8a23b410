"""hw.counters against counting."""

from __future__ import annotations

from collections import Counter

import cocotb

from hw.counters import CAUSE, COUNTERS, EVENTS, QUEUES, Counters
from spec.registers import CAUSES
from tb.bench import Bench


def shown(bench):
    """The counters by name."""
    values = bench.get("values")
    return {name: getattr(values, name) for name in COUNTERS.members}


async def happen(bench, cycles, run):
    """Random causes and events for some cycles; what must have been counted."""
    counted = Counter(dict.fromkeys(COUNTERS.members, 0))
    for _ in range(cycles):
        bench.set("run", run)
        counted["CYCLES"] += run
        for queue in QUEUES:
            cause = bench.random.choice(["busy", *CAUSE.members])
            raw = 0 if cause == "busy" else 1 << [*CAUSE.members].index(cause)
            getattr(bench.dut, f"causes__{queue.value}").value = raw
            counted[f"{queue.name}_{cause.upper()}"] += run
        events = {name: bench.random.getrandbits(1) for name in EVENTS.members}
        bench.set("events", events)
        counted.update(events)
        await bench.tick()
    bench.set("run", 0)
    bench.set("events", {})
    return counted


async def begin(bench):
    """A start strobe."""
    bench.set("start", 1)
    await bench.tick()
    bench.set("start", 0)


@cocotb.test()
async def counts_each_cycle_of_a_run_once_for_each_queue(dut):
    bench = Bench(dut, Counters())
    bench.set("events", {})
    bench.set("run", 0)
    await bench.reset()
    for cycles in (1, 200):
        await begin(bench)
        counted = await happen(bench, cycles, 1)
        await bench.tick(2)
        assert shown(bench) == counted
        for queue in QUEUES:
            assert sum(counted[f"{queue.name}_{cause.upper()}"] for cause in CAUSES) == cycles


@cocotb.test()
async def keeps_the_counts_after_the_run(dut):
    bench = Bench(dut, Counters())
    bench.set("events", {})
    bench.set("run", 0)
    await bench.reset()
    await begin(bench)
    counted = await happen(bench, 50, 1)
    counted.update(await happen(bench, 50, 0))
    await bench.tick(2)
    assert shown(bench) == counted


@cocotb.test()
async def forgets_everything_on_reset(dut):
    bench = Bench(dut, Counters())
    bench.set("events", {})
    await bench.reset()
    await happen(bench, 20, 1)
    await bench.reset()
    await bench.tick()
    assert not any(shown(bench).values())


def test_counters(simulate):
    simulate(Counters())
