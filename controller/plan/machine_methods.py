"""The papers' methods for a real machine: a plan that has been replayed, and how long its program takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.figures import Figures, figures
from controller.plan import cosma_paged, onsram
from controller.plan.from_program import from_program, machine_of
from controller.plan.lowered import LOWERINGS, Lowering, lowered
from controller.plan.pinfuse import Planner
from controller.plan.validate import replay
from controller.refusal import ModelError
from sim.energy import load_table
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from controller.compiler import Compiled
    from controller.plan.deadline import Deadline
    from controller.plan.machine import Machine, Work
    from controller.plan.network import Network
    from controller.plan.solution import Plan
    from spec.config import Config

#: Slots that a group leaves to others, and those that each of its operators needs: for its result and its weights.
_OTHER_SLOTS, _SLOTS_EACH = 8, 2


def _grouped(*, fuse: bool, pin: bool) -> Callable[[Network, Machine, Config, Deadline], Plan | None]:
    def plan(network: Network, machine: Machine, config: Config, _: Deadline) -> Plan | None:
        longest = max(1, (config.slots - _OTHER_SLOTS) // _SLOTS_EACH)
        return Planner(network, machine, cached=True).plan(machine.capacity, fuse=fuse, pin=pin, longest=longest)

    return plan


#: From a network, its machine and a deadline to a plan; None if none fits.
MACHINE_METHODS: Mapping[str, Callable[[Network, Machine, Config, Deadline], Plan | None]] = {
    "onsram-static": lambda network, machine, _, __: onsram.static(network, machine),
    "layer": _grouped(fuse=False, pin=False),
    "pin": _grouped(fuse=False, pin=True),
    "fuse": _grouped(fuse=True, pin=False),
    "pinfuse": _grouped(fuse=True, pin=True),
    "cosma": lambda network, machine, _, deadline: cosma_paged.plan(network, machine, deadline),
}


@dataclass(frozen=True)
class Planned:
    """A plan for a compiled network, what it should move, and what its programs take."""

    plan: Plan
    work: tuple[Work, ...]
    lowerings: Mapping[Lowering, Figures]

    @property
    def fastest(self) -> Lowering:
        """The lowering that takes the fewest cycles, the strict one among equals."""
        return min(self.lowerings, key=lambda one: (self.lowerings[one].cycles, not one.strict, one.banks))

    @property
    def strict(self) -> Figures:
        """What takes the fewest cycles of those in which nothing stays that the plan does not keep."""
        return min((found for one, found in self.lowerings.items() if one.strict), key=lambda found: found.cycles)


def plan_for_machine(compiled: Compiled, method: str, deadline: Deadline, say: Callable[[str], None]) -> Planned:
    """Plan, replay the plan, and run its program in every lowering.

    Raises
    ------
    ModelError
        If no plan of the method fits.
    PlanError
        If the plan breaks a rule, which would be the planner's fault.
    """
    network, machine = from_program(compiled), machine_of(compiled.config)
    say(f"planning {compiled.graph.name}")
    plan = MACHINE_METHODS[method](network, machine, compiled.config, deadline)
    if plan is None:
        raise ModelError(f"{compiled.graph.name} does not fit: no plan of method {method} runs it on {machine.name}")
    work = replay(network, plan, machine)
    grouped = any(len(step.operators) > 1 for step in plan.steps)
    table, found = load_table(), dict[Lowering, Figures]()
    for one in LOWERINGS:
        if grouped or not one.banks:
            say(f"{'as planned' if one.strict else 'with what fits'}{', banks by engine' if one.banks else ''}")
            [found[one]] = figures(lowered(compiled, plan, one), Policy.DIRECTED, table)
    return Planned(plan, work, found)

