"""The tensors that are bound: where they lie, which of their pages are resident, how they are used."""

from __future__ import annotations

from amaranth import Module, Mux, Signal, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.commands import COUNT_BITS, Commands
from hw.wipe import WIPE
from spec.isa import COMPUTE, OPERAND
from spec.policy import MOST_USES, PHASES, SIGNATURE_BITS

__all__ = ["LIFE", "Slots", "binding", "residency", "slot_request", "usage"]

_DISTANCE = next(f.width for f in OPERAND.fields if f.name == "next_use")
#: What a feature map is known by, and since which COMPUTE its phase lasts: see History.
LIFE = data.StructLayout({
    "signature": unsigned(SIGNATURE_BITS),
    "phase": unsigned(ceil_log2(PHASES + 1)),
    "operator": unsigned(next(f.width for f in COMPUTE.fields if f.name == "operator")),
    "begun": unsigned(COUNT_BITS),
})


def binding(config):
    """What BIND says of a slot: class, window, first page in DRAM, the bank to try first; and which BIND it was."""
    pages = unsigned(Commands(config).page_bits + 1)
    return data.StructLayout({
        "bound": unsigned(1),
        "tensor_class": unsigned(3),
        "colour": unsigned(ceil_log2(config.banks)),
        "window": pages,
        "pages": pages,
        "page": unsigned(32),
        "order": unsigned(COUNT_BITS),
    })


def residency(config):
    """Which pages of a slot are resident: so many, and all of them p with low <= p < high."""
    pages = unsigned(Commands(config).page_bits + 1)
    return data.StructLayout({"low": pages, "high": pages, "resident": pages})


def usage(config):
    """How a slot is used: the COMPUTE that named it last, and what that said; see sim.slots.Slot."""
    return data.StructLayout({
        "used": unsigned(COUNT_BITS),
        "uses": unsigned(ceil_log2(MOST_USES + 1)),
        "cursor": unsigned(Commands(config).page_bits + 1),
        "distance": unsigned(_DISTANCE),
        "pinned": unsigned(1),
    })


def slot_request(config):
    """Look ``slot`` up; or of slot ``to`` write the binding and how it is used, its residency, its usage, its life."""
    slot = unsigned(ceil_log2(config.slots))
    return data.StructLayout({
        "look": unsigned(1),
        "slot": slot,
        "bind": unsigned(1),
        "reside": unsigned(1),
        "touch": unsigned(1),
        "live": unsigned(1),
        "to": slot,
        "binding": binding(config),
        "residency": residency(config),
        "usage": usage(config),
        "life": LIFE,
    })


class Slots(wiring.Component):
    """A table of slots. What was looked up stands from the next cycle on, as it was before a write of the same cycle.

    With ``control_stages`` whatever is asked for is done a cycle later, and stands a cycle later.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    request : In(slot_request)
        See there.
    binding, residency, usage, life : Out
        Of the slot looked up last.
    wipe : In(WIPE)
        See Wipe.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "request": In(slot_request(config)),
            "binding": Out(binding(config)),
            "residency": Out(residency(config)),
            "usage": Out(usage(config)),
            "life": Out(LIFE),
            "wipe": In(WIPE),
        })

    def elaborate(self, platform):
        m = Module()
        ask, wipe = self.request, self.wipe
        if self.config.control_stages:
            ask = Signal.like(self.request)
            m.d.sync += ask.eq(self.request)
        kept = {
            "bindings": (ask.bind, ask.binding, self.binding),
            "residencies": (ask.reside, ask.residency, self.residency),
            "usages": (ask.touch | ask.bind, ask.usage, self.usage),
            "lives": (ask.live | ask.bind, ask.life, self.life),
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
