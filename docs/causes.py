"""Times again, with a cause of waiting removed, what is slower under a policy than without management.

``python -m docs.causes [WORDS...]`` takes the cells of ``make policies`` in which a policy other than `static` takes
more cycles than `none`, those that have all words in their key, and writes docs/data/causes.jsonl for docs/policies.md.
Decisions, commands and bytes stay as they are; only their times are found anew, once without each cause and once
without any.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING, Any

from controller.compiler import compile_graph
from controller.read import read
from docs.causes_tables import FILE
from docs.grid import FILE as CELLS
from docs.grid import cells, machine
from docs.kept import Kept, rows, sources
from docs.networks import network
from docs.rerun import rerun, retimed
from sim.steps import Push, Spend
from spec.isa import Queue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from controller.compiler import Compiled
    from docs.kept import Rows
    from sim.steps import Step


def _without_serial(steps: Iterable[Step]) -> Iterator[Step]:
    """Weights are loaded beside the pass before, though they share a bank with its inputs."""
    for step in steps:
        if isinstance(step, Push) and step.command.work.get("serial"):
            yield Push(replace(step.command, work={**step.command.work, "serial": 0}))
        else:
            yield step


def _without_ports(steps: Iterable[Step]) -> Iterator[Step]:
    """No command waits for a port of a bank that another one uses."""
    return (Push(replace(step.command, port={})) if isinstance(step, Push) else step for step in steps)


def _without_frames(steps: Iterable[Step]) -> Iterator[Step]:
    """A page that is fetched goes into its frame at once, though earlier commands may still use what lies there."""
    for step in steps:
        if isinstance(step, Push) and step.command.queue is Queue.PLACE:
            data = {queue: count for queue, count in step.command.data.items() if queue == Queue.READ}
            yield Push(replace(step.command, data=data))
        else:
            yield step


def _without_front_end(steps: Iterable[Step]) -> Iterator[Step]:
    """To decide takes no time."""
    return (step for step in steps if not isinstance(step, Spend))


CAUSES: dict[str, Callable[[Iterable[Step]], Iterator[Step]]] = {
    "serial": _without_serial,
    "ports": _without_ports,
    "frames": _without_frames,
    "front_end": _without_front_end,
}


def measure(compiled: Compiled, name: str) -> dict[str, Any]:
    """Cycles of an inference that the grid names, as they are, without each cause, and without all of them."""
    run = rerun(compiled, name, compiled.config, compiled.program)
    assert retimed(compiled, run.steps) == run.cycles
    return {
        "cycles": run.cycles,
        "without": {cause: retimed(compiled, without(run.steps)) for cause, without in CAUSES.items()},
        "without_all": retimed(compiled, reduce(lambda steps, without: without(steps), CAUSES.values(), run.steps)),
    }


def slower() -> dict[str, list[str]]:
    """Policies by cell that take more cycles than `none` there, as the grid names them; not `static`."""
    found = {}
    for row in rows(CELLS):
        cycles = {name: one["cycles"] for name, one in row["policies"].items() if name != "static"}
        names = [name for name, taken in cycles.items() if taken > cycles["none"]]
        if names:
            found[row["key"]] = names
    return found


def holding(measured: Rows) -> Rows:
    """What of the measurements of other sources holds: cells whose cycles, kept anew, are what they were."""
    now = {row["key"]: {name: one["cycles"] for name, one in row["policies"].items()} for row in rows(CELLS)}
    return {
        key: row
        for key, row in measured.items()
        if all(one["cycles"] == now.get(key, {}).get(name) for name, one in row["policies"].items())
    }


def main() -> int:
    """Measure what is not kept."""
    kept = Kept(FILE, sources(("spec", "sim", "controller")), holding)
    order = list(cells())
    for key, names in slower().items():
        row = kept.get(key)
        if not set(sys.argv[1:]) <= set(key.split()) or (row and set(names) < set(row["policies"])):
            continue
        name, kib, bus = cells()[key]
        compiled = compile_graph(read(network(name)), machine(kib, bus))
        found = {one: measure(compiled, one) for one in ("none", *names)}
        kept.keep(key, {"network": name, "kib": kib, "bus": bus, "policies": found}, order)
        print(f"{key}: {', '.join(names)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
