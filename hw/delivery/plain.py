"""Emitted Verilog as tools of Verilog-2005 take it: assertions for simulators only, no wires of no bits."""

from __future__ import annotations

import re

__all__ = ["plain"]

#: A wire of no bits, which nothing reads.
_EMPTY = re.compile(r"^  (?:wire|reg) \[-1:0\] [^\n]*\n", re.MULTILINE)
#: A clocked process; those of assertions hold nothing else.
_PROCESS = re.compile(r"^  always @\(posedge [^\n]*\) begin\n(?:(?!  end\n)[^\n]*\n)*  end\n", re.MULTILINE)
#: An assertion with the sentence that is printed when it fails.
_ASSERTION = re.compile(
    r"if \(!(?P<holds>[^\n]*?) ?\)\n\s*\$write\((?P<said>\"[^\n]*\")\);\n\s*assert \((?P=holds) ?\);$", re.MULTILINE
)


def _told(process: re.Match[str]) -> str:
    """The process, if it asserts, as one that ends a simulation and that synthesis does not see."""
    text = _ASSERTION.sub(r"if (!\g<holds> ) begin $display(\g<said>); $finish; end", process[0])
    return process[0] if text == process[0] else f"`ifndef SYNTHESIS\n{text}`endif\n"


def plain(text: str) -> str:
    """The Verilog ``text`` without what Verilog-2005 has not.

    Raises
    ------
    ValueError
        If an assertion is left, in a form that is not known here.
    """
    text = _PROCESS.sub(_told, _EMPTY.sub("", text))
    if left := re.search(r"^\s*assert\b[^\n]*", text, re.MULTILINE):
        raise ValueError(f"Assertions must stand in a clocked process with their sentence, not as {left[0].strip()}")
    return text
