"""hw.watchdog: when it bites, and whom it names."""

from __future__ import annotations

import cocotb
from cocotb.triggers import RisingEdge

from hw.watchdog import QUEUES, Watchdog
from spec.errors import Error
from tb.bench import Bench


async def begin(dut, limit):
    """A bench whose run began in the cycle before; what is reported is appended to ``bench.bites``."""
    bench = Bench(dut, Watchdog())
    bench.bites = []
    for name in ("start", "run", "progress", "pushes", "finishes"):
        bench.set(name, 0)
    bench.set("limit", limit)
    await bench.reset()
    await pulse(bench, "start", 1)
    bench.set("run", 1)

    async def watch():
        quiet = 0
        while True:
            await RisingEdge(bench.clock)
            moves = dut.start.value or dut.progress.value or int(dut.pushes.value) or int(dut.finishes.value)
            fault = bench.get("fault")
            if fault.valid:
                bench.bites.append((quiet, Error(fault.code), fault.address))
            quiet = 0 if moves else quiet + 1

    cocotb.start_soon(watch())
    return bench


async def pulse(bench, name, value):
    """A value for one cycle."""
    bench.set(name, value)
    await bench.tick()
    bench.set(name, 0)


@cocotb.test()
@cocotb.parametrize(limit=[1, 7])
async def bites_after_so_many_quiet_cycles(dut, limit):
    bench = await begin(dut, limit)
    await bench.tick(limit + 2)
    assert bench.bites[0] == (limit, Error.WATCHDOG, len(QUEUES))


@cocotb.test()
async def is_quiet_while_something_moves(dut):
    bench = await begin(dut, 5)
    for _ in range(60):
        name = bench.random.choice(["progress", "pushes", "finishes"])
        await bench.tick(bench.random.randrange(5))
        await pulse(bench, name, 1)
    bench.set("run", 0)
    await bench.tick(20)
    assert not bench.bites


@cocotb.test()
async def never_bites_without_a_limit(dut):
    bench = await begin(dut, 0)
    await bench.tick(100)
    assert not bench.bites


@cocotb.test()
async def names_the_first_queue_with_an_unfinished_command(dut):
    bench = await begin(dut, 4)
    pending = [0] * len(QUEUES)
    for _ in range(40):
        pushes = bench.random.getrandbits(len(QUEUES))
        finishes = sum(1 << q for q, n in enumerate(pending) if n and bench.random.random() < 0.8)
        for q in range(len(QUEUES)):
            pending[q] += (pushes >> q & 1) - (finishes >> q & 1)
        bench.set("pushes", pushes)
        bench.set("finishes", finishes)
        await pulse(bench, "progress", 1)
        bench.set("pushes", 0)
        bench.set("finishes", 0)
        await bench.tick(2)
        bench.bites.clear()
        await bench.tick(4)
        first = next((q for q, n in enumerate(pending) if n), len(QUEUES))
        assert bench.bites[0] == (4, Error.WATCHDOG, first)


@cocotb.test()
async def forgets_everything_on_reset(dut):
    bench = await begin(dut, 4)
    await pulse(bench, "pushes", 127)
    await bench.tick(2)
    await bench.reset()
    bench.bites.clear()
    await bench.tick(6)
    assert bench.bites[0][1:] == (Error.WATCHDOG, len(QUEUES))


def test_watchdog(simulate):
    simulate(Watchdog())
