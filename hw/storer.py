"""The storer: frames into page buffers (TAKE), and out of them into pages of DRAM (WRITE)."""

from __future__ import annotations

from amaranth import Array, Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.axi import AxiWrite
from hw.bursts import ask_bursts
from hw.commands import Commands
from hw.fault import FAULT
from hw.flight import Flight
from hw.pagebuffer import PageBuffer
from hw.ports import TakePort
from spec.errors import Error

__all__ = ["Storer"]


class Storer(wiring.Component):
    """Two engines with the page buffers between them.

    The n-th WRITE sends the buffer that the n-th TAKE filled; that it is filled, and that a buffer is free, is the
    commands' waits' matter. WRITE takes the next command as soon as its last burst is asked for; data are offered from
    the cycle of the first address on, without a gap. Latencies are ``spec.timing.take_latency`` and ``WRITE_ISSUE``.

    ::

        cycle        s     s+1   s+2   s+3          cycle        s     s+1   s+2   s+3
        take_start   a                              write_start  a
        port               a0    a1    a2           awaddr             a
        port.data                      a0           wdata              a0    a1    a2

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    take_start, write_start : In(1)
        The engine takes its payload in this cycle; only if it is ready.
    take_payload, write_payload : In
        Of the two queues.
    take_ready, write_ready : Out(1)
        A command can be taken.
    take_finish, write_finish : Out(1)
        The last cycle of the oldest command.
    base, limit : In(32)
        Pages may be written from ``base`` on and below ``limit``.
    axi : Out(AxiWrite)
        The data port's write channels.
    port : Out(TakePort)
        Frames.
    fault : Out(FAULT)
        WRITE_OUT_OF_WINDOW in the finish cycle of a WRITE whose page is outside: it is not issued. WRITE_FAILED in the
        cycle of a response with an error.
    """

    def __init__(self, *, config):
        self.config = config
        k = Commands(config)
        super().__init__({
            "take_start": In(1),
            "take_payload": In(k.take),
            "take_ready": Out(1),
            "take_finish": Out(1),
            "write_start": In(1),
            "write_payload": In(k.write),
            "write_ready": Out(1),
            "write_finish": Out(1),
            "base": In(32),
            "limit": In(32),
            "axi": Out(AxiWrite(config.bus_bytes)),
            "port": Out(TakePort(config)),
            "fault": Out(FAULT),
        })

    def elaborate(self, platform):
        m = Module()
        c, k, axi = self.config, Commands(self.config), self.axi
        m.submodules.buffers = buffers = PageBuffer(
            size=c.store_buffers * c.page_bytes, write_bytes=c.rows, read_bytes=c.bus_bytes
        )
        m.submodules.flight = flight = Flight(
            depth=c.store_buffers, bursts=c.page_bursts, burst_bytes=c.burst_beats * c.bus_bytes,
            refused=Error.WRITE_OUT_OF_WINDOW, failed=Error.WRITE_FAILED,
        )  # fmt: skip

        # TAKE: a word is asked for in each cycle; two cycles later, or more, it is in the port's register, and goes on.
        filling = Signal(ceil_log2(c.store_buffers))
        asked, here = Signal(1 + k.word_bits), Signal(1 + k.word_bits)
        way = [asked, here]
        for stage in range(c.data_stages):
            way.insert(-1, Signal(1 + k.word_bits, name=f"asked_{stage}"))
        idle = ~self.port.valid & ~asked[-1] & ~here[-1]
        for one in way[1:-1]:
            idle &= ~one[-1]
        end = self.port.word == c.page_words - 1
        m.d.comb += [
            self.take_ready.eq(idle),
            self.take_finish.eq(here[-1] & (here[:-1] == c.page_words - 1)),
            buffers.write.eq(here[-1]),
            buffers.write_address.eq(here[:-1] | (filling << k.word_bits)),
            buffers.write_data.eq(self.port.data.as_value()),
        ]
        before = Cat(self.port.word, self.port.valid)
        for one in way:
            m.d.sync += one.eq(before)
            before = one
        with m.If(self.port.valid):
            m.d.sync += [self.port.word.eq(self.port.word + 1), self.port.valid.eq(~end)]
        with m.If(self.take_start):
            m.d.sync += [self.port.valid.eq(1), self.port.frame.eq(self.take_payload.frame)]
        with m.If(self.take_finish):
            m.d.sync += filling.eq(filling + 1)

        # WRITE: the last burst's handshake frees the engine for the next command.
        burst, address = Signal(ceil_log2(c.page_bursts)), self.write_payload.address
        free = ask_bursts(m, self, "aw", flight, start=self.write_start, address=address, burst=burst)
        m.d.comb += self.write_ready.eq(free)

        # Started pages whose data have not left, and which of the buffers are to be skipped.
        started, owed = Signal(ceil_log2(c.store_buffers)), Signal(range(c.store_buffers + 1))
        skipped = Array(Signal(name=f"skipped{index}") for index in range(c.store_buffers))
        sent = Signal()
        with m.If(self.write_start):
            m.d.sync += [skipped[started].eq(flight.outside), started.eq(started + 1)]
        m.d.sync += owed.eq(owed + self.write_start - sent)

        # Data: what is offered next is read while this is taken, so that beats follow each other at once.
        beat, sending = Signal(ceil_log2(c.page_beats)), Signal(ceil_log2(c.store_buffers))
        skip = skipped[sending]
        following = Signal(len(beat) + len(sending))
        m.d.comb += [
            axi.wvalid.eq((owed != 0) & ~skip),
            axi.wdata.eq(buffers.read_data),
            axi.wstrb.eq(~0),
            axi.wlast.eq(beat[: ceil_log2(c.burst_beats)] == c.burst_beats - 1),
            following.eq(Cat(beat, sending) + (axi.wvalid & axi.wready)),
            sent.eq((owed != 0) & (skip | (axi.wready & (beat == c.page_beats - 1)))),
        ]
        with m.If((owed != 0) & skip):
            m.d.comb += following.eq(Cat(beat, (sending + 1)[: len(sending)]))
        m.d.comb += buffers.read_address.eq(following)
        m.d.sync += Cat(beat, sending).eq(following)

        # Responses.
        m.d.comb += [
            axi.bready.eq(flight.ready),
            flight.answer.eq(axi.bvalid & axi.bready),
            flight.bad.eq(axi.bvalid & axi.bready & axi.bresp[1]),
            self.write_finish.eq(flight.finish),
            self.fault.eq(flight.fault),
        ]
        return m
