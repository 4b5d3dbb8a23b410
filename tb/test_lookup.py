"""hw.lookup against sim.lookup."""

from __future__ import annotations

import os
from dataclasses import replace

import cocotb
import numpy as np
import pytest

from hw.lookup import Lookup
from sim.lookup import replace as replaced
from spec.config import CONFIGS
from spec.timing import exponential_words, lookup_words
from tb.bench import Bench

#: Bytes of an entry.
ENTRY = int(os.environ.get("ENTRY", "1"))
CONFIG = replace(CONFIGS["tiny"], rows=int(os.environ.get("ROWS", "4")), cols=int(os.environ.get("ROWS", "4")))


def packed(row):
    """The raw bits of a word."""
    return int.from_bytes(np.ascontiguousarray(row, np.int8).tobytes(), "little")


class Play:
    """A unit and the words that are due from it."""

    def __init__(self, dut):
        self.dut, self.bench = dut, Bench(dut, Lookup(config=CONFIG, entry_bytes=ENTRY))
        self.rng = np.random.default_rng(self.bench.seed)

    async def begin(self):
        for name in ("start", "load", "used", "enable"):
            self.bench.set(name, 0)
        await self.bench.reset()

    async def load(self, table, pace):
        """A table's words, with cycles between them in which the word is any."""
        self.bench.set("start", 1)
        await self.bench.tick()
        self.bench.set("start", 0)
        words = list(table.view(np.int8).reshape(-1, CONFIG.rows))
        assert len(words) == (lookup_words if ENTRY == 1 else exponential_words)(CONFIG)
        while words:
            go = self.bench.go(pace)
            self.bench.set("load", int(go))
            word = words.pop(0) if go else self.rng.integers(-128, 128, CONFIG.rows)
            self.dut.word.value = packed(word)
            await self.bench.tick()
        self.bench.set("load", 0)
        await self.bench.tick()

    async def send(self, words, used, table, pace):
        """Words in, one a cycle or fewer; each must be replaced ``latency`` cycles later."""
        bench, due, sent, seen = self.bench, {}, 0, 0
        expected = words
        if used:
            expected = replaced(words, table) if ENTRY == 1 else table[words.view(np.uint8)]
        bench.set("used", used)
        while sent < len(words) or due:
            go = sent < len(words) and bench.go(pace)
            bench.set("enable", int(go))
            self.dut.bytes.value = packed(words[sent]) if go else bench.random.getrandbits(8 * CONFIG.rows)
            if go:
                due[bench.cycle + Lookup.latency] = sent
                sent += 1
            now = bench.cycle
            await bench.tick()
            if now in due:
                index = due.pop(now)
                got = int(self.dut.replaced.value).to_bytes(ENTRY * CONFIG.rows, "little")
                mine = np.frombuffer(got, expected.dtype).tolist()
                assert mine == expected[index].tolist(), (
                    f"word {index} must be {expected[index].tolist()}, not {mine}; "
                    f"repeat: make test UNIT=lookup SEED={bench.seed}"
                )
                seen += 1
        return seen

    def words(self):
        """Every byte in every lane, and some at random."""
        every = np.add.outer(np.arange(256), np.arange(CONFIG.rows) * 37).astype(np.uint8).view(np.int8)
        return np.concatenate([every, self.rng.integers(-128, 128, (50, CONFIG.rows)).astype(np.int8)])

    def table(self):
        entries = self.rng.integers(0, 1 << 8 * ENTRY, 256)
        return entries.astype(np.int8) if ENTRY == 1 else entries.astype("<u2")


@cocotb.test()
@cocotb.parametrize(pace=[1.0, 0.4])
async def agrees_with_the_model(dut, pace):
    play = Play(dut)
    await play.begin()
    for _ in range(3):
        table = play.table()
        await play.load(table, pace)
        for used in (1, 0, 1) if ENTRY == 1 else (1,):
            assert await play.send(play.words(), used, table, pace) == 306


@cocotb.test()
async def loads_from_the_first_word_after_a_reset(dut):
    play = Play(dut)
    await play.begin()
    play.bench.set("load", 1)
    await play.bench.tick(3)
    play.bench.set("load", 0)
    await play.bench.reset()
    table = play.table()
    await play.load(table, 1.0)
    await play.send(play.words(), 1, table, 1.0)


@pytest.mark.parametrize(("rows", "entry"), [(2, 1), (4, 1), (2, 2), (4, 2)])
def test_lookup(simulate, rows, entry):
    config = replace(CONFIGS["tiny"], rows=rows, cols=rows)
    simulate(Lookup(config=config, entry_bytes=entry), environment={"ROWS": str(rows), "ENTRY": str(entry)})
