"""Float32 in stages: from integer, product, sum, to integer, each rounded half to even."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Shape, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["FLOAT", "FromInteger", "Product", "Sum", "ToInteger"]

#: A float32. Zero and subnormal numbers (exponent 0) count as zero; infinities (exponent 255) as very large numbers.
FLOAT = data.StructLayout({"fraction": 23, "exponent": 8, "sign": 1})
BIAS = 127


def _slide(m, value, steps):
    """Shift ``value`` left past its leading zeros by each of ``steps`` or not; and what was taken, last step lowest."""
    taken = []
    for step in steps:
        empty, slid = Signal(), Signal(len(value))
        m.d.comb += empty.eq(~value[len(value) - step :].any())
        m.d.comb += slid.eq(Mux(empty, (value << step)[: len(value)], value))
        value = slid
        taken.insert(0, empty)
    return value, Cat(*taken)


def _mantissa(number):
    """The 24 bits of a number's mantissa, its hidden one included."""
    return Cat(number.fraction, 1)


def _carried(m, value, enable):
    """A value carried through as many stages as there are enables, and what is behind the last."""
    for stage in range(len(enable)):
        following = Signal.like(value, name=f"carried_{stage}")
        with m.If(enable[stage]):
            m.d.sync += following.eq(value)
        value = following
    return value


