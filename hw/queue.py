"""Commands in order, each held until what it waits for has finished."""

from __future__ import annotations

from amaranth import Cat, Const, Module, Signal, unsigned
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.commands import COUNT_BITS, COUNTS
from spec.isa import Queue

__all__ = ["CommandQueue", "entry"]


def entry(payload) -> data.StructLayout:
    """What is pushed: a command's payload and the completion counts that it waits for; 0 waits for nothing."""
    return data.StructLayout({"payload": payload, "data": COUNTS, "port": COUNTS, "half": unsigned(COUNT_BITS)})


class CommandQueue(wiring.Component):
    r"""A queue in front of an engine.

    Pushed in cycle p, a command starts in cycle p + 1 at the earliest: in the first cycle in which it is the head, the
    engine is ready, and every count is reached. A start makes room for a push in the next cycle.

    ::

        clk     _/‾\_/‾\_/‾\_/‾\_
        push    ⟨ a ⟩⟨ b ⟩
        ready   ‾‾‾‾‾‾‾‾‾‾\_______
        start        /‾‾‾‾\_______
        payload      ⟨ a ⟩⟨ b     ⟩

    Parameters
    ----------
    payload
        Layout of what the engine takes.
    depth : int
        Commands that fit, a power of two.
    own : Queue
        The queue this is. Waits for itself are always met, for it is in order.
    half_queue : Queue or None
        Whose count ``half`` waits for; None if there are no such waits.
    data_waits, port_waits : iterable of Queue
        Whose counts a command can wait for; those of other queues are neither stored nor looked at.

    Members
    -------
    push : In(stream(entry(payload)))
        Commands from the front end.
    counts : In(COUNTS)
        Completion counts.
    ready : In(1)
        The engine is idle.
    extra : In(1)
        One more condition, charged to data; 1 if there is none.
    start : Out(1)
        The engine takes ``payload`` in this cycle.
    payload : Out(payload)
        Of the head; of no meaning if there is none.
    empty, data, port, half : Out(1)
        Why an idle engine does not start: exactly one is high if ``ready`` and not ``start``, else none.

    Raises
    ------
    ValueError
        If ``depth`` is not a power of two of at least 2.
    """

    def __init__(self, *, payload, depth, own, half_queue=None, data_waits=Queue, port_waits=Queue):
        if depth < 2 or depth & (depth - 1):
            raise ValueError(f"Queue depth must be a power of two of at least 2, not {depth}")
        self.depth = depth
        self.half_queue = half_queue
        self.data_waits = [q for q in Queue if q in tuple(data_waits) and q != own]
        self.port_waits = [q for q in Queue if q in tuple(port_waits) and q != own]
        super().__init__({
            "push": In(stream.Signature(entry(payload))),
            "counts": In(COUNTS),
            "ready": In(1),
            "extra": In(1),
            "start": Out(1),
            "payload": Out(payload),
            "empty": Out(1),
            "data": Out(1),
            "port": Out(1),
            "half": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        # What is kept of an entry: only the counts that are looked at.
        waits = {
            **{f"data_{q}": (self.push.payload.data[q], q) for q in self.data_waits},
            **{f"port_{q}": (self.push.payload.port[q], q) for q in self.port_waits},
        }
        if self.half_queue is not None:
            waits["half"] = (self.push.payload.half, self.half_queue)
        kept = data.StructLayout({
            "payload": self.signature.members["payload"].shape,
            **dict.fromkeys(waits, unsigned(COUNT_BITS)),
        })

        m.submodules.store = store = memory.Memory(shape=kept, depth=self.depth, init=[])
        write, read = store.write_port(), store.read_port(domain="comb")
        newest, oldest = Signal(ceil_log2(self.depth)), Signal(ceil_log2(self.depth))
        level = Signal(range(self.depth + 1))
        pushed = Signal()
        m.d.comb += [
            self.push.ready.eq(level != self.depth),
            pushed.eq(self.push.valid & self.push.ready),
            write.en.eq(pushed),
            write.addr.eq(newest),
            write.data.payload.eq(self.push.payload.payload),
            *(write.data[name].eq(count) for name, (count, _) in waits.items()),
            read.addr.eq(oldest),
            self.payload.eq(read.data.payload),
        ]
        with m.If(pushed):
            m.d.sync += newest.eq(newest + 1)
        with m.If(self.start):
            m.d.sync += oldest.eq(oldest + 1)
        m.d.sync += level.eq(level + pushed - self.start)

        # The order in which causes are charged is the order in which they are looked at.
        met = {}
        for cause in ("data", "port", "half"):
            reached = [self.counts[q] >= read.data[name] for name, (_, q) in waits.items() if name.startswith(cause)]
            met[cause] = Signal(name=f"{cause}_met")
            m.d.comb += met[cause].eq(Cat(Const(1, 1), *reached).all())
        with m.If(self.ready):
            with m.If(level == 0):
                m.d.comb += self.empty.eq(1)
            with m.Elif(~(met["data"] & self.extra)):
                m.d.comb += self.data.eq(1)
            with m.Elif(~met["port"]):
                m.d.comb += self.port.eq(1)
            with m.Elif(~met["half"]):
                m.d.comb += self.half.eq(1)
            with m.Else():
                m.d.comb += self.start.eq(1)

        return m
