"""Sums in, activations out: bias, scale, rounding, clamp, and the residual add."""

from __future__ import annotations

from amaranth import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.commands import Commands
from hw.conversion import FromInteger, ToInteger
from hw.float32 import FLOAT, value_register
from hw.fused import FusedMultiplyAdd
from hw.product import Product

__all__ = ["Requantize"]

#: A rounded value of at least 9 bits and a sign stays outside -128..127 when a zero point of 9 bits is added to it.
ROUNDED_BITS = 10


class Requantize(wiring.Component):
    """One lane, one value a cycle, ``latency`` cycles from value to activation.

    With ``data_stages`` the product and each of the two sums take two cycles more.

    Every step is rounded as float32 rounds it. Numbers below 2**-126 count as zero. The residual add multiplies and
    adds twice, each time with one rounding: onnxruntime's second operand first, which is the addend unless ``swap`` is
    set.

    ::

        stage    0       1..4     5..6     7..8     9      10..17                16..23                24..25   26
        value    +bias   float32  x scale  integer  clamp  second x ratio+fixed  first x ratio+that    integer  clamp
        addend   waits until 10                            if it is the second   if it is the first

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
        Bit i lets stage i take what lies before it; a row that enters in cycle t needs bit i in cycle t + i. With
        ``data_stages`` every stage does in every cycle.
    bias : In(signed(32)), scale : In(FLOAT)
        The lane's constants.
    residual : In(1)
        Add the addend; otherwise the requantized value waits for as long as that would take.
    factors, clamp : In
        ``scale`` and ``clamp`` of Commands.post. These, the constants and ``residual`` hold while rows are on the way.
    activation : Out(signed(8))
    """

    def __init__(self, *, config):
        self.config = config
        self.second, self.first = (FusedMultiplyAdd(stages=config.data_stages) for _ in range(2))
        self.product = Product(stages=config.data_stages)
        self.latency = 1 + FromInteger.latency + self.product.latency + ToInteger.latency + 1
        self.latency += self.second.latency + self.first.latency - FusedMultiplyAdd.ADDEND + ToInteger.latency + 1
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

        # Stages rest where nothing is under way, those of the residual add if there is none. That spares work; with
        # `data_stages` it would cost wires across the part.
        enable, adding = self.enable, Signal(self.latency)
        m.d.comb += adding.eq(Mux(self.residual, enable, 0))
        if self.config.data_stages:
            enable = adding = Const(-1, self.latency)

        total = value_register(signed(32))
        with m.If(enable[0]):
            m.d.sync += total.eq(self.value + self.bias)
        at, number = self._unit(m, "value_float", FromInteger(), enable, 1, integer=total)
        at, number = self._unit(m, "scaled", self.product, enable, at, left=number, right=self.scale)
        at, rounded = self._unit(m, "value_rounded", ToInteger(width=ROUNDED_BITS), enable, at, number=number)
        requantized = value_register(signed(8))
        with m.If(enable[at]):
            m.d.sync += requantized.eq(_clamped(m, rounded, clamp.zero_a, clamp.low_a, clamp.high_a))
        at += 1
        known = at

        # first * first_ratio + (second * second_ratio + fixed), both operands as their tensors' types say.
        a, r = Signal(signed(9)), Signal(signed(9))
        addend = _delayed(m, "addend_waits", self.addend, known, adding.any())
        m.d.comb += a.eq(Mux(clamp.unsigned_a, requantized + 128, requantized))
        m.d.comb += r.eq(Mux(clamp.unsigned_b, addend + 128, addend))
        at, number = self._unit(
            m, "second", self.second, adding, known,
            integer=Mux(clamp.swap, a, r), ratio=factors.second_ratio, addend=factors.fixed,
        )  # fmt: skip
        at -= FusedMultiplyAdd.ADDEND
        first = _delayed(m, "first_waits", Mux(clamp.swap, r, a), at - known, adding.any())
        at, number = self._unit(
            m, "first", self.first, adding, at, integer=first, ratio=factors.first_ratio, addend=number
        )
        at, rounded = self._unit(m, "sum_rounded", ToInteger(width=ROUNDED_BITS), adding, at, number=number)

        # Both ways take equally long, so that a row's time does not depend on what is done with it.
        plain = _delayed(m, "requantized_waits", requantized, at - known, enable.any() & ~self.residual)
        added = _clamped(m, rounded, clamp.zero_b, clamp.low_b, clamp.high_b)
        activation = value_register(signed(8))
        with m.If(enable[at]):
            m.d.sync += activation.eq(Mux(self.residual, added, plain))
        m.d.comb += self.activation.eq(activation)
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
    """A value, so many cycles later: one long register is less to simulate than many short ones."""
    line = Signal(len(value) * cycles, name=name, reset_less=True)
    with m.If(moving):
        m.d.sync += line.eq(Cat(line[len(value) :], value))
    return line[: len(value)].as_signed()
