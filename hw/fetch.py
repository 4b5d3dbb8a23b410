"""Fetches the program in bursts, as far ahead as its buffer has room."""

from __future__ import annotations

from amaranth import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.axi import AxiRead, ask
from hw.fault import FAULT
from hw.pagebuffer import PageBuffer
from spec.errors import Error
from spec.isa import INSTRUCTION_BYTES

__all__ = ["FETCHED", "Fetch"]

#: An instruction and where it lies in memory.
FETCHED = data.StructLayout({"instruction": unsigned(8 * INSTRUCTION_BYTES), "address": unsigned(32)})


class Fetch(wiring.Component):
    """Reads a program through a port of its own, as far ahead as its buffer has room.

    A burst is asked for when there is room for all of it, what is under way counted as if it were there. Instructions
    come out in order, one a cycle at most. Latencies are ``spec.timing.FETCH_ISSUE``, ``FETCH_LATENCY`` and
    ``FETCH_REFILL``.

    ::

        cycle         0     1           r     r+1   r+2          T     T+1   T+2
        start         *                                    take  *
        araddr              burst 0                        free        more
        rdata                           last               araddr            burst j
        instructions                                a

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    start : In(1)
        A program is to be read; only if ``idle``.
    stop : In(1)
        What is left of it is of no interest: no new burst, and what still comes is dropped.
    base, length : In(32)
        Byte address of the program, aligned to a burst, and its instructions; stable from start to stop.
    axi : Out(AxiRead)
        The program port.
    instructions : Out(stream(FETCHED))
        The program's instructions, and no more than ``length``.
    idle : Out(1)
        Nothing is under way and no program is being read.
    fault : Out(FAULT)
        FETCH_FAILED in the cycle of a beat with an error, with its burst's address; it comes before any instruction of
        the burst can be taken.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "start": In(1),
            "stop": In(1),
            "base": In(32),
            "length": In(32),
            "axi": Out(AxiRead(config.bus_bytes)),
            "instructions": Out(stream.Signature(FETCHED)),
            "idle": Out(1),
            "fault": Out(FAULT),
        })

    def elaborate(self, platform):
        m = Module()
        c, axi = self.config, self.axi
        burst, capacity = c.fetch_burst, c.fetch_instructions
        burst_bytes = burst * INSTRUCTION_BYTES
        m.submodules.buffer = buffer = PageBuffer(
            size=capacity * INSTRUCTION_BYTES, write_bytes=c.bus_bytes, read_bytes=INSTRUCTION_BYTES
        )
        active, taken, arrived, issue = Signal(), Signal(), Signal(), Signal()

        # Addresses: the first with the start, another whenever a whole burst has room.
        bursts, free = Signal(32), Signal(range(capacity + 1))
        m.d.comb += [
            issue.eq((bursts != 0) & (free >= burst) & (~axi.arvalid | axi.arready) & ~self.stop),
            *ask(axi, "ar", bus_bytes=c.bus_bytes, beats=burst_bytes // c.bus_bytes),
        ]
        with m.If(axi.arready):
            m.d.sync += axi.arvalid.eq(0)
        m.d.sync += free.eq(free - Mux(issue, burst, 0) + taken)
        with m.If(issue):
            m.d.sync += [axi.arvalid.eq(1), axi.araddr.eq(axi.araddr + burst_bytes), bursts.eq(bursts - 1)]
        some = self.length != 0
        with m.If(self.start):
            m.d.sync += [
                active.eq(1),
                axi.arvalid.eq(some),
                axi.araddr.eq(self.base),
                bursts.eq(((self.length + burst - 1) >> ceil_log2(burst)) - some),
                free.eq(capacity - burst),
            ]
        with m.If(self.stop):
            m.d.sync += [active.eq(0), bursts.eq(0)]

        # Instructions that were asked for and have not come: until there are none, no other program can start.
        awaited = Signal(range(capacity + 1))
        m.d.sync += awaited.eq(awaited + Mux(issue | (self.start & some), burst, 0) - arrived)
        m.d.comb += self.idle.eq(~active & (awaited == 0))

        # Beats, always taken.
        beat, arriving = Signal(len(buffer.write_address)), Signal(32)
        instruction_beats = INSTRUCTION_BYTES // c.bus_bytes
        last = beat[: ceil_log2(burst * instruction_beats)] == burst * instruction_beats - 1
        m.d.comb += [
            axi.rready.eq(1),
            buffer.write.eq(axi.rvalid),
            buffer.write_address.eq(beat),
            buffer.write_data.eq(axi.rdata),
            arrived.eq(axi.rvalid & (beat[: ceil_log2(instruction_beats)] == instruction_beats - 1)),
            self.fault.valid.eq(axi.rvalid & axi.rresp[1] & active),
            self.fault.code.eq(Error.FETCH_FAILED),
            self.fault.address.eq(arriving),
        ]
        with m.If(axi.rvalid):
            m.d.sync += beat.eq(beat + 1)
            with m.If(last):
                m.d.sync += arriving.eq(arriving + burst_bytes)
        with m.If(self.start):
            m.d.sync += [beat.eq(0), arriving.eq(self.base)]

        # Instructions: the next one is read while this one is taken. What came in this cycle can be read in the next.
        out = self.instructions
        stored, left = Signal(range(capacity + 1)), Signal(32)
        place, following = Signal(len(buffer.read_address)), Signal(len(buffer.read_address))
        m.d.comb += [
            taken.eq(out.valid & out.ready),
            following.eq(place + taken),
            buffer.read_address.eq(following),
            out.payload.instruction.eq(buffer.read_data),
        ]
        m.d.sync += [
            place.eq(following),
            stored.eq(stored + arrived - taken),
            left.eq(left - taken),
            out.payload.address.eq(out.payload.address + Mux(taken, INSTRUCTION_BYTES, 0)),
            out.valid.eq((stored != taken) & (left != taken) & active & ~self.stop),
        ]
        with m.If(self.start):
            m.d.sync += [
                place.eq(0), stored.eq(0), left.eq(self.length), out.payload.address.eq(self.base), out.valid.eq(0),
            ]  # fmt: skip
        return m
