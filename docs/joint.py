"""Plans networks for `edge` by method `joint` and runs them on the golden model beside every policy.

``make joint`` writes docs/data/joint.jsonl, then the tables of docs/joint.md; it goes on where it was interrupted.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from time import process_time
from typing import TYPE_CHECKING, Any

from controller.compiler import compile_graph
from controller.joint.plan import cycles_under, plan
from controller.joint.program import Programs
from controller.plan.deadline import Deadline
from controller.read import read
from docs.joint_spans import spans
from docs.joint_tables import FILE
from docs.kept import Kept, sources
from docs.networks import network
from spec.config import CONFIGS
from spec.program import assemble
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.compiler import Compiled
    from controller.joint.chains import Chains
    from controller.place import Placement

NETWORKS = ("mobilenetv2", "resnet18", "mobilenetv1", "resnet50", "squeezenet")
#: When the search of a network takes the best so far: seconds of a processor that it has to itself.
SECONDS = 300.0


def measure(name: str, say: Callable[[str], None]) -> dict[str, Any]:
    """A network's plan, its cycles and those of every policy, and the seconds of the search and of all runs."""
    compiled = compile_graph(read(network(name)), CONFIGS["edge"])
    began = process_time()
    found = plan(compiled, Deadline(SECONDS, clock=process_time), say)
    seconds = round(process_time() - began)
    parts = without(compiled, found.chains)
    where = spans(compiled, found.chains)
    return {**found.described(compiled), "network": name, "seconds": seconds, "without": parts, "spans": where}


def without(compiled: Compiled, chains: Chains) -> dict[str, int]:
    """Cycles of a plan that lacks one thing: bands, banks by engine, its own tiles, prefetches, maps that leave."""
    programs = Programs(compiled)
    banks = programs.placement(chains, programs.buffers)

    def cycles(some: Chains, placement: Placement = banks) -> int:
        instructions = programs.instructions(some, placement)
        other = replace(compiled, placement=placement, program=assemble(compiled.config, instructions))
        return cycles_under(other, Policy.DIRECTED)

    return {
        "bands": cycles(tuple(replace(chain, rule=None) for chain in chains)),
        "banks": cycles(chains, compiled.placement),
        "tiles": cycles(tuple(replace(chain, heights=()) for chain in chains)),
        "prefetches": cycles(tuple(replace(chain, pages=0) for chain in chains)),
        "leaving": cycles(tuple(replace(chain, leaves=False, anew=False) for chain in chains)),
    }


def main() -> int:
    """Measure what is not kept."""
    kept = Kept(FILE, sources(("spec", "sim", "controller")))
    for name in NETWORKS:
        if name not in kept:
            kept.keep(name, measure(name, lambda text, name=name: print(f"{name}: {text}", flush=True)), NETWORKS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
