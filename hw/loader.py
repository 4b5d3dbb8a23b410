"""The loader: pages of DRAM into page buffers (READ), and out of them into frames (PLACE)."""

from __future__ import annotations

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.axi import AxiRead
from hw.bursts import ask_bursts
from hw.commands import Commands
from hw.fault import FAULT
from hw.flight import Flight
from hw.pagebuffer import PageBuffer
from hw.ports import PlacePort
from spec.errors import Error

__all__ = ["Loader"]


class Loader(wiring.Component):
    """Two engines with the page buffers between them.

    READ asks for a page and takes the next command as soon as its last burst is asked for; beats are always taken, but
    for the cycle in which a page outside the window finishes. The n-th PLACE empties the buffer that the n-th READ
    filled; that it is filled, and that a buffer is free, is the commands' waits' matter. Latencies are
    ``spec.timing.READ_ISSUE`` and ``PLACE_LATENCY``.

    ::

        cycle        s     s+1   s+2          cycle        s     s+1   s+2   s+3
        read_start   a     b                  place_start  a
        araddr             a     b            buffer             a0    a1    a2
                                              port               .     a0    a1

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    read_start, place_start : In(1)
        The engine takes its payload in this cycle; only if it is ready.
    read_payload, place_payload : In
        Of the two queues.
    read_ready, place_ready : Out(1)
        A command can be taken.
    read_finish, place_finish : Out(1)
        The last cycle of the oldest command.
    base, limit : In(32)
        Pages may be read from ``base`` on and below ``limit``.
    axi : Out(AxiRead)
        The data port's read channels.
    port : Out(PlacePort)
        Frames.
    fault : Out(FAULT)
        READ_OUT_OF_WINDOW in the finish cycle of a READ whose page is outside: it is not issued, its buffer is stale.
        READ_FAILED in the cycle of a beat with an error: its page is placed all the same.
    """

    def __init__(self, *, config):
        self.config = config
        k = Commands(config)
        super().__init__({
            "read_start": In(1),
            "read_payload": In(k.read),
            "read_ready": Out(1),
            "read_finish": Out(1),
            "place_start": In(1),
            "place_payload": In(k.place),
            "place_ready": Out(1),
            "place_finish": Out(1),
            "base": In(32),
            "limit": In(32),
            "axi": Out(AxiRead(config.bus_bytes)),
            "port": Out(PlacePort(config)),
            "fault": Out(FAULT),
        })

    def elaborate(self, platform):
        m = Module()
        c, k, axi = self.config, Commands(self.config), self.axi
        m.submodules.buffers = buffers = PageBuffer(
            size=c.load_buffers * c.page_bytes, write_bytes=c.bus_bytes, read_bytes=c.rows
        )
        m.submodules.flight = flight = Flight(
            depth=c.load_buffers, bursts=c.page_bursts, burst_bytes=c.burst_beats * c.bus_bytes,
            refused=Error.READ_OUT_OF_WINDOW, failed=Error.READ_FAILED,
        )  # fmt: skip

        # READ: the last burst's handshake frees the engine for the next command.
        burst, address = Signal(ceil_log2(c.page_bursts)), self.read_payload.address
        free = ask_bursts(m, self, "ar", flight, start=self.read_start, address=address, burst=burst)
        m.d.comb += self.read_ready.eq(free)

        # Beats fill one buffer after the other; a page that was not issued leaves its buffer as it is.
        beat, filling = Signal(ceil_log2(c.page_beats)), Signal(ceil_log2(c.load_buffers))
        taken = Signal()
        m.d.comb += [
            axi.rready.eq(flight.ready),
            taken.eq(axi.rvalid & flight.active),
            flight.answer.eq(taken & (beat[: ceil_log2(c.burst_beats)] == c.burst_beats - 1)),
            flight.bad.eq(taken & axi.rresp[1]),
            buffers.write.eq(taken),
            buffers.write_address.eq(beat | (filling << len(beat))),
            buffers.write_data.eq(axi.rdata),
            self.read_finish.eq(flight.finish),
            self.fault.eq(flight.fault),
        ]
        with m.If(taken):
            m.d.sync += beat.eq(beat + 1)
        with m.If(flight.finish):
            m.d.sync += filling.eq(filling + 1)

        # PLACE: a word leaves the buffer in each cycle and is in its frame in the next.
        word, emptying = Signal(k.word_bits), Signal(ceil_log2(c.load_buffers))
        fetching = Signal()
        end = word == c.page_words - 1
        m.d.comb += [
            self.place_ready.eq(~fetching & ~self.port.valid),
            buffers.read_address.eq(word | (emptying << k.word_bits)),
            self.port.data.as_value().eq(buffers.read_data),
            self.place_finish.eq(self.port.valid & (self.port.word == c.page_words - 1)),
        ]
        m.d.sync += [self.port.valid.eq(fetching), self.port.word.eq(word)]
        with m.If(fetching):
            m.d.sync += [word.eq(word + 1), fetching.eq(~end)]
            with m.If(end):
                m.d.sync += emptying.eq(emptying + 1)
        with m.If(self.place_start):
            m.d.sync += [fetching.eq(1), self.port.frame.eq(self.place_payload.frame)]
        return m
