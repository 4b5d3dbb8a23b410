"""Plans networks for `edge` by method `joint` and runs them on the golden model beside every policy.

``make joint`` writes docs/data/joint.jsonl, then the tables of docs/joint.md; it goes on where it was interrupted.
"""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any

from controller.compiler import compile_graph
from controller.joint.plan import plan
from controller.plan.deadline import Deadline
from controller.read import read
from docs.joint_tables import FILE
from docs.kept import Kept, sources
from docs.networks import network
from spec.config import CONFIGS

if TYPE_CHECKING:
    from collections.abc import Callable

NETWORKS = ("mobilenetv2", "resnet18", "mobilenetv1", "resnet50")
#: When the search of a network takes the best so far.
SECONDS = 120.0


def measure(name: str, say: Callable[[str], None]) -> dict[str, Any]:
    """A network's plan, its cycles and those of every policy, and the seconds of the search and of all runs."""
    compiled = compile_graph(read(network(name)), CONFIGS["edge"])
    began = perf_counter()
    found = plan(compiled, Deadline(SECONDS), say)
    return {**found.described(compiled), "network": name, "seconds": round(perf_counter() - began)}


def main() -> int:
    """Measure what is not kept."""
    kept = Kept(FILE, sources(("spec", "sim", "controller")))
    for name in NETWORKS:
        if name not in kept:
            kept.keep(name, measure(name, lambda text, name=name: print(f"{name}: {text}", flush=True)), NETWORKS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
