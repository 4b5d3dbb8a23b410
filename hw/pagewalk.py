"""The pages of a range: ascending, each once."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.commands import Commands
from spec.isa import OPERAND

__all__ = ["RANGE", "PageWalk"]

_WIDTHS = {f.name: f.width for f in OPERAND.fields}
#: The words of a tensor that an instruction names: runs of ``run`` words, ``stride`` apart.
RANGE = data.StructLayout({name: unsigned(_WIDTHS[name]) for name in ("offset", "run", "stride", "count")})
#: Bits of a word's number: the offset's, and what 4095 strides add.
WORD_BITS = 33


class PageWalk(wiring.Component):
    r"""Walks the pages that a range touches; runs are looked at one a cycle, whether they bring a new page or not.

    ::

        cycle    0    1    2    3    4    5    6
        load     /‾‾‾\
        valid              /‾‾‾‾‾‾‾‾\     /‾‾‾‾
        page               ⟨ 7    ⟩⟨ 8 ⟩  ⟨ 9
        next               ____/‾‾‾‾‾‾‾\_______

    ``load`` in cycle t; the first run is looked at in t + 1; its first new page stands from t + 2 on, until ``next``.
    Further pages of the run follow in the next cycle, the next run's after one cycle between.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    range : In(RANGE)
        The range, in the cycle of ``load``. Without runs there is no page; a run of no words has the page of its first
        word, unless that begins a page.
    pages : In
        Pages of the tensor; from the cycle after ``load`` on, while the walk is not done.
    load, next : In(1)
        Begin; go on to the next page. ``load`` wins.
    valid : Out(1)
        ``page`` is one of the range's.
    page : Out(page_bits)
        A page, from the tensor's first.
    beyond : Out(1)
        It is not one of the tensor's; ``page`` is of no meaning.
    done : Out(1)
        There are no more pages.
    """

    def __init__(self, *, config):
        self.config = config
        k = Commands(config)
        super().__init__({
            "range": In(RANGE),
            "pages": In(k.page_bits + 1),
            "load": In(1),
            "next": In(1),
            "valid": Out(1),
            "page": Out(k.page_bits),
            "beyond": Out(1),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        k = Commands(self.config)

        first, kept = Signal(WORD_BITS), Signal(RANGE)
        page, last, fresh = (Signal(WORD_BITS + 1 - k.word_bits, name=n) for n in ("at", "last", "fresh"))
        # A run of no words ends where it begins. Both pages that it may begin with are compared with its end at once.
        begin, end = first >> k.word_bits, Signal(WORD_BITS + 1)
        some = Cat((one << k.word_bits) < end for one in (fresh, begin)).all()
        m.d.comb += self.page.eq(page)
        pages = self.pages
        if self.config.control_stages:
            pages = Signal.like(self.pages, name="pages_before")
            m.d.sync += pages.eq(self.pages)
        m.d.comb += self.beyond.eq(page >= pages)

        def take():
            # Last in each state, so that it wins over what the state itself decides.
            with m.If(self.load):
                m.next = "RUN"
                with m.If(self.range.count == 0):
                    m.next = "DONE"

        with m.FSM():
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
                take()
            with m.State("RUN"):
                m.d.sync += [first.eq(first + kept.stride), end.eq(end + kept.stride), kept.count.eq(kept.count - 1)]
                m.d.sync += [page.eq(Mux(fresh > begin, fresh, begin)), last.eq((end - 1) >> k.word_bits)]
                with m.If(some):
                    m.next = "PAGE"
                with m.Elif(kept.count == 1):
                    m.next = "DONE"
                take()
            with m.State("PAGE"):
                m.d.comb += self.valid.eq(1)
                with m.If(self.next):
                    m.d.sync += [page.eq(page + 1), fresh.eq(page + 1)]
                    with m.If(page == last):
                        m.next = "RUN"
                        with m.If(kept.count == 0):
                            m.next = "DONE"
                take()
        with m.If(self.load):
            m.d.sync += [kept.eq(self.range), first.eq(self.range.offset), fresh.eq(0)]
            m.d.sync += end.eq(self.range.offset + self.range.run)
        return m
