"""The methods of `pinfold plan`: what each plans for, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.plan import onsram
from controller.plan.machine import ONSRAM, Machine
from controller.plan.pinfuse import EDGE, Planner

if TYPE_CHECKING:
    from collections.abc import Callable

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
        From a network and a machine to a plan; None if none fits.
    """

    machine: Machine
    width: int
    plan: Callable[[Network, Machine], Plan | None]


def _grouped(*, fuse: bool, pin: bool) -> Method:
    def plan(network: Network, machine: Machine) -> Plan | None:
        return Planner(network, machine, cached=False).plan(machine.capacity, fuse=fuse, pin=pin)

    return Method(EDGE, 1, plan)


METHODS: dict[str, Method] = {
    "onsram-static": Method(ONSRAM, 2, onsram.static),
    "layer": _grouped(fuse=False, pin=False),
    "pin": _grouped(fuse=False, pin=True),
    "fuse": _grouped(fuse=True, pin=False),
    "pinfuse": _grouped(fuse=True, pin=True),
}
