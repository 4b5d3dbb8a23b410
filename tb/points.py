"""Points of the emitted Verilog that simulations reached, as Verilator counts them.

Verilator puts a point on each block of statements, on each way of a choice, and on each direction in which a bit of a
signal can change. Three kinds of them say something of a unit as its author wrote it:

- lines: what is done in each case of a switch, and each process that chooses nothing;
- branches: both ways of each ``if`` and ``? :``, once for each signal that is chosen there;
- toggles: rise and fall of each bit of a register. Whatever else has a name is a copy of these or chosen from them.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["KINDS", "Point", "marked", "merged"]

#: As Verilator calls them.
KINDS = ("line", "branch", "toggle")
#: What is not counted: nets, but registers, be they outputs; memories; the triggers of
#: processes that run once; ways into an assertion's failure; and cases in which nothing is done.
_REGISTER = r"  reg (?:signed )?(?:\[[^]]*\] )?(?!\\\$(?!signal))[^=[\n]*= "
_SILENT = re.compile(
    rf"^(?:  (?:input|wire) .*|  output .*;(?!\n{_REGISTER})|(?!{_REGISTER})  reg .*"
    r"| *if \(\\\$(?:once|auto\$verilog_backend).*| *if \(1'h1\).*| *if \(!.*(?=\n *\$write)"
    r"| *\d+'h[\da-f]+:(?=\n *\/\* empty \*\/;))$",
    re.MULTILINE,
)
#: A line of Verilator's file: names and values between control characters, and how often the point was reached.
_ENTRY = re.compile(r"^C '(.*)' (\d+)$", re.MULTILINE)
_FIELD = re.compile(r"\x01([^\x02]*)\x02([^\x01]*)")
#: How Verilator writes what is no letter of C++.
_ESCAPE = re.compile(r"__0([0-9a-fA-F]{2})")


class Point(NamedTuple):
    """A point.

    Attributes
    ----------
    module
        Its module of the emitted Verilog.
    kind
        One of KINDS.
    line
        Its line there, from 1 on.
    what
        The bit of a register and its direction, or which way of the choice in this line.
    """

    module: str
    kind: str
    line: int
    what: str


def marked(verilog: str) -> str:
    """The emitted Verilog, line by line, with Verilator told what not to count."""
    return _SILENT.sub(r"/*verilator coverage_off*/\g<0>/*verilator coverage_on*/", verilog)


def merged(file: str, runs: Iterable[Path]) -> Counter[Point]:
    """How often runs of a simulator reached each point of a file of Verilog; those that none reached are there too."""
    entries: Counter[str] = Counter()
    for run in runs:
        for entry, count in _ENTRY.findall(run.read_text()):
            entries[entry] += int(count)
    found: Counter[Point] = Counter()
    for entry, count in entries.items():
        fields = dict(_FIELD.findall(entry))
        if fields["f"].endswith(f"/{file}"):
            kind, _, module = fields["page"].removeprefix("v_").partition("/")
            what = _ESCAPE.sub(lambda m: chr(int(m[1], 16)), fields["o"])
            place = "" if kind == "toggle" else f" in column {fields['n']}"
            found[Point(module, kind, int(fields["l"]), what + place)] += count
    return found
