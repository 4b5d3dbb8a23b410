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
from sim.machine import Machine
from sim.schedule import schedule
from sim.steps import Push, Spend
from spec.isa import Queue
from spec.registers import Policy

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


def measure(compiled: Compiled, policy: Policy, inference: int) -> dict[str, Any]:
    """Cycles of one inference of several, as they are, without each cause, and without all of them."""
    config, device = compiled.config, Machine(compiled.config)
    for _ in range(inference):
        run = device.run(
            compiled.program, compiled.image, policy=policy, address=compiled.program_address, compute_outputs=False
        )
    assert run.cycles is not None

    def cycles(steps: Iterable[Step]) -> int:
        length = 1 + len(compiled.instructions)
        return schedule(
            config, config.memory, list(steps), address=compiled.program_address, length=length
        ).cycles

    assert cycles(run.steps) == run.cycles
    alone = {name: cycles(without(run.steps)) for name, without in CAUSES.items()}
    return {
        "cycles": run.cycles, "serials": run.counters["SERIALS"], "without": alone,
        "without_all": cycles(reduce(lambda steps, without: without(steps), CAUSES.values(), iter(run.steps))),
    }  # fmt: skip


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
        found = {}
        for one in ("none", *names):
            policy, _, state = one.partition(" ")
            found[one] = measure(compiled, Policy[policy.upper()], 2 if state == "warm" else 1)
        kept.keep(key, {"network": name, "kib": kib, "bus": bus, "policies": found}, order)
        print(f"{key}: {', '.join(names)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
