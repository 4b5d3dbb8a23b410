"""hw.fault: the first report is kept, with its address."""

from __future__ import annotations

import cocotb

from hw.fault import Faults
from spec.errors import Error
from tb.bench import Bench

SOURCES = 4


async def report(bench, **faults):
    """Reports of one cycle, by source."""
    for source in range(SOURCES):
        code, address = faults.get(f"s{source}", (0, 0))
        raw = (code != 0) | code << 1 | address << 5
        getattr(bench.dut, f"reports__{source}").value = raw
    await bench.tick()
    for source in range(SOURCES):
        getattr(bench.dut, f"reports__{source}").value = 0
    await bench.tick()
    return bench.get("error"), bench.get("code"), bench.get("address")


async def begin(dut):
    """A bench after reset."""
    bench = Bench(dut, Faults(sources=SOURCES))
    bench.set("clear", 0)
    await bench.reset()
    assert await report(bench) == (0, 0, 0)
    return bench


@cocotb.test()
async def keeps_the_first_report(dut):
    bench = await begin(dut)
    for source in range(SOURCES):
        first = (1, Error.READ_FAILED, 0x1000 + source)
        assert await report(bench, **{f"s{source}": first[1:]}) == first
        assert await report(bench, s0=(Error.WATCHDOG, 3), s3=(Error.BAD_SHAPE, 16)) == first
        bench.set("clear", 1)
        await bench.tick()
        bench.set("clear", 0)
        assert await report(bench) == (0, 0, 0)


@cocotb.test()
async def keeps_the_lowest_source_of_a_cycle(dut):
    bench = await begin(dut)
    seen = await report(bench, s1=(Error.FETCH_FAILED, 64), s2=(Error.READ_FAILED, 128), s3=(Error.WATCHDOG, 0))
    assert seen == (1, Error.FETCH_FAILED, 64)


@cocotb.test()
async def keeps_what_is_reported_while_it_forgets(dut):
    bench = await begin(dut)
    await report(bench, s1=(Error.FETCH_FAILED, 64))
    bench.set("clear", 1)
    await report(bench)
    bench.set("clear", 0)
    await report(bench, s1=(Error.FETCH_FAILED, 64))
    for source in range(SOURCES):
        getattr(dut, f"reports__{source}").value = 0
    bench.set("clear", 1)
    dut.reports__2.value = 1 | Error.READ_FAILED << 1 | 128 << 5
    await bench.tick()
    bench.set("clear", 0)
    assert await report(bench) == (1, Error.READ_FAILED, 128)


@cocotb.test()
async def forgets_everything_on_reset(dut):
    bench = await begin(dut)
    await report(bench, s1=(Error.FETCH_FAILED, 64))
    await bench.reset()
    assert await report(bench) == (0, 0, 0)


def test_fault(simulate):
    simulate(Faults(sources=SOURCES))
