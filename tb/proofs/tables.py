"""The page table and the directory: what is looked up is what was written last."""

from __future__ import annotations

from amaranth import Signal
from amaranth.hdl import Assert, Cover
from amaranth.lib import data

from hw.directory import USERS, Directory, page_entry
from hw.pagetable import PageTable
from tb.mutation import Edit
from tb.proofs.design import Design
from tb.proofs.machine import SMALL
from tb.proofs.opened import Opened
from tb.proofs.proof import Proof

__all__ = ["PROOFS"]


def mapped():
    """Any one page of a page table."""
    d = Design()
    m = d.m
    m.submodules.table = table = PageTable(config=SMALL)
    inside = Opened(table)
    d.open(table)
    page = d.constant(len(table.page), name="any_page")

    written, frame = Signal(), Signal.like(table.frame)
    with m.If(table.map.valid & (table.map.page == page)):
        m.d.sync += [written.eq(1), frame.eq(table.map.frame)]
    # What was written in the cycle of the lookup is not seen yet.
    due = d.before((table.page == page) & written, name="due")
    wanted = d.before(frame, name="wanted")
    m.d.comb += [
        Assert(~due | (table.frame == wanted), "a lookup must give the frame that the page was mapped to last"),
        Assert(~written | (inside.word(m, "entries", page) == frame)),
        Cover(due & (table.frame != 0) & (page == 5)),
    ]
    return d


def known():
    """Any one page of a directory."""
    d = Design()
    m = d.m
    m.submodules.directory = directory = Directory(config=SMALL)
    inside = Opened(directory)
    d.open(directory)
    ask, wipe = directory.request, directory.wipe
    page = d.constant(len(ask.page), name="any_page")
    d.assume(~wipe.valid | ~(ask.write | ask.use | ask.mark))
    d.assume(directory.stamp != 0)

    wiped = Signal()
    kept = Signal(data.StructLayout({"entry": page_entry(SMALL), "users": USERS, "mark": 32}))
    with m.If(wipe.valid & (wipe.index[: len(page)] == page)):
        m.d.sync += [wiped.eq(1), kept.eq(0)]
    with m.Elif(ask.page == page):
        with m.If(ask.write):
            m.d.sync += kept.entry.eq(ask.entry)
        with m.If(ask.use):
            m.d.sync += kept.users.eq(ask.users)
        with m.If(ask.mark):
            m.d.sync += kept.mark.eq(directory.stamp)
    stands, shown = Signal(), Signal.like(kept)
    with m.If(ask.look):
        m.d.sync += [stands.eq(wiped & (ask.page == page)), shown.eq(kept)]
    m.d.comb += [
        Assert(
            ~stands | (directory.entry.as_value() == shown.entry.as_value()), "an entry must be what was written last"
        ),
        Assert(
            ~stands | (directory.users.as_value() == shown.users.as_value()),
            "users must be those that were written last",
        ),
        Assert(
            ~stands | (directory.marked == (shown.mark == directory.stamp)), "a mark must be of the current COMPUTE"
        ),
        Assert(~wiped | (inside.word(m, "entries", page).as_value() == kept.entry.as_value())),
        Assert(~wiped | (inside.word(m, "users", page).as_value() == kept.users.as_value())),
        Assert(~wiped | (inside.word(m, "marks", page) == kept.mark)),
        # The last of the unit's three read ports is that of the marks.
        Assert(~stands | (inside["read"].data == shown.mark)),
        Cover(stands & directory.marked & directory.entry.present & directory.users.post.any()),
    ]
    return d


PROOFS = (
    Proof(
        name="pagetable",
        claims="a page that was mapped is found in the frame that it was mapped to last, whatever others are",
        assumed="",
        reached="a page is found",
        design=mapped,
        depth=3,
        reach=5,
        bug=Edit(
            "pages that differ in the lowest bit share an entry",
            "hw/pagetable.py",
            "write.addr.eq(«self.map.page»)",
            "OLD & ~1",
        ),
        quick=True,
    ),
    Proof(
        name="directory",
        claims="from the sweep on, a page's entry and users are those that were written last, empty before; it is "
        "marked exactly if the current COMPUTE marked it",
        assumed="nothing is written during a sweep; the number of a COMPUTE is not 0",
        reached="a page that is present, used and marked",
        design=known,
        depth=2,
        reach=7,
        bug=Edit(
            "a sweep passes over the marks",
            "hw/directory.py",
            "write.en.eq(enable | «wipe.valid»)",
            'OLD & (name != "marks")',
        ),
        quick=True,
    ),
)  # fmt: skip
