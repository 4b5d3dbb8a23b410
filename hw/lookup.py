"""Bytes replaced by their entries in a table of 256."""

from __future__ import annotations

from amaranth import Module, Mux, Signal, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.commands import Commands

__all__ = ["Lookup"]


class Lookup(wiring.Component):
    r"""Takes a word a cycle; ``latency`` cycles later every lane holds the entry of its byte, or the byte itself.

    Every lane has a copy of the table, as wide as a word, so that a word of entries is written into all at once.

    ::

        clk       _/‾\_/‾\_/‾\_/‾\_
        enable    /‾‾‾‾‾‾‾\________
        bytes     ⟨ 0 ⟩⟨ 1 ⟩
        replaced      ⟨ 0 ⟩⟨ 1 ⟩

    Parameters
    ----------
    config : Config
        The machine.
    entry_bytes : int
        1; or 2, for entries of 16 bits without a sign, lower byte first, which are always ``used``.

    Members
    -------
    start : In(1)
        The next word that is loaded is the table's first.
    load : In(1), word : In(Commands.word)
        Take the next entries: those of 0 to 127 first, then those of -128 to -1.
    used : In(1)
        Replace; otherwise pass on. Holds while words are on the way.
    enable : In(1), bytes : In(Commands.word)
        Take this word. The first one comes two cycles after the last load at the earliest.
    replaced : Out(Commands.word)
    """

    latency = 1

    def __init__(self, *, config, entry_bytes=1):
        self.config, self.entry_bytes = config, entry_bytes
        word = Commands(config).word
        wide = data.ArrayLayout(unsigned(8 * entry_bytes), config.rows)
        super().__init__({
            "start": In(1),
            "load": In(1),
            "word": In(word),
            "used": In(1),
            "enable": In(1),
            "bytes": In(word),
            "replaced": Out(word if entry_bytes == 1 else wide),
        })

    def elaborate(self, platform):
        m = Module()
        rows, size = self.config.rows, 8 * self.entry_bytes
        depth, lanes = 256 * self.entry_bytes // rows, exact_log2(rows // self.entry_bytes)

        place = Signal(range(depth))
        with m.If(self.start):
            m.d.sync += place.eq(0)
        with m.Elif(self.load):
            m.d.sync += place.eq(place + 1)

        for index in range(rows):
            m.submodules[f"entries_{index}"] = entries = memory.Memory(shape=unsigned(8 * rows), depth=depth, init=[])
            write, read = entries.write_port(), entries.read_port()
            byte, held = self.bytes[index].as_unsigned(), Signal(8, name=f"held_{index}")
            m.d.comb += [write.en.eq(self.load), write.addr.eq(place), write.data.eq(self.word.as_value())]
            m.d.comb += [read.en.eq(self.enable & self.used), read.addr.eq(byte[lanes:])]
            with m.If(self.enable):
                m.d.sync += held.eq(byte)
            entry = read.data.word_select(held[:lanes], size) if lanes else read.data
            m.d.comb += self.replaced[index].eq(Mux(self.used, entry, held))
        return m
