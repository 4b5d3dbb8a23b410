"""hw.fetch against an independent AXI memory for data and order, and against spec.timing for cycles."""

from __future__ import annotations

import logging
import os

import cocotb
import pytest
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiRamRead, AxiReadBus

from hw.fetch import Fetch
from spec.config import Config
from spec.errors import Error
from spec.isa import INSTRUCTION_BYTES
from spec.timing import FETCH_ISSUE, FETCH_LATENCY, FETCH_REFILL
from tb.bench import Bench

#: All widths of the bus; a buffer of two bursts and of more.
CASES = {
    name: Config(name=name, rows=4, cols=4, banks=2, bank_bytes=256, page_bytes=64, accumulator_rows=64,
                 bus_bytes=bus, slots=8, virtual_pages=64, fetch_instructions=instructions, fetch_burst=burst)
    for name, bus, instructions, burst in (("narrow", 4, 16, 8), ("middle", 8, 64, 16), ("wide", 16, 16, 2))
}  # fmt: skip
SIZE = 0x4000


class Fetching(Bench):
    """The fetch, with what happened at its port.

    Members: ``asked``, (cycle, address) of each burst; ``faults``, (code, address); ``began`` and ``ended``, the cycles
    of the last start and stop.
    """

    def __init__(self, dut, pace=1.0):
        self.config = CASES[os.environ["CASE"]]
        self.burst_bytes = self.config.fetch_burst * INSTRUCTION_BYTES
        self.asked, self.faults = [], []
        self.began = self.ended = 0
        super().__init__(dut, Fetch(config=self.config), pace=pace)
        self.content = self.random.randbytes(SIZE)
        for name in ("start", "stop"):
            self.set(name, 0)
        cocotb.start_soon(self._watch())

    async def _watch(self):
        dut = self.dut
        while True:
            await RisingEdge(self.clock)
            if self.resetting:
                continue
            if dut.start.value:
                self.began = self.cycle
            if dut.stop.value:
                self.ended = self.cycle
            if dut.axi__arvalid.value and dut.axi__arready.value:
                self.asked.append((self.cycle, int(dut.axi__araddr.value)))
            fault = self.get("fault")
            if fault.valid:
                self.faults.append((Error(fault.code), fault.address))

    async def begin(self, base, length):
        """START in the next cycle."""
        self.set("base", base)
        self.set("length", length)
        await self.strobe("start")

    async def strobe(self, name):
        """A strobe in the next cycle."""
        self.set(name, 1)
        await self.tick()
        self.set(name, 0)

    async def idle(self, limit=2000):
        """Wait until another program can start."""
        for _ in range(limit):
            await self.tick()
            if self.get("idle"):
                return
        raise AssertionError(f"the fetch must become idle, seed {self.seed}")

    def program(self, base, length):
        """The instructions as the front end shall see them."""
        places = range(base, base + length * INSTRUCTION_BYTES, INSTRUCTION_BYTES)
        return [(int.from_bytes(self.content[a : a + INSTRUCTION_BYTES], "little"), a) for a in places]

    def got(self):
        """The instructions that the front end saw."""
        return [(value.instruction, value.address) for _, value in self.instructions.got]


def often(bench, pace):
    """A pause generator: true with probability 1 - pace."""
    while True:
        yield bench.random.random() >= pace


def ram(bench, pace=1.0):
    """An independent memory behind the port."""
    logging.getLogger("cocotb").setLevel(logging.WARNING)
    logging.getLogger(f"cocotb.{bench.dut._name}").setLevel(logging.WARNING)  # noqa: SLF001
    peer = AxiRamRead(AxiReadBus.from_prefix(bench.dut, "axi_"), bench.dut.clk, bench.dut.rst, size=SIZE)
    peer.write(0, bench.content)
    if pace < 1:
        for channel in (peer.ar_channel, peer.r_channel):
            channel.set_pause_generator(often(bench, pace))


