"""What designs of proofs are made of: inputs that are free, constants that are any, runs of any length."""

from __future__ import annotations

from amaranth import Module, Signal, Value
from amaranth.hdl import Assume, ClockDomain, Elaboratable
from amaranth.hdl._ast import AnyConst
from amaranth.lib.wiring import In

__all__ = ["Design"]


class Design(Elaboratable):
    """A module whose clock is never reset, with what a proof may take for granted.

    Attributes
    ----------
    m : Module
        Units, assertions, covers.
    free : list of Signal
        Inputs: the clock, and what has any value in every cycle.
    """

    def __init__(self):
        self.m = Module()
        self.m.domains.sync = clock = ClockDomain("sync", reset_less=True)
        self.free = [clock.clk]

    def open(self, unit, *driven):
        """Leave all inputs of a unit free but those named."""
        for (name, *_), member, value in unit.signature.flatten(unit):
            if member.flow is In and name not in driven:
                self.free.append(Value.cast(value))

    def input(self, shape=1, *, name):
        """A signal that has any value in every cycle."""
        made = Signal(shape, name=name)
        self.free.append(made)
        return made

    def constant(self, shape, *, name):
        """A signal that has any value, the same in every cycle."""
        made = Signal(shape, name=name)
        self.m.d.comb += made.eq(AnyConst(len(made)))
        return made

    def before(self, value, *, name):
        """A value of the cycle before; 0 in the first."""
        made = Signal.like(Value.cast(value), name=name, init=0)
        self.m.d.sync += made.eq(value)
        return made

    def assume(self, condition):
        """Only behaviour in which this holds is looked at."""
        self.m.d.comb += Assume(condition)

    def elaborate(self, platform):  # noqa: ARG002 (Amaranth passes one)
        return self.m
