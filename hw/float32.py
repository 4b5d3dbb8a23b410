"""A float32 number: its layout, and what the stages of its arithmetic share."""

from __future__ import annotations

from amaranth import Cat, Mux, Signal
from amaranth.lib import data

__all__ = ["BIAS", "FLOAT", "carried", "mantissa", "slide", "value_register"]

#: A float32. Zero and subnormal numbers (exponent 0) count as zero; infinities (exponent 255) as very large numbers.
FLOAT = data.StructLayout({"fraction": 23, "exponent": 8, "sign": 1})
#: What a float32's exponent exceeds the power of two by.
BIAS = 127


def value_register(shape=1):
    """A register for a value. It is not reset: the marks that give values a meaning are."""
    return Signal(shape, reset_less=True)


def mantissa(number):
    """The 24 bits of a number's mantissa, its hidden one included."""
    return Cat(number.fraction, 1)


def slide(m, value, steps):
    """Shift ``value`` left past its leading zeros by each of ``steps`` or not; and what was taken, last step lowest."""
    taken = []
    for step in steps:
        empty, slid = Signal(), Signal(len(value))
        m.d.comb += empty.eq(~value[len(value) - step :].any())
        m.d.comb += slid.eq(Mux(empty, (value << step)[: len(value)], value))
        value = slid
        taken.insert(0, empty)
    return value, Cat(*taken)


def carried(m, value, enable):
    """A value carried through as many stages as there are enables, and what is behind the last."""
    for stage in range(len(enable)):
        following = Signal.like(value, name=f"carried_{stage}", reset_less=True)
        with m.If(enable[stage]):
            m.d.sync += following.eq(value)
        value = following
    return value
