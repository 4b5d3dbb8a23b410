"""A script for Yosys: the machine in its shell as a netlist for ECP5, with few sets of controls."""

from __future__ import annotations

__all__ = ["SCRIPT"]

#: A register has an enable, or a reset, of the part's own only if so many share it. Those of few would need a slice for
#: themselves: without this there are two and a half times as many sets of clock, enable and reset.
ENABLED, RESET = 8, 24

_KINDS = ("$_DFF_?_ 01", "$_DFF_?P?_ r", "$_SDFF_?P?_ r", "$_DFFE_??_ 01", "$_DFFE_?P??_ r", "$_SDFFE_?P??_ r")

#: `ecp5.ys`.
SCRIPT = f"""# `yosys ecp5.ys`, beside the Verilog, writes the netlist shell.json for nextpnr-ecp5.
read_verilog pinfold.v shell.v
synth_ecp5 -top shell -run begin:map_ffs
opt_clean
dfflegalize {" ".join(f"-cell {kind}" for kind in _KINDS)} -mince {ENABLED} -minsrst {RESET}
synth_ecp5 -top shell -run map_ffs: -json shell.json
"""
