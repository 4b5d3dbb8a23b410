"""Float32 products, rounded half to even."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.float32 import BIAS, FLOAT, mantissa, value_register

__all__ = ["Product"]


class Product(wiring.Component):
    """Float32 times float32: exact product | rounded.

    One product a cycle. A product below the smallest normal number is zero; one beyond the largest is infinite.

    Members
    -------
    left, right : In(FLOAT)
    number : Out(FLOAT)
    enable : In(2)
    """

    latency = 2

    def __init__(self):
        super().__init__({"left": In(FLOAT), "right": In(FLOAT), "number": Out(FLOAT), "enable": In(2)})

    def elaborate(self, platform):
        m = Module()
        left, right = self.left, self.right

        product, exponents = value_register(48), value_register(9)
        sign, zero, number = value_register(), value_register(), value_register(FLOAT)
        with m.If(self.enable[0]):
            m.d.sync += [
                product.eq(mantissa(left) * mantissa(right)),
                exponents.eq(left.exponent + right.exponent),
                sign.eq(left.sign ^ right.sign),
                zero.eq(~left.exponent.any() | ~right.exponent.any()),
            ]

        # The product of two numbers in 1..2 lies in 1..4. The sum of exponents still holds the bias twice.
        carried, fraction, up, doubled = product[-1], Signal(23), Signal(), Signal(10)
        m.d.comb += fraction.eq(Mux(carried, product[24:47], product[23:46]))
        m.d.comb += up.eq(Mux(carried, product[23] & (product[:23].any() | product[24]),
                              product[22] & (product[:22].any() | product[23])))  # fmt: skip
        rounded = Signal(33)
        m.d.comb += doubled.eq(exponents + carried)
        m.d.comb += rounded.eq(Cat(fraction, doubled) + up)
        with m.If(self.enable[1]):
            m.d.sync += number.sign.eq(sign)
            with m.If(zero | (doubled <= BIAS)):
                m.d.sync += [number.fraction.eq(0), number.exponent.eq(0)]
            with m.Elif(rounded[23:] >= 255 + BIAS):
                m.d.sync += [number.fraction.eq(0), number.exponent.eq(255)]
            with m.Else():
                m.d.sync += [number.fraction.eq(rounded), number.exponent.eq(rounded[23:] - BIAS)]
        m.d.comb += self.number.eq(number)
        return m
