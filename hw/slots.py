"""The tensors that are bound: where they lie, which of their pages are resident, how they are used."""

from __future__ import annotations

from amaranth import Module, Mux, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.commands import Commands
from hw.wipe import WIPE

__all__ = ["Slots", "binding", "residency", "slot_request"]


def binding(config):
    """What BIND says of a slot: its first virtual page, its pages, its first page in DRAM, the bank to try first."""
    pages = unsigned(Commands(config).page_bits + 1)
    return data.StructLayout({
        "bound": unsigned(1),
        "colour": unsigned(ceil_log2(config.banks)),
        "window": pages,
        "pages": pages,
        "page": unsigned(32),
    })


def residency(config):
    """Which pages of a slot are resident: so many, and all of them p with low <= p < high."""
    pages = unsigned(Commands(config).page_bits + 1)
    return data.StructLayout({"low": pages, "high": pages, "resident": pages})


def slot_request(config):
    """Look ``slot`` up; or of slot ``to`` write the binding, the residency, or that the current COMPUTE uses it."""
    slot = unsigned(ceil_log2(config.slots))
    return data.StructLayout({
        "look": unsigned(1),
        "slot": slot,
        "bind": unsigned(1),
        "reside": unsigned(1),
        "touch": unsigned(1),
        "to": slot,
        "binding": binding(config),
        "residency": residency(config),
    })


class Slots(wiring.Component):
    """A table of slots. What was looked up stands from the next cycle on, as it was before a write of the same cycle.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    request : In(slot_request)
        See there.
    stamp : In(32)
        Number of the current COMPUTE.
    binding, residency : Out
        Of the slot looked up last.
    used : Out(32)
        Number of the last COMPUTE that used it.
    wipe : In(WIPE)
        See Wipe.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "request": In(slot_request(config)),
            "stamp": In(32),
            "binding": Out(binding(config)),
            "residency": Out(residency(config)),
            "used": Out(32),
            "wipe": In(WIPE),
        })

    def elaborate(self, platform):
        m = Module()
        ask, wipe = self.request, self.wipe
        kept = {
            "bindings": (ask.bind, ask.binding, self.binding),
            "residencies": (ask.reside, ask.residency, self.residency),
            "uses": (ask.touch, self.stamp, self.used),
        }
        for name, (enable, new, old) in kept.items():
            m.submodules[name] = table = memory.Memory(shape=old.shape(), depth=self.config.slots, init=[])
            write, read = table.write_port(), table.read_port()
            m.d.comb += [
                read.en.eq(ask.look),
                read.addr.eq(ask.slot),
                write.en.eq(enable | wipe.valid),
                write.addr.eq(Mux(wipe.valid, wipe.index, ask.to)),
                old.eq(read.data),
            ]
            with m.If(~wipe.valid):
                m.d.comb += write.data.eq(new)
        return m
