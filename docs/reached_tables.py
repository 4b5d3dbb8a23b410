"""The tables of docs/coverage.md of lines, branches and toggles, from what `make coverage` has kept."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import reduce
from operator import and_
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docs.holes import HOLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KINDS = {"line": "lines", "branch": "branches", "toggle": "toggles"}
Table = tuple[list[str], list[list[object]]]
#: Numbers behind names that the emitter gives; they differ from machine to machine.
_NUMBER = re.compile(r"\$\d+")
_BITS = re.compile(r"(.*)\[([\d:, ]+)\]")


def kept() -> dict[str, dict[str, Any]]:
    """By machine and unit: points reached and points in all of each kind, and those that were not reached."""
    found: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "data/reached.json").read_text())
    return found


def reached() -> Table:
    """Each unit, and all together."""
    machines = kept()
    head = ["unit", *(f"{many} on `{machine}`" for machine in machines for many in KINDS.values())]
    rows: list[list[object]] = []
    for unit in next(iter(machines.values())):
        counts = [made[unit][kind] for made in machines.values() for kind in KINDS]
        rows.append([f"`{unit.replace('.', '/')}.py`", *map(_of, counts)])
    totals = [
        [sum(unit[kind][side] for unit in made.values()) for side in (0, 1)]
        for made in machines.values() for kind in KINDS
    ]  # fmt: skip
    return head, [*rows, ["all", *map(_of, totals)]]


def _of(count: list[int]) -> str:
    """Points that were reached, of all, and in percent; nothing if there are none."""
    part, whole = count
    if not whole:
        return ""
    return f"{part:,}" if part == whole else f"{part:,} of {whole:,}, {100 * part / whole:.1f} %"


def places(missed: list[str]) -> Iterator[str]:
    """What was not reached, a bit of a register each or a way, under names that all machines have."""
    for text in missed:
        if found := _BITS.fullmatch(text):
            for run in found[2].split(", "):
                last, _, first = run.partition(":")
                yield from (f"{_NUMBER.sub('$', found[1])} {bit}" for bit in range(int(first or last), int(last) + 1))
        else:
            yield _NUMBER.sub("$", text)


def holes() -> Counter[str]:
    """What no machine reached."""
    machines = [Counter(f"{unit} {at}" for unit, made in units.items() for at in places(made["missed"]))
                for units in kept().values()]  # fmt: skip
    return reduce(and_, machines)


def reason(place: str) -> str:
    """Why it was not reached; nothing if that is not known."""
    return next((why for why, pattern in HOLES.items() if re.search(pattern, place)), "")


def named() -> Table:
    """Why it was not reached, where, and how much of it there is."""
    rows: dict[str, Counter[str]] = {why: Counter() for why in (*HOLES, "")}
    for place, count in holes().items():
        rows[reason(place)][place.split()[0]] += count
    return ["places", "where", "why"], [
        [f"{units.total():,}", ", ".join(f"`{unit.replace('.', '/')}.py` {n:,}" for unit, n in units.most_common()),
         why or "**not known**"]
        for why, units in rows.items() if units
    ]  # fmt: skip


TABLES: dict[str, Callable[[], Table]] = {"coverage.reached": reached, "coverage.holes": named}
