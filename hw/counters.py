"""What happened in a run: the cycles of each queue by cause, and bursts."""

from __future__ import annotations

from amaranth import Module, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.isa import Queue
from spec.registers import CAUSES

__all__ = ["CAUSE", "COUNTERS", "EVENTS", "Counters"]

#: Why a queue whose engine is idle does not start; all 0: its engine is busy.
CAUSE = data.StructLayout({cause: unsigned(1) for cause in CAUSES if cause != "busy"})
#: What is counted when it happens, by register name.
EVENTS = data.StructLayout({name: unsigned(1) for name in ("READ_BURSTS", "WRITE_BURSTS", "FETCH_BURSTS")})
QUEUES = tuple(queue for queue in Queue if queue is not Queue.SUMS)
#: All that is counted here, by register name; the front end counts what it decides.
COUNTERS = data.StructLayout({
    name: unsigned(32)
    for name in ("CYCLES", *EVENTS.members, *(f"{q.name}_{cause.upper()}" for q in QUEUES for cause in CAUSES))
})


class Counters(wiring.Component):
    """Counts from START on, and keeps the counts until the next one.

    A cycle of a run is counted in CYCLES and once for each queue: by the cause that keeps its idle engine from
    starting, or as busy. Counters wrap.

    Members
    -------
    start : In(1)
        All counters are 0 from the next cycle on.
    run : In(1)
        This cycle belongs to a run.
    causes : In(CAUSE).array(7)
        Of each queue, in the order of ``Queue``.
    events : In(EVENTS)
        What happens in this cycle, in a run or not.
    values : Out(COUNTERS)
        The counts, seen one cycle later.
    """

    def __init__(self):
        super().__init__({
            "start": In(1),
            "run": In(1),
            "causes": In(CAUSE).array(len(QUEUES)),
            "events": In(EVENTS),
            "values": Out(COUNTERS),
        })

    def elaborate(self, platform):
        m = Module()

        happens = {"CYCLES": self.run, **{name: self.events[name] for name in EVENTS.members}}
        for queue in QUEUES:
            causes = self.causes[queue]
            happens[f"{queue.name}_BUSY"] = self.run & (causes.as_value() == 0)
            for cause in CAUSE.members:
                happens[f"{queue.name}_{cause.upper()}"] = self.run & causes[cause]

        for name, happening in happens.items():
            m.d.sync += self.values[name].eq(self.values[name] + happening)
        with m.If(self.start):
            m.d.sync += self.values.as_value().eq(0)
        return m
