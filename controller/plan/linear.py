"""A linear scratchpad managed on line, as a runtime's arena is: first fit, nothing is compacted, eviction when full."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from controller.plan.belady import Occupant, victims
from controller.plan.cosma_plan import Residence, Residency
from controller.plan.pack import lowest_gap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.plan.belady import Arena, Replacement
    from controller.plan.cosma_problem import Problem


@dataclass(frozen=True)
class Linear:
    """One range of bytes; a tensor is one interval of it."""

    capacity: int

    def room(self, size: int, occupants: Sequence[Occupant]) -> int | None:
        """First fit: the lowest gap that is large enough."""
        address = lowest_gap(sorted((one.address, one.address + one.size) for one in occupants), size)
        return address if address + size <= self.capacity else None

    def cheapest(self, size: int, occupants: Sequence[Occupant]) -> list[Occupant] | None:
        """Of all intervals of the size that begin or end where an occupant does: the cheapest to clear, then lowest."""
        edges = {0, self.capacity - size}
        for one in occupants:
            edges |= {one.address, one.address + one.size, one.address - size, one.address + one.size - size}
        best: tuple[float, list[Occupant]] = inf, []
        for begin in sorted(edges):
            if begin < 0 or begin + size > self.capacity:
                continue
            met = [one for one in occupants if one.address < begin + size and begin < one.address + one.size]
            cost = inf if any(one.locked for one in met) else sum(one.cost for one in met)
            if cost < best[0]:
                best = cost, met
        return None if best[0] == inf else best[1]


class _Run:
    """The steps in order, each tensor where it is and since when.

    A step's inputs are fetched, then its outputs made, in the step's order; what no later step reads is freed at once.
    If they do not fit together beside each other as they lie, though nothing else stays, they are laid anew from
    address 0: those that were resident before are written and fetched again, as any eviction costs.
    """

    def __init__(self, problem: Problem, order: Sequence[int], arena: Arena, rule: Replacement) -> None:
        self.problem = problem
        self.order = tuple(order)
        self.arena = arena
        self.rule = rule
        self.uses = problem.uses(order)
        self.stays: dict[int, Residence] = {}
        self.past: list[Residence] = []
        self.copied = {tensor for tensor, made in enumerate(problem.producer) if made is None}
        self.time = 0
        self.operands: tuple[int, ...] = ()

    def residency(self) -> Residency:
        """Run all."""
        for time, step in enumerate(self.order):
            self.time = time
            self.operands = self.problem.steps[step].operands
            if not all(tensor in self.stays or self.place(tensor) for tensor in self.operands):
                self.lay_anew()
            for tensor in self.operands:
                if self.uses[tensor][-1] == self.time:
                    self.leave(tensor, self.time)
        return Residency(self.order, tuple(self.past))

    def occupants(self) -> list[Occupant]:
        """The resident tensors."""
        found = []
        for tensor, stay in self.stays.items():
            times = self.uses[tensor]
            size = self.problem.sizes[tensor]
            # The occupant's next use after this step; an operand is locked whatever its next use is.
            later = times[bisect_left(times, self.time)]
            cost = size if tensor in self.copied else 2 * size
            found.append(Occupant(tensor, stay.address or 0, size, later, cost, tensor in self.operands))
        return found

    def place(self, tensor: int) -> bool:
        """Give a tensor room, evicting whom the rule names; whether that could be done."""
        size = self.problem.sizes[tensor]
        occupants = self.occupants()
        if self.arena.room(size, occupants) is None:
            leaving = victims(self.arena, size, occupants, self.rule)
            if leaving is None:
                return False
            for one in leaving:
                self.evict(one.tensor)
        address = self.arena.room(size, self.occupants())
        if address is None:
            raise AssertionError("victims must have made room")
        self.stays[tensor] = Residence(tensor, self.time, self.time, address)
        return True

    def evict(self, tensor: int) -> None:
        """Before this step; a copy is in DRAM from now on."""
        self.copied.add(tensor)
        self.leave(tensor, self.time - 1)

    def leave(self, tensor: int, last: int) -> None:
        """End a stay; one that began with this step has not been."""
        stay = self.stays.pop(tensor)
        if stay.first <= last:
            self.past.append(Residence(tensor, stay.first, last, stay.address))

    def lay_anew(self) -> None:
        """Put the step's operands side by side from address 0; whoever lies there leaves."""
        for tensor in self.operands:
            if tensor in self.stays:
                if self.stays[tensor].first < self.time:
                    self.evict(tensor)
                else:
                    del self.stays[tensor]
        address = sum(self.problem.sizes[tensor] for tensor in self.operands)
        for one in self.occupants():
            if one.address < address:
                self.evict(one.tensor)
        address = 0
        for tensor in self.operands:
            self.stays[tensor] = Residence(tensor, self.time, self.time, address)
            address += self.problem.sizes[tensor]


def run_online(problem: Problem, order: Sequence[int], arena: Arena, rule: Replacement) -> Residency:
    """The plan that an arena and a rule of replacement come to, step by step, knowing the order of all uses."""
    return _Run(problem, order, arena, rule).residency()
