"""Float32 products, rounded half to even."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.float32 import BIAS, FLOAT, carried, mantissa, value_register
from hw.multiple import multiple

__all__ = ["Product"]

#: Bits of a factor of one of an FPGA's multipliers, and those of a mantissa that are left.
PART, REST = 18, 6


class Product(wiring.Component):
    """Float32 times float32: exact product | rounded.

    One product a cycle. A product below the smallest normal number is zero; one beyond the largest is infinite.

    Parameters
    ----------
    stages : int
        1: parts of the product stand in registers before they are added, one made by a multiplier of an FPGA, the
        small ones by adders; and what is rounded stands in a register before it is. Else 0.

    Members
    -------
    left, right : In(FLOAT)
    number : Out(FLOAT)
    enable : In(latency)
    """

    latency = 2

    def __init__(self, *, stages=0):
        self.stages = stages
        self.latency += 2 * stages
        super().__init__({"left": In(FLOAT), "right": In(FLOAT), "number": Out(FLOAT), "enable": In(self.latency)})

    def elaborate(self, platform):
        m = Module()
        left, right, enable = self.left, self.right, self.enable
        one, other, exponent = mantissa(left), mantissa(right), left.exponent + right.exponent
        signs, zeros = left.sign ^ right.sign, ~left.exponent.any() | ~right.exponent.any()
        parts = [one * other]
        if self.stages:
            low, high = one[:PART], one[PART:]
            parts = [
                carried(m, part, enable[0])
                for part in (
                    low * other[:PART],
                    multiple(low, other[PART:], REST + PART) << PART,
                    multiple(other[:PART], high, REST + PART) << PART,
                    multiple(high, other[PART:], 2 * REST) << 2 * PART,
                )
            ]
            exponent, signs, zeros = (carried(m, value, enable[0]) for value in (exponent, signs, zeros))
            enable = enable[1:]

        product, exponents = value_register(48), value_register(9)
        sign, zero, number = value_register(), value_register(), value_register(FLOAT)
        with m.If(enable[0]):
            m.d.sync += [product.eq(sum(parts)), exponents.eq(exponent), sign.eq(signs), zero.eq(zeros)]

        # The product of two numbers in 1..2 lies in 1..4. The sum of exponents still holds the bias twice.
        beyond, fraction, up, doubled = product[-1], Signal(23), Signal(), Signal(10)
        m.d.comb += fraction.eq(Mux(beyond, product[24:47], product[23:46]))
        m.d.comb += up.eq(Mux(beyond, product[23] & (product[:23].any() | product[24]),
                              product[22] & (product[:22].any() | product[23])))  # fmt: skip
        rounded = Signal(33)
        m.d.comb += doubled.eq(exponents + beyond)
        if self.stages:
            fraction, up, doubled, sign, zero = (
                carried(m, value, enable[1]) for value in (fraction, up, doubled, sign, zero)
            )
            enable = enable[1:]
        m.d.comb += rounded.eq(Cat(fraction, doubled) + up)
        with m.If(enable[1]):
            m.d.sync += number.sign.eq(sign)
            with m.If(zero | (doubled <= BIAS)):
                m.d.sync += [number.fraction.eq(0), number.exponent.eq(0)]
            with m.Elif(rounded[23:] >= 255 + BIAS):
                m.d.sync += [number.fraction.eq(0), number.exponent.eq(255)]
            with m.Else():
                m.d.sync += [number.fraction.eq(rounded), number.exponent.eq(rounded[23:] - BIAS)]
        m.d.comb += self.number.eq(number)
        return m
