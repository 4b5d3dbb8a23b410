"""Plans networks for `edge` and `onsram` by method `joint` and runs them on the golden model beside every policy.

``make joint`` writes docs/data/joint.jsonl, then the tables of docs/joint.md; it goes on where it was interrupted.
Names NETWORK:CONFIGURATION narrow it. A row keeps its plan: when the sources have changed, the plan and all policies
are run anew, and the row holds if every figure comes out as it was; only if one does not, it is searched for again.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from time import process_time
from typing import TYPE_CHECKING, Any

from controller.compiler import compile_graph
from controller.figures import figures
from controller.joint.plan import chains_of, costed, cycles_under, plan, rearranged
from controller.joint.program import Programs
from controller.plan.deadline import Deadline
from controller.read import read
from controller.refusal import ModelError
from docs.joint_spans import spans
from docs.joint_tables import FILE
from docs.kept import Kept, loaded
from docs.networks import network
from sim.energy import load_table
from spec.config import CONFIGS
from spec.program import assemble
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from controller.compiler import Compiled
    from controller.joint.chains import Chains
    from controller.joint.plan import Planned
    from controller.place import Placement

NETWORKS = ("mobilenetv2", "resnet18", "mobilenetv1", "resnet50", "squeezenet")
KEYS = tuple(f"{name}:{on}" for on in ("edge", "onsram") for name in NETWORKS)
#: When the search of a network takes the best so far: seconds of a processor that it has to itself.
SECONDS = 300.0
#: What tells neither a plan's cycles nor another plan: how long its search took, and what the machine's fields are.
_ASIDE = ("key", "sources", "seconds", "config_hash")


def measure(key: str, say: Callable[[str], None]) -> dict[str, Any]:
    """A network's plan, its cycles and those of every policy, and the seconds of the search and of all runs."""
    compiled = _compiled(key)
    began = process_time()
    found = plan(compiled, Deadline(SECONDS, clock=process_time), say)
    seconds = round(process_time() - began)
    return {**shown(key, compiled, found), "seconds": seconds}


def again(row: Mapping[str, Any], say: Callable[[str], None]) -> dict[str, Any] | None:
    """A row whose plan and policies were run anew, if nothing has come out otherwise."""
    key = row["key"]
    compiled = _compiled(key)
    mine = {"network": compiled.graph.name, "config_hash": f"{compiled.config.hash:016x}"}
    try:
        chains = chains_of(key, {**row, **mine}, compiled)
    except ModelError as error:
        say(str(error))
        return None
    if not chains:
        return None
    found = as_read(shown(key, compiled, costed(compiled, chains, say)))
    before = {name: value for name, value in as_read(row).items() if name not in _ASIDE}
    after = {name: value for name, value in found.items() if name not in _ASIDE}
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            say(f"{name} was {before.get(name)}, is {after.get(name)}")
    return {**found, "seconds": row["seconds"]} if before == after else None


def shown(key: str, compiled: Compiled, found: Planned) -> dict[str, Any]:
    """What is kept of a plan."""
    name = key.partition(":")[0]
    dram = figures(rearranged(compiled, found.chains), Policy.DIRECTED, load_table())[0].dram
    moved = dram["by_class"]["activation_fill"] + dram["by_class"]["activation_spill"]
    return {
        **found.described(compiled), "network": name, "without": without(compiled, found.chains),
        "spans": spans(compiled, found.chains),
        "dram": {"read_bytes": dram["read_bytes"], "write_bytes": dram["write_bytes"], "maps": moved},
    }  # fmt: skip


def as_read(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it comes back from a file."""
    found: dict[str, Any] = json.loads(json.dumps(row))
    return found


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


def _compiled(key: str) -> Compiled:
    name, on = key.split(":")
    return compile_graph(read(network(name)), CONFIGS[on])


def main() -> int:
    """Run anew what is kept of other sources; measure what is not kept, or did not come out."""
    kept, now = Kept(FILE, None), loaded()
    for key in sys.argv[1:] or KEYS:
        row = kept.get(key)
        if row is not None and row["sources"] == now:
            continue

        def say(text: str, key: str = key) -> None:
            print(f"{key}: {text}", flush=True)

        found = None if row is None else again(row, say)
        kept.keep(key, {**(found or measure(key, say)), "sources": now}, KEYS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
