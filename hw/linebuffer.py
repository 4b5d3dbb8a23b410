"""Two lines and a window of registers: every word of a region comes once and is seen by all taps that need it."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from hw.commands import Commands
from spec.isa import LINE_KERNEL

__all__ = ["LineBuffer", "window"]


def window(config):
    """A window of words: column by column, the newest first, in each the newest row first."""
    return data.ArrayLayout(data.ArrayLayout(Commands(config).word, LINE_KERNEL), LINE_KERNEL)


class LineBuffer(wiring.Component):
    r"""Takes the words of a region row by row, one a cycle at most, and shows the window that ends at the last one.

    A word goes into the window, and into the memory of the line above; that line's old word goes to the line above it.
    Both lines are one memory of pairs, read a cycle ahead, so a region must have at least two columns: with one, a
    pair would be read in the cycle in which it is written.

    ::

        clk      _/‾\_/‾\_/‾\_/‾\_/‾\_
        shift    /‾‾‾‾‾‾‾\____________
        word     ⟨ a ⟩⟨ b ⟩
        window        ⟨..a⟩⟨.ab   ⟩

    What lies above the region's first row or left of its first column is of no meaning. So is all but the newest word
    if the words are no region's.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    start : In(1)
        The next word is the region's first.
    columns : In
        Columns of the region; holds while words come.
    shift : In(1)
        ``word`` is the next one.
    word : In(Commands.word)
    window : Out(window)
        ``window[x][y]`` came x columns and y rows before the newest word.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "start": In(1),
            "columns": In(Commands(config).region["width"].shape),
            "shift": In(1),
            "word": In(Commands(config).word),
            "window": Out(window(config)),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config

        column, following = Signal(range(c.line_columns)), Signal(range(c.line_columns))
        m.d.comb += following.eq(Mux(self.shift, Mux(column + 1 == self.columns, 0, column + 1), column))
        with m.If(self.start):
            m.d.comb += following.eq(0)
        m.d.sync += column.eq(following)

        pair = unsigned(8 * c.rows * (LINE_KERNEL - 1))
        m.submodules.lines = lines = memory.Memory(shape=pair, depth=c.line_columns, init=[])
        write, read = lines.write_port(), lines.read_port()
        m.d.comb += [read.en.eq(1), read.addr.eq(following)]
        newest = Cat(self.word, read.data)
        m.d.comb += [write.en.eq(self.shift), write.addr.eq(column), write.data.eq(newest[: len(write.data)])]

        with m.If(self.shift):
            m.d.sync += self.window.eq(Cat(newest, self.window.as_value()[: -len(newest)]))
        return m
