"""Equal modules made one, so that tools see an element of an array once.

Amaranth emits a module for each instance. Two of them differ only in the names of what comes from outside, which carry
numbers of the whole design; named by position they become equal text.
"""

from __future__ import annotations

import re

__all__ = ["share"]

_MODULE = re.compile(r"^((?:attribute [^\n]*\n)*)module (\S+)\n(.*?)^end\n", re.DOTALL | re.MULTILINE)
_FOREIGN = re.compile(r"^  wire [^\n]*(?:input|output|inout) \d+  (\\port\$\S+)$", re.MULTILINE)
_NAME = re.compile(r"\\port\$[^\s\]]+")
_CELL = re.compile(r"^  cell (\\\S+) (\S+)\n(.*?)^  end\n", re.DOTALL | re.MULTILINE)
_PIN = re.compile(r"^    connect (\S+) ", re.MULTILINE)


def _renamed(text: str) -> str:
    """Every module's foreign port names replaced by their position, in the module and where it is instantiated."""
    ports = {m[2]: {old: f"\\port_{i}" for i, old in enumerate(_FOREIGN.findall(m[3]))} for m in _MODULE.finditer(text)}

    def cell(m: re.Match[str], own: dict[str, str]) -> str:
        pins = ports.get(m[1], {})
        lines = []
        for line in m[3].splitlines():
            pin, rest = (line.split(" ", 6)[5], line.split(" ", 6)[6]) if line.startswith("    connect ") else ("", "")
            if not pin:
                lines.append(line)
                continue
            lines.append(f"    connect {pins.get(pin, pin)} {_NAME.sub(lambda n: own.get(n[0], n[0]), rest)}")
        return f"  cell {m[1]} {m[2]}\n" + "".join(f"{line}\n" for line in lines) + "  end\n"

    def module(m: re.Match[str]) -> str:
        own, out, at = ports[m[2]], [], 0
        for c in _CELL.finditer(m[3]):
            out += [_NAME.sub(lambda n: own.get(n[0], n[0]), m[3][at : c.start()]), cell(c, own)]
            at = c.end()
        out.append(_NAME.sub(lambda n: own.get(n[0], n[0]), m[3][at:]))
        return f"{m[1]}module {m[2]}\n{''.join(out)}end\n"

    return _MODULE.sub(module, text)


def share(text: str) -> str:
    """The RTLIL ``text`` with every set of equal modules replaced by its first."""
    text = _renamed(text)
    while True:
        first: dict[tuple[str, str], str] = {}
        same = {m[2]: known for m in _MODULE.finditer(text) if (known := first.setdefault((m[1], m[3]), m[2])) != m[2]}
        if not same:
            return text
        text = _MODULE.sub(lambda m, gone=same: "" if m[2] in gone else m[0], text)
        text = re.sub(r"^(  cell )(\\\S+)", lambda m, by=same: m[1] + by.get(m[2], m[2]), text, flags=re.MULTILINE)
