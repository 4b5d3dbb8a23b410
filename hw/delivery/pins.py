"""The pins of the machine: names, directions, widths, and what each group of them is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amaranth.hdl import Shape
from amaranth.lib.wiring import In

if TYPE_CHECKING:
    from hw.top import Top

__all__ = ["GROUPS", "Pin", "pins"]

#: What pins are for, by the prefix of their names; the first that fits.
GROUPS = {
    "aclk": "Clock of everything.",
    "aresetn": "Reset, low when active, sampled by `aclk`: synchronous. Hold it for two cycles or more.",
    "s_axil_": "AXI4-Lite slave: the registers.",
    "m_axi_prog_": "AXI4 master, reads only: the program.",
    "m_axi_": "AXI4 master: the pages of tensors. Incrementing bursts of whole beats that never cross 4 KiB; one id.",
    "irq": "High from the end of a run until it is cleared, if INTERRUPT lets it through.",
    "trace_": "What monitors of a simulation record; leave them open.",
}


@dataclass(frozen=True)
class Pin:
    """A port of the top module; ``group`` is its prefix in `GROUPS`."""

    name: str
    width: int
    is_input: bool
    group: str

    @property
    def range(self) -> str:
        """Its range as Verilog declares it; nothing for a single bit."""
        return f"[{self.width - 1}:0] " if self.width > 1 else ""


def pins(top: Top) -> list[Pin]:
    """The ports of the machine, group by group."""
    found = [
        Pin(name, Shape.cast(member.shape).width, member.flow is In, next(g for g in GROUPS if name.startswith(g)))
        for name, member in top.signature.members.items()
    ]
    return sorted(found, key=lambda pin: list(GROUPS).index(pin.group))
