"""Removes the cause where a larger scratchpad or a wider bus makes a policy slower.

``python -m docs.anomalies`` takes the pairs of cells of ``make policies`` and ``make tokens`` that differ in one thing
alone and in which a policy loses more than a hundredth by having more of it, and writes docs/data/anomalies.jsonl for
docs/policies.md.
Programs are cut for `none` on each machine; with the cuts of the smaller one that cause is gone. Where it is not the
cause, both run without waits for ports: larger banks hold more of what two engines read at once.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from controller.compiler import compile_graph
from controller.read import read
from controller.rebind import rebound
from docs.anomalies_tables import FILE
from docs.causes import CAUSES
from docs.grid import FILE as CELLS
from docs.grid import machine
from docs.kept import Kept, rows, sources
from docs.networks import network
from docs.rerun import rerun, retimed
from docs.tokens_tables import FILE as TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from docs.kept import Rows

#: What more memory or a wider bus may cost.
MOST = 1.01


def measured_cells() -> list[dict[str, Any]]:
    """Networks of images and of tokens."""
    return rows(CELLS) + rows(TOKENS)


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
            "network": less["network"], "kib": [less["kib"], more["kib"]], "bus": [less["bus"], more["bus"]],
            "policy": policy,
            "cycles": [less["policies"][policy]["cycles"], one["cycles"]],
        }
        for less, more in pairs(found)
        for policy, one in more["policies"].items()
        if one["cycles"] > MOST * less["policies"][policy]["cycles"]
    }  # fmt: skip


def explained(row: Mapping[str, Any]) -> dict[str, Any]:
    """Cycles of a pair with a cause removed: its first program on both machines; else no waits for ports on either."""
    less, more = (machine(*sizes) for sizes in zip(row["kib"], row["bus"], strict=True))
    graph, policy = read(network(row["network"])), row["policy"]
    compiled = compile_graph(graph, less)
    same = rerun(compiled, policy, more, rebound(compiled, more)).cycles
    assert same is not None
    if same <= MOST * row["cycles"][0]:
        return {"same_program": same, "without_ports": None}
    both = (compiled, compile_graph(graph, more))
    steps = (rerun(one, policy, one.config, one.program).steps for one in both)
    alone = [retimed(one, CAUSES["ports"](some)) for one, some in zip(both, steps, strict=True)]
    return {"same_program": same, "without_ports": alone}


def holding(measured: Rows) -> Rows:
    """What of the measurements of other sources holds: pairs whose cycles, kept anew, are what they were."""
    now = slower(measured_cells())
    return {key: row for key, row in measured.items() if row["cycles"] == now.get(key, {}).get("cycles")}


def main() -> int:
    """Measure what is not kept."""
    kept, order = Kept(FILE, sources(("spec", "sim", "controller")), holding), slower(measured_cells())
    for key, row in order.items():
        if key not in kept:
            found = {**row, **explained(row)}
            kept.keep(key, found, order)
            print(f"{key}: {found}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
