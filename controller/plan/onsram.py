"""OnSRAM: which maps the scratchpad keeps for their whole life, chosen by a figure of merit.

Pal, Venkataramani, Srinivasan, Gopalakrishnan, "OnSRAM: efficient inter-node on-chip scratchpad management", ISPASS
2021. Operators are atomic, weights stream, and what is not kept goes to DRAM and comes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.plan.order import breadth_depth_first
from controller.plan.solution import Plan, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from controller.plan.machine import Machine
    from controller.plan.network import Network

#: Weights of the three parts of the figure of merit.
ALPHA, BETA, GAMMA = 0.4, 0.5, 0.1


@dataclass(frozen=True)
class Life:
    """When a map exists: made in step `first`, read in steps `uses`, the last of them `last`."""

    name: str
    bytes: int
    first: int
    uses: tuple[int, ...]

    @property
    def last(self) -> int:
        """The step of the last reader."""
        return self.uses[-1]


def no_management(network: Network, machine: Machine, order: Sequence[int]) -> Plan:
    """Every map goes to DRAM and comes back."""
    return _plan(network, machine, order, "none", {})


def infinite(network: Network, machine: Machine, order: Sequence[int], largest: int | None = None) -> Plan:
    """Every map that is made and read inside is kept, which no scratchpad can exceed; the capacity is what it takes.

    With `largest` only maps up to so many bytes: what no scratchpad of that size that keeps maps whole can exceed.
    """
    kept = {life.name: life for life in lives(network, order) if largest is None or life.bytes <= largest}
    needed = [sum(life.bytes for life in kept.values() if life.first <= t <= life.last) for t in range(len(order))]
    plan = _plan(network, machine, order, "infinite", kept)
    return Plan(plan.network, plan.method, max(machine.capacity, *needed), plan.steps)


def one_step(network: Network, machine: Machine, order: Sequence[int]) -> Plan:
    """A map is kept for the next step if that reads it; it also goes to DRAM if a later one does."""
    kept: dict[str, Life] = {}
    also = set()
    used = [0] * (len(order) + 1)
    for life in sorted(lives(network, order), key=lambda one: one.first):
        made, read = life.first, life.first + 1
        if life.uses[0] == read and used[made] + life.bytes <= machine.capacity:
            kept[life.name] = Life(life.name, life.bytes, made, (read,))
            also |= {life.name} if life.last > read else set()
            used[made] += life.bytes
            used[read] += life.bytes
    return _plan(network, machine, order, "onestep", kept, also)


def static(network: Network, machine: Machine) -> Plan:
    """OnSRAM-Static: in the order of falling merit each map that fits for its whole life, all of it or nothing."""
    order = breadth_depth_first(network, machine)
    used = [network.operators[place].held(frozenset()) for place in order]
    kept: dict[str, Life] = {}
    taken: dict[str, str] = {}  # a map, by the one that replaces it
    for life in sorted(lives(network, order), key=lambda one: -merit(network, order, one)):
        ending = [
            kept[name]
            for name in network.operators[order[life.first]].inputs
            if name in kept and kept[name].last == life.first and name not in taken.values()
        ]
        place = max(ending, key=lambda one: one.bytes, default=None)
        shared = min(place.bytes, life.bytes) if place else 0
        needs = [
            life.bytes - network.operators[order[step]].streamed(life.name) - (shared if step == life.first else 0)
            for step in range(life.first, life.last + 1)
        ]
        if all(used[life.first + k] + need <= machine.capacity for k, need in enumerate(needs)):
            kept[life.name] = life
            for k, need in enumerate(needs):
                used[life.first + k] += need
            if place:
                taken[life.name] = place.name
    return _plan(network, machine, order, "onsram-static", kept, replaces=taken.items())


def lives(network: Network, order: Sequence[int]) -> list[Life]:
    """Maps that one operator makes and others read; those that leave the network cannot be kept from DRAM."""
    step = {place: number for number, place in enumerate(order)}
    return [
        Life(tensor.name, tensor.bytes, step[network.producer[tensor.name]],
             tuple(sorted(step[place] for place in network.consumers[tensor.name])))
        for tensor in network.tensors
        if tensor.name in network.producer and network.consumers[tensor.name] and tensor.name not in network.outputs
    ]  # fmt: skip


def merit(network: Network, order: Sequence[int], life: Life) -> float:
    """The figure of merit: short unused lives, little reuse inside readers, readers with much work.

    `alpha * nodes / (unused + 1) + beta * sum of 1 / reuse + gamma * sum of operations / all operations`, where
    `unused` are the steps between maker and last reader in which nothing reads the map.
    """
    readers = [network.operators[order[step]] for step in life.uses]
    unused = life.last - life.first - len(life.uses)
    total = max(1, sum(2 * one.macs + one.operations for one in network.operators))
    work = sum(2 * one.macs + one.operations for one in readers)
    spared = sum(1 / one.reuse for one in readers)
    return ALPHA * len(network.operators) / (unused + 1) + BETA * spared + GAMMA * work / total


def _plan(
    network: Network, machine: Machine, order: Sequence[int], method: str, kept: dict[str, Life],
    stored: Iterable[str] = (), replaces: Iterable[tuple[str, str]] = (),
) -> Plan:  # fmt: skip
    """Steps in which the kept maps are resident from their maker to their last reader, all others stored."""
    over, also = dict(replaces), set(stored)
    resident: list[set[str]] = [set() for _ in order]
    for life in kept.values():
        for step in range(life.first, life.last + 1):
            resident[step].add(life.name)
    steps = []
    for number, place in enumerate(order):
        results = network.operators[place].outputs
        pairs = tuple((name, over[name]) for name in results if name in over)
        out = frozenset(name for name in results if name not in kept or name in also)
        steps.append(Step((place,), frozenset(resident[number]), stored=out, replaces=pairs))
    return Plan(network.name, method, machine.capacity, tuple(steps))
