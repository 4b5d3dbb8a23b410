"""The README that is delivered: what the files are, and every pin."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from hw.delivery.constraints import WAIVERS
from hw.delivery.pins import GROUPS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hw.delivery.pins import Pin
    from spec.config import Config

__all__ = ["FILES", "readme"]

#: What each file is; the README beside them is not listed.
FILES = {
    "pinfold.v": "the machine, module `pinfold`: Verilog-2005, no macros to define, no other modules needed",
    "example.v": "an instantiation to copy, with a reset synchronizer",
    "shell.v": "all pins behind registers, module `shell`, for place and route without a board",
    "pinfold.core": "FuseSoC: `fusesoc --cores-root . run --target=lint NAME`, NAME as the file says",
    "pinfold.xdc": "clock constraint for Vivado",
    "pinfold.sdc": "the same for other tools",
    "pinfold.lpf": "clock constraint for ECP5 tools",
    "ecp5.ys": "Yosys: module `shell` as a netlist for nextpnr-ecp5, its clock constraint `pinfold.lpf`",
    "pinfold.vlt": "Verilator: the warnings of `-Wall` that mean nothing here, each with its reason",
    "pinfold.h": "registers, bits, policies and errors for C",
    "pinfold_registers.py": "the same for Python",
}


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def _machine(config: Config) -> Mapping[str, object]:
    sizes = {f.name: getattr(config, f.name) for f in fields(config) if f.name not in {"name", "memory"}}
    return {**sizes, "hash": f"`{config.hash:016x}`"}


def readme(config: Config, pins: Sequence[Pin]) -> str:
    """`README.md`."""
    groups = []
    for group, said in GROUPS.items():
        rows = [[f"`{p.name}`", "in" if p.is_input else "out", p.width] for p in pins if p.group == group]
        groups.append(f"{said}\n\n{_table(['pin', 'direction', 'bits'], rows)}\n")
    return "\n".join([
        f"# Pinfold, configuration `{config.name}`\n",
        "Every file here is generated, and the same whenever it is generated for the same machine.\n",
        "## Files\n",
        _table(["file", "what it is"], [[f"`{name}`", said] for name, said in FILES.items()]),
        "The frequencies in the constraints are goals; change them to yours.\n",
        "## Machine\n",
        _table(["field", "value"], list(_machine(config).items())),
        "## Pins\n",
        "One clock domain. All inputs are sampled, and all outputs change, with the rising edge of `aclk`.\n",
        *groups,
        "## Simulators\n",
        "Assertions are there unless SYNTHESIS is defined; one that fails says so and ends the simulation.\n",
        "## Lint\n",
        "`verilator --lint-only -Wall pinfold.vlt pinfold.v` says nothing. What `pinfold.vlt` silences:\n",
        _table(["warning", "why it means nothing here"], list(WAIVERS.items())),
    ])
