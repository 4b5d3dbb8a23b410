"""The papers' planners and every policy on our machines, golden model: cycles and bytes of DRAM.

``make plans`` writes docs/data/plans.jsonl, then the tables of docs/papers.md, where our own plans of docs/joint.py
stand beside them; it goes on where it was interrupted. Names NETWORK:CONFIGURATION narrow it. A row says of which
sources it is; when they have changed, it is measured anew, and until then it stays.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from time import perf_counter
from typing import TYPE_CHECKING, Any

from controller.compiler import compile_graph
from controller.figures import figures
from controller.joint.plan import bounds
from controller.plan.deadline import Deadline
from controller.plan.machine_methods import MACHINE_METHODS, plan_for_machine
from controller.read import read
from docs.kept import Kept, loaded
from docs.networks import network
from docs.plans_tables import FILE, MACHINES, NETWORKS
from sim.energy import load_table
from spec.config import CONFIGS
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.compiler import Compiled
    from controller.figures import Figures

#: When COSMA's search takes the best so far.
SECONDS = 120.0
KEYS = tuple(f"{name}:{on}" for on in MACHINES for name in NETWORKS)


def measure(compiled: Compiled, say: Callable[[str], None]) -> dict[str, Any]:
    """Every policy, warm where it learns; every method's plan as planned and as fast as it gets; the bound."""
    table = load_table()
    policies = {
        one.name.lower(): _shown(figures(compiled, one, table, inferences=2 if one is Policy.EAGER else 1)[-1])
        for one in Policy
    }
    methods = {}
    for method in MACHINE_METHODS:
        say(method)
        began = perf_counter()
        found = plan_for_machine(compiled, method, Deadline(SECONDS), lambda _: None)
        planned = {key: sum(getattr(one, key) for one in found.work) for key in ("weights", "read", "written")}
        methods[method] = {
            "strict": _shown(found.strict), "fastest": _shown(found.lowerings[found.fastest]),
            "lowering": asdict(found.fastest), "planned": planned, "seconds": round(perf_counter() - began, 1),
            "groups": [len(step.operators) for step in found.plan.steps if len(step.operators) > 1],
            "kept": len({name for step in found.plan.steps for name in step.resident}),
        }  # fmt: skip
    return {
        "operators": len(compiled.tiled), "policies": policies, "methods": methods, "bound": max(bounds(compiled))[0],
    }  # fmt: skip


def _shown(found: Figures) -> dict[str, int]:
    return {
        "cycles": found.cycles, "read_bytes": found.dram["read_bytes"], "write_bytes": found.dram["write_bytes"],
        "maps": found.dram["by_class"]["activation_fill"] + found.dram["by_class"]["activation_spill"],
    }  # fmt: skip


def main() -> int:
    """Measure what is not kept, or is of other sources."""
    kept, now = Kept(FILE, None), loaded()
    for key in sys.argv[1:] or KEYS:
        row = kept.get(key)
        if row is None or row["sources"] != now:
            name, on = key.split(":")
            compiled = compile_graph(read(network(name)), CONFIGS[on])
            found = measure(compiled, lambda text, key=key: print(f"{key}: {text}", flush=True))
            kept.keep(key, {"network": name, "config": on, **found, "sources": now}, KEYS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
