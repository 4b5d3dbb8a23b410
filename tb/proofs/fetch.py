"""Program fetch as an AXI4 master: its bursts, and that its buffer has room for what it asks for."""

from __future__ import annotations

from amaranth import Mux, Signal
from amaranth.hdl import Assert, Cover

from hw.fetch import Fetch
from spec.isa import INSTRUCTION_BYTES
from tb.mutation import Edit
from tb.proofs.axi import addressed
from tb.proofs.design import Design
from tb.proofs.machine import SMALL
from tb.proofs.opened import Opened
from tb.proofs.proof import Proof

__all__ = ["PROOFS"]

BURST_BYTES = SMALL.fetch_burst * INSTRUCTION_BYTES
BURST_BEATS = BURST_BYTES // SMALL.bus_bytes
#: Beats of an instruction, a power of two.
BEATS = INSTRUCTION_BYTES // SMALL.bus_bytes


def design():
    """Any program of any length, stopped at any time, from a memory that answers what it was asked, when it likes."""
    d = Design()
    m = d.m
    m.submodules.fetch = fetch = Fetch(config=SMALL)
    inside = Opened(fetch)
    d.open(fetch)
    axi, out = fetch.axi, fetch.instructions
    awaited, stored, free, beat = (inside[name] for name in ("awaited", "stored", "free", "beat"))
    taken = out.valid & out.ready
    asked = axi.arvalid & axi.arready

    # Beats that were asked for and have not come, and instructions that were taken.
    owed, count = Signal(range(4 * SMALL.fetch_instructions * BEATS)), Signal(33)
    m.d.sync += owed.eq(owed + Mux(asked, BURST_BEATS, 0) - axi.rvalid)
    length = Signal(32)
    with m.If(fetch.start):
        m.d.sync += [length.eq(fetch.length), count.eq(0)]
    with m.Elif(taken):
        m.d.sync += count.eq(count + 1)
    d.assume(~fetch.start | (fetch.idle & ~fetch.stop & ~fetch.base[: BURST_BYTES.bit_length() - 1].any()))
    d.assume(~axi.rvalid | (owed != 0))

    addressed(d, axi, "ar")
    capacity = SMALL.fetch_instructions
    m.d.comb += [
        Assert(axi.rready, "beats must always be taken"),
        Assert(stored + awaited <= capacity, "the buffer must have room for all that is asked for"),
        Assert(~fetch.idle | (~axi.arvalid & (owed == 0)), "nothing must be under way when fetch is idle"),
        Assert(~out.valid | (count < length), "there must be no more instructions than the program has"),
        Cover((count == 3) & (count == length) & fetch.idle),
    ]

    # What makes an induction of it: the counters of the unit agree with those of the design.
    m.d.comb += [
        Assert(owed + Mux(axi.arvalid, BURST_BEATS, 0) == awaited * BEATS - beat[: BEATS.bit_length() - 1]),
        Assert((awaited != 0) | (beat[: BEATS.bit_length() - 1] == 0)),
        Assert(stored + awaited + free <= capacity),
        Assert(~out.valid | (stored != 0)),
        Assert(~axi.araddr[: BURST_BYTES.bit_length() - 1].any()),
        Assert(~inside["active"] | (count + inside["left"] == length)),
        Assert(~out.valid | (inside["left"] != 0)),
        Assert(~out.valid | inside["active"]),
    ]
    return d


PROOFS = (
    Proof(
        name="fetch",
        claims="an address is held and unchanged until it is taken; no burst crosses 4 KiB; beats are always taken, and"
        " there is room in the buffer for all that are asked for; when fetch is idle no beat is under way; no "
        "instruction comes that the program does not have",
        assumed="the program lies on a multiple of a burst (proof `csr`); a start comes when fetch is idle; the memory "
        "sends only beats that it was asked for",
        reached="a program of three instructions is taken whole",
        design=design,
        depth=2,
        reach=30,
        bug=Edit(
            "a burst is asked for when there is room for all but one of its instructions",
            "hw/fetch.py",
            "«(free >= burst)» & (~axi.arvalid",
            "free >= burst - 1",
        ),
    ),
)  # fmt: skip
