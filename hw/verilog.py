"""Units, and the whole machine, as Verilog text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from amaranth.back import rtlil, verilog

from hw.share import share
from hw.top import Top

if TYPE_CHECKING:
    from amaranth.lib.wiring import Component

    from spec.config import Config

__all__ = ["TOP", "convert", "emit"]

#: Name of the top module.
TOP = "pinfold"
#: A memory's initial contents, if all of them are 0.
_CLEARED = re.compile(r"  cell \$meminit_v2 [^\n]*\n(?:    (?!connect \\DATA)[^\n]*\n)*"
                      r"    connect \\DATA \d+'0+\n(?:    [^\n]*\n)*  end\n")  # fmt: skip
_MODULE = re.compile(r"^module .*?^endmodule$", re.DOTALL | re.MULTILINE)
#: A constant for some bits of what other processes drive: nothing triggers it, so a simulator never runs it.
_STUCK = re.compile(r"always @\*\n(\s*[^\n;]+ = \d+'[^\n;]+;)\n")
_TRIGGER = r"\$once "


def _unstick(module: re.Match[str]) -> str:
    """The module, its constant processes made to run at the start of time."""
    text, count = _STUCK.subn(lambda m: f"always @* begin\n    if ({_TRIGGER}) begin end\n{m[1]}\n  end\n", module[0])
    if not count:
        return text
    head, body = text.split(");\n", 1)
    return f"{head});\n  reg {_TRIGGER}= 0;\n{body}"


def convert(unit: Component, name: str) -> str:
    """The Verilog of a unit as module ``name``; the same text for the same unit.

    Memories whose contents would start as 0 start with any, as they do in a chip: the machine writes before it reads.
    """
    intermediate = rtlil.convert(unit, name=name, emit_src=False)
    text = verilog._convert_rtlil_text(  # noqa: SLF001 (there is no public way to leave out initial contents)
        share(_CLEARED.sub("", intermediate)), strip_internal_attrs=True
    )
    return _MODULE.sub(_unstick, text)


def emit(config: Config) -> str:
    """The Verilog of the machine, top module ``pinfold``; it does not depend on the configuration's name and memory."""
    return convert(Top(config=config), TOP)
