"""Sweeps over all tables, so that every run begins with the same ones."""

from __future__ import annotations

from amaranth import Module, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.policy import HISTORY

__all__ = ["WIPE", "Wipe"]

#: In a cycle with ``valid`` each table forgets entry ``index``, modulo its size.
WIPE = data.StructLayout({"valid": unsigned(1), "index": unsigned(16)})
#: Long enough for the array's last sums to be counted and forgotten, whatever the tables' sizes.
LEAST = 128


class Wipe(wiring.Component):
    """Names each entry once, one a cycle, beginning in the cycle after ``start``.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    start : In(1)
        Begin.
    wipe : Out(WIPE)
        To all tables.
    done : Out(1)
        The last entry is wiped in this cycle.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({"start": In(1), "wipe": Out(WIPE), "done": Out(1)})

    def elaborate(self, platform):
        m = Module()
        c = self.config
        last = max(c.virtual_pages, c.frames, c.slots, HISTORY, LEAST) - 1
        m.d.comb += self.done.eq(self.wipe.valid & (self.wipe.index == last))
        with m.If(self.start):
            m.d.sync += [self.wipe.valid.eq(1), self.wipe.index.eq(0)]
        with m.Elif(self.done):
            m.d.sync += self.wipe.valid.eq(0)
        with m.Else():
            m.d.sync += self.wipe.index.eq(self.wipe.index + 1)
        return m
