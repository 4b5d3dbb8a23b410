"""The FuseSoC core file: what the files are, and a target to check them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spec.config import Config

__all__ = ["project"]

_FORM = """CAPI=2:
# Checked with: fusesoc --cores-root . run --target=lint {name}
name: {name}
description: Pinfold, a DNN accelerator whose scratchpad is managed by hardware

filesets:
  rtl:
    files: [pinfold.v]
    file_type: verilogSource-2005
  example:
    files: [example.v]
    file_type: verilogSource-2005
  lint:
    files: [pinfold.vlt]
    file_type: vlt
  xilinx:
    files:
      - pinfold.xdc: {{file_type: xdc}}
  ecp5:
    files:
      - pinfold.lpf: {{file_type: LPF}}

targets:
  default:
    filesets: [rtl, "tool_vivado ? (xilinx)", "tool_trellis ? (ecp5)"]
    toplevel: pinfold
  lint:
    description: Verilator's lint with every warning on, but for those that pinfold.vlt explains
    filesets: [lint, rtl, example]
    toplevel: example
    flow: lint
    flow_options:
      tool: verilator
      verilator_options: [-Wall]
"""


def project(config: Config, version: str) -> str:
    """`pinfold.core` for the machine of a configuration, named by its hash, so that several fit into a library."""
    return _FORM.format(name=f"::pinfold_{config.hash:016x}:{version}")
