"""The methods of `pinfold plan`: what each plans for, and how."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from controller.plan import cosma_steps, onsram
from controller.plan.machine import ONSRAM, Machine
from controller.plan.pinfuse import EDGE, Planner

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.plan.deadline import Deadline
    from controller.plan.network import Network
    from controller.plan.solution import Plan


@dataclass(frozen=True)
class Method:
    """A planner on the machine of its paper.

    Parameters
    ----------
    machine
        Its rates, and the capacity if no other is given.
    width
        Bytes of an element.
    plan
        From a network, a machine and a deadline to a plan; None if none fits. By the deadline it is the best so far;
        only COSMA's search takes long enough to ask.
    """

    machine: Machine
    width: int
    plan: Callable[[Network, Machine, Deadline], Plan | None]


def _grouped(*, fuse: bool, pin: bool) -> Method:
    def plan(network: Network, machine: Machine, _: Deadline) -> Plan | None:
        return Planner(network, machine, cached=False).plan(machine.capacity, fuse=fuse, pin=pin)

    return Method(EDGE, 1, plan)


METHODS: dict[str, Method] = {
    "onsram-static": Method(ONSRAM, 2, lambda network, machine, _: onsram.static(network, machine)),
    "layer": _grouped(fuse=False, pin=False),
    "pin": _grouped(fuse=False, pin=True),
    "fuse": _grouped(fuse=True, pin=False),
    "pinfuse": _grouped(fuse=True, pin=True),
    # COSMA says nothing of time; operators are atomic, so all their maps are resident while they run.
    "cosma": Method(replace(EDGE, name="cosma", streams=False), 1, cosma_steps.plan),
}
