"""Runs the program of the smaller machine where a larger scratchpad or a wider bus makes a policy slower.

``python -m docs.anomalies`` takes the pairs of cells of ``make policies`` that differ in one thing alone and in which
a policy loses more than a hundredth by having more of it, and writes docs/data/anomalies.jsonl for docs/policies.md.
Programs are cut for `none` on each machine; with the cuts of the smaller one that cause is gone.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from controller.compiler import compile_graph
from controller.read import read
from controller.rebind import rebound
from docs.anomalies_tables import FILE
from docs.grid import FILE as CELLS
from docs.grid import cells, machine
from docs.kept import Kept, rows, sources
from docs.networks import network
from docs.rerun import rerun

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from docs.kept import Rows

#: What more memory or a wider bus may cost.
MOST = 1.01


def pairs(found: Iterable[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Cells that differ in one thing alone, with less and with more of it."""
    found = list(found)
    for along, other in (("kib", "bus"), ("bus", "kib")):
        for fixed in dict.fromkeys((cell["network"], cell[other]) for cell in found):
            chain = (one for one in found if (one["network"], one[other]) == fixed)
            yield from pairwise(sorted(chain, key=lambda one: int(one[along])))


def slower(found: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What is slower with more: both cells, the policy and its cycles, by a key of all three."""
    return {
        f"{less['key']} {more['key']} {policy}": {
            "network": less["network"], "less": less["key"], "more": more["key"], "policy": policy,
            "cycles": [less["policies"][policy]["cycles"], one["cycles"]],
        }
        for less, more in pairs(found)
        for policy, one in more["policies"].items()
        if one["cycles"] > MOST * less["policies"][policy]["cycles"]
    }  # fmt: skip


def same_program(less: str, more: str, policy: str) -> int:
    """Cycles that the program of a cell takes under a policy on the machine of another."""
    (name, *small), (_, *large) = cells()[less], cells()[more]
    compiled, config = compile_graph(read(network(name)), machine(*small)), machine(*large)
    run = rerun(compiled, policy, config, rebound(compiled, config))
    assert run.cycles is not None
    return run.cycles


def holding(measured: Rows) -> Rows:
    """What of the measurements of other sources holds: pairs whose cycles, kept anew, are what they were."""
    now = slower(rows(CELLS))
    return {key: row for key, row in measured.items() if row["cycles"] == now.get(key, {}).get("cycles")}


def main() -> int:
    """Measure what is not kept."""
    kept, order = Kept(FILE, sources(("spec", "sim", "controller")), holding), slower(rows(CELLS))
    for key, row in order.items():
        if key not in kept:
            same = same_program(row["less"], row["more"], row["policy"])
            kept.keep(key, {**row, "same_program": same}, order)
            print(f"{key}: {row['cycles']}, with the program of the first {same}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
