"""The machine with its pins, under the flat names that AXI tools infer."""

from __future__ import annotations

from amaranth import ClockDomain, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.axi import AxiLite, AxiRead, AxiWrite
from hw.core import Core
from spec.isa import Queue
from spec.registers import SPACE

__all__ = ["Top"]


class Top(wiring.Component):
    """Core, with one clock and one reset.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    aclk : In(1)
        Clock of everything.
    aresetn : In(1)
        Reset, low when active, sampled by ``aclk``.
    m_axi_* : Out(AxiRead and AxiWrite)
        The data port.
    m_axi_prog_* : Out(AxiRead)
        The program port.
    s_axil_* : In(AxiLite)
        The registers.
    irq : Out(1)
        The run is done.
    trace_start, trace_starts, trace_finishes : Out
        What monitors record; see Core.
    """

    def __init__(self, *, config):
        self.config = config
        pins = {
            "read": ("m_axi_", AxiRead(config.bus_bytes)),
            "write": ("m_axi_", AxiWrite(config.bus_bytes)),
            "program": ("m_axi_prog_", AxiRead(config.bus_bytes)),
            "host": ("s_axil_", AxiLite(ceil_log2(SPACE)).flip()),
        }
        #: Of each pin: the core's port and its member.
        self.pins = {
            f"{prefix}{name}": (port, name, member)
            for port, (prefix, signature) in pins.items()
            for name, member in signature.members.items()
        }
        super().__init__({
            "aclk": In(1),
            "aresetn": In(1),
            **{pin: member for pin, (_, _, member) in self.pins.items()},
            "irq": Out(1),
            "trace_start": Out(1),
            "trace_starts": Out(len(Queue)),
            "trace_finishes": Out(len(Queue)),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = Core(config=self.config)
        m.domains.sync = sync = ClockDomain()
        sync.clk = self.aclk
        m.d.comb += sync.rst.eq(~self.aresetn)
        for pin, (port, name, member) in self.pins.items():
            outside, inside = getattr(self, pin), getattr(getattr(core, port), name)
            m.d.comb += outside.eq(inside) if member.flow is Out else inside.eq(outside)
        for name in ("irq", "trace_start", "trace_starts", "trace_finishes"):
            m.d.comb += getattr(self, name).eq(getattr(core, name))
        return m
