"""The registers: AXI4-Lite in, settings and strobes out."""

from __future__ import annotations

from amaranth import Cat, Const, Module, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.axi import AxiLite
from spec.isa import INSTRUCTION_BYTES
from spec.registers import IDENTITY, REGISTERS, SPACE, Policy

__all__ = ["SETTINGS", "VALUES", "Csr"]

#: What the host sets, by register name.
SETTINGS = data.StructLayout({name: unsigned(32) for name, r in REGISTERS.items() if r.access == "rw"})
_CONSTANT = ("IDENTITY", "CONFIG_LOW", "CONFIG_HIGH")
#: What the machine shows, by register name.
VALUES = data.StructLayout({
    name: unsigned(32) for name, r in REGISTERS.items() if r.access == "ro" and name not in _CONSTANT
})


class Csr(wiring.Component):
    """The machine as its host sees it: ``spec.registers``.

    Reads and writes take one cycle and can follow each other at once. Bytes without a strobe keep their values; other
    addresses read as 0, and writing them, or what is read only, does nothing. All responses are OKAY.

    ::

        cycle     0     1     2
        aw, w     *
        b               *
        start           *

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    bus : In(AxiLite)
        The host.
    values : In(VALUES)
        What is read.
    settings : Out(SETTINGS)
        What was written. While ``busy``, writes change only INTERRUPT. The low bits of PROGRAM_ADDRESS and DATA_BASE
        are 0, for bursts must not cross 4 KiB; of INTERRUPT there is bit 0 only. POLICY keeps its value if there is no
        policy of the new one.
    busy : In(1)
        A run is under way.
    ready : In(1)
        A start would be taken; a write of CONTROL's start bit does nothing otherwise.
    start, clear : Out(1)
        Strobes of CONTROL's bits, one cycle after the write.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "bus": In(AxiLite(ceil_log2(SPACE))),
            "values": In(VALUES),
            "settings": Out(SETTINGS),
            "busy": In(1),
            "ready": In(1),
            "start": Out(1),
            "clear": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        c, bus = self.config, self.bus
        kept = dict.fromkeys(REGISTERS, 0xFFFFFFFF)
        kept["INTERRUPT"] = 1
        kept["PROGRAM_ADDRESS"] -= c.fetch_burst * INSTRUCTION_BYTES - 1
        kept["DATA_BASE"] -= c.page_bytes - 1

        # A write is taken when address and data are both there and its response has room.
        accept = Signal()
        m.d.comb += [
            accept.eq(bus.awvalid & bus.wvalid & (~bus.bvalid | bus.bready)),
            bus.awready.eq(accept),
            bus.wready.eq(accept),
        ]
        with m.If(bus.bready):
            m.d.sync += bus.bvalid.eq(0)
        with m.If(accept):
            m.d.sync += bus.bvalid.eq(1)

        strobes = Cat(bit.replicate(8) for bit in bus.wstrb)
        m.d.sync += [self.start.eq(0), self.clear.eq(0)]
        with m.If(accept):
            with m.Switch(bus.awaddr[2:]):
                for name, register in REGISTERS.items():
                    with m.Case(register.offset // 4):
                        if name == "CONTROL":
                            # The start of the cycle before is not yet seen in ready.
                            m.d.sync += self.start.eq(bus.wdata[0] & bus.wstrb[0] & self.ready & ~self.start)
                            m.d.sync += self.clear.eq(bus.wdata[1] & bus.wstrb[0])
                        elif register.access == "rw":
                            old = self.settings[name]
                            new = ((bus.wdata & strobes) | (old & ~strobes)) & kept[name]
                            exists = (new <= max(Policy)) if name == "POLICY" else 1
                            with m.If((~self.busy | (name == "INTERRUPT")) & exists):
                                m.d.sync += old.eq(new)

        # A read is answered in the next cycle.
        constants = {
            "IDENTITY": IDENTITY,
            "CONFIG_LOW": c.hash & 0xFFFFFFFF,
            "CONFIG_HIGH": c.hash >> 32,
            "CONTROL": 0,
        }
        m.d.comb += bus.arready.eq(~bus.rvalid | bus.rready)
        with m.If(bus.rready):
            m.d.sync += bus.rvalid.eq(0)
        with m.If(bus.arvalid & bus.arready):
            m.d.sync += [bus.rvalid.eq(1), bus.rdata.eq(0)]
            with m.Switch(bus.araddr[2:]):
                for name, register in REGISTERS.items():
                    if name in constants:
                        value = Const(constants[name], 32)
                    else:
                        value = (self.settings if register.access == "rw" else self.values)[name]
                    with m.Case(register.offset // 4):
                        m.d.sync += bus.rdata.eq(value)
        return m
