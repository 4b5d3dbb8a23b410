"""Gives back all frames of a tensor, or of all tensors; what only the scratchpad holds is written back first."""

from __future__ import annotations

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.commands import Commands
from hw.directory import page_entry, page_request
from hw.slots import binding, residency, slot_request
from hw.transfers import transfer_request

__all__ = ["Release"]


class Release(wiring.Component):
    """Releases a slot in one cycle and two for each page that it looks at; ``start`` is not one of them.

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
    all : In(1)
        Begin with slot 0 instead, and go on to the last.
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
            "all": In(1),
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
        place, virtual = Signal(k.page_bits + 1), Signal(k.page_bits)
        m.d.comb += virtual.eq(self.binding.window + place)

        def next_slot():
            with m.If(sweep & (slot != self.config.slots - 1)):
                m.d.comb += [self.slots.look.eq(1), self.slots.slot.eq(slot + 1)]
                m.d.sync += slot.eq(slot + 1)
                m.next = "SLOT"
            with m.Else():
                m.d.comb += self.done.eq(1)
                m.next = "IDLE"

        def next_page():
            m.d.sync += place.eq(place + 1)
            m.next = "LOOK"
            with m.If(place + 1 == s.high):
                next_slot()

        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.start):
                    m.d.comb += self.slots.look.eq(1)
                    with m.If(~self.all):
                        m.d.comb += self.slots.slot.eq(self.slot)
                    m.d.sync += [slot.eq(self.slots.slot), sweep.eq(self.all)]
                    m.next = "SLOT"
            with m.State("SLOT"):
                m.d.sync += place.eq(s.low)
                with m.If(self.binding.bound):
                    m.d.comb += [
                        self.slots.reside.eq(1),
                        self.slots.to.eq(slot),
                        self.slots.residency.low.eq(self.binding.pages),
                    ]
                with m.If(self.binding.bound & (s.low < s.high)):
                    m.next = "LOOK"
                with m.Else():
                    next_slot()
            with m.State("LOOK"):
                m.d.comb += [self.directory.look.eq(1), self.directory.page.eq(virtual)]
                m.next = "PAGE"
            with m.State("PAGE"):
                m.d.comb += [self.give.eq(page.present), self.frame.eq(page.frame)]
                with m.If(page.present & page.dirty):
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
                    next_page()
            with m.State("STORE"):
                with m.If(self.transferred):
                    next_page()
        return m
