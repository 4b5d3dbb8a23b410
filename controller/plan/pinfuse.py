"""Pin or fuse: which layers are run band by band together, and which maps stay on chip between such groups.

After Jeong, Yeo, Bahk, Park, "Pin or fuse? Exploiting scratchpad memory to reduce off-chip data transfer in DNN
accelerators", CGO 2023, as far as it is public: the search and the costs are our own. A group is some operators in a
row; a map is pinned whole, from its maker to its last reader. The search is exact for these rules: the least time
over all groupings, pins, band heights, and whether weights are held or read again for each band.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from controller.plan.bands import Group, GroupError
from controller.plan.machine import Machine, Work
from controller.plan.solution import Plan, Step
from spec.config import CONFIGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.plan.network import Network

_EDGE = CONFIGS["edge"]
#: Ours, for the paper's machine is not public: the rates of configuration `edge`, in cycles.
EDGE = Machine("edge", _EDGE.banks * _EDGE.bank_bytes, _EDGE.rows * _EDGE.cols, _EDGE.cols, _EDGE.bus_bytes)


class Cost(NamedTuple):
    """Time first; the traffic of maps and the work decide between equals."""

    time: float
    maps: int
    macs: int

    def plus(self, other: Cost) -> Cost:
        """Both, one after the other."""
        return Cost(self.time + other.time, self.maps + other.maps, self.macs + other.macs)


class Choice(NamedTuple):
    """A way to run a group, and what it costs."""

    cost: Cost
    rows: int
    held: bool


@dataclass(frozen=True)
class _Reached:
    """The cheapest way to a state of the search."""

    cost: Cost
    before: _Reached | None
    step: Step | None


class Planner:
    """Plans for one network; what is found out about groups serves every capacity.

    Parameters
    ----------
    network
        What is planned.
    machine
        Its rates; a capacity is given with each plan.
    cached
        Whether the rows that two bands share are kept, or computed and read again.
    """

    def __init__(self, network: Network, machine: Machine, *, cached: bool) -> None:
        self.network, self.machine, self.cached = network, machine, cached
        self._groups: dict[tuple[int, int], Group | None] = {}
        self._choices: dict[tuple[int, int, frozenset[str], bool], tuple[list[int], list[Choice]]] = {}

    def plan(self, capacity: int, *, fuse: bool, pin: bool, longest: int | None = None) -> Plan | None:
        """The plan of least time with groups of up to `longest` operators or without, with pins or without.

        None if no such plan fits.
        """
        count = len(self.network.operators)
        reach = (longest or count) if fuse else 1
        reached: list[dict[frozenset[str], _Reached]] = [{} for _ in range(count + 1)]
        reached[0][frozenset()] = _Reached(Cost(0, 0, 0), None, None)
        for begin in range(count):
            for pinned, here in reached[begin].items():
                for end in range(begin + 1, min(begin + reach, count) + 1):
                    for step, cost in self._steps(begin, end, pinned, capacity, pin=pin):
                        total = here.cost.plus(cost)
                        after = frozenset(name for name in step.resident if self._last_reader(name) >= end)
                        known = reached[end].get(after)
                        if known is None or total < known.cost:
                            reached[end][after] = _Reached(total, here, step)
        if not reached[count]:
            return None
        method = "pinfuse" if pin and fuse else "pin" if pin else "fuse" if fuse else "layer"
        return Plan(self.network.name, method, capacity, tuple(_path(min(reached[count].values(), key=_cost))))

    def _steps(
        self, begin: int, end: int, pinned: frozenset[str], capacity: int, *, pin: bool
    ) -> Iterator[tuple[Step, Cost]]:
        """The cheapest way to run operators `begin` to `end - 1` as a group, with its result pinned or not."""
        group = self._group(begin, end)
        if group is None:
            return
        sources = pinned & set(group.sources)
        keep = pin and group.result not in self.network.outputs
        for kept in (False, True) if keep else (False,):
            resident = pinned | {group.result} if kept else pinned
            room = capacity - sum(self.network.tensor[name].bytes for name in resident)
            choice = self._cheapest(begin, end, group, sources, room, kept=kept)
            if choice is not None:
                stored = frozenset() if kept else frozenset({group.result})
                step = Step(
                    group.places, resident, stored=stored, rows=choice.rows, cached=self.cached, held=choice.held
                )
                yield step, choice.cost

    def _group(self, begin: int, end: int) -> Group | None:
        if (begin, end) not in self._groups:
            try:
                self._groups[begin, end] = Group(self.network, tuple(range(begin, end)))
            except GroupError:
                self._groups[begin, end] = None
        return self._groups[begin, end]

    def _cheapest(
        self, begin: int, end: int, group: Group, sources: frozenset[str], room: int, *, kept: bool
    ) -> Choice | None:
        """The cheapest choice that takes no more than `room` bytes beside what is pinned."""
        key = begin, end, sources, kept
        if key not in self._choices:
            found = sorted(self._all(group, sources, kept=kept), key=lambda one: one[0])
            best = list(accumulate((choice for _, choice in found), min))
            self._choices[key] = [needs for needs, _ in found], best
        needs, best = self._choices[key]
        fitting = bisect_right(needs, room)
        return best[fitting - 1] if fitting else None

    def _all(self, group: Group, sources: frozenset[str], *, kept: bool) -> Iterator[tuple[int, Choice]]:
        """Each choice with the bytes it takes: every height that gives another number of bands, weights held or not.

        A single operator on a real machine is cut already.
        """
        whole = len(group.places) == 1 and group.operators[0].cut is not None
        resident = sources | {group.result} if kept else sources
        for rows in sorted({-(-group.height // tiles) for tiles in range(1, 2 if whole else group.height + 1)}):
            tiling = group.tiling(rows, cached=self.cached)
            read = sum(size for name, size in tiling.read.items() if name not in sources)
            written = 0 if kept else self.network.tensor[group.result].bytes
            for held in (False, True):
                weights = group.weights * (1 if held else tiling.tiles)
                time = self.machine.time(Work(tiling.macs, tiling.operations, weights, read, written))
                needs = group.room(tiling, resident, held=held)
                yield needs, Choice(Cost(time, read + written, tiling.macs), rows, held)

    def _last_reader(self, name: str) -> int:
        return self.network.consumers[name][-1]


def _cost(reached: _Reached) -> Cost:
    return reached.cost


def _path(reached: _Reached) -> list[Step]:
    steps: list[Step] = []
    at: _Reached | None = reached
    while at is not None and at.step is not None:
        steps.insert(0, at.step)
        at = at.before
    return steps
