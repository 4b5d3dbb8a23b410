"""Pages between DRAM and the scratchpad: the commands of a fill and of a write-back."""

from __future__ import annotations

from amaranth import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.commands import COUNT_BITS, COUNTS, Commands
from hw.directory import page_request
from hw.hazards import hazard_request
from hw.queue import entry
from hw.slots import binding
from spec.isa import Queue

__all__ = ["QUEUES", "Transfers", "transfer_request"]

QUEUES = (Queue.READ, Queue.PLACE, Queue.TAKE, Queue.WRITE)


def transfer_request(config):
    """Fill or write back ``page`` in ``frame``; ``place`` is its place in its tensor.

    A fill waits for WRITE to complete ``store``. A page that was written back stays present if ``keep`` is set.
    """
    k = Commands(config)
    return data.StructLayout({
        "fill": unsigned(1),
        "write_back": unsigned(1),
        "page": unsigned(k.page_bits),
        "place": unsigned(k.page_bits),
        "frame": k.frame,
        "store": unsigned(COUNT_BITS),
        "keep": unsigned(1),
    })


class Transfers(wiring.Component):
    r"""Pushes READ and PLACE for a fill, TAKE and WRITE for a write-back, and tells hazards and directory.

    For a fill, the hazards of the frame and its bank must have been looked up in the cycle of the request; they are
    looked up again in its last cycle.

    ::

        cycle     0       1        2        3        4
        fill      /‾‾‾‾‾\_
        push              ⟨ read ⟩⟨ place ⟩
        done                                /‾‾‾‾‾\_

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    request : In(transfer_request)
        What to do; one at a time.
    binding : In(binding)
        Of the page's slot, from the cycle after the request until it is done.
    data_base : In(32)
        Byte address of DRAM page 0.
    before_reading, before_writing, before_read_port, before_write_port : In(COUNTS)
        From Hazards.
    read, place, take, write : Out(stream)
        Commands.
    hazards : Out(hazard_request)
        To Hazards.
    directory : Out(page_request)
        To Directory.
    pushed : Out(COUNTS)
        Commands pushed, of these four queues.
    clear : In(1)
        Nothing is pushed yet.
    done : Out(1)
        The last cycle of a request.
    """

    def __init__(self, *, config):
        self.config = config
        k = Commands(config)
        super().__init__({
            "request": In(transfer_request(config)),
            "binding": In(binding(config)),
            "data_base": In(32),
            "before_reading": In(COUNTS),
            "before_writing": In(COUNTS),
            "before_read_port": In(COUNTS),
            "before_write_port": In(COUNTS),
            **{q.name.lower(): Out(stream.Signature(entry(getattr(k, q.name.lower())))) for q in QUEUES},
            "hazards": Out(hazard_request(config)),
            "directory": Out(page_request(config)),
            "pushed": Out(COUNTS),
            "clear": In(1),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        c, ask = self.config, self.request
        bank_bits = exact_log2(c.bank_frames)
        job, address = Signal(ask.shape()), Signal(32)
        m.d.comb += address.eq(self.data_base + (self.binding.page + job.place << exact_log2(c.page_bytes)))
        pushes = {q: getattr(self, q.name.lower()) for q in QUEUES}
        counts = {q: Signal(COUNT_BITS, name=f"next_{q.name.lower()}") for q in QUEUES}

        # What a command completes its queue to is its number in it, from 1.
        for queue in QUEUES:
            if not c.control_stages:
                m.d.comb += counts[queue].eq(self.pushed[queue] + 1)
            else:
                with m.If(pushes[queue].valid & pushes[queue].ready):
                    m.d.sync += counts[queue].eq(counts[queue] + 1)
                with m.If(self.clear):
                    m.d.sync += counts[queue].eq(1)
            with m.If(pushes[queue].valid & pushes[queue].ready):
                m.d.sync += self.pushed[queue].eq(counts[queue])
            with m.If(self.clear):
                m.d.sync += self.pushed[queue].eq(0)

        def wait(queue, *, data=None, port=None, buffers=0):
            """The waits of a command of ``queue``, without those for the queue itself."""
            payload = pushes[queue].payload
            for kind, waits in (("data", data or {}), ("port", port or {})):
                m.d.comb += [payload[kind][q].eq(count) for q, count in waits.items() if q != queue]
            if buffers:
                left = counts[queue] - buffers
                m.d.comb += payload.half.eq(Mux(counts[queue] > buffers, left, 0))

        def waits(counts):
            return {q: counts[q] for q in Queue}

        m.d.comb += [
            self.read.payload.payload.address.eq(address),
            self.place.payload.payload.frame.eq(job.frame),
            self.take.payload.payload.frame.eq(job.frame),
            self.write.payload.payload.address.eq(address),
        ]
        wait(Queue.READ, data={Queue.WRITE: job.store}, buffers=c.load_buffers)
        wait(
            Queue.PLACE,
            data=waits(self.before_writing) | {Queue.READ: counts[Queue.PLACE]},
            port=waits(self.before_write_port),
        )
        wait(
            Queue.TAKE, data=waits(self.before_reading), port=waits(self.before_read_port), buffers=c.store_buffers
        )
        wait(Queue.WRITE, data={Queue.TAKE: counts[Queue.WRITE]})

        def look():
            return [
                self.hazards.look.eq(1),
                self.hazards.frame.eq(job.frame),
                self.hazards.look_bank.eq(1),
                self.hazards.bank.eq(job.frame >> bank_bits),
            ]

        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += job.eq(ask)
                with m.If(ask.fill):
                    m.next = "READ"
                with m.If(ask.write_back):
                    m.next = "LOOK"
            with m.State("READ"):
                m.d.comb += self.read.valid.eq(1)
                with m.If(self.read.ready):
                    m.next = "PLACE"
            with m.State("PLACE"):
                m.d.comb += self.place.valid.eq(1)
                with m.If(self.place.ready):
                    m.d.comb += [
                        self.hazards.writes.eq(1),
                        self.hazards.takes_write.eq(1),
                        self.hazards.writer.queue.eq(Queue.PLACE),
                        self.hazards.writer.count.eq(counts[Queue.PLACE]),
                    ]
                    m.next = "FILLED"
            with m.State("FILLED"):
                m.d.comb += [*look(), self.done.eq(1)]
                m.next = "IDLE"
            with m.State("LOOK"):
                m.d.comb += look()
                m.next = "TAKE"
            with m.State("TAKE"):
                m.d.comb += self.take.valid.eq(1)
                with m.If(self.take.ready):
                    m.d.comb += [
                        self.hazards.reads.eq(1),
                        self.hazards.takes_read.eq(1),
                        self.hazards.reader.queue.eq(Queue.TAKE),
                        self.hazards.reader.count.eq(counts[Queue.TAKE]),
                    ]
                    m.next = "WRITE"
            with m.State("WRITE"):
                m.d.comb += self.write.valid.eq(1)
                with m.If(self.write.ready):
                    m.d.comb += [
                        self.directory.write.eq(1),
                        self.directory.page.eq(job.page),
                        self.directory.entry.present.eq(job.keep),
                        self.directory.entry.home.eq(1),
                        self.directory.entry.frame.eq(job.frame),
                        self.directory.entry.store.eq(counts[Queue.WRITE]),
                        self.done.eq(not c.control_stages),
                    ]
                    m.next = "WRITTEN" if c.control_stages else "IDLE"
            if c.control_stages:
                with m.State("WRITTEN"):
                    m.d.comb += self.done.eq(1)
                    m.next = "IDLE"
        return m
