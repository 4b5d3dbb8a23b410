"""Binds a tensor to a window of virtual pages."""

from __future__ import annotations

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.commands import COUNT_BITS, Commands
from hw.directory import page_request
from hw.layout import layout
from hw.slots import slot_request
from spec.isa import BIND, TensorClass

__all__ = ["Bind"]

_KEPT = ("tensor_class", "colour", "window", "pages", "page")


class Bind(wiring.Component):
    """Writes the binding, after the slot was released, in one cycle, then its pages, one a cycle.

    What the machine itself writes may still be on its way to DRAM: fills of such tensors wait for all WRITEs so far.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    start : In(1)
        Wait for ``released``, which comes later.
    released : In(1)
        The binding is written in the next cycle.
    fields : In(BIND)
        The instruction; must hold.
    stores : In(32)
        WRITE commands that were pushed.
    stamp : In(32)
        Number of the current COMPUTE.
    clear : In(1)
        There was no BIND yet.
    slots, directory : Out
        To Slots and Directory.
    done : Out(1)
        The last cycle.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "start": In(1),
            "released": In(1),
            "fields": In(layout(BIND)),
            "stores": In(COUNT_BITS),
            "stamp": In(COUNT_BITS),
            "clear": In(1),
            "slots": Out(slot_request(config)),
            "directory": Out(page_request(config)),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        k, fields = Commands(self.config), self.fields
        binds = Signal(COUNT_BITS)
        page, left = Signal(k.page_bits), Signal(k.page_bits + 1)
        written = (fields.tensor_class == TensorClass.ACTIVATION) | (fields.tensor_class == TensorClass.OUTPUT)

        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.start):
                    m.next = "RELEASE"
            with m.State("RELEASE"):
                with m.If(self.released):
                    m.next = "SLOT"
            with m.State("SLOT"):
                m.d.comb += [
                    self.slots.bind.eq(1),
                    self.slots.reside.eq(1),
                    self.slots.to.eq(fields.slot),
                    self.slots.binding.bound.eq(1),
                    *(self.slots.binding[n].eq(fields[n]) for n in _KEPT),
                    self.slots.binding.order.eq(binds + 1),
                    self.slots.usage.used.eq(self.stamp),
                    self.slots.residency.low.eq(fields.pages),
                ]
                m.d.sync += [page.eq(fields.window), left.eq(fields.pages), binds.eq(binds + 1)]
                m.next = "PAGE"
                with m.If(fields.pages == 0):
                    m.d.comb += self.done.eq(1)
                    m.next = "IDLE"
            with m.State("PAGE"):
                m.d.comb += [
                    self.directory.write.eq(1),
                    self.directory.page.eq(page),
                    self.directory.entry.home.eq(fields.home),
                    self.directory.entry.store.eq(Mux(written, self.stores, 0)),
                ]
                m.d.sync += [page.eq(page + 1), left.eq(left - 1)]
                with m.If(left == 1):
                    m.d.comb += self.done.eq(1)
                    m.next = "IDLE"
        with m.If(self.clear):
            m.d.sync += binds.eq(0)
        return m
