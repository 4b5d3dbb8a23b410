"""Turns a tile: its words go in along one side of a square of lanes, and its columns come out along the other."""

from __future__ import annotations

from amaranth import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.commands import Commands

__all__ = ["Turn"]


class Turn(wiring.Component):
    """A square of ``rows`` x ``rows`` lanes, one wide register that moves by a word or by a lane.

    After ``rows`` cycles with ``take`` the tile is complete: column 0 stands at ``column`` in the next cycle, and each
    cycle with ``give`` brings the next one.

    ::

        cycle     t        t + 1          t + rows   t + rows + 1
        take      1        1        ...
        word      0        1
        give                              1          1
        column                            0          1

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    take : In(1)
        ``word`` goes in behind the others.
    word : In(Commands.word)
        A word of the tile.
    give : In(1)
        ``column`` is used in this cycle; not together with ``take``.
    column : Out(Commands.word)
        A lane of each word, in their order.
    """

    def __init__(self, *, config):
        self.config = config
        k = Commands(config)
        super().__init__({"take": In(1), "word": In(k.word), "give": In(1), "column": Out(k.word)})

    def elaborate(self, platform):
        m = Module()
        k, rows = Commands(self.config), self.config.rows
        square = Signal(data.ArrayLayout(k.word, rows), reset_less=True)
        lanes, word = square.as_value(), self.word.as_value()
        m.d.comb += [self.column[row].eq(square[row][0]) for row in range(rows)]

        # By a lane each word moves into the one before; what comes in at its far end is never given.
        with m.If(self.take):
            m.d.sync += lanes.eq(Cat(lanes[len(word) :], word))
        with m.Elif(self.give):
            m.d.sync += lanes.eq(lanes[len(self.word[0]) :])

        return m
