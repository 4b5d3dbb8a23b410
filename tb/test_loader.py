"""hw.loader against an independent AXI memory for data and order, and against spec.timing for cycles."""

from __future__ import annotations

import logging
import os

import cocotb
import pytest
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiRamRead, AxiReadBus

from hw.loader import Loader
from spec.config import Config
from spec.errors import Error
from spec.isa import Queue
from spec.timing import CROSSING, PLACE_LATENCY, READ_ISSUE
from tb.bench import Bench
from tb.fed import Fed, waits

#: Words wider than the bus, equal, narrower, and a page of several bursts.
CASES = {
    name: Config(name=name, rows=rows, cols=rows, banks=2, bank_bytes=4 * page, page_bytes=page, accumulator_rows=64,
                 bus_bytes=bus, slots=8, virtual_pages=64, load_buffers=buffers)
    for name, rows, bus, page, buffers in (
        ("wide_words", 32, 4, 128, 2), ("equal", 4, 4, 64, 4), ("wide_bus", 2, 16, 64, 8), ("bursts", 16, 4, 2048, 4),
    )
}  # fmt: skip
BASE, LIMIT = 0x4000, 0x10000


class Loading(Bench):
    """The loader behind its queues, with what happened at its ports.

    Members: ``asked``, (cycle, address) of each burst; ``placed``, (cycle, frame, word, data) of each word; ``starts``
    and ``finishes`` by queue; ``faults``, (cycle, code, address).
    """

    def __init__(self, dut, pace=1.0):
        self.config = CASES[os.environ["CASE"]]
        queues = {Queue.READ: (16, Queue.PLACE), Queue.PLACE: (16, None)}
        self.asked, self.placed, self.faults = [], [], []
        self.starts = {queue: [] for queue in queues}
        self.finishes = {queue: [] for queue in queues}
        super().__init__(dut, Fed(Loader(config=self.config), queues), pace=pace)
        self.set("base", BASE)
        self.set("limit", LIMIT)
        cocotb.start_soon(self._watch())

    async def _watch(self):
        dut, now = self.dut, lambda: self.cycle
        while True:
            await RisingEdge(self.clock)
            if self.resetting:
                continue
            if dut.axi__arvalid.value and dut.axi__arready.value:
                self.asked.append((now(), int(dut.axi__araddr.value)))
            if dut.port__valid.value:
                self.placed.append((now(), *(int(getattr(dut, f"port__{n}").value) for n in ("frame", "word", "data"))))
            for log, bits in ((self.starts, int(dut.starts.value)), (self.finishes, int(dut.finishes.value))):
                for queue, cycles in log.items():
                    if bits >> queue & 1:
                        cycles.append(now())
            fault = self.get("fault")
            if fault.valid:
                self.faults.append((now(), Error(fault.code), fault.address))

    def load(self, *pages):
        """Push a READ and a PLACE for each (address, frame), with the waits of the machine."""
        for n, (address, frame) in enumerate(pages):
            none = {"data": waits(), "port": waits(), "half": 0}
            half = max(0, n + 1 - self.config.load_buffers)
            self.read.queue.append({**none, "payload": {"address": address}, "half": half})
            self.place.queue.append({**none, "payload": {"frame": frame}, "data": waits(read=n + 1)})

    async def done(self, count, limit=50_000):
        """Wait until so many pages are placed."""
        for _ in range(limit):
            if len(self.finishes[Queue.PLACE]) >= count:
                return
            await RisingEdge(self.clock)
        raise AssertionError(f"only {len(self.finishes[Queue.PLACE])} of {count} pages were placed, seed {self.seed}")

    def pages(self, count):
        """Random pages inside the window and frames."""
        size = self.config.page_bytes
        return [
            (self.random.randrange(BASE, LIMIT, size), self.random.randrange(self.config.frames)) for _ in range(count)
        ]

    def words(self, memory, address):
        """The words of a page."""
        raw, rows = memory[address : address + self.config.page_bytes], self.config.rows
        return [int.from_bytes(raw[i : i + rows], "little") for i in range(0, len(raw), rows)]


