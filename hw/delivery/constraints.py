"""Constraints of the clock for three flows, and what Verilator's lint need not say, each with its reason."""

from __future__ import annotations

__all__ = ["CONSTRAINTS", "WAIVERS", "waivers"]

#: What the constraints ask of ``aclk``, in MHz: a goal to be changed, not a measurement.
XILINX_MHZ, ECP5_MHZ = 100, 60

_CLOCK = f"""# The one clock of pinfold, {XILINX_MHZ} MHz; remove this where it comes from a constrained net.
create_clock -name aclk -period {1000 / XILINX_MHZ:.3f} [get_ports aclk]
"""

#: Files of constraints: name, text.
CONSTRAINTS = {
    "pinfold.xdc": _CLOCK,
    "pinfold.sdc": _CLOCK,
    "pinfold.lpf": f'# The one clock of pinfold; pins are for the board.\nFREQUENCY PORT "aclk" {ECP5_MHZ} MHZ;\n',
}

#: Warnings of ``verilator --lint-only -Wall`` that say nothing here, and why.
WAIVERS = {
    "CASEINCOMPLETE": "a case changes what was assigned before it; no branch is no change",
    "DECLFILENAME": "one file holds all modules",
    "PROCASSINIT": "registers have initial values, which FPGAs load, beside their reset",
    "PINCONNECTEMPTY": "the example leaves the trace open",
    "UNOPTFLAT": "parts of one vector depend on others of it; bit by bit there is no loop, which Yosys' check confirms",
    "UNUSEDSIGNAL": "every field of a structure becomes a wire, read or not",
    "WIDTHEXPAND": "operands of unequal width are extended as Verilog says, which is what was meant",
    "WIDTHTRUNC": "`!` of a vector is a comparison with zero",
}

def waivers() -> str:
    """`pinfold.vlt`, Verilator's control file: give it before the Verilog."""
    lines = ["`verilator_config"]
    for rule, reason in WAIVERS.items():
        lines += [f"// {reason}.", f'lint_off -rule {rule} -file "*.v"']
    return "\n".join([*lines, ""])
