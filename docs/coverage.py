"""What random programs reach: waits by queue, cause and policy, and rarer ways of the allocation controller.

``python -m docs.coverage`` runs the programs that the soak tests draw, as many as N says, on the golden model, and
writes docs/data/coverage.json, from which ``make docs`` makes the tables of docs/coverage.md.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from hw.core import WAITS
from sim.commands import HALF
from sim.machine import Machine
from sim.steps import Push
from spec.config import CONFIGS
from spec.isa import Queue
from spec.registers import Policy
from tb import agreement
from tb.machines import memory
from tb.mutants import MACHINE
from tb.programs import EVENTS, coverage, sample
from tb.regression import Draw

if TYPE_CHECKING:
    from sim.machine import Run
    from spec.config import Config

__all__ = ["DATA", "main"]

DATA = Path(__file__).parent / "data" / "coverage.json"


def waits() -> list[str]:
    """Every wait that the queues keep: who waits, for what, and for whom."""
    found = []
    for queue, (data, port) in WAITS.items():
        found += [f"{queue.name} data {other.name}" for other in Queue if other in data and other is not queue]
        found += [f"{queue.name} port {other.name}" for other in Queue if other in port and other is not queue]
        found += [f"{queue.name} half {HALF[queue].name}"] if queue in HALF else []
    return found


def waited(run: Run) -> Counter[str]:
    """The waits of a run's commands, met at once or not."""
    found: Counter[str] = Counter()
    for command in (step.command for step in run.steps if isinstance(step, Push)):
        name = command.queue.name
        for cause, counts in (("data", command.data), ("port", command.port)):
            found.update(f"{name} {cause} {Queue(q).name}" for q, n in counts.items() if n and q != command.queue)
        if command.half and command.queue in HALF:
            found[f"{name} half {HALF[command.queue].name}"] += 1
    return found


def main() -> int:
    """Run the programs and write what they reached."""
    programs = int(os.environ.get("N", "0")) or 600
    found: dict[str, dict[str, Counter[str]]] = {
        kind: {policy.name.lower(): Counter() for policy in Policy} for kind in ("waits", "events")
    }
    machines: tuple[Config, ...] = (CONFIGS["tiny"], MACHINE)
    for seed in range(programs):
        drawn, config = Draw(seed), machines[seed % 2]
        one = agreement.job(sample(config, seed, computes=drawn.length), memory(seed), policy=drawn.policy)
        run, _ = agreement.expected(config, one, machine=Machine(config))
        found["waits"][drawn.policy.name.lower()].update(waited(run))
        found["events"][drawn.policy.name.lower()].update(coverage(run))
    rows = {
        "programs": programs,
        "waits": [{"name": n, **{p: c[n] for p, c in found["waits"].items()}} for n in waits()],
        "events": [{"name": n, **{p: c[n] for p, c in found["events"].items()}} for n in EVENTS],
    }
    DATA.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
