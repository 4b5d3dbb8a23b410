"""The storer as an AXI4 master: its bursts, its data, and that it counts the responses."""

from __future__ import annotations

from amaranth import Cat, Mux, Signal
from amaranth.hdl import Assert, Cover
from amaranth.utils import exact_log2

from hw.storer import Storer
from tb.mutation import Edit
from tb.proofs.axi import addressed, held, within
from tb.proofs.design import Design
from tb.proofs.flight import Pages, split
from tb.proofs.opened import Opened
from tb.proofs.proof import Proof

__all__ = ["PROOFS"]


def design(config):
    """Any pages, inside the window and outside, to a memory that takes and answers when it likes."""
    d = Design()
    m = d.m
    burst_bits, split_bits = exact_log2(config.burst_beats), exact_log2(config.page_bursts)
    buffers = config.store_buffers
    m.submodules.storer = storer = Storer(config=config)
    inside = Opened(storer)
    d.open(storer, "base", "limit")
    axi = storer.axi
    pages = Pages(d, inside["flight"], config)
    burst, beat, owed = inside["burst"], inside["beat"], inside["owed"]
    sending, started, skipped = inside["sending"], inside["started"], inside["skipped"]

    # Bursts whose address, and bursts whose data, the memory has, and has not answered.
    addresses, data = Signal(range(4 * buffers * config.page_bursts)), Signal(range(4 * buffers * config.page_bursts))
    answered = axi.bvalid & axi.bready
    m.d.sync += addresses.eq(addresses + (axi.awvalid & axi.awready) - answered)
    m.d.sync += data.eq(data + (axi.wvalid & axi.wready & axi.wlast) - answered)
    pages.begin(storer.write_start, storer.write_ready, storer.write_payload.address)
    d.assume(~axi.bvalid | ((addresses != 0) & (data != 0)))
    # A TAKE fills a buffer whose page has left.
    ahead = (inside["filling"] - sending)[: len(sending)]
    d.assume(~inside["buffers"].write | (ahead >= owed + storer.write_start))

    sent = Signal(burst_bits)
    with m.If(axi.wvalid & axi.wready):
        m.d.sync += sent.eq(sent + 1)
    full = (pages.level == buffers) & ~pages.outside[0]
    addressed(d, axi, "aw")
    within(d, storer, axi.awvalid, axi.awaddr, exact_log2(config.page_bytes))
    held(d, axi.wvalid, axi.wready, Cat(axi.wdata, axi.wlast, axi.wstrb), name="w")
    bursts_left = Mux(axi.awvalid, config.page_bursts - burst, 0)
    m.d.comb += [
        Assert(axi.wlast == sent.all(), "wlast must come with the last beat of a burst, and only then"),
        Assert((pages.level != 0) | ((addresses == 0) & (data == 0) & ~axi.awvalid & ~axi.wvalid),
               "nothing must be under way when all pages finished"),
        Assert(~answered | inside["flight"].active, "a response must belong to a page"),
        Cover(full & (pages.outside[1] & storer.write_finish if split_bits == 0 else axi.awready & (burst != 0))),
    ]  # fmt: skip

    pages.asked(axi.awvalid, axi.awaddr, burst, pages.burst)
    # Pages whose data have not left are the newest of those in flight.
    unsent = sum((owed > place) & ~skipped[(sending + place)[: len(sending)]] for place in range(buffers))
    m.d.comb += [
        Assert(beat[:burst_bits] == sent),
        Assert(owed <= pages.level),
        Assert(started == (sending + owed)[: len(started)]),
        Assert(((owed != 0) & ~skipped[sending]) | (beat == 0)),
        Assert(addresses + bursts_left == (pages.expected << split_bits) - pages.burst),
        Assert(data + (unsent << split_bits) - beat[burst_bits:]
               == (pages.expected << split_bits) - pages.burst),
    ]  # fmt: skip
    for level in range(1, buffers + 1):
        for left in range(1, level + 1):
            for place in range(left):
                flag = skipped[(sending + place)[: len(sending)]]
                m.d.comb += Assert(
                    (pages.level != level) | (owed != left) | (flag == pages.outside[level - left + place])
                )
    return d


PROOFS = split(
    Proof(
        name="storer",
        claims="addresses and data are held and unchanged until they are taken; no burst crosses 4 KiB or lies outside "
        "the window; wlast comes with the last beat of a burst and only then; a page is finished with the response "
        "to the last of its bursts; when all pages have finished nothing is under way",
        assumed="pages lie on multiples of their size, and the window holds (proof `csr`); a WRITE starts when the "
        "engine is ready and a page buffer is filled; a TAKE fills a buffer whose page has left; the memory answers "
        "only bursts whose address and data it has",
        reached="a page is answered, with one outside the window behind it",
        design=design,
        depth=2,
        reach=24,
        bug=Edit(
            "what is offered next is read although this is not taken",
            "hw/storer.py",
            "following.eq(Cat(beat, sending) + «(axi.wvalid & axi.wready)»)",
            "axi.wvalid",
        ),
    ),
    reached="the second burst's address of the second page is taken",
    bug=Edit(
        "the next address does not wait for this one to be taken",
        "hw/bursts.py",
        "with m.If(valid & «ready»):",
        "OLD | 1",
    ),
)
