"""Lines and a window of registers: every word of a region comes once and is seen by all taps that need it."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from hw.commands import Commands

__all__ = ["LineBuffer", "passes", "window"]


def window(config):
    """A window of words: column by column, the newest first, in each the newest row first."""
    column = data.ArrayLayout(Commands(config).word, config.line_kernel)
    return data.ArrayLayout(column, config.line_kernel)


def passes(config):
    """Cycles in which a lane's multipliers take the whole window, of which each takes a word a cycle."""
    return -(-(config.line_kernel**2) // config.depthwise_taps)


class LineBuffer(wiring.Component):
    r"""Takes the words of a region row by row, one a cycle at most, and shows the window that ends at the last one.

    A word goes into the window, and into the memory of the line above; that line's old word goes to the line above it.
    Two lines are one memory of pairs, read a cycle ahead, so a region must have at least two columns: with one, a
    pair would be read in the cycle in which it is written. Pairs of lines above the kernel's rows rest.

    ::

        clk      _/‾\_/‾\_/‾\_/‾\_/‾\_
        shift    /‾‾‾‾‾‾‾\____________
        word     ⟨ a ⟩⟨ b ⟩
        window        ⟨..a⟩⟨.ab   ⟩

    What lies above the region's first row or left of its first column is of no meaning. So is what lies above the
    kernel's rows, and all but the newest word if the words are no region's.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    start : In(1)
        The next word is the region's first.
    rows : In
        Rows of the kernel; holds while words come and in the cycle before.
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
            "rows": In(range(config.line_kernel + 1)),
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

        # A new column, the newest row first; of its words all but the oldest go into the lines.
        pair, newest = 16 * c.rows, Cat(self.word)
        for index in range(c.line_kernel // 2):
            m.submodules[f"lines_{index}"] = lines = memory.Memory(shape=unsigned(pair), depth=c.line_columns, init=[])
            write, read = lines.write_port(), lines.read_port()
            used = self.rows > 2 * index + 1 if index else 1
            newest = Cat(newest, read.data)
            m.d.comb += [read.en.eq(used), read.addr.eq(following)]
            m.d.comb += [write.en.eq(self.shift & used), write.addr.eq(column)]
            m.d.comb += write.data.eq(newest[index * pair : (index + 1) * pair])

        with m.If(self.shift):
            m.d.sync += self.window.eq(Cat(newest, self.window.as_value()[: -len(newest)]))
        return m
