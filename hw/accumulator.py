"""Two halves of sums: the array adds to one while the other is drained."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.hdl import Assert
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.commands import Commands
from hw.pe import sum_bits

__all__ = ["Accumulator", "DrainPort"]


class DrainPort(wiring.Signature):
    """A reader of the accumulator.

    Members
    -------
    valid : Out(1)
        A row is asked for in this cycle.
    half : Out(1)
        Its half.
    row : Out
        Its place in the half.
    sums : In(Commands.sums)
        The row asked for in the cycle before.
    """

    def __init__(self, config):
        super().__init__({
            "valid": Out(1),
            "half": Out(1),
            "row": Out(ceil_log2(config.half_rows)),
            "sums": In(Commands(config).sums),
        })


class Accumulator(wiring.Component):
    """A memory of ``half_rows`` rows of ``cols`` int32 sums for each half, one read and one write port each.

    A row each cycle: announced in cycle t, read in t, added to and written in t + 1, seen by reads from t + 2 on. So
    the same row may come again two cycles later at the earliest; passes are at least three cycles apart.

    ::

        cycle    t            t + 1         t + 2
        valid    1
        row      p
        sums                  s
        memory   read p       write p       p holds the new sums

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    valid : In(1)
        A row of sums follows in the next cycle.
    half, row : In
        Where it belongs.
    overwrite : In(1)
        It replaces what is there; else it is added, modulo 2^32.
    sums : In(ArrayLayout(signed(sum_bits(rows)), cols))
        The sums, in the cycle after ``valid``.
    drain : In(DrainPort)
        Reads rows of the half that is not added to.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "valid": In(1),
            "half": In(1),
            "row": In(ceil_log2(config.half_rows)),
            "overwrite": In(1),
            "sums": In(data.ArrayLayout(signed(sum_bits(config.rows)), config.cols)),
            "drain": In(DrainPort(config)),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config

        # The second cycle of a row: its sums are there, and so is what they are added to.
        valid, half, row = Signal(), Signal(reset_less=True), Signal.like(self.row, reset_less=True)
        overwrite, drained = Signal(reset_less=True), Signal(reset_less=True)
        m.d.sync += [valid.eq(self.valid), half.eq(self.half), row.eq(self.row), overwrite.eq(self.overwrite)]
        m.d.sync += drained.eq(self.drain.half)

        reads, writes = [], []
        for index in range(2):
            m.submodules[f"half{index}"] = cells = memory.Memory(
                shape=unsigned(32 * c.cols), depth=c.half_rows, init=[]
            )
            read, write = cells.read_port(), cells.write_port()
            adding = Signal(name=f"adding_{index}")
            m.d.comb += [
                adding.eq(self.valid & (self.half == index)),
                read.en.eq(adding | (self.drain.valid & (self.drain.half == index))),
                read.addr.eq(Mux(adding, self.row, self.drain.row)),
                write.en.eq(valid & (half == index)),
                write.addr.eq(row),
            ]
            reads.append(read.data)
            writes.append(write.data)

        before = Signal(32 * c.cols)
        m.d.comb += before.eq(Mux(half, reads[1], reads[0]))
        after = [
            (Mux(overwrite, 0, before.word_select(column, 32)) + self.sums[column])[:32] for column in range(c.cols)
        ]
        m.d.comb += [write.eq(Cat(after)) for write in writes]
        m.d.comb += self.drain.sums.as_value().eq(Mux(drained, reads[1], reads[0]))
        # A half is added to or drained; the waits of the two queues promise it.
        clash = self.valid & self.drain.valid & (self.half == self.drain.half)
        m.d.sync += Assert(~clash, "a half must not be drained while it is added to")

        return m
