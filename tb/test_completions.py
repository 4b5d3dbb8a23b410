"""hw.completions against counting."""

from __future__ import annotations

import cocotb

from hw.completions import Completions
from spec.isa import Queue
from spec.timing import CROSSING
from tb.bench import Bench


def counts(bench):
    value = bench.get("counts")
    return [value[queue] for queue in Queue]


async def begin(dut):
    bench = Bench(dut, Completions())
    bench.set("finish", 0)
    bench.set("clear", 0)
    await bench.reset()
    return bench


@cocotb.test()
async def counts_every_strobe_of_every_queue(dut):
    bench = await begin(dut)
    expected, history = [0] * len(Queue), []
    for _ in range(300):
        strobes = bench.random.randrange(256)
        history.append(list(expected))
        expected = [n + (strobes >> queue & 1) for queue, n in enumerate(expected)]
        bench.set("finish", strobes)
        await bench.tick()
        # What is read here was there in the cycle of the strobes: those before it, CROSSING cycles ago or longer.
        assert counts(bench) == history[len(history) - CROSSING]


@cocotb.test()
async def forgets_on_clear_and_on_reset(dut):
    bench = await begin(dut)
    for forget in ("clear", "reset"):
        bench.set("finish", 255)
        await bench.tick(5)
        if forget == "clear":
            bench.set("clear", 1)
            await bench.tick()
            bench.set("clear", 0)
        else:
            await bench.reset()
        bench.set("finish", 0)
        await bench.tick(2)
        assert counts(bench) == [0] * len(Queue)


def test_completions(simulate):
    simulate(Completions())
