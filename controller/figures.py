"""What a compiled program costs under a policy: cycles, traffic, energy, by the golden model without outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.bounds import infinite_scratchpad
from controller.refusal import CheckError
from controller.run import Activity
from controller.traffic import traffic
from controller.usage import usage
from sim.energy import energy
from sim.events import count_events
from sim.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.compiler import Compiled
    from sim.energy import Table
    from sim.machine import Run
    from spec.registers import Policy


@dataclass(frozen=True)
class Figures:
    """What a run costs: cycles, bursts and bytes by class, picojoules by part, what binds, and how often it evicts."""

    cycles: int
    dram: Mapping[str, Any]
    energy: Mapping[str, float]
    usage: Mapping[str, Any]
    evictions: int


def figures(compiled: Compiled, policy: Policy, table: Table, *, inferences: int = 1) -> list[Figures]:
    """The figures of inferences one after the other: the machine may learn from those before.

    Raises
    ------
    CheckError
        If the machine refuses the program.
    """
    machine = Machine(compiled.config)
    return [_figures(compiled, _run(compiled, machine, policy), table) for _ in range(inferences)]


def infinite_figures(compiled: Compiled, table: Table) -> Figures | None:
    """The figures of the run that `infinite_scratchpad` makes; an access costs what it does in the machine itself."""
    run = infinite_scratchpad(compiled)
    return None if run is None else _figures(compiled, run, table)


def _run(compiled: Compiled, machine: Machine, policy: Policy) -> Run:
    run = machine.run(
        compiled.program, compiled.image, policy=policy, address=compiled.program_address, compute_outputs=False
    )
    if run.cycles is None:
        where = f"{run.error.name} at {run.error_address:#x}"
        raise CheckError(f"{compiled.graph.name}: the golden model stops with {where}")
    return run


def _figures(compiled: Compiled, run: Run, table: Table) -> Figures:
    """As of the machine that the program is for, also where a larger one ran it."""
    assert run.cycles is not None
    config = compiled.config
    activity = Activity(run.counters, count_events(config, run))
    moved = traffic(compiled, run.transactions)
    return Figures(
        run.cycles, moved, energy(config, activity.events, table), usage(config, run.cycles, activity, moved),
        run.counters["EVICTIONS"],
    )  # fmt: skip
