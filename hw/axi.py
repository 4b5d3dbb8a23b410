"""AXI ports as signatures, with the names that the standard gives to their signals."""

from __future__ import annotations

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["AxiLite", "AxiRead", "AxiWrite", "ask"]

#: One transfer of whole beats after another, addresses counting up.
INCREMENTING = 1
#: Normal memory, bufferable, not cached.
CACHE = 0b0011


class AxiRead(wiring.Signature):
    """An AXI4 master that reads: channels AR and R, 32-bit addresses, one id.

    Parameters
    ----------
    bus_bytes : int
        Bytes of a beat.
    """

    def __init__(self, bus_bytes):
        super().__init__({
            "arid": Out(1),
            "araddr": Out(32),
            "arlen": Out(8),
            "arsize": Out(3),
            "arburst": Out(2),
            "arcache": Out(4),
            "arprot": Out(3),
            "arvalid": Out(1),
            "arready": In(1),
            "rid": In(1),
            "rdata": In(8 * bus_bytes),
            "rresp": In(2),
            "rlast": In(1),
            "rvalid": In(1),
            "rready": Out(1),
        })


class AxiWrite(wiring.Signature):
    """An AXI4 master that writes: channels AW, W and B, 32-bit addresses, one id.

    Parameters
    ----------
    bus_bytes : int
        Bytes of a beat.
    """

    def __init__(self, bus_bytes):
        super().__init__({
            "awid": Out(1),
            "awaddr": Out(32),
            "awlen": Out(8),
            "awsize": Out(3),
            "awburst": Out(2),
            "awcache": Out(4),
            "awprot": Out(3),
            "awvalid": Out(1),
            "awready": In(1),
            "wdata": Out(8 * bus_bytes),
            "wstrb": Out(bus_bytes),
            "wlast": Out(1),
            "wvalid": Out(1),
            "wready": In(1),
            "bid": In(1),
            "bresp": In(2),
            "bvalid": In(1),
            "bready": Out(1),
        })


class AxiLite(wiring.Signature):
    """An AXI4-Lite master with 32-bit data; flip it for a slave.

    Parameters
    ----------
    address_bits : int
        Bits of a byte address.
    """

    def __init__(self, address_bits):
        super().__init__({
            "awaddr": Out(address_bits),
            "awprot": Out(3),
            "awvalid": Out(1),
            "awready": In(1),
            "wdata": Out(32),
            "wstrb": Out(4),
            "wvalid": Out(1),
            "wready": In(1),
            "bresp": In(2),
            "bvalid": In(1),
            "bready": Out(1),
            "araddr": Out(address_bits),
            "arprot": Out(3),
            "arvalid": Out(1),
            "arready": In(1),
            "rdata": In(32),
            "rresp": In(2),
            "rvalid": In(1),
            "rready": Out(1),
        })


def ask(port, channel, *, bus_bytes, beats):
    """What never changes in an address channel, ``"ar"`` or ``"aw"``: bursts of ``beats`` whole beats."""
    constants = {
        "id": 0,
        "len": beats - 1,
        "size": bus_bytes.bit_length() - 1,
        "burst": INCREMENTING,
        "cache": CACHE,
        "prot": 0,
    }
    return [getattr(port, channel + name).eq(value) for name, value in constants.items()]
