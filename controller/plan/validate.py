"""Replays a plan step by step and believes nothing: what it returns has been counted, not taken from the planner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.plan.bands import Group, GroupError
from controller.plan.machine import Machine, Work, weights_read

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from controller.plan.bands import Tiling
    from controller.plan.network import Network
    from controller.plan.solution import Plan, Step


class PlanError(Exception):
    """A plan breaks a rule; the message is one sentence that names the step and the map."""


def replay(network: Network, plan: Plan, machine: Machine) -> tuple[Work, ...]:
    """What each step computes and moves.

    Raises
    ------
    PlanError
        If an operator runs twice, never, or too early; an operand is neither resident nor in DRAM; a map is resident
        that nothing has brought; a map is needed after it was given up; the operators of a step cannot be run
        together; or the scratchpad is too small.
    """
    state = _State(network, plan, machine)
    work = tuple(state.run(number, step) for number, step in enumerate(plan.steps))
    state.end()
    return work


class _State:
    """What has run, what the scratchpad holds, what DRAM holds."""

    def __init__(self, network: Network, plan: Plan, machine: Machine) -> None:
        self.network, self.plan, self.machine = network, plan, machine
        self.dram = set(network.inputs)
        self.made = set(network.inputs)
        self.resident: AbstractSet[str] = frozenset()
        self.addresses: dict[str, int] = {}
        self.ran: set[int] = set()

    def run(self, number: int, step: Step) -> Work:
        self._order(number, step)
        group, tiling, inner = None, None, set[str]()
        if step.rows:
            group, inner = self._group(number, step)
            sources, results = set(group.sources), {group.result}
            tiling = group.tiling(step.rows, cached=step.cached)
        else:
            operator = self.network.operators[step.operators[0]]
            sources, results = set(operator.inputs), set(operator.outputs)
        self._origins(number, step, results)
        streamed = self._operands(number, step, sources, results)
        self._room(number, step, sources, results, self._buffers(step, group, tiling))
        self.made |= results | inner
        self.dram |= step.stored
        self.resident = step.resident
        return self._work(step, streamed, tiling)

    def _work(self, step: Step, streamed: set[str], tiling: Tiling | None) -> Work:
        operators = [self.network.operators[place] for place in step.operators]
        weights = sum(weights_read(self.network, one) for one in operators)
        fetched, written = self._bytes(step.fetched), self._bytes(step.stored)
        if tiling is None:
            [one] = operators
            return Work(one.macs, one.operations, weights, fetched + self._bytes(streamed), written)
        read = fetched + sum(tiling.read[name] for name in streamed)
        return Work(tiling.macs, tiling.operations, weights * (1 if step.held else tiling.tiles), read, written)

    def _buffers(self, step: Step, group: Group | None, tiling: Tiling | None) -> int:
        """Bytes for maps that come and go meanwhile, and for weights."""
        if group is None or tiling is None:
            return self.network.operators[step.operators[0]].held(step.resident)
        return group.room(tiling, step.resident, held=step.held)

    def _group(self, number: int, step: Step) -> tuple[Group, set[str]]:
        """Operators that can run band by band together, and the maps that never exist whole."""
        try:
            group = Group(self.network, step.operators)
        except GroupError as error:
            raise PlanError(f"step {number}: {error}") from None
        return group, {name for one in group.operators[:-1] for name in one.outputs}

    def end(self) -> None:
        missing = len(self.network.operators) - len(self.ran)
        if missing:
            raise PlanError(f"{self.plan.network}: {missing} operators never run")
        for name in self.network.outputs:
            if name not in self.dram:
                raise PlanError(f"{self.plan.network}: the result {name} never reaches DRAM")

    def _order(self, number: int, step: Step) -> None:
        if len(step.operators) != 1 and not (step.operators and step.rows):
            raise PlanError(f"step {number}: several operators run together only in bands of rows")
        made = set(self.made)
        for place in step.operators:
            if not 0 <= place < len(self.network.operators):
                raise PlanError(f"step {number}: there is no operator {place}")
            operator = self.network.operators[place]
            if place in self.ran:
                raise PlanError(f"step {number}: {operator.name} runs a second time")
            early = set(operator.inputs) - made
            if early:
                raise PlanError(f"step {number}: {operator.name} reads {min(early)}, which nothing has made yet")
            self.ran.add(place)
            made |= set(operator.outputs)

    def _origins(self, number: int, step: Step, results: set[str]) -> None:
        """Every map that is resident, fetched or stored has been somewhere before."""
        absent = step.fetched - self.dram
        if absent:
            raise PlanError(f"step {number}: {min(absent)} is fetched, but DRAM does not hold it")
        unused = step.fetched - step.resident
        if unused:
            raise PlanError(f"step {number}: {min(unused)} is fetched, but is not resident")
        sudden = step.resident - self.resident - step.fetched - results
        if sudden:
            raise PlanError(f"step {number}: {min(sudden)} is resident, but nothing has brought it")
        lost = step.stored - step.resident - results
        if lost:
            raise PlanError(f"step {number}: {min(lost)} is stored, but the scratchpad does not hold it")

    def _operands(self, number: int, step: Step, sources: set[str], results: set[str]) -> set[str]:
        """The inputs that come from DRAM as the operators run."""
        outside = sources - step.resident
        kept = step.stored if self.machine.streams else frozenset()
        for name in sorted(outside):
            if not self.machine.streams or name not in self.dram:
                raise PlanError(f"step {number}: {name} is needed, but is not resident")
        for name in sorted(results):
            if name not in step.resident | kept:
                raise PlanError(f"step {number}: the result {name} is neither resident nor stored")
        return outside

    def _room(self, number: int, step: Step, sources: set[str], results: set[str], buffers: int) -> None:
        """The scratchpad holds what it should, each map in a place of its own unless it replaces one that ends."""
        shared = 0
        for new, old in step.replaces:
            following = self.plan.steps[number + 1].resident if number + 1 < len(self.plan.steps) else frozenset()
            if new not in results or old not in sources or old in following:
                raise PlanError(f"step {number}: {new} cannot replace {old}")
            shared += min(self.network.tensor[new].bytes, self.network.tensor[old].bytes)
        if len({old for _, old in step.replaces}) < len(step.replaces):
            raise PlanError(f"step {number}: two results replace one map")
        needed = self._bytes(step.resident) - shared + buffers
        if needed > self.machine.capacity:
            raise PlanError(f"step {number}: {needed} bytes are needed in {self.machine.capacity}")
        if step.addresses:
            self._places(number, step)

    def _places(self, number: int, step: Step) -> None:
        """On a contiguous scratchpad maps stay where they are and do not overlap."""
        places = dict(step.addresses)
        if set(places) != step.resident:
            raise PlanError(f"step {number}: addresses must be given for the resident maps, and for no others")
        end, last = 0, ""
        for name, address in sorted(places.items(), key=lambda item: item[1]):
            if address < end or address < 0:
                raise PlanError(f"step {number}: {name} overlaps {last or 'the beginning'}")
            end, last = address + self.network.tensor[name].bytes, name
            stays = name in self.resident and name not in step.fetched
            if stays and self.addresses.get(name, address) != address:
                raise PlanError(f"step {number}: {name} has moved")
        if end > self.machine.capacity:
            raise PlanError(f"step {number}: {last} ends at {end} in {self.machine.capacity}")
        self.addresses = places

    def _bytes(self, names: AbstractSet[str]) -> int:
        return sum(self.network.tensor[name].bytes for name in names)
