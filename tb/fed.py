"""An engine behind its queues, as in the machine: what benches of engines put commands into."""

from __future__ import annotations

from amaranth import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.completions import Completions
from hw.queue import CommandQueue, entry
from spec.isa import Queue

__all__ = ["Fed"]


class Fed(wiring.Component):
    """A unit whose commands come from real queues with real waits.

    Parameters
    ----------
    unit : Component
        Has for each of its queues the members ``<name>_start``, ``_payload``, ``_ready`` and ``_finish``.
    queues : dict
        The depth of each of its queues, and the queue of its half waits or None.

    Members
    -------
    <name> : In(stream(entry(payload)))
        Commands.
    starts, finishes : Out(8)
        Strobes; bit q belongs to ``Queue(q)``.

    All other members of the unit are members of the same name.
    """

    def __init__(self, unit, queues):
        self.unit, self.queues = unit, queues
        names = tuple(queue.name.lower() for queue in queues)
        own = tuple(f"{name}_" for name in names)
        self.passed = {n: m for n, m in unit.signature.members.items() if not n.startswith(own)}
        pushes = {n: In(stream.Signature(entry(unit.signature.members[f"{n}_payload"].shape))) for n in names}
        super().__init__({**pushes, **self.passed, "starts": Out(8), "finishes": Out(8)})

    def elaborate(self, platform):  # noqa: ARG002
        m = Module()
        m.submodules.unit = unit = self.unit
        m.submodules.completions = completions = Completions()
        for name, member in self.passed.items():
            mine, its = getattr(self, name), getattr(unit, name)
            if member.is_signature:
                wiring.connect(m, its, wiring.flipped(mine))
            else:
                m.d.comb += mine.eq(its) if member.flow.name == "Out" else its.eq(mine)
        for which, (depth, half) in self.queues.items():
            name = which.name.lower()
            of = {part: getattr(unit, f"{name}_{part}") for part in ("start", "payload", "ready", "finish")}
            payload = unit.signature.members[f"{name}_payload"].shape
            queue = CommandQueue(payload=payload, depth=depth, own=which, half_queue=half)
            m.submodules[name] = queue
            wiring.connect(m, queue.push, wiring.flipped(getattr(self, name)))
            m.d.comb += [
                queue.counts.eq(completions.counts), queue.ready.eq(of["ready"]), queue.extra.eq(1),
                of["start"].eq(queue.start), of["payload"].eq(queue.payload),
                completions.finish[which].eq(of["finish"]),
                self.starts[which].eq(queue.start), self.finishes[which].eq(of["finish"]),
            ]  # fmt: skip
        return m


def waits(**counts):
    """Counts of a wait: those of the named queues, 0 of all others."""
    return [counts.get(queue.name.lower(), 0) for queue in Queue]
