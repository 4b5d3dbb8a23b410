"""hw.scratchpad against sim.scratchpad: every port, every cycle, with its latency."""

from __future__ import annotations

import os
from collections import defaultdict

import cocotb
import numpy as np
import pytest

from hw.scratchpad import READERS, Scratchpad
from sim.scratchpad import Scratchpad as Model
from spec.config import Config
from spec.timing import read_latency
from tb.bench import Bench

CASES = {
    name: Config(name=name, rows=rows, cols=rows, banks=banks, bank_bytes=4 * page, page_bytes=page,
                 accumulator_rows=64, bus_bytes=4, slots=8, virtual_pages=256, data_stages=stages)
    for name, rows, banks, page, stages in (
        ("two_banks", 2, 2, 64, 0), ("many_banks", 4, 16, 128, 0), ("stages", 4, 4, 64, 1),
    )
}  # fmt: skip
CONFIG = CASES[os.environ.get("CASE", "two_banks")]
#: Cycles from a virtual request to the word; from a request to the word, by port.
LATEST = read_latency(CONFIG)
LATENCY = {**dict.fromkeys(READERS, LATEST), "take": LATEST - 1}


class Memory(Bench):
    """The scratchpad with its model, which is stepped along. Members: ``model``; ``due``, reads by cycle."""

    def __init__(self, dut):
        self.config = CONFIG
        super().__init__(dut, Scratchpad(config=self.config))
        self.model = Model(self.config)
        self.due, self.late = defaultdict(list), []
        self.now = 0
        for port in (*LATENCY, "place", "post_write", "map"):
            self.drive(port, valid=0)

    def drive(self, port, **members):
        """Set members of a port."""
        for name, value in members.items():
            getattr(self.dut, f"{port}__{name}").value = value

    def lanes(self, raw):
        """A word's raw bits as lanes."""
        return np.frombuffer(raw.to_bytes(self.config.rows, "little"), dtype=np.int8)

    def word(self):
        """A random word's raw bits."""
        return self.random.getrandbits(8 * self.config.rows)

    async def step(self):
        """One cycle: compare what is due at its end, then let what was written late be there."""
        await self.tick()
        for port, expected, what in self.due.pop(self.now, []):
            got = int(getattr(self.dut, f"{port}__data").value)
            assert got == expected, f"{port} of {what} must be {expected:#x}, not {got:#x}, seed {self.seed}"
        for frame, word, raw in self.late:
            self.model.frame(frame)[word] = self.lanes(raw)
        self.late.clear()
        for port in (*LATENCY, "place", "post_write", "map"):
            self.drive(port, valid=0)
        self.now += 1

    def place(self, frame, word, raw):
        """Write a physical word in this cycle."""
        self.drive("place", valid=1, frame=frame, word=word, data=raw)
        self.late.append((frame, word, raw))

    def map(self, page, frame):
        """Map a page in this cycle; the model's table changes at once, so nobody may look the page up in it."""
        self.drive("map", valid=1, page=page, frame=frame)
        self.model.table[page] = frame

    def read(self, port, page, word):
        """Ask for a word in this cycle: of a virtual page, or of a frame from take."""
        words = self.config.page_words
        if port == "take":
            self.drive(port, valid=1, frame=page, word=word)
            lanes = self.model.frame(page)[word]
        else:
            self.drive(port, valid=1, address=page * words + word)
            lanes = self.model.run(page * words + word, 1)[0]
        expected = int.from_bytes(lanes.tobytes(), "little")
        self.due[self.now + LATENCY[port]].append((port, expected, (page, word)))


async def begin(dut):
    """A scratchpad whose every word is written and whose pages are mapped, several to a frame."""
    bench = Memory(dut)
    c = bench.config
    await bench.reset()
    for frame in range(c.frames):
        for word in range(c.page_words):
            bench.place(frame, word, bench.word())
            await bench.step()
    for page in range(c.virtual_pages):
        bench.map(page, bench.random.randrange(c.frames))
        await bench.step()
    return bench


