"""hw.storer against an independent AXI memory for data and order, and against spec.timing for cycles."""

from __future__ import annotations

import logging
import os

import cocotb
import pytest
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiRamWrite, AxiWriteBus

from hw.storer import Storer
from spec.config import Config
from spec.errors import Error
from spec.isa import Queue
from spec.timing import CROSSING, WRITE_ISSUE, take_latency
from tb.bench import Bench
from tb.fed import Fed, waits

#: Words wider than the bus, equal, narrower, and a page of several bursts.
CASES = {
    name: Config(name=name, rows=rows, cols=rows, banks=2, bank_bytes=4 * page, page_bytes=page, accumulator_rows=64,
                 bus_bytes=bus, slots=8, virtual_pages=64, store_buffers=buffers, data_stages=stages)
    for name, rows, bus, page, buffers, stages in (
        ("wide_words", 32, 4, 128, 2, 0), ("equal", 4, 4, 64, 4, 0), ("wide_bus", 2, 16, 64, 8, 0),
        ("bursts", 16, 4, 2048, 4, 0), ("stages", 4, 8, 64, 2, 1),
    )
}  # fmt: skip
BASE, LIMIT = 0x4000, 0x10000
QUEUES = {Queue.TAKE: (16, Queue.WRITE), Queue.WRITE: (16, None)}


class Storing(Bench):
    """The storer behind its queues, with frames of random bytes and what happened at its ports.

    Members: ``frames``, the bytes of each frame; ``asked``, (cycle, address) of each burst; ``beats``, cycles of data;
    ``starts`` and ``finishes`` by queue; ``faults``, (cycle, code, address).
    """

    def __init__(self, dut, pace=1.0):
        self.config = CASES[os.environ["CASE"]]
        self.asked, self.beats, self.faults = [], [], []
        self.starts = {queue: [] for queue in QUEUES}
        self.finishes = {queue: [] for queue in QUEUES}
        super().__init__(dut, Fed(Storer(config=self.config), QUEUES), pace=pace)
        self.frames = [self.random.randbytes(self.config.page_bytes) for _ in range(self.config.frames)]
        self.set("base", BASE)
        self.set("limit", LIMIT)
        cocotb.start_soon(self._watch())

    async def _watch(self):
        dut, rows = self.dut, self.config.rows
        words = [0] * (1 + self.config.data_stages)
        while True:
            await RisingEdge(self.clock)
            # The scratchpad: a word is in the port's register two cycles after it was asked for, or more.
            dut.port__data.value = words.pop(0)
            word = self.random.getrandbits(8 * rows)
            if dut.port__valid.value:
                at = int(dut.port__word.value) * rows
                word = int.from_bytes(self.frames[int(dut.port__frame.value)][at : at + rows], "little")
            words.append(word)
            if self.resetting:
                continue
            if dut.axi__awvalid.value and dut.axi__awready.value:
                self.asked.append((self.cycle, int(dut.axi__awaddr.value)))
            if dut.axi__wvalid.value and dut.axi__wready.value:
                self.beats.append(self.cycle)
            for log, bits in ((self.starts, int(dut.starts.value)), (self.finishes, int(dut.finishes.value))):
                for queue, cycles in log.items():
                    if bits >> queue & 1:
                        cycles.append(self.cycle)
            fault = self.get("fault")
            if fault.valid:
                self.faults.append((self.cycle, Error(fault.code), fault.address))

    def store(self, *pages):
        """Push a TAKE and a WRITE for each (address, frame), with the waits of the machine."""
        for n, (address, frame) in enumerate(pages):
            none = {"data": waits(), "port": waits(), "half": 0}
            half = max(0, n + 1 - self.config.store_buffers)
            self.take.queue.append({**none, "payload": {"frame": frame}, "half": half})
            self.write.queue.append({**none, "payload": {"address": address}, "data": waits(take=n + 1)})

    async def done(self, count, limit=50_000):
        """Wait until so many pages are written."""
        for _ in range(limit):
            if len(self.finishes[Queue.WRITE]) >= count:
                return
            await RisingEdge(self.clock)
        raise AssertionError(f"only {len(self.finishes[Queue.WRITE])} of {count} pages were written, seed {self.seed}")

    def pages(self, count):
        """Random pages inside the window, each once, and frames."""
        size = self.config.page_bytes
        addresses = self.random.sample(range(BASE, LIMIT, size), count)
        return [(address, self.random.randrange(self.config.frames)) for address in addresses]

    def bursts(self, pages):
        """The bursts' addresses of (address, frame)s."""
        size = self.config.page_bytes // self.config.page_bursts
        return [address + i * size for address, _ in pages for i in range(self.config.page_bursts)]