@cocotb.test()
@cocotb.parametrize(pace=[1.0, 0.5, 0.1])
async def delivers_programs_in_order(dut, pace):
    bench = Fetching(dut, pace)
    ram(bench, pace)
    await bench.reset()
    b = bench.config.fetch_burst
    for length in (0, 1, b - 1, b, b + 1, 7 * b + 1):
        bench.instructions.got.clear()
        bench.asked.clear()
        base = bench.random.randrange(0, SIZE - 8 * bench.burst_bytes, bench.burst_bytes)
        await bench.begin(base, length)
        await bench.drain(bench.instructions, length)
        bench.agree(bench.got(), bench.program(base, length))
        bench.agree([a for _, a in bench.asked], [base + i * bench.burst_bytes for i in range(-(-length // b))])
        await bench.tick(20)
        assert len(bench.instructions.got) == length
        await bench.strobe("stop")
        await bench.idle()
    assert not bench.faults


async def answer(bench, latency, bad=()):
    """A memory by hand: always ready, one beat a cycle from ``latency`` cycles after an address on.

    Keeps the cycle of each instruction's last beat in ``bench.ends``.
    """
    dut, beats, size = bench.dut, [], bench.config.bus_bytes
    dut.axi__arready.value, dut.axi__rvalid.value, dut.axi__rresp.value = 1, 0, 0
    bench.ends, last = [], 0
    while True:
        await RisingEdge(bench.clock)
        if dut.axi__arvalid.value:
            first = int(dut.axi__araddr.value)
            assert (1 << int(dut.axi__arsize.value), int(dut.axi__arburst.value)) == (size, 1)
            assert (int(dut.axi__arlen.value) + 1) * size == bench.burst_bytes
            for beat in range(int(dut.axi__arlen.value) + 1):
                last = max(last + 1, bench.cycle + latency)
                beats.append((last, first + beat * size))
        now = bool(beats) and beats[0][0] == bench.cycle + 1
        dut.axi__rvalid.value = int(now)
        if now:
            cycle, address = beats.pop(0)
            dut.axi__rdata.value = int.from_bytes(bench.content[address : address + size], "little")
            dut.axi__rresp.value = 2 if address in bad else 0
            if (address + size) % INSTRUCTION_BYTES == 0:
                bench.ends.append(cycle)


@cocotb.test()
@cocotb.parametrize(latency=[1, 20], pace=[1.0, 0.3])
async def takes_the_promised_cycles(dut, latency, pace):
    bench = Fetching(dut)
    c = bench.config
    bench.instructions.pace = pace
    await bench.reset()
    cocotb.start_soon(answer(bench, latency))
    await bench.tick(3)
    length = 9 * c.fetch_burst + 1
    await bench.begin(0, length)
    await bench.drain(bench.instructions, length)
    takes = [cycle for cycle, _ in bench.instructions.got]

    asked = []
    for j in range(-(-length // c.fetch_burst)):
        room = (j + 1) * c.fetch_burst - c.fetch_instructions - 1
        earliest = [bench.began + FETCH_ISSUE]
        earliest += [asked[-1] + 1] if asked else []
        earliest += [takes[room] + FETCH_REFILL] if room >= 0 else []
        asked.append(max(earliest))
    bench.agree([cycle for cycle, _ in bench.asked], asked)
    earliest = [max(bench.ends[i] + FETCH_LATENCY, takes[i - 1] + 1 if i else 0) for i in range(length)]
    if pace == 1:
        bench.agree(takes, earliest)
    else:
        assert all(take >= cycle for take, cycle in zip(takes, earliest, strict=True))


@cocotb.test()
async def drops_what_comes_after_a_stop(dut):
    bench = Fetching(dut)
    await bench.reset()
    cocotb.start_soon(answer(bench, 9))
    await bench.tick(3)
    for stop in (1, 2, 3, 9, 12, 20, 33):
        bench.instructions.got.clear()
        await bench.begin(0, 20 * bench.config.fetch_burst)
        await bench.tick(stop - 1)
        await bench.strobe("stop")
        seen = len(bench.instructions.got)
        await bench.idle()
        await bench.tick(30)
        assert len(bench.instructions.got) <= seen + 1
        assert all(cycle <= bench.ended for cycle, _ in bench.asked), "a burst must not be issued after the stop"
        bench.instructions.got.clear()
        length = bench.config.fetch_burst + 1
        await bench.begin(bench.burst_bytes, length)
        await bench.drain(bench.instructions, length)
        bench.agree(bench.got(), bench.program(bench.burst_bytes, length))
        await bench.strobe("stop")
        await bench.idle()
        bench.asked.clear()


@cocotb.test()
async def reports_the_address_of_a_burst_that_failed(dut):
    bench = Fetching(dut)
    await bench.reset()
    wrong = 2 * bench.burst_bytes
    cocotb.start_soon(answer(bench, 9, bad={wrong + bench.config.bus_bytes}))
    await bench.tick(3)
    await bench.begin(0, 4 * bench.config.fetch_burst)
    while not bench.faults:
        await bench.tick()
    assert bench.faults == [(Error.FETCH_FAILED, wrong)]
    assert len(bench.instructions.got) <= 2 * bench.config.fetch_burst


@cocotb.test()
async def forgets_everything_on_reset(dut):
    bench = Fetching(dut, 0.8)
    ram(bench)
    for cycles in (1, 9, 30, 57):
        await bench.reset()
        await bench.begin(0, 20 * bench.config.fetch_burst)
        await bench.tick(cycles)
    await bench.reset()
    bench.instructions.got.clear()
    assert bench.get("idle")
    length = 5 * bench.config.fetch_burst
    await bench.begin(bench.burst_bytes, length)
    await bench.drain(bench.instructions, length)
    bench.agree(bench.got(), bench.program(bench.burst_bytes, length))


@pytest.mark.parametrize("case", CASES)
def test_fetch(simulate, case):
    simulate(Fetch(config=CASES[case]), environment={"CASE": case})
