"""Sums in, activations out: bias, scale, rounding, clamp, and the residual add."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.commands import Commands
from hw.float32 import FLOAT, FromInteger, Product, Sum, ToInteger

__all__ = ["Requantize"]

#: A rounded value of at least 9 bits and a sign stays outside -128..127 when a zero point of 9 bits is added to it.
ROUNDED_BITS = 10


class Requantize(wiring.Component):
    """One lane, one value a cycle, ``latency`` cycles from value to activation.

    Every step is rounded as float32 rounds it. Subnormal numbers count as zero on the way, which cannot be seen in the
    activation: what is added to a number below 2**-125 and then rounded to an integer is either too large to be
    changed by it, or so small that the integer is 0 with and without it.

    ::

        stage    0       1..4     5..6     7..8     9      10..12   13..14    15..20  21..26   27..28   29
        value    +bias   float32  x scale  integer  clamp  float32  x ratio_a  +fixed   +       integer  clamp
        addend   waits                                              16..18: float32, 19..20: x ratio_b

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    value : In(signed(32))
        Sum of a row.
    addend : In(signed(8))
        Residual of the row, in the cycle of its value.
    enable : In(latency)
        Bit i lets stage i take what lies before it; a row that enters in cycle t needs bit i in cycle t + i.
    bias : In(signed(32)), scale : In(FLOAT)
        The lane's constants.
    residual : In(1)
        Add the addend; otherwise the requantized value waits for as long as that would take.
    factors, clamp : In
        ``scale`` and ``clamp`` of Commands.post. These, the constants and ``residual`` hold while rows are on the way.
    activation : Out(signed(8))
    """

    latency = 1 + 4 + Product.latency + ToInteger.latency + 1 + 3 + Product.latency + 2 * Sum.latency
    latency += ToInteger.latency + 1

    def __init__(self, *, config):
        post = Commands(config).post
        super().__init__({
            "value": In(signed(32)),
            "addend": In(signed(8)),
            "enable": In(self.latency),
            "bias": In(signed(32)),
            "scale": In(FLOAT),
            "residual": In(1),
            "factors": In(post["scale"].shape),
            "clamp": In(post["clamp"].shape),
            "activation": Out(signed(8)),
        })

    def elaborate(self, platform):
        m = Module()
        clamp, factors = self.clamp, self.factors

        # The stages of the residual add rest if there is none.
        adding = Signal(self.latency)
        m.d.comb += adding.eq(Mux(self.residual, self.enable, 0))

        total = Signal(signed(32))
        with m.If(self.enable[0]):
            m.d.sync += total.eq(self.value + self.bias)
        at, number = self._unit(m, "value_float", FromInteger(width=32), self.enable, 1, integer=total)
        at, number = self._unit(m, "scaled", Product(), self.enable, at, left=number, right=self.scale)
        at, rounded = self._unit(m, "value_rounded", ToInteger(width=ROUNDED_BITS), self.enable, at, number=number)
        requantized = Signal(signed(8))
        with m.If(self.enable[at]):
            m.d.sync += requantized.eq(_clamped(m, rounded, clamp.zero_a, clamp.low_a, clamp.high_a))
        at += 1
        known = at

        # (fixed + a * ratio_a) + r * ratio_b, with a and r as their tensors' types say.
        a = Mux(clamp.unsigned_a, requantized + 128, requantized)
        at, a = self._unit(m, "a_float", FromInteger(width=9), adding, at, integer=a)
        at, a = self._unit(m, "a_scaled", Product(), adding, at, left=a, right=FLOAT(factors.ratio_a))
        at, a = self._unit(m, "a_fixed", Sum(), adding, at, left=FLOAT(factors.fixed), right=a)
        wait = at - 3 - Product.latency
        r = _delayed(m, "addend_waits", self.addend, wait, adding.any())
        r = Mux(clamp.unsigned_b, r + 128, r)
        r_at, r = self._unit(m, "r_float", FromInteger(width=9), adding, wait, integer=r)
        _, r = self._unit(m, "r_scaled", Product(), adding, r_at, left=r, right=FLOAT(factors.ratio_b))
        at, number = self._unit(m, "added", Sum(), adding, at, left=a, right=r)
        at, rounded = self._unit(m, "sum_rounded", ToInteger(width=ROUNDED_BITS), adding, at, number=number)

        # Both ways take equally long, so that a row's time does not depend on what is done with it.
        plain = _delayed(m, "requantized_waits", requantized, at - known, self.enable.any() & ~self.residual)
        added = _clamped(m, rounded, clamp.zero_b, clamp.low_b, clamp.high_b)
        with m.If(self.enable[at]):
            m.d.sync += self.activation.eq(Mux(self.residual, added, plain))
        return m

    @staticmethod
    def _unit(m, name, unit, enable, at, **inputs):
        """Put a float32 unit at stage ``at``; the stage after it, and its output."""
        m.submodules[name] = unit
        for member, value in inputs.items():
            m.d.comb += getattr(unit, member).eq(value)
        m.d.comb += unit.enable.eq(enable[at : at + unit.latency])
        return at + unit.latency, unit.integer if isinstance(unit, ToInteger) else unit.number


def _clamped(m, rounded, zero, low, high):
    """Rounded plus zero point, not below ``low``, then not above ``high``."""
    moved = Signal(signed(ROUNDED_BITS + 1))
    raised = Signal.like(moved)
    m.d.comb += [moved.eq(rounded + zero), raised.eq(Mux(moved < low, low, moved))]
    return Mux(raised > high, high, raised)


def _delayed(m, name, value, cycles, moving):
    """A byte, so many cycles later: one long register is less to simulate than many short ones."""
    line = Signal(8 * cycles, name=name)
    with m.If(moving):
        m.d.sync += line.eq(Cat(line[8:], value))
    return line[:8].as_signed()
