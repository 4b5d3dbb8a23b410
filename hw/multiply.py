"""Lanes of two words multiplied, each less its zero."""

from __future__ import annotations

from amaranth import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.commands import Commands
from hw.float32 import value_register
from hw.multiple import multiple

__all__ = ["Multiply"]

#: A byte less another, and a product of two of them.
DIFFERENCE_BITS, PRODUCT_BITS = 9, 18


class Multiply(wiring.Component):
    r"""Takes a pair of words every two cycles or later, one after the other.

    ``latency`` cycles after the second the products stand, until those of the next pair.

    ::

        cycle    0     1       2            3            4
                 word  other   differences  products stand
                               next word    next other

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    tap : In(1), padded : In(1)
        ``word`` is the first of a pair; or ``pad`` in all lanes is.
    other : In(1)
        ``word`` is the second of the pair.
    pad, zero, other_zero : In(signed(8))
        These hold while words are on the way.
    word : In(Commands.word)
    products : Out(ArrayLayout(signed(PRODUCT_BITS), rows))
    """

    latency = 2

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "tap": In(1),
            "padded": In(1),
            "other": In(1),
            "pad": In(signed(8)),
            "zero": In(signed(8)),
            "other_zero": In(signed(8)),
            "word": In(Commands(config).word),
            "products": Out(data.ArrayLayout(signed(PRODUCT_BITS), config.rows)),
        })

    def elaborate(self, platform):
        m = Module()
        ready = Signal()
        m.d.sync += ready.eq(self.other)
        for index, lane in enumerate(self.word):
            left, right = value_register(signed(DIFFERENCE_BITS)), value_register(signed(DIFFERENCE_BITS))
            with m.If(self.tap):
                m.d.sync += left.eq(Mux(self.padded, self.pad, lane) - self.zero)
            with m.If(self.other):
                m.d.sync += right.eq(lane - self.other_zero)
            with m.If(ready):
                m.d.sync += self.products[index].eq(multiple(left, right, PRODUCT_BITS))
        return m
