"""All files for FPGA flows: names and contents, a function of the configuration alone."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from hw.delivery.constraints import CONSTRAINTS, waivers
from hw.delivery.example import example
from hw.delivery.pins import pins
from hw.delivery.plain import plain
from hw.delivery.project import project
from hw.delivery.readme import readme
from hw.delivery.registers import c_header, python_module
from hw.delivery.shell import shell
from hw.delivery.yosys import SCRIPT
from hw.top import Top
from hw.verilog import TOP, convert

if TYPE_CHECKING:
    from spec.config import Config

__all__ = ["files"]


def files(config: Config) -> dict[str, str]:
    """Every file by name: the Verilog, and all that stands beside it."""
    top = Top(config=config)
    found = pins(top)
    return {
        "pinfold.v": plain(convert(top, TOP)),
        "example.v": example(found),
        "shell.v": shell(found),
        "pinfold.core": project(config, version("pinfold")),
        **CONSTRAINTS,
        "ecp5.ys": SCRIPT,
        "pinfold.vlt": waivers(),
        "pinfold.h": c_header(config),
        "pinfold_registers.py": python_module(config),
        "README.md": readme(config, found),
    }
