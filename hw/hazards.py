"""Who wrote and who reads each frame, and who used each bank port last."""

from __future__ import annotations

from amaranth import Module, Mux, Signal, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.commands import COUNT_BITS, COUNTS, Commands
from hw.wipe import WIPE
from spec.isa import Queue

__all__ = ["USER", "Hazards", "hazard_request"]

#: A command: it completes ``queue`` to ``count``.
USER = data.StructLayout({"queue": unsigned(3), "count": unsigned(COUNT_BITS)})
WRITERS = (Queue.PLACE, Queue.POST)
READERS = (Queue.WEIGHTS, Queue.ARRAY, Queue.POST, Queue.TAKE)
#: The last writer, and the count of the last reader since in each queue of READERS.
FRAME = data.StructLayout({"writer": USER, "readers": data.ArrayLayout(unsigned(COUNT_BITS), len(READERS))})


def hazard_request(config):
    """Look a frame and a bank up, and note users of those that were looked up before.

    ``reads`` and ``takes_read``: ``reader`` reads the frame; it uses the bank's read port next. ``writes`` and
    ``takes_write`` likewise for ``writer``.
    """
    return data.StructLayout({
        "look": unsigned(1),
        "frame": Commands(config).frame,
        "look_bank": unsigned(1),
        "bank": unsigned(ceil_log2(config.banks)),
        "reads": unsigned(1),
        "takes_read": unsigned(1),
        "reader": USER,
        "writes": unsigned(1),
        "takes_write": unsigned(1),
        "writer": USER,
    })


class Hazards(wiring.Component):
    """Last writer and last readers of each frame; last user of each bank's ports.

    What was looked up stands from the next cycle on, as it was before what is noted in the same cycle or later.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    request : In(hazard_request)
        See there.
    before_reading, before_writing : Out(COUNTS)
        What a reader or a writer of the frame waits for: its last writer; for a writer also the readers since.
    before_read_port, before_write_port : Out(COUNTS)
        What the next user of the bank's port waits for: its last one.
    wipe : In(WIPE)
        See Wipe.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "request": In(hazard_request(config)),
            "before_reading": Out(COUNTS),
            "before_writing": Out(COUNTS),
            "before_read_port": Out(COUNTS),
            "before_write_port": Out(COUNTS),
            "wipe": In(WIPE),
        })

    def elaborate(self, platform):
        m = Module()
        c, ask, wipe = self.config, self.request, self.wipe
        frame, bank = Signal.like(ask.frame), Signal.like(ask.bank)
        with m.If(ask.look):
            m.d.sync += frame.eq(ask.frame)
        with m.If(ask.look_bank):
            m.d.sync += bank.eq(ask.bank)

        def table(name, shape, depth, look, at, write, to):
            """A table with its lookup and its write; returns what stands and what is written."""
            m.submodules[name] = entries = memory.Memory(shape=shape, depth=depth, init=[])
            reading, writing = entries.read_port(), entries.write_port()
            new = Signal(shape, name=f"{name}_new")
            m.d.comb += [
                reading.en.eq(look),
                reading.addr.eq(at),
                writing.en.eq(write | wipe.valid),
                writing.addr.eq(Mux(wipe.valid, wipe.index, to)),
            ]
            with m.If(~wipe.valid):
                m.d.comb += writing.data.eq(new)
            return reading.data, new

        old, new = table("frames", FRAME, c.frames, ask.look, ask.frame, ask.reads | ask.writes, frame)
        # A writer waits for all readers, so that waiting for it later is waiting for them.
        with m.If(ask.writes):
            m.d.comb += new.writer.eq(ask.writer)
        with m.Else():
            m.d.comb += new.writer.eq(old.writer)
            for i, queue in enumerate(READERS):
                m.d.comb += new.readers[i].eq(Mux(ask.reader.queue == queue, ask.reader.count, old.readers[i]))
        for queue in WRITERS:
            count = Mux(old.writer.queue == queue, old.writer.count, 0)
            m.d.comb += [self.before_reading[queue].eq(count), self.before_writing[queue].eq(count)]
        for i, queue in enumerate(READERS):
            # A frame's last writer can be POST, with readers in POST since: those are later.
            with m.If(old.readers[i].any()):
                m.d.comb += self.before_writing[queue].eq(old.readers[i])

        for name, take, user, queues, before in (
            ("read_ports", ask.takes_read, ask.reader, READERS, self.before_read_port),
            ("write_ports", ask.takes_write, ask.writer, WRITERS, self.before_write_port),
        ):
            old_user, new_user = table(name, USER, c.banks, ask.look_bank, ask.bank, take, bank)
            m.d.comb += new_user.eq(user)
            for queue in queues:
                m.d.comb += before[queue].eq(Mux(old_user.queue == queue, old_user.count, 0))
        return m
