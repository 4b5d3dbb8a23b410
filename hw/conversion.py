"""Integers to float32 and back in stages, rounded half to even."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Shape, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.float32 import BIAS, FLOAT, carried, mantissa, slide, value_register

__all__ = ["FromInteger", "ToInteger"]


class FromInteger(wiring.Component):
    """Integer of 32 bits to float32: magnitude | past leading zeros, by 8 and 16 | by 4, 2 and 1 | rounded.

    One number a cycle. In each unit of float32 arithmetic ``enable[i]`` lets stage i take what lies before it: a number
    that enters in cycle t is in the output in cycle t + latency if ``enable[i]`` was high in cycle t + i; a stage that
    is not enabled holds.

    Members
    -------
    integer : In(signed(32))
    number : Out(FLOAT)
    enable : In(4)
    """

    latency = 4

    def __init__(self):
        super().__init__({"integer": In(signed(32)), "number": Out(FLOAT), "enable": In(4)})

    def elaborate(self, platform):
        m = Module()
        sign = carried(m, self.integer[-1], self.enable)

        # The magnitude of the most negative integer needs all bits.
        magnitude = value_register(32)
        with m.If(self.enable[0]):
            m.d.sync += magnitude.eq(Mux(self.integer[-1], -self.integer, self.integer))

        # Leading zeros are counted while they are removed: two short stages instead of a count and a shift.
        coarse, coarse_taken = value_register(32), value_register(2)
        value, taken = slide(m, magnitude, (16, 8))
        with m.If(self.enable[1]):
            m.d.sync += [coarse.eq(value), coarse_taken.eq(taken)]
        fine, zeros = value_register(32), value_register(5)
        value, taken = slide(m, coarse, (4, 2, 1))
        with m.If(self.enable[2]):
            m.d.sync += [fine.eq(value), zeros.eq(Cat(taken, coarse_taken))]

        # The highest bit is missing only if the integer is zero. A carry out of the fraction is the next exponent.
        exponent, up, rounded = Signal(8), Signal(), value_register(31)
        m.d.comb += exponent.eq(Mux(fine[-1], BIAS + 31 - zeros, 0))
        m.d.comb += up.eq(fine[7] & (fine[:7].any() | fine[8]))
        with m.If(self.enable[3]):
            m.d.sync += rounded.eq(Cat(fine[8:-1], exponent) + up)
        m.d.comb += self.number.as_value().eq(Cat(rounded, sign))
        return m


class ToInteger(wiring.Component):
    """Float32 to integer: shifted | rounded and saturated.

    One number a cycle. Numbers beyond the integer's range, infinities too, become its smallest or largest value.

    Parameters
    ----------
    width
        Bits of the integer, 4..32.

    Members
    -------
    number : In(FLOAT)
    integer : Out(signed(width))
    enable : In(2)

    Raises
    ------
    ValueError
        If the width is outside 4..32.
    """

    latency = 2

    def __init__(self, *, width):
        if width not in range(4, 33):
            raise ValueError(f"Width must be in 4..32, not {width!r}")
        self.width = width
        super().__init__({"number": In(FLOAT), "integer": Out(signed(width)), "enable": In(2)})

    def elaborate(self, platform):
        m = Module()
        bits = self.width - 1

        # With a mantissa of just `bits` integer bits at distance 0; one bit further than all of them is the guard.
        highest = BIAS + bits - 1
        beyond, nothing, distance = Signal(), Signal(), Signal(Shape.cast(range(bits + 1)))
        m.d.comb += beyond.eq(self.number.exponent > highest)
        m.d.comb += nothing.eq(self.number.exponent < highest - bits)
        m.d.comb += distance.eq(highest - self.number.exponent)
        wide = Signal(max(24, bits + 1) + bits)
        m.d.comb += wide.eq((mantissa(self.number) << len(wide) - 24) >> distance)

        whole, up, sign, over = value_register(bits), value_register(), value_register(), value_register()
        guard = len(wide) - bits - 1
        with m.If(self.enable[0]):
            m.d.sync += [sign.eq(self.number.sign), over.eq(beyond)]
            m.d.sync += whole.eq(Mux(nothing, 0, wide[guard + 1 :]))
            m.d.sync += up.eq(~nothing & wide[guard] & (wide[:guard].any() | wide[guard + 1]))

        # Only the positive side can be rounded out of range: its carry is the missing bit.
        magnitude, integer = Signal(self.width), value_register(signed(self.width))
        m.d.comb += [magnitude.eq(whole + up), self.integer.eq(integer)]
        with m.If(self.enable[1]):
            with m.If(sign):
                m.d.sync += integer.eq(Mux(over, -(1 << bits), -magnitude))
            with m.Else():
                m.d.sync += integer.eq(Mux(over | magnitude[-1], (1 << bits) - 1, magnitude))
        return m
