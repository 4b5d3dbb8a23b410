"""Integer times float32 plus float32, rounded half to even once."""

from __future__ import annotations

from amaranth import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.float32 import FLOAT, carried, mantissa, slide, value_register
from hw.multiple import multiple
from hw.product import PART, REST

__all__ = ["FusedMultiplyAdd"]

#: Bits of a product that is not rounded: 8 of the integer's magnitude, 24 of the factor's mantissa.
PRODUCT_BITS = 32
#: What alignment adds below a product: two bits, and a third for all that is shifted out, are enough to round.
BELOW = 3


class FusedMultiplyAdd(wiring.Component):
    """integer * ratio + addend, rounded once.

    One result a cycle. Stages: past leading zeros | product | ordered | aligned | added | past zeros, 32 to 8 | 4 to
    1 | rounded. The product is exact, so the only rounding is the last. A result below the smallest normal number is
    zero; one beyond the largest is infinite.

    Parameters
    ----------
    stages : int
        1: product and addend stand in registers with exponents of their own before they are ordered, and what is
        aligned in another when most of the way is done; else 0.

    Members
    -------
    integer : In(signed(9))
        -255..255.
    ratio : In(FLOAT)
        Must hold for a cycle after the integer's.
    addend : In(FLOAT)
        ``ADDEND`` cycles after the integer.
    number : Out(FLOAT)
    enable : In(latency)
        As for hw.conversion.FromInteger.
    """

    #: Cycles by which an addend comes later than its integer.
    ADDEND = 2

    def __init__(self, *, stages=0):
        self.stages = stages
        self.latency = 8 + 2 * stages
        super().__init__({
            "integer": In(signed(9)),
            "ratio": In(FLOAT),
            "addend": In(FLOAT),
            "number": Out(FLOAT),
            "enable": In(self.latency),
        })

    def elaborate(self, platform):
        m = Module()
        ratio, addend, enable = self.ratio, self.addend, self.enable

        # With both highest bits set the product has at most one leading zero.
        magnitude = Signal(8)
        m.d.comb += magnitude.eq(Mux(self.integer[-1], -self.integer, self.integer))
        value, taken = slide(m, magnitude, (4, 2, 1))
        factor, shifted, negative = value_register(8), value_register(3), value_register()
        with m.If(enable[0]):
            m.d.sync += [factor.eq(value), shifted.eq(taken), negative.eq(self.integer[-1])]

        # With stages one multiplier of an FPGA is enough, and adders for the bits that it has no room for.
        exact = factor * mantissa(ratio)
        if self.stages:
            exact = factor * mantissa(ratio)[:PART] + (multiple(factor, mantissa(ratio)[PART:], REST + 8) << PART)

        # Exponents are those of the highest bit, with the bias of a float32, and 0 for a zero.
        product, exponent, minus = value_register(PRODUCT_BITS), value_register(9), value_register()
        with m.If(enable[1]):
            m.d.sync += [product.eq(exact), minus.eq(negative ^ ratio.sign)]
            m.d.sync += exponent.eq(Mux(factor[-1] & ratio.exponent.any(), ratio.exponent + 7 - shifted, 0))

        # The larger magnitude gives sign and exponent, so that a difference never turns negative.
        left, right = Signal(PRODUCT_BITS), Signal(PRODUCT_BITS)
        left_exponent, right_exponent = Signal(9), Signal(9)
        m.d.comb += [
            left_exponent.eq(exponent + (exponent.any() & product[-1])),
            left.eq(Mux(exponent.any(), Mux(product[-1], product, product << 1), 0)),
            right_exponent.eq(addend.exponent),
            right.eq(Mux(addend.exponent.any(), mantissa(addend) << PRODUCT_BITS - 24, 0)),
        ]
        signs = Cat(minus, addend.sign)
        if self.stages:
            # Who is larger is asked a cycle later.
            left, right, left_exponent, right_exponent, signs = (
                carried(m, value, enable[2]) for value in (left, right, left_exponent, right_exponent, signs)
            )
            enable = enable[1:]
        swap = Signal()
        m.d.comb += swap.eq(Cat(right, right_exponent) > Cat(left, left_exponent))
        greater, lesser = value_register(PRODUCT_BITS), value_register(PRODUCT_BITS)
        distance, differ = value_register(9), value_register()
        sign = carried(m, Mux(swap, signs[1], signs[0]), enable[2:])
        largest = carried(m, Mux(swap, right_exponent, left_exponent), enable[2 : 6 + self.stages])
        with m.If(enable[2]):
            m.d.sync += [greater.eq(Mux(swap, right, left)), lesser.eq(Mux(swap, left, right))]
            m.d.sync += distance.eq(Mux(swap, right_exponent - left_exponent, left_exponent - right_exponent))
            m.d.sync += differ.eq(signs.xor())

        # A number has its highest bit set, so that something of it is left among what counts as lost.
        wide, aligned = Signal(2 * PRODUCT_BITS + BELOW - 1), value_register(PRODUCT_BITS + BELOW)
        steps = distance[:6] if not self.stages else Cat(Const(0, 3), distance[3:6])
        m.d.comb += wide.eq((lesser << PRODUCT_BITS + BELOW - 1) >> steps)
        augend, difference = value_register(PRODUCT_BITS), value_register()
        far, lost = distance[6:].any(), wide[:PRODUCT_BITS].any()
        with m.If(enable[3]):
            m.d.sync += [difference.eq(differ), augend.eq(greater)]
            m.d.sync += aligned.eq(Mux(far, lesser.any(), Cat(lost, wide[PRODUCT_BITS:])))
        if self.stages:
            # The last seven steps.
            rest = carried(m, distance[:3], enable[3])
            enable = enable[1:]
            augend, difference = carried(m, augend, enable[3]), carried(m, difference, enable[3])
            near, further = Signal(PRODUCT_BITS + BELOW - 1 + 7), value_register(PRODUCT_BITS + BELOW)
            m.d.comb += near.eq((aligned[1:] << 7) >> rest)
            with m.If(enable[3]):
                m.d.sync += further.eq(Cat(aligned[0] | near[:7].any(), near[7:]))
            aligned = further

        bits = PRODUCT_BITS + BELOW + 1
        total = value_register(bits)
        with m.If(enable[4]):
            m.d.sync += total.eq(Mux(difference, (augend << BELOW) - aligned, (augend << BELOW) + aligned))

        coarse, coarse_taken = value_register(bits), value_register(3)
        value, taken = slide(m, total, (32, 16, 8))
        with m.If(enable[5]):
            m.d.sync += [coarse.eq(value), coarse_taken.eq(taken)]
        fine, power = value_register(bits), value_register(signed(11))
        value, taken = slide(m, coarse, (4, 2, 1))
        with m.If(enable[6]):
            m.d.sync += [fine.eq(value), power.eq(largest + 1 - Cat(taken, coarse_taken))]

        # Rounding up may carry into the exponent.
        end = bits - 24
        up, rounded, number = Signal(), Signal(32), value_register(31)
        m.d.comb += up.eq(fine[end - 1] & (fine[: end - 1].any() | fine[end]))
        m.d.comb += rounded.eq(Cat(fine[end:-1], power[:9]) + up)
        with m.If(enable[7]):
            with m.If(~fine[-1] | (power <= 0)):
                m.d.sync += number.eq(0)
            with m.Elif(rounded[23:] >= 255):
                m.d.sync += number.eq(255 << 23)
            with m.Else():
                m.d.sync += number.eq(rounded)
        m.d.comb += self.number.as_value().eq(Cat(number, sign))
        return m
