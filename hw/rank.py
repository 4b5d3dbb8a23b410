"""Which tensor gives up a page first."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.commands import COUNT_BITS, Commands
from hw.slots import binding, usage
from spec.isa import NEVER
from spec.registers import Policy

__all__ = ["POLICY", "Rank", "standing"]

POLICY = unsigned(max(Policy).bit_length())


def standing(config):
    """A tensor's place: the smaller ``key`` first; under ``frequency`` first the smaller fraction uses / resident."""
    return data.StructLayout({
        "key": unsigned(COUNT_BITS + 1),
        "uses": usage(config)["uses"].shape,
        "resident": unsigned(Commands(config).page_bits + 1),
    })


class Rank(wiring.Component):
    """Tells a tensor's standing, and of two standings which goes first. Has no registers.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    policy : In(POLICY)
        Whose order it is.
    stamp : In(32)
        Number of the current COMPUTE.
    binding, usage, resident : In
        A tensor.
    standing : Out(standing)
        Its place.
    one, other : In(standing)
        Two places.
    before : Out(1)
        ``one`` goes before ``other``; not if they are equal.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "policy": In(POLICY),
            "stamp": In(COUNT_BITS),
            "binding": In(binding(config)),
            "usage": In(usage(config)),
            "resident": In(Commands(config).page_bits + 1),
            "standing": Out(standing(config)),
            "one": In(standing(config)),
            "other": In(standing(config)),
            "before": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        used, distance = self.usage.used, self.usage.distance
        due, away = Signal(COUNT_BITS + 1), Signal(COUNT_BITS)
        m.d.comb += [
            due.eq(used + distance),
            # Who did not come when expected, or is not expected, is thought to stay away for as long again.
            away.eq(Mux(due >= self.stamp, due - self.stamp, self.stamp - used)),
            self.standing.uses.eq(self.usage.uses),
            self.standing.resident.eq(self.resident),
        ]
        key = self.standing.key
        with m.Switch(self.policy):
            with m.Case(Policy.STATIC):
                m.d.comb += key.eq(self.binding.order)
            with m.Case(Policy.EAGER):
                m.d.comb += key.eq(~away)
            with m.Case(Policy.DIRECTED):
                latest = Mux(distance == NEVER, (1 << COUNT_BITS) - 1, due)[:COUNT_BITS]
                m.d.comb += key.eq(Cat(~latest, self.usage.pinned))
            with m.Default():
                m.d.comb += key.eq(used)

        one, other = self.one, self.other
        less, more = one.uses * other.resident, other.uses * one.resident
        m.d.comb += self.before.eq(one.key < other.key)
        with m.If((self.policy == Policy.FREQUENCY) & (less != more)):
            m.d.comb += self.before.eq(less < more)
        return m
