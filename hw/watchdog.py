"""Notices that nothing moves any more, and names the queue that waits."""

from __future__ import annotations

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.fault import FAULT
from spec.errors import Error
from spec.isa import Queue

__all__ = ["Watchdog"]

QUEUES = tuple(queue for queue in Queue if queue is not Queue.SUMS)
#: Bits of a queue's unfinished commands: more than any queue and its engine hold.
PENDING_BITS = 8


class Watchdog(wiring.Component):
    """Counts the cycles of a run in which nothing moves.

    After ``limit`` of them in a row WATCHDOG is reported, in the next cycle and with the first queue that has an
    unfinished command; with the number of queues if none has: then it is the program that does not come.

    Members
    -------
    limit : In(32)
        How long is too long; 0: for ever is not.
    start : In(1)
        A run begins.
    run : In(1)
        This cycle belongs to a run.
    progress : In(1)
        Something moves in this cycle.
    pushes, finishes : In(7)
        Commands pushed and finished; bit q belongs to ``Queue(q)``. Either counts as progress.
    fault : Out(FAULT)
        WATCHDOG, with the queue as its address.
    """

    def __init__(self):
        super().__init__({
            "limit": In(32),
            "start": In(1),
            "run": In(1),
            "progress": In(1),
            "pushes": In(len(QUEUES)),
            "finishes": In(len(QUEUES)),
            "fault": Out(FAULT),
        })

    def elaborate(self, platform):
        m = Module()

        # Commands between push and finish.
        waits = Signal(len(QUEUES))
        for queue in QUEUES:
            pending = Signal(PENDING_BITS, name=f"{queue.name.lower()}_pending")
            m.d.sync += pending.eq(pending + self.pushes[queue] - self.finishes[queue])
            with m.If(self.start):
                m.d.sync += pending.eq(0)
            m.d.comb += waits[queue].eq(pending != 0)

        quiet, moves = Signal(32), Signal()
        m.d.comb += moves.eq(self.progress | self.pushes.any() | self.finishes.any())
        with m.If(self.start | moves | ~self.run):
            m.d.sync += quiet.eq(0)
        with m.Elif(quiet != self.limit):
            m.d.sync += quiet.eq(quiet + 1)

        # The last assignment wins: so the first queue comes last.
        first = Signal(32)
        m.d.comb += first.eq(len(QUEUES))
        for queue in reversed(QUEUES):
            with m.If(waits[queue]):
                m.d.comb += first.eq(queue)
        m.d.comb += [
            self.fault.valid.eq(self.run & (self.limit != 0) & (quiet == self.limit)),
            self.fault.code.eq(Error.WATCHDOG),
            self.fault.address.eq(first),
        ]
        return m
