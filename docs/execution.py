"""Networks as a graph and in eager execution on `edge`, under every policy, golden model: cycles and bytes of DRAM.

``make execution`` writes docs/data/execution.jsonl, then the tables of docs/policies.md; it goes on where it was
interrupted. Names of networks narrow it.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from controller.compiler import FINALISTS, compile_graph
from controller.eager.compile import compile_eagerly, foreseen
from controller.figures import figures
from controller.read import read
from controller.trial import Trials
from docs.execution_tables import CONFIG, FILE, NETWORKS
from docs.kept import Kept, sources
from docs.networks import network
from sim.energy import load_table
from spec.config import CONFIGS
from spec.program import assemble
from spec.registers import Policy

if TYPE_CHECKING:
    from controller.compiler import Compiled
    from controller.figures import Figures


def measure(name: str) -> dict[str, Any]:
    """A network: the graph's program, a host's of one operator after the other, told of ends, and the same foreseen."""
    config, graph = CONFIGS[CONFIG], read(network(name))
    trials = Trials(config, FINALISTS)
    told, untold = (compile_eagerly(graph, config, told=told, trials=trials) for told in (True, False))
    known = foreseen(told)
    of = {
        "graph": compile_graph(graph, config),
        "foreseen": replace(told, program=assemble(config, known), instructions=tuple(known)),
        "eager": told, "eager-untold": untold,
    }  # fmt: skip
    return {
        "network": name, "config": CONFIG, "config_hash": f"{config.hash:016x}",
        "programs": {what: _measured(one) for what, one in of.items()},
    }  # fmt: skip


def _measured(compiled: Compiled) -> dict[str, Any]:
    table = load_table()
    policies: dict[str, Any] = {}
    for policy in Policy:
        name, learns = policy.name.lower(), policy is Policy.EAGER
        found = [_shown(one) for one in figures(compiled, policy, table, inferences=1 + learns)]
        policies |= zip((f"{name} cold", f"{name} warm") if learns else (name,), found, strict=True)
    commands = sum(len(one.commands) for one in compiled.tiled)
    return {"operators": len(compiled.tiled), "commands": commands, "policies": policies}


def _shown(found: Figures) -> dict[str, int]:
    by_class = found.dram["by_class"]
    return {
        "cycles": found.cycles, "read_bytes": found.dram["read_bytes"], "write_bytes": found.dram["write_bytes"],
        "maps": by_class["activation_fill"] + by_class["activation_spill"],
        "energy_pj": round(sum(found.energy.values())),
    }  # fmt: skip


def main() -> int:
    """Measure what is not kept."""
    kept = Kept(FILE, sources(("spec", "sim", "controller")))
    for name in sys.argv[1:] or NETWORKS:
        if name not in kept:
            kept.keep(name, measure(name), NETWORKS)
            print(name, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