def ram(bench):
    """An independent memory behind the port, and its contents."""
    logging.getLogger("cocotb").setLevel(logging.WARNING)
    logging.getLogger(f"cocotb.{bench.dut._name}").setLevel(logging.WARNING)  # noqa: SLF001
    content = bench.random.randbytes(LIMIT)
    peer = AxiRamRead(AxiReadBus.from_prefix(bench.dut, "axi_"), bench.dut.clk, bench.dut.rst, size=LIMIT)
    peer.write(0, content)
    return peer, content


def often(bench, pace):
    """A pause generator: true with probability 1 - pace."""
    while True:
        yield bench.random.random() >= pace


@cocotb.test()
@cocotb.parametrize(pace=[1.0, 0.5, 0.2])
async def places_what_the_memory_holds(dut, pace):
    bench = Loading(dut, pace)
    peer, content = ram(bench)
    if pace < 1:
        peer.ar_channel.set_pause_generator(often(bench, pace))
        peer.r_channel.set_pause_generator(often(bench, pace))
    await bench.reset()
    pages = bench.pages(max(6, 20 * 64 // bench.config.page_bytes))
    bench.load(*pages)
    await bench.done(len(pages))
    size = bench.config.page_bytes // bench.config.page_bursts
    bench.agree([a for _, a in bench.asked],
                [a + i * size for a, _ in pages for i in range(bench.config.page_bursts)])  # fmt: skip
    bench.agree([what for _, *what in bench.placed],
                [[f, w, d] for a, f in pages for w, d in enumerate(bench.words(content, a))])  # fmt: skip
    assert not bench.faults


async def answer(bench, latency, bad=()):
    """A memory by hand: always ready for addresses, one beat a cycle from ``latency`` cycles after an address on."""
    dut, beats, size = bench.dut, [], bench.config.bus_bytes
    dut.axi__arready.value, dut.axi__rvalid.value, dut.axi__rresp.value = 1, 0, 0
    last = 0
    while True:
        await RisingEdge(bench.clock)
        if dut.axi__arvalid.value:
            first = int(dut.axi__araddr.value)
            assert (1 << int(dut.axi__arsize.value), int(dut.axi__arburst.value)) == (size, 1)
            for beat in range(int(dut.axi__arlen.value) + 1):
                last = max(last + 1, bench.cycle + latency)
                beats.append((last, first + beat * size))
        if dut.axi__rvalid.value and not dut.axi__rready.value:
            continue
        now = bool(beats) and beats[0][0] <= bench.cycle + 1
        dut.axi__rvalid.value = int(now)
        if now:
            address = beats.pop(0)[1]
            dut.axi__rdata.value = address
            dut.axi__rresp.value = 2 if address in bad else 0


@cocotb.test()
@cocotb.parametrize(latency=[1, 20])
async def takes_the_promised_cycles(dut, latency):
    bench = Loading(dut)
    c = bench.config
    await bench.reset()
    cocotb.start_soon(answer(bench, latency))
    await bench.tick(3)
    pages = bench.pages(12)
    bench.load(*pages)
    await bench.done(len(pages))

    read_starts, read_finishes, place_starts, place_finishes, asked, placed = [], [], [], [], [], []
    beat = 0
    for n in range(len(pages)):
        earliest = [bench.read.taken[n][0] + CROSSING]
        earliest += [read_starts[-1] + c.page_bursts] if n else []
        earliest += [place_finishes[n - c.load_buffers] + CROSSING] if n >= c.load_buffers else []
        read_starts.append(max(earliest))
        for i in range(c.page_bursts):
            asked.append(read_starts[-1] + READ_ISSUE + i)
            beat = max(beat, asked[-1] + latency - 1) + c.burst_beats
        read_finishes.append(beat)
        earliest = [bench.place.taken[n][0] + CROSSING, beat + CROSSING]
        earliest += [place_finishes[-1] + 1] if n else []
        place_starts.append(max(earliest))
        placed += [place_starts[-1] + PLACE_LATENCY + i for i in range(c.page_words)]
        place_finishes.append(placed[-1])
    bench.agree(bench.starts[Queue.READ], read_starts)
    bench.agree([cycle for cycle, _ in bench.asked], asked)
    bench.agree(bench.finishes[Queue.READ], read_finishes)
    bench.agree(bench.starts[Queue.PLACE], place_starts)
    bench.agree([cycle for cycle, *_ in bench.placed], placed)
    bench.agree(bench.finishes[Queue.PLACE], place_finishes)


@cocotb.test()
async def refuses_pages_outside_the_window(dut):
    bench = Loading(dut)
    c = bench.config
    await bench.reset()
    cocotb.start_soon(answer(bench, 20))
    await bench.tick(3)
    low, high, end, top = BASE - c.page_bytes, LIMIT - c.page_bytes, LIMIT, 2**32 - c.page_bytes
    bench.load((BASE, 0), (low, 1), (high, 2), (end, 3), (top, 4))
    await bench.done(5)
    starts, finishes = bench.starts[Queue.READ], bench.finishes[Queue.READ]
    finish = [max(starts[n] + READ_ISSUE, finishes[n - 1] + 1) for n in (1, 3, 4)]
    bench.agree(bench.faults, [
        (cycle, Error.READ_OUT_OF_WINDOW, address) for cycle, address in zip(finish, (low, end, top), strict=True)
    ])  # fmt: skip
    bench.agree([finishes[n] for n in (1, 3, 4)], finish)
    size = c.page_bytes // c.page_bursts
    bench.agree([a for _, a in bench.asked], [page + i * size for page in (BASE, high) for i in range(c.page_bursts)])
    # Beats go on into the right buffer, though one was skipped.
    first = [(frame, data) for _, frame, word, data in bench.placed if word == 0]
    mask = (1 << 8 * min(c.rows, c.bus_bytes)) - 1
    assert [d & mask for f, d in first if f in {0, 2}] == [BASE & mask, high & mask]


@cocotb.test()
async def reports_the_address_of_a_burst_that_failed(dut):
    bench = Loading(dut)
    c = bench.config
    await bench.reset()
    size = c.page_bytes // c.page_bursts
    wrong = BASE + c.page_bytes + (c.page_bursts - 1) * size
    cocotb.start_soon(answer(bench, 5, bad={wrong + c.bus_bytes}))
    await bench.tick(3)
    bench.load((BASE, 0), (BASE + c.page_bytes, 1), (BASE + 2 * c.page_bytes, 2))
    await bench.done(3)
    assert [what for _, *what in bench.faults] == [[Error.READ_FAILED, wrong]]


@cocotb.test()
async def forgets_everything_on_reset(dut):
    bench = Loading(dut, 0.7)
    _, content = ram(bench)
    for cycles in (7, 23, 40, 61):
        await bench.reset()
        bench.load(*bench.pages(10))
        await bench.tick(cycles)
        bench.read.queue.clear()
        bench.place.queue.clear()
        bench._reset.value, bench.resetting = 1, True  # noqa: SLF001
        # What the sources still hold is lost into the unit in reset.
        await bench.tick(30)
    await bench.reset()
    for log in (bench.asked, bench.placed, *bench.finishes.values()):
        log.clear()
    pages = bench.pages(8)
    bench.load(*pages)
    await bench.done(len(pages))
    bench.agree([what for _, *what in bench.placed],
                [[f, w, d] for a, f in pages for w, d in enumerate(bench.words(content, a))])  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_loader(simulate, case):
    queues = {Queue.READ: (16, Queue.PLACE), Queue.PLACE: (16, None)}
    simulate(Fed(Loader(config=CASES[case]), queues), environment={"CASE": case})