class FromInteger(wiring.Component):
    """Integer to float32: magnitude | past leading zeros, by 8 and 16 | by 4, 2 and 1 | rounded.

    One number a cycle. An integer of at most 24 bits is exact and needs no fourth stage. ``latency`` is the number of
    stages. In each unit here ``enable[i]`` lets stage i take what lies before it: a number that enters in cycle t is
    in the output in cycle t + latency if ``enable[i]`` was high in cycle t + i; a stage that is not enabled holds.

    Parameters
    ----------
    width
        Bits of the integer, 9..32.

    Members
    -------
    integer : In(signed(width))
    number : Out(FLOAT)
    enable : In(latency)

    Raises
    ------
    ValueError
        If the width is outside 9..32.
    """

    def __init__(self, *, width):
        if width not in range(9, 33):
            raise ValueError(f"Width must be in 9..32, not {width!r}")
        self.width, self.latency = width, 4 if width > 24 else 3
        super().__init__({"integer": In(signed(width)), "number": Out(FLOAT), "enable": In(self.latency)})

    def elaborate(self, platform):
        m = Module()
        width = self.width
        sign = _carried(m, self.integer[-1], self.enable)

        # The magnitude of the most negative integer needs all bits.
        magnitude = Signal(width)
        with m.If(self.enable[0]):
            m.d.sync += magnitude.eq(Mux(self.integer[-1], -self.integer, self.integer))

        # Leading zeros are counted while they are removed: two short stages instead of a count and a shift.
        coarse, coarse_taken = Signal(width), Signal(2 if width > 16 else 1)
        value, taken = _slide(m, magnitude, (16, 8) if width > 16 else (8,))
        with m.If(self.enable[1]):
            m.d.sync += [coarse.eq(value), coarse_taken.eq(taken)]
        fine, zeros = Signal(width), Signal(5)
        value, taken = _slide(m, coarse, (4, 2, 1))
        with m.If(self.enable[2]):
            m.d.sync += [fine.eq(value), zeros.eq(Cat(taken, coarse_taken))]

        # The highest bit is missing only if the integer is zero. A carry out of the fraction is the next exponent.
        exponent = Signal(8)
        m.d.comb += exponent.eq(Mux(fine[-1], BIAS + width - 1 - zeros, 0))
        if width <= 24:
            m.d.comb += self.number.fraction.eq(fine[:-1] << 24 - width)
            m.d.comb += self.number.exponent.eq(exponent)
        else:
            spare = width - 24
            up = fine[spare - 1] & (fine[: spare - 1].any() | fine[spare])
            with m.If(self.enable[3]):
                m.d.sync += Cat(self.number.fraction, self.number.exponent).eq(Cat(fine[spare:-1], exponent) + up)
        m.d.comb += self.number.sign.eq(sign)
        return m


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

        product, exponents, sign, zero = Signal(48), Signal(9), Signal(), Signal()
        with m.If(self.enable[0]):
            m.d.sync += [
                product.eq(_mantissa(left) * _mantissa(right)),
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
            m.d.sync += self.number.sign.eq(sign)
            with m.If(zero | (doubled <= BIAS)):
                m.d.sync += [self.number.fraction.eq(0), self.number.exponent.eq(0)]
            with m.Elif(rounded[23:] >= 255 + BIAS):
                m.d.sync += [self.number.fraction.eq(0), self.number.exponent.eq(255)]
            with m.Else():
                m.d.sync += [self.number.fraction.eq(rounded), self.number.exponent.eq(rounded[23:] - BIAS)]
        return m


class Sum(wiring.Component):
    """Float32 plus float32: ordered | aligned | added | past zeros, by 8 and 16 | by 4, 2 and 1 | rounded.

    One sum a cycle. A sum below the smallest normal number is zero.

    Members
    -------
    left, right : In(FLOAT)
    number : Out(FLOAT)
    enable : In(6)
    """

    latency = 6

    def __init__(self):
        super().__init__({"left": In(FLOAT), "right": In(FLOAT), "number": Out(FLOAT), "enable": In(6)})

    def elaborate(self, platform):
        m = Module()
        left, right = self.left, self.right
        # The larger magnitude gives sign and exponent, so that a difference never turns negative.
        swap, differ = Signal(), Signal()
        m.d.comb += swap.eq(right.as_value()[:31] > left.as_value()[:31])
        sign = _carried(m, Mux(swap, right.sign, left.sign), self.enable)
        largest = _carried(m, Mux(swap, right.exponent, left.exponent), self.enable[:4])
        greater, lesser, distance = Signal(24), Signal(24), Signal(8)
        with m.If(self.enable[0]):
            m.d.sync += differ.eq(left.sign ^ right.sign)
            with m.If(swap):
                m.d.sync += [greater.eq(_mantissa(right)), lesser.eq(Mux(left.exponent.any(), _mantissa(left), 0))]
                m.d.sync += distance.eq(right.exponent - left.exponent)
            with m.Else():
                # Both may be zero: then the total must be, because nothing else is asked about the larger one.
                m.d.sync += greater.eq(Mux(left.exponent.any(), _mantissa(left), 0))
                m.d.sync += lesser.eq(Mux(right.exponent.any(), _mantissa(right), 0))
                m.d.sync += distance.eq(left.exponent - right.exponent)

        # Two bits below the last and a third for all that is shifted out are enough to round a sum or a difference.
        wide, aligned = Signal(24 + 25), Signal(27)
        m.d.comb += wide.eq((lesser << 25) >> distance[:5])
        far, minus, augend = distance >= 26, Signal(), Signal(24)
        with m.If(self.enable[1]):
            m.d.sync += [minus.eq(differ), augend.eq(greater)]
            m.d.sync += aligned.eq(Mux(far, lesser.any(), Cat(wide[:23].any(), wide[23:])))

        total = Signal(28)
        with m.If(self.enable[2]):
            m.d.sync += total.eq(Mux(minus, (augend << 3) - aligned, (augend << 3) + aligned))

        coarse, coarse_taken = Signal(28), Signal(2)
        value, taken = _slide(m, total, (16, 8))
        with m.If(self.enable[3]):
            m.d.sync += [coarse.eq(value), coarse_taken.eq(taken)]
        fine, exponent = Signal(28), Signal(signed(10))
        value, taken = _slide(m, coarse, (4, 2, 1))
        with m.If(self.enable[4]):
            m.d.sync += [fine.eq(value), exponent.eq(largest + 1 - Cat(taken, coarse_taken))]

        # Rounding up may carry into the exponent.
        up = fine[3] & (fine[:3].any() | fine[4])
        number = Cat(self.number.fraction, self.number.exponent)
        with m.If(self.enable[5]):
            m.d.sync += number.eq(Mux(fine[-1] & (exponent > 0), Cat(fine[4:27], exponent[:8]) + up, 0))
        m.d.comb += self.number.sign.eq(sign)
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
        m.d.comb += wide.eq((_mantissa(self.number) << len(wide) - 24) >> distance)

        whole, up, sign, over = Signal(bits), Signal(), Signal(), Signal()
        guard = len(wide) - bits - 1
        with m.If(self.enable[0]):
            m.d.sync += [sign.eq(self.number.sign), over.eq(beyond)]
            m.d.sync += whole.eq(Mux(nothing, 0, wide[guard + 1 :]))
            m.d.sync += up.eq(~nothing & wide[guard] & (wide[:guard].any() | wide[guard + 1]))

        # Only the positive side can be rounded out of range: its carry is the missing bit.
        magnitude = Signal(self.width)
        m.d.comb += magnitude.eq(whole + up)
        with m.If(self.enable[1]):
            with m.If(sign):
                m.d.sync += self.integer.eq(Mux(over, -(1 << bits), -magnitude))
            with m.Else():
                m.d.sync += self.integer.eq(Mux(over | magnitude[-1], (1 << bits) - 1, magnitude))
        return m
