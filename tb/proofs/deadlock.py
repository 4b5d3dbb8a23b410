"""Queues that wait for each other: as long as waits point backwards, something moves."""

from __future__ import annotations

from amaranth import Signal, unsigned
from amaranth.hdl import Assert, Cover
from amaranth.lib import data

from hw.completions import Completions
from hw.queue import CommandQueue
from spec.isa import Queue
from tb.mutation import Edit
from tb.proofs.design import Design
from tb.proofs.proof import Proof

__all__ = ["PROOFS"]

QUEUES = (Queue.WEIGHTS, Queue.ARRAY, Queue.POST)


def design():
    """Three queues whose commands wait for whatever was pushed before, and engines that take as long as they like."""
    d = Design()
    m = d.m
    m.submodules.completions = completions = Completions()
    m.d.comb += completions.clear.eq(0)
    ready, started, pushes = [], [], []
    for queue in QUEUES:
        unit = CommandQueue(
            payload=data.StructLayout({"tag": unsigned(1)}), depth=2, own=queue, data_waits=QUEUES, port_waits=(),
        )  # fmt: skip
        m.submodules[f"queue_{queue.name}"] = unit
        d.open(unit, "counts", "ready", "extra")
        busy, given = Signal(name=f"busy_{queue.name}"), Signal(4, name=f"given_{queue.name}")
        finish = busy & d.input(name=f"finish_{queue.name}")
        m.d.sync += busy.eq(unit.start | (busy & ~finish))
        m.d.comb += [
            unit.counts.eq(completions.counts),
            unit.ready.eq(~busy),
            unit.extra.eq(1),
            completions.finish[queue].eq(finish),
        ]
        pushed = unit.push.valid & unit.push.ready
        m.d.sync += given.eq(given + pushed)
        pushes.append((unit, given, pushed))
        ready.append(~busy)
        started.append(unit.start)
    # One command is pushed in a cycle; its waits are for commands that have been pushed.
    d.assume(sum(pushed for _, _, pushed in pushes) <= 1)
    for unit, _, _ in pushes:
        for queue, (_, given, _) in zip(QUEUES, pushes, strict=True):
            d.assume(unit.push.payload.data[queue] <= given)
    idle = sum(ready) == len(QUEUES)
    empty = [unit.empty for unit, _, _ in pushes]
    m.d.comb += [
        Assert(~idle | (sum(started) != 0) | (sum(empty) == len(QUEUES)), "something must start while anything waits"),
        Cover(idle & (sum(started) == 1) & (sum(unit.data for unit, _, _ in pushes) == 2)),
    ]
    return d


PROOFS = (
    Proof(
        name="deadlock",
        claims="of three queues whose commands wait for any commands that were pushed before them, one starts a command"
        " whenever all engines are idle and any queue is not empty",
        assumed="a command is pushed with waits for commands that were pushed (proof `hazards`); one is pushed in a "
        "cycle",
        reached="two queues wait for the third, which starts",
        design=design,
        depth=7,
        reach=7,
        inductive=False,
        bug=Edit(
            "of finishes in one cycle one is counted",
            "hw/completions.py",
            "with m.Elif(«self.finish[queue]»):",
            "OLD & ~(self.finish & ((1 << queue) - 1)).any()",
        ),
    ),
)  # fmt: skip
