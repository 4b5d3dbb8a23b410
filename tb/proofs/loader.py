"""The loader as an AXI4 master: its bursts, and that it counts what comes back."""

from __future__ import annotations

from amaranth import Mux, Signal
from amaranth.hdl import Assert, Cover
from amaranth.utils import exact_log2

from hw.loader import Loader
from tb.mutation import Edit
from tb.proofs.axi import addressed, within
from tb.proofs.design import Design
from tb.proofs.flight import Pages, split
from tb.proofs.opened import Opened
from tb.proofs.proof import Proof

__all__ = ["PROOFS"]


def design(config):
    """Any pages, inside the window and outside, from a memory that answers what it was asked, when it likes."""
    d = Design()
    m = d.m
    page_bits, burst_bits = exact_log2(config.page_beats), exact_log2(config.burst_beats)
    m.submodules.loader = loader = Loader(config=config)
    inside = Opened(loader)
    d.open(loader, "base", "limit")
    axi = loader.axi
    pages = Pages(d, inside["flight"], config)
    beat, burst = inside["beat"], inside["burst"]

    owed = Signal(range(4 * config.load_buffers * config.page_beats))
    asked, taken = axi.arvalid & axi.arready, axi.rvalid & axi.rready
    m.d.sync += owed.eq(owed + Mux(asked, config.burst_beats, 0) - taken)
    pages.begin(loader.read_start, loader.read_ready, loader.read_payload.address)
    d.assume(~axi.rvalid | (owed != 0))

    full = (pages.level == config.load_buffers) & ~pages.outside[0]
    addressed(d, axi, "ar")
    within(d, loader, axi.arvalid, axi.araddr, exact_log2(config.page_bytes))
    m.d.comb += [
        Assert((pages.level != 0) | ((owed == 0) & ~axi.arvalid), "nothing must be under way when all pages finished"),
        Assert(~taken | inside["flight"].active, "a beat that is taken must belong to a page"),
        Cover(full & (pages.outside[1] & loader.read_finish if config.page_bursts == 1 else asked & (burst != 0))),
    ]

    pages.asked(axi.arvalid, axi.araddr, burst, beat)
    # Beats that pages in flight expect are those owed and those not yet asked for.
    m.d.comb += [
        Assert(
            (pages.expected << page_bits) - beat
            == owed + (Mux(axi.arvalid, config.page_bursts - burst, 0) << burst_bits)
        ),
        Assert(beat[burst_bits:] == pages.burst),
    ]
    return d


PROOFS = split(
    Proof(
        name="loader",
        claims="an address is held and unchanged until it is taken; no burst crosses 4 KiB or lies outside the window; "
        "a page is asked for in its bursts, and is finished when all their beats have come, not before; a beat that is "
        "taken belongs to a page; when all pages have finished nothing is under way",
        assumed="pages lie on multiples of their size, and the window holds (proof `csr`); a READ starts when the "
        "engine is ready and a page buffer is free; the memory sends only beats that it was asked for",
        reached="a page finishes, with one outside the window behind it",
        design=design,
        depth=2,
        reach=24,
        bug=Edit(
            "a page is finished with any beat",
            "hw/loader.py",
            "flight.answer.eq(taken & «(beat[: ceil_log2(c.burst_beats)] == c.burst_beats - 1)»)",
            "OLD | 1",
        ),
        quick=True,
    ),
    reached="the second burst of the second page is asked for",
    bug=Edit(
        "the next address does not wait for this one to be taken",
        "hw/bursts.py",
        "with m.If(valid & «ready»):",
        "OLD | 1",
    ),
)