@cocotb.test()
async def reads_what_was_written_with_every_port_at_once(dut):
    bench = await begin(dut)
    c = bench.config
    bank = lambda frame: frame // c.bank_frames  # noqa: E731
    # A bank's port may be used in the cycle in which its address is there: one later than asked, if translated.
    reading, writing = defaultdict(set), defaultdict(set)
    dirty, asked = {}, {}
    for _ in range(3000):
        # A word that is being written or, by a port that comes to its bank later, read is left alone: the front end's
        # waits see to that.
        for at in [at for at, cycle in asked.items() if cycle + c.data_stages < bench.now]:
            del asked[at]
        for at in [at for at, cycle in dirty.items() if cycle + 3 < bench.now]:
            del dirty[at]
        page, word = bench.random.randrange(c.virtual_pages), bench.random.randrange(c.page_words)
        frame = int(bench.model.table[page])
        here = {*dirty, *asked}
        if bank(frame) not in writing[bench.now + 1] and (frame, word) not in here and bench.random.random() < 0.6:
            raw = bench.word()
            bench.drive("post_write", valid=1, address=page * c.page_words + word, data=raw)
            writing[bench.now + 1].add(bank(frame))
            dirty[frame, word] = bench.now
            bench.late.append((frame, word, raw))
        frame, word = bench.random.randrange(c.frames), bench.random.randrange(c.page_words)
        if bank(frame) not in writing[bench.now] and (frame, word) not in {*dirty, *asked}:
            writing[bench.now].add(bank(frame))
            dirty[frame, word] = bench.now
            bench.place(frame, word, bench.word())
        pages = bench.random.sample(range(c.virtual_pages), len(LATENCY))
        for (port, latency), page in zip(LATENCY.items(), pages, strict=True):
            page = page % c.frames if port == "take" else page  # noqa: PLW2901
            frame = page if port == "take" else int(bench.model.table[page])
            word, cycle = bench.random.randrange(c.page_words), bench.now + latency - LATEST + 1
            if bank(frame) not in reading[cycle] and (frame, word) not in dirty and bench.random.random() < 0.8:
                reading[cycle].add(bank(frame))
                bench.read(port, page, word)
                asked[frame, word] = bench.now
        reading.pop(bench.now - 1, None)
        writing.pop(bench.now - 1, None)
        await bench.step()
    for _ in range(LATEST + 1):
        await bench.step()


@cocotb.test()
async def shows_a_write_to_the_next_cycle(dut):
    bench = await begin(dut)
    c = bench.config
    for _ in range(50):
        frame, word, raw = bench.random.randrange(c.frames), bench.random.randrange(c.page_words), bench.word()
        bench.place(frame, word, raw)
        await bench.step()
        bench.read("take", frame, word)
        await bench.step()
    for _ in range(50):
        page, word, raw = bench.random.randrange(c.virtual_pages), bench.random.randrange(c.page_words), bench.word()
        bench.drive("post_write", valid=1, address=page * c.page_words + word, data=raw)
        bench.late.append((int(bench.model.table[page]), word, raw))
        await bench.step()
        # In the bank one cycle after it was offered; a virtual read of the next cycle comes just behind it.
        bench.read(bench.random.choice(READERS), page, word)
        await bench.step()
    for _ in range(LATEST + 1):
        await bench.step()


@cocotb.test()
async def shows_a_mapping_to_the_next_cycle(dut):
    bench = await begin(dut)
    c = bench.config
    for _ in range(100):
        page = bench.random.randrange(c.virtual_pages)
        bench.map(page, bench.random.randrange(c.frames))
        await bench.step()
        bench.read(bench.random.choice(READERS), page, bench.random.randrange(c.page_words))
        await bench.step()
    for _ in range(LATEST + 1):
        await bench.step()


@cocotb.test()
async def forgets_what_is_under_way_on_reset(dut):
    bench = await begin(dut)
    c = bench.config
    frame = int(bench.model.table[5])
    raw = bench.word()
    bench.drive("post_write", valid=1, address=5 * c.page_words, data=raw)
    bench.read("array", 7, 1)
    await bench.tick()
    bench.drive("post_write", valid=0)
    bench.drive("array", valid=0)
    # The write of the cycle before reaches its bank in the first cycle of reset; nothing after that does.
    await bench.reset()
    bench.due.clear()
    bench.model.frame(frame)[0] = bench.lanes(raw)
    await bench.step()
    for word in range(c.page_words):
        bench.read("take", frame, word)
        await bench.step()
    for _ in range(LATEST + 1):
        await bench.step()


@pytest.mark.parametrize("case", CASES)
def test_scratchpad(simulate, case):
    simulate(Scratchpad(config=CASES[case]), environment={"CASE": case})
