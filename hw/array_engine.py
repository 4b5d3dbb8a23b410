"""The array's engine: pass after pass over the pixels of a tile, summed in a half of the accumulator."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.accumulator import Accumulator, DrainPort
from hw.array import Array
from hw.commands import Commands
from hw.ports import ReadPort, read_stages
from hw.stream import Stream
from hw.weights import TilePort

__all__ = ["ArrayEngine"]


class ArrayEngine(wiring.Component):
    """Runs one command of the array queue at a time.

    A command starts when its first tile of weights is ready (``tile.ready`` is the queue's extra condition). Its first
    pass begins ``spec.timing.array_issue`` cycles later; another begins as soon as the one before has asked for all its
    pixels and the next tile is ready. The pass that takes the command's last tile is the last: nothing here counts
    passes. The last sums are written ``spec.timing.sums_latency`` cycles after the finish.

    ::

        cycle        t     t + 1    t + 2    t + 3    t + 4    t + 5
        start        1
        tile.swap          1                 1
        read.valid         1        1        1        1
        pixel              0        1        0        1
        finish                                        1
        ready                                                  1

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    start : In(1)
        A command begins.
    payload : In(Commands.array)
        The command.
    ready : Out(1)
        No command runs.
    finish : Out(1)
        The last pixel of the command's last pass takes its turn.
    sums_finish : Out(1)
        The last row of a command's sums is written.
    read : Out(ReadPort)
        The scratchpad; padding takes its turn, but asks for nothing.
    tile : In(TilePort)
        The weights.
    drain : In(DrainPort)
        Reads the accumulator.
    """

    def __init__(self, *, config):
        self.config = config
        k = Commands(config)
        super().__init__({
            "start": In(1),
            "payload": In(k.array),
            "ready": Out(1),
            "finish": Out(1),
            "sums_finish": Out(1),
            "read": Out(ReadPort(config)),
            "tile": In(TilePort(config)),
            "drain": In(DrainPort(config)),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        reading = read_stages(c)
        m.submodules.stream = stream = Stream(config=c)
        m.submodules.array = array = Array(config=c)
        m.submodules.accumulator = accumulator = Accumulator(config=c)
        wiring.connect(m, accumulator.drain, wiring.flipped(self.drain))

        # With `data_stages` the command is in a register before its products are made, and these before they are added.
        load, due, new, opening = self.start, self.start, self.payload, 0
        if c.data_stages:
            load, due, new = Signal(), Signal(), Signal.like(self.payload, reset_less=True)
            m.d.sync += [load.eq(self.start), due.eq(load)]
            with m.If(self.ready):
                m.d.sync += new.eq(self.payload)
            opening = load | due

        # A pass is waiting for its tile, or it is under way; final if its tile was the last.
        waiting, going, final = Signal(), Signal(), Signal()
        half, overwrite, zero = Signal(), Signal(), Signal(signed(8))
        begin, issue, ending = Signal(), Signal(), Signal()
        m.d.comb += [
            self.ready.eq(~waiting & ~going & ~opening),
            begin.eq(waiting & self.tile.ready),
            issue.eq(begin | going),
            ending.eq(issue & stream.last),
            self.finish.eq(ending & Mux(begin, self.tile.last, final)),
            self.tile.swap.eq(begin),
            self.tile.finish.eq(ending),
        ]
        with m.If(begin):
            m.d.sync += [waiting.eq(0), going.eq(1), final.eq(self.tile.last)]
        with m.If(ending):
            m.d.sync += [waiting.eq(~self.finish), going.eq(0), overwrite.eq(0)]
        with m.If(due):
            m.d.sync += [waiting.eq(1), half.eq(new.half), overwrite.eq(new.first), zero.eq(new.window.zero)]

        m.d.comb += [
            stream.window.eq(new.window),
            stream.load.eq(load),
            stream.step.eq(issue),
            self.read.valid.eq(issue & ~stream.padded),
            self.read.address.eq(stream.address),
        ]

        # Padding, its value and the zero wait for the words beside them: the next command may bring others before.
        beside = Signal(reading * 17)
        m.d.sync += beside.eq(Cat(stream.padded, stream.pad, zero, beside))
        padded, pad, less = beside[-17], beside[-16:-8].as_signed(), beside[-8:].as_signed()
        m.d.comb += [array.activations[r].eq(Mux(padded, pad, self.read.data[r]) - less) for r in range(c.rows)]
        m.d.comb += [array.load.eq(self.tile.load), array.weights.eq(self.tile.weights)]

        # Each pixel's marks travel beside it: bit i of a line is what was issued i + 1 cycles ago. The array swaps a
        # cycle before the word comes; the accumulator hears of a row a cycle before its sums come.
        stages = reading + c.rows + c.cols - 1
        lines = []
        for name, mark in (("issue", issue), ("begin", begin), ("overwrite", overwrite), ("half", half)):
            line = Signal(stages - 1, name=f"{name}_line")
            m.d.sync += line.eq(Cat(mark, line))
            lines.append(line)
        finishes = Signal(stages)
        m.d.sync += finishes.eq(Cat(self.finish, finishes))
        arrives, begins, overwrites, halves = (line[-1] for line in lines)
        row, following = Signal.like(accumulator.row), Signal.like(accumulator.row)
        m.d.comb += [
            array.swap.eq(lines[1][reading - 2]),
            row.eq(Mux(begins, 0, following)),
            accumulator.valid.eq(arrives),
            accumulator.half.eq(halves),
            accumulator.row.eq(row),
            accumulator.overwrite.eq(overwrites),
            accumulator.sums.eq(array.sums),
            self.sums_finish.eq(finishes[-1]),
        ]
        with m.If(arrives):
            m.d.sync += following.eq(row + 1)

        return m
