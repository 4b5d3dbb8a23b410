"""Which operators run band by band together: chains that grow as long as the exact model says that it pays.

A network is cut where less lies between operators than before and after, so that what is large stays inside a part.
Each part is tried as it is and interleaved by several rules, then neighbours are tried as one. A trial is a run of the
golden model of a few chains with those around them, so that what the neighbours leave on chip counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from controller.emit import Wishes, emit
from controller.joint.ahead import ahead
from controller.joint.interleave import interleaved
from controller.joint.ports import by_engine
from controller.joint.units import units
from controller.place import Placement, place
from sim.machine import Machine
from spec.program import assemble
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from controller.choice import Tiled
    from controller.joint.units import Unit
    from controller.layout import Buffer
    from controller.plan.deadline import Deadline
    from spec.config import Config
    from spec.program import Instruction

#: Operators of the longest chain: all that are open at a time need a slot for each of their buffers.
_LONGEST = 12
_ALIGNMENT = 4096


@dataclass(frozen=True)
class Rule:
    """How a chain is interleaved.

    Parameters
    ----------
    room
        The part of the scratchpad that it may take, see `interleaved`.
    left
        Whether what it leaves behind has banks of its own, see `by_engine`.
    """

    room: float
    left: bool


#: Rules that a chain is tried with, those first that are best most often.
RULES = tuple(Rule(room, left) for room in (0.8, 0.4) for left in (False, True))


@dataclass(frozen=True)
class Chain:
    """Operators from the first to before the end, interleaved by a rule, or one after the other."""

    first: int
    end: int
    rule: Rule | None = None


Chains = tuple[Chain, ...]


def pages_ahead(config: Config) -> int:
    """How many pages are fetched before their time while chains are chosen: few, for they take room."""
    return config.frames // 16


class Search:
    """Chains for operators that are cut into commands.

    Parameters
    ----------
    tiled
        The operators, in order.
    buffers
        All buffers of the network, in the order in which they lie in DRAM.
    config
        The machine.
    deadline
        When the best chains so far are taken.
    say
        Told what is being tried.
    """

    def __init__(
        self, tiled: Sequence[Tiled], buffers: Sequence[Buffer], config: Config, deadline: Deadline,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self.tiled, self.buffers, self.config = tiled, buffers, config
        self.deadline, self.say = deadline, say
        self._orders: dict[Chain, list[Unit]] = {}
        self._colours: dict[Chain, dict[Buffer, int]] = {}
        self._cycles: dict[Chains, int] = {}

    def run(self) -> Chains:
        """The fastest chains that are found by the deadline."""
        parts: list[Chains] = []
        for first, end in cut(self.tiled):
            context = parts[-1][-2:] if parts else ()
            self.say(f"{self._name(first, end)}; {len(self._cycles)} trials")
            parts.append(self._best([context + one for one in self._options(first, end)])[len(context) :])
        return self._merged(parts)

    def _merged(self, parts: list[Chains]) -> Chains:
        """Parts that are faster as one are made one, from the first on."""
        at = 0
        while at + 1 < len(parts) and not self.deadline.passed:
            first, end = parts[at][0].first, parts[at + 1][-1].end
            before = parts[at - 1][-2:] if at else ()
            after = parts[at + 2][:2] if at + 2 < len(parts) else ()
            apart = before + parts[at] + parts[at + 1] + after
            options = [apart]
            if end - first <= _LONGEST:
                self.say(f"{self._name(first, end)} as one; {len(self._cycles)} trials")
                options += [(*before, Chain(first, end, rule), *after) for rule in RULES]
            best = self._best(options)
            if best is apart:
                at += 1
            else:
                parts[at : at + 2] = [best[len(before) : len(best) - len(after)]]
        return tuple(chain for part in parts for chain in part)

    def _options(self, first: int, end: int) -> Iterable[Chains]:
        yield tuple(Chain(number, number + 1) for number in range(first, end))
        if end - first > 1:
            yield from ((Chain(first, end, rule),) for rule in RULES)
        if end - first > 2:
            yield Chain(first, end - 1, RULES[0]), Chain(end - 1, end)

    def _best(self, options: Sequence[Chains]) -> Chains:
        """The fastest; the first of those that time allows to try."""
        tried = [options[0]]
        for one in options:
            if not self.deadline.passed:
                self.cycles(one)
                tried.append(one)
        return min(tried, key=lambda one: self._cycles.get(one, 0))

    def cycles(self, chains: Chains) -> int:
        """Cycles of some chains alone."""
        if chains not in self._cycles:
            order = self.order(chains)
            used = {
                operand.buffer for unit in order for command in unit.commands for operand in command.operands.values()
            }
            placement = self.placement(chains, [one for one in self.buffers if one in used])
            instructions = self.instructions(chains, placement, pages_ahead(self.config))
            self._cycles[chains] = run_exactly(instructions, placement, self.config)
        return self._cycles[chains]

    def order(self, chains: Iterable[Chain]) -> list[Unit]:
        """All units of chains, one chain after the other."""
        return [unit for chain in chains for unit in self._order(chain)]

    def placement(self, chains: Iterable[Chain], buffers: Sequence[Buffer]) -> Placement:
        """Pages in the order of buffers; banks by engine where operators run side by side."""
        commands = [command for unit in self.order(chains) for command in unit.commands]
        found = place(buffers, commands, self.config)
        apart: dict[Buffer, int] = {}
        for chain in chains:
            # What an earlier chain has given a bank stays there.
            apart = self._colours[chain] | apart
        return Placement(found.pages, found.colours | apart, found.total)

    def instructions(self, chains: Iterable[Chain], placement: Placement, pages: int) -> list[Instruction]:
        """The program of chains, with so many pages fetched before their time at the most."""
        order = self.order(chains)
        commands = [command for unit in order for command in unit.commands]
        return emit(commands, placement, self.config, Wishes(ahead=ahead(order, self.config, pages)))

    def _order(self, chain: Chain) -> list[Unit]:
        if chain not in self._orders:
            tiled = {number: self.tiled[number] for number in range(chain.first, chain.end)}
            some = units(tiled, self.config)
            self._colours[chain] = {}
            if chain.rule is None:
                self._orders[chain] = [unit for several in some.values() for unit in several]
            else:
                self._orders[chain] = interleaved(some, tiled, self.config, chain.rule.room)
                self._colours[chain] = by_engine(self._orders[chain], self.config, left=chain.rule.left)
        return self._orders[chain]

    def _name(self, first: int, end: int) -> str:
        return f"{self.tiled[first].operator.name} to {self.tiled[end - 1].operator.name}"


def cut(tiled: Sequence[Tiled]) -> list[tuple[int, int]]:
    """Parts of a network, (first, end): between them fewer words are still to be read than before and after."""
    made: dict[Buffer, int] = {}
    read: dict[Buffer, int] = {}
    for number, one in enumerate(tiled):
        made.setdefault(one.operator.result.buffer, number)
        read |= {view.buffer: number for view in one.operator.views}
    crossing = [
        sum(buffer.words for buffer, begin in made.items() if begin <= number < read[buffer])
        for number in range(len(tiled) - 1)
    ]
    ends = [
        number + 1
        for number, words in enumerate(crossing)
        if (not number or words < crossing[number - 1]) and (number + 2 == len(tiled) or words <= crossing[number + 1])
    ]
    return list(pairwise([0, *ends, len(tiled)]))


def run_exactly(instructions: Sequence[Instruction], placement: Placement, config: Config) -> int:
    """Cycles of a program under `directed`, as the golden model has them."""
    image = np.zeros(placement.total * config.page_bytes, np.uint8)
    address = -(-len(image) // _ALIGNMENT) * _ALIGNMENT
    program = assemble(config, list(instructions))
    run = Machine(config).run(program, image, policy=Policy.DIRECTED, address=address, compute_outputs=False)
    assert run.cycles is not None
    return run.cycles
