"""How many commands each queue has finished: what all waits look at."""

from __future__ import annotations

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.commands import COUNT_BITS, COUNTS
from spec.isa import Queue

__all__ = ["Completions"]


class Completions(wiring.Component):
    """A counter for each queue, and for SUMS.

    A finish strobe in cycle t is counted from cycle t + 1 on (``spec.timing.CROSSING``). Several queues may finish in
    one cycle.

    Members
    -------
    finish : In(8)
        Strobes; bit q belongs to ``Queue(q)``.
    clear : In(1)
        All counts are 0 from the next cycle on; strobes of this cycle are lost.
    counts : Out(COUNTS)
        Finished commands, modulo 2^32.
    """

    def __init__(self):
        super().__init__({"finish": In(len(Queue)), "clear": In(1), "counts": Out(COUNTS)})

    def elaborate(self, platform):
        m = Module()

        for queue in Queue:
            count = self.counts[queue]
            with m.If(self.clear):
                m.d.sync += count.eq(0)
            with m.Elif(self.finish[queue]):
                m.d.sync += count.eq((count + 1)[:COUNT_BITS])

        return m