def often(bench, pace):
    """A pause generator: true with probability 1 - pace."""
    while True:
        yield bench.random.random() >= pace


def ram(bench, pace=1.0):
    """An independent memory behind the port; what nobody wrote is 0xa5."""
    logging.getLogger("cocotb").setLevel(logging.WARNING)
    logging.getLogger(f"cocotb.{bench.dut._name}").setLevel(logging.WARNING)  # noqa: SLF001
    peer = AxiRamWrite(AxiWriteBus.from_prefix(bench.dut, "axi_"), bench.dut.clk, bench.dut.rst, size=LIMIT)
    peer.write(0, b"\xa5" * LIMIT)
    if pace < 1:
        for channel in (peer.aw_channel, peer.w_channel, peer.b_channel):
            channel.set_pause_generator(often(bench, pace))
    return peer


def agree(bench, peer, pages):
    """All of the memory: the pages, and nothing else."""
    expected = bytearray(b"\xa5" * LIMIT)
    for address, frame in pages:
        expected[address : address + bench.config.page_bytes] = bench.frames[frame]
    bench.agree(list(peer.read(0, LIMIT)), list(expected))


@cocotb.test()
@cocotb.parametrize(pace=[1.0, 0.5, 0.2])
async def writes_what_the_frames_hold_and_nothing_else(dut, pace):
    bench = Storing(dut, pace)
    peer = ram(bench, pace)
    await bench.reset()
    pages = bench.pages(max(6, 20 * 64 // bench.config.page_bytes))
    bench.store(*pages)
    await bench.done(len(pages))
    bench.agree([a for _, a in bench.asked], bench.bursts(pages))
    agree(bench, peer, pages)
    assert not bench.faults


async def accept(bench, latency, bad=()):
    """A memory by hand: always ready for addresses, takes a burst's beats from the next cycle on, then responds."""
    dut, c = bench.dut, bench.config
    dut.axi__awready.value, dut.axi__wready.value, dut.axi__bvalid.value, dut.axi__bresp.value = 1, 0, 0, 0
    bursts, answers, beat = [], [], 0
    while True:
        await RisingEdge(bench.clock)
        if dut.axi__wready.value:
            assert dut.axi__wvalid.value, f"data must be there whenever they are taken, in cycle {bench.cycle}"
            assert int(dut.axi__wlast.value) == (beat == c.burst_beats - 1)
            assert int(dut.axi__wstrb.value) == (1 << c.bus_bytes) - 1
            beat = (beat + 1) % c.burst_beats
            if beat == 0:
                answers.append((bench.cycle + latency, bursts.pop(0)))
        if dut.axi__awvalid.value:
            assert (1 << int(dut.axi__awsize.value), int(dut.axi__awburst.value)) == (c.bus_bytes, 1)
            assert int(dut.axi__awlen.value) == c.burst_beats - 1
            bursts.append(int(dut.axi__awaddr.value))
        dut.axi__wready.value = bool(bursts)
        if dut.axi__bvalid.value and not dut.axi__bready.value:
            continue
        now = bool(answers) and answers[0][0] <= bench.cycle + 1
        dut.axi__bvalid.value = int(now)
        if now:
            dut.axi__bresp.value = 2 if answers.pop(0)[1] in bad else 0


@cocotb.test()
@cocotb.parametrize(latency=[1, 20])
async def takes_the_promised_cycles(dut, latency):
    bench = Storing(dut)
    c = bench.config
    await bench.reset()
    cocotb.start_soon(accept(bench, latency))
    await bench.tick(3)
    pages = bench.pages(12)
    bench.store(*pages)
    await bench.done(len(pages))

    take_starts, take_finishes, write_starts, write_finishes, asked, beats = [], [], [], [], [], []
    for n in range(len(pages)):
        earliest = [bench.take.taken[n][0] + CROSSING]
        earliest += [take_finishes[-1] + 1] if n else []
        earliest += [write_finishes[n - c.store_buffers] + CROSSING] if n >= c.store_buffers else []
        take_starts.append(max(earliest))
        take_finishes.append(take_starts[-1] + c.page_words - 1 + take_latency(c))
        earliest = [bench.write.taken[n][0] + CROSSING, take_finishes[-1] + CROSSING]
        earliest += [write_starts[-1] + c.page_bursts] if n else []
        write_starts.append(max(earliest))
        for i in range(c.page_bursts):
            asked.append(write_starts[-1] + WRITE_ISSUE + i)
            first = max(asked[-1], beats[-1] if beats else 0) + 1
            beats += range(first, first + c.burst_beats)
        write_finishes.append(beats[-1] + latency)
    bench.agree(bench.starts[Queue.TAKE], take_starts)
    bench.agree(bench.finishes[Queue.TAKE], take_finishes)
    bench.agree(bench.starts[Queue.WRITE], write_starts)
    bench.agree([cycle for cycle, _ in bench.asked], asked)
    bench.agree(bench.beats, beats)
    bench.agree(bench.finishes[Queue.WRITE], write_finishes)


@cocotb.test()
async def offers_data_no_later_than_their_address(dut):
    bench = Storing(dut)
    await bench.reset()
    dut.axi__awready.value = dut.axi__wready.value = dut.axi__bvalid.value = 0
    bench.store(*bench.pages(1))
    await RisingEdge(dut.axi__awvalid)
    await bench.tick()
    assert dut.axi__wvalid.value


@cocotb.test()
async def refuses_pages_outside_the_window(dut):
    bench = Storing(dut)
    c = bench.config
    peer = ram(bench)
    await bench.reset()
    low, high, end, top = BASE - c.page_bytes, LIMIT - c.page_bytes, LIMIT, 2**32 - c.page_bytes
    pages = [(BASE, 0), (low, 1), (high, 2), (end, 3), (top, 4)]
    bench.store(*pages)
    await bench.done(5)
    starts, finishes = bench.starts[Queue.WRITE], bench.finishes[Queue.WRITE]
    finish = [max(starts[n] + WRITE_ISSUE, finishes[n - 1] + 1) for n in (1, 3, 4)]
    bench.agree(bench.faults, [
        (cycle, Error.WRITE_OUT_OF_WINDOW, address) for cycle, address in zip(finish, (low, end, top), strict=True)
    ])  # fmt: skip
    bench.agree([finishes[n] for n in (1, 3, 4)], finish)
    bench.agree([a for _, a in bench.asked], bench.bursts([pages[0], pages[2]]))
    # Buffers of refused pages are skipped: those behind them go where they belong.
    agree(bench, peer, [pages[0], pages[2]])


@cocotb.test()
async def reports_the_address_of_a_burst_that_failed(dut):
    bench = Storing(dut)
    c = bench.config
    await bench.reset()
    wrong = BASE + 2 * c.page_bytes - c.page_bytes // c.page_bursts
    cocotb.start_soon(accept(bench, 5, bad={wrong}))
    await bench.tick(3)
    bench.store((BASE, 0), (BASE + c.page_bytes, 1), (BASE + 2 * c.page_bytes, 2))
    await bench.done(3)
    assert [what for _, *what in bench.faults] == [[Error.WRITE_FAILED, wrong]]


@cocotb.test()
async def forgets_everything_on_reset(dut):
    bench = Storing(dut, 0.7)
    peer = ram(bench)
    for cycles in (7, 23, 40, 61):
        await bench.reset()
        bench.store(*bench.pages(6))
        await bench.tick(cycles)
        bench.take.queue.clear()
        bench.write.queue.clear()
        bench._reset.value, bench.resetting = 1, True  # noqa: SLF001
        # What the sources still hold is lost into the unit in reset.
        await bench.tick(30)
    await bench.reset()
    bench.finishes[Queue.WRITE].clear()
    peer.write(0, b"\xa5" * LIMIT)
    pages = bench.pages(6)
    bench.store(*pages)
    await bench.done(len(pages))
    agree(bench, peer, pages)


@pytest.mark.parametrize("case", CASES)
def test_storer(simulate, case):
    simulate(Fed(Storer(config=CASES[case]), QUEUES), environment={"CASE": case})
