"""Gives back frames of a tensor, or of all tensors; what only the scratchpad holds of the living is written back."""

from __future__ import annotations

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.commands import Commands
from hw.directory import page_entry, page_request
from hw.slots import binding, residency, slot_request
from hw.transfers import transfer_request
from spec.isa import RELEASE, TensorClass

__all__ = ["PAGE_BITS", "Release"]

#: Enough for RELEASE's first page and its number of pages together.
PAGE_BITS = next(f.width for f in RELEASE.fields if f.name == "pages") + 1


class Release(wiring.Component):
    """Releases pages of a slot, in one cycle and two for each that it looks at; ``start`` is not one of them.

    With ``control_stages`` it is two more for the slot, and for each page.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    start : In(1)
        Begin.
    slot : In
        With which slot.
    first, end : In
        Its pages first <= p < end.
    all : In(1)
        Begin with slot 0 instead, and go on to the last.
    live : In(1)
        Dirty pages are written back first.
    outputs : In(1)
        Those of tensors of class OUTPUT, at any rate.
    binding, residency : In
        From Slots.
    entry : In(page_entry)
        From Directory.
    transferred : In(1)
        Transfers is done.
    slots, directory, transfer : Out
        To Slots, Directory and Transfers.
    give : Out(1)
        Put ``frame`` into its free list.
    frame : Out(frame)
        A frame.
    done : Out(1)
        The last cycle.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "start": In(1),
            "slot": In(ceil_log2(config.slots)),
            "first": In(PAGE_BITS),
            "end": In(PAGE_BITS),
            "all": In(1),
            "live": In(1),
            "outputs": In(1),
            "binding": In(binding(config)),
            "residency": In(residency(config)),
            "entry": In(page_entry(config)),
            "transferred": In(1),
            "slots": Out(slot_request(config)),
            "directory": Out(page_request(config)),
            "transfer": Out(transfer_request(config)),
            "give": Out(1),
            "frame": Out(Commands(config).frame),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        k, s, page = Commands(self.config), self.residency, self.entry
        slot, sweep = Signal.like(self.slot), Signal()
        live, outputs, saves = Signal(), Signal(), Signal()
        place, virtual = Signal(k.page_bits + 1), Signal(k.page_bits)
        first, end, begin, stop = (Signal(PAGE_BITS, name=name) for name in ("from_page", "to_page", "begin", "stop"))
        left = Signal.like(s.resident)
        m.d.comb += [
            virtual.eq(self.binding.window + place),
            saves.eq(live | (outputs & (self.binding.tensor_class == TensorClass.OUTPUT))),
        ]
        # They follow from what was looked up, and stand as long as that does.
        domain, ends = m.d.comb, place + 1 == stop
        if self.config.control_stages:
            domain, ends = m.d.sync, Signal()
            m.d.sync += ends.eq(place + 1 == stop)
        domain += [begin.eq(Mux(first > s.low, first, s.low)), stop.eq(Mux(end < s.high, end, s.high))]
        opening = "SEEK" if self.config.control_stages else "SLOT"

        def summarize(resident):
            """What is left may lie on one side; otherwise low and high stay."""
            kept = self.slots.residency
            m.d.comb += [
                self.slots.reside.eq(1), self.slots.to.eq(slot),
                kept.low.eq(s.low), kept.high.eq(s.high), kept.resident.eq(resident),
            ]  # fmt: skip
            with m.If(resident == 0):
                m.d.comb += [kept.low.eq(self.binding.pages), kept.high.eq(0)]
            with m.Elif((begin < stop) & (begin == s.low)):
                m.d.comb += kept.low.eq(stop)
            with m.Elif((begin < stop) & (stop == s.high)):
                m.d.comb += kept.high.eq(begin)

        def next_slot():
            with m.If(sweep & (slot != self.config.slots - 1)):
                m.d.comb += [self.slots.look.eq(1), self.slots.slot.eq(slot + 1)]
                m.d.sync += slot.eq(slot + 1)
                m.next = opening
            with m.Else():
                m.d.comb += self.done.eq(1)
                m.next = "IDLE"

        def next_page(resident):
            m.d.sync += place.eq(place + 1)
            m.next = "LOOK"
            with m.If(ends):
                summarize(resident)
                next_slot()

        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.start):
                    m.d.comb += self.slots.look.eq(1)
                    with m.If(~self.all):
                        m.d.comb += self.slots.slot.eq(self.slot)
                    m.d.sync += [slot.eq(self.slots.slot), sweep.eq(self.all)]
                    m.d.sync += [live.eq(self.live), outputs.eq(self.outputs), first.eq(self.first), end.eq(self.end)]
                    m.next = opening
            if self.config.control_stages:
                with m.State("SEEK"):
                    m.next = "BOUNDS"
                with m.State("BOUNDS"):
                    m.next = "SLOT"
            with m.State("SLOT"):
                m.d.sync += [place.eq(begin), left.eq(s.resident)]
                with m.If(self.binding.bound & (begin < stop)):
                    m.next = "LOOK"
                with m.Else():
                    with m.If(self.binding.bound):
                        summarize(s.resident)
                    next_slot()
            with m.State("LOOK"):
                m.d.comb += [self.directory.look.eq(1), self.directory.page.eq(virtual)]
                m.next = "FETCH" if self.config.control_stages else "PAGE"
            if self.config.control_stages:
                with m.State("FETCH"):
                    m.next = "WAIT"
                with m.State("WAIT"):
                    m.next = "PAGE"
            with m.State("PAGE"):
                m.d.comb += [self.give.eq(page.present), self.frame.eq(page.frame)]
                m.d.sync += left.eq(left - page.present)
                with m.If(page.present & page.dirty & saves):
                    m.d.comb += [
                        self.transfer.write_back.eq(1),
                        self.transfer.page.eq(virtual),
                        self.transfer.place.eq(place),
                        self.transfer.frame.eq(page.frame),
                    ]
                    m.next = "STORE"
                with m.Else():
                    m.d.comb += [
                        self.directory.write.eq(page.present),
                        self.directory.page.eq(virtual),
                        self.directory.entry.home.eq(page.home),
                        self.directory.entry.store.eq(page.store),
                    ]
                    next_page((left - page.present)[: len(left)])
            with m.State("STORE"):
                with m.If(self.transferred):
                    next_page(left)
        return m
