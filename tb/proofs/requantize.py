"""The three steps of requantization: to float32, times the scale, to an integer, each for all inputs."""

from __future__ import annotations

from amaranth import Cat, Mux, Signal, signed
from amaranth.hdl import Assert, Cover

from hw.conversion import FromInteger, ToInteger
from hw.float32 import BIAS, FLOAT, mantissa
from hw.product import Product
from hw.requantize import ROUNDED_BITS
from tb.mutation import Edit
from tb.proofs.design import Design
from tb.proofs.proof import Proof

__all__ = ["PROOFS"]


def after(d, latency):
    """A pipeline is full: its output is that of its inputs, which do not change."""
    cycle = Signal(range(latency + 1))
    with d.m.If(cycle != latency):
        d.m.d.sync += cycle.eq(cycle + 1)
    return cycle == latency


def nearest(value, places):
    """A value without its lowest bits, to the nearest, half to even."""
    if places == 0:
        return value
    half = (1 << (places - 1)) - 1
    return (value + half + value[places]) >> places


def from_integer():
    """Any integer of 32 bits."""
    d = Design()
    m = d.m
    m.submodules.unit = unit = FromInteger()
    integer = d.constant(signed(32), name="integer")
    m.d.comb += [unit.integer.eq(integer), unit.enable.eq(~0)]
    ready = after(d, unit.latency)

    # Integers of up to 24 bits are exact; each bit more takes a place from all.
    size, wanted = Signal(32), Signal(33)
    m.d.comb += [size.eq(Mux(integer < 0, -integer, integer)), wanted.eq(size)]
    for places in range(1, 9):
        with m.If(size[23 + places]):
            m.d.comb += wanted.eq(nearest(size, places) << places)
    number = unit.number
    m.d.comb += [
        Assert(~ready | (number.sign == (integer < 0)), "the sign must be the integer's"),
        Assert(~ready | (size != 0) | (number.as_value() == 0), "zero must be zero"),
        Assert(~ready | (size == 0) | ((mantissa(number) << (number.exponent - BIAS)[:6]) == (wanted << 23)),
               "the nearest float32 must be taken, of two the even one"),
        Assert(~ready | (size == 0) | ((number.exponent >= BIAS) & (number.exponent <= BIAS + 32))),
        Cover(ready & (size > 1 << 24) & (wanted != size)),
    ]  # fmt: skip
    return d


def to_integer():
    """Any float32."""
    d = Design()
    m = d.m
    m.submodules.unit = unit = ToInteger(width=ROUNDED_BITS)
    number = Signal(FLOAT)
    m.d.comb += [number.as_value().eq(d.constant(32, name="any_number")), unit.number.eq(number), unit.enable.eq(~0)]
    ready = after(d, unit.latency)

    # In units of 2**-24; below a half there is nothing to round up, and numbers without these bits are out of range.
    most, bits = (1 << (ROUNDED_BITS - 1)) - 1, ROUNDED_BITS - 1
    size, fixed = Signal(ROUNDED_BITS + 1), Signal(24 + bits)
    m.d.comb += fixed.eq(mantissa(number) << (number.exponent - (BIAS - 1))[:4])
    with m.If(number.exponent >= BIAS + bits):
        m.d.comb += size.eq(most + 1)
    with m.Elif(number.exponent >= BIAS - 1):
        m.d.comb += size.eq(nearest(fixed, 24))
    wanted = Mux(number.sign, -size, Mux(size > most, most, size))
    m.d.comb += [
        Assert(~ready | (unit.integer == wanted), "the nearest integer must be taken, of two the even one"),
        Cover(ready & (fixed[:24] == 1 << 23) & (size == 6) & number.sign),
    ]
    return d


def product():
    """Any two float32."""
    d = Design()
    m = d.m
    m.submodules.unit = unit = Product()
    left, right = Signal(FLOAT), Signal(FLOAT)
    for name, number, given in (("left", left, unit.left), ("right", right, unit.right)):
        m.d.comb += [number.as_value().eq(d.constant(32, name=f"any_{name}")), given.eq(number)]
    m.d.comb += unit.enable.eq(~0)
    ready = after(d, unit.latency)

    exact, rounded, exponent = Signal(48), Signal(25), Signal(signed(11))
    m.d.comb += [
        exact.eq(mantissa(left) * mantissa(right)),
        rounded.eq(Mux(exact[47], nearest(exact, 24), nearest(exact, 23))),
        exponent.eq(left.exponent + right.exponent - BIAS + exact[47] + rounded[24]),
    ]
    number = unit.number
    small = (left.exponent == 0) | (right.exponent == 0) | (exponent - rounded[24] <= 0)
    wanted = Signal(FLOAT)
    with m.If(~small & (exponent >= 255)):
        m.d.comb += wanted.exponent.eq(255)
    with m.Elif(~small):
        m.d.comb += [wanted.exponent.eq(exponent), wanted.fraction.eq(Mux(rounded[24], rounded[1:24], rounded[:23]))]
    m.d.comb += [
        Assert(~ready | (number.sign == left.sign ^ right.sign), "the sign must be that of the product"),
        Assert(~ready | (Cat(number.fraction, number.exponent) == Cat(wanted.fraction, wanted.exponent)),
               "the exact product must be rounded once, half to even"),
        Cover(ready & ~small & (exponent < 255) & rounded[24]),
    ]  # fmt: skip
    return d


PROOFS = (
    Proof(
        name="from-integer",
        claims="an integer of 32 bits becomes the nearest float32, of two equally near the even one: all inputs",
        assumed="inputs hold while the pipeline fills; it has no feedback, so its depth is enough",
        reached="an integer that is not a float32",
        design=from_integer,
        depth=FromInteger.latency + 2,
        reach=FromInteger.latency + 2,
        inductive=False,
        bug=Edit(
            "what is half way is rounded up",
            "hw/conversion.py",
            "up.eq(fine[7] & («fine[:7].any() | fine[8]»))",
            "OLD | 1",
        ),
        quick=True,
    ),
    Proof(
        name="to-integer",
        claims="a float32 becomes the nearest integer of 10 bits, of two equally near the even one, the last one beyond"
        " the range: all inputs",
        assumed="the same",
        reached="6.5 with a sign",
        design=to_integer,
        depth=ToInteger.latency + 2,
        reach=ToInteger.latency + 2,
        inductive=False,
        bug=Edit(
            "bits below the guard are forgotten",
            "hw/conversion.py",
            "wide[guard] & («wide[:guard].any()» | wide[guard + 1])",
            "OLD & 0",
        ),
        quick=True,
    ),
    Proof(
        name="product",
        claims="two float32 give their exact product rounded once, half to even, zero below the smallest normal number "
        "and infinity beyond the largest: all inputs",
        assumed="the same",
        reached="a fraction that is rounded up to 2",
        design=product,
        depth=Product.latency + 2,
        reach=Product.latency + 2,
        inductive=False,
        bug=Edit(
            "bits below the guard are forgotten",
            "hw/product.py",
            "product[22] & («product[:22].any()» | product[23])",
            "OLD & 0",
        ),
    ),
)
