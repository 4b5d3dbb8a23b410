"""Counts the frames that each group of tensors holds, and says who has its quota."""

from __future__ import annotations

from amaranth import Array, Cat, Module, Mux, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.slots import binding
from hw.wipe import WIPE
from spec.policy import GROUPS, quotas

__all__ = ["GROUP", "Quota", "group_of"]

GROUP = unsigned((len(GROUPS) - 1).bit_length())


def group_of(tensor):
    """The group of a binding; classes without a name count as the last one's."""
    found = len(GROUPS) - 1
    for group, (classes, _) in enumerate(GROUPS[:-1]):
        found = Mux(Cat(tensor.tensor_class == one for one in classes).any(), group, found)
    return found


class Quota(wiring.Component):
    """A counter for each group.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    binding : In(binding)
        The tensor that is asked about, or that takes or loses a frame in this cycle.
    takes, loses : In(1)
        It does.
    full : Out(1)
        Its group holds as many frames as it may.
    held : Out
        Frames of all groups together.
    wipe : In(WIPE)
        See Wipe.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "binding": In(binding(config)),
            "takes": In(1),
            "loses": In(1),
            "full": Out(1),
            "held": Out(range(config.frames + 1)),
            "wipe": In(WIPE),
        })

    def elaborate(self, platform):
        m = Module()
        counts = Array(Signal(range(self.config.frames + 1), name=f"held_{i}") for i in range(len(GROUPS)))
        limits = Array(quotas(self.config))
        group = Signal(GROUP)
        m.d.comb += [
            group.eq(group_of(self.binding)),
            self.full.eq(counts[group] >= limits[group]),
            self.held.eq(sum(counts)),
        ]
        m.d.sync += counts[group].eq(counts[group] + self.takes - self.loses)
        with m.If(self.wipe.valid):
            m.d.sync += [count.eq(0) for count in counts]
        return m
