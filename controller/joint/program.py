"""Programs of chains: their units in order, banks, prefetches, and the cycles that the golden model has for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from controller.emit import Wishes, emit
from controller.joint.ahead import BEFORE, ahead
from controller.joint.interleave import interleaved
from controller.joint.ports import by_engine
from controller.joint.units import units
from controller.last_uses import last_uses
from controller.place import Placement, place
from controller.trial import shape
from sim.machine import Machine
from spec.program import assemble
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from controller.choice import Tiled
    from controller.compiler import Compiled
    from controller.emit import PageRun
    from controller.joint.chains import Chain, Chains
    from controller.joint.units import Unit
    from controller.layout import Buffer
    from spec.program import Instruction

_ALIGNMENT = 4096
#: Chains whose units are kept: they are large.
_REMEMBERED = 512


@dataclass(frozen=True, eq=False)
class Arranged:
    """A chain's operators as it cuts them, its units in order, banks of its own, and cycles as a small model has them.

    The cycles are 0 where operators run one after the other.
    """

    tiled: tuple[Tiled, ...]
    order: tuple[Unit, ...]
    colours: dict[Buffer, int]
    cycles: int

    @cached_property
    def key(self) -> Hashable:
        """What differs where programs do: rules often agree on all of it."""
        heights = tuple((one.operator, one.height) for one in self.tiled)
        # Operators that are cut alike have the same commands, whichever chain they are in.
        return heights, tuple(id(unit.commands[0]) for unit in self.order), frozenset(self.colours.items())


class Programs:
    """Makes and runs programs of chains of a network that is cut into commands."""

    def __init__(self, compiled: Compiled) -> None:
        self.tiled, self.config = compiled.tiled, compiled.config
        #: All of the network, in the order in which they lie in DRAM.
        self.buffers = list(compiled.placement.pages)
        #: Cycles of all chains that were run, by what tells their programs apart.
        self.known: dict[Hashable, int] = {}
        self.cut = cache(self._cut)
        self._arranged = lru_cache(_REMEMBERED)(self._arrange)

    def heights(self, chain: Chain) -> tuple[int, ...]:
        """Rows of the tiles of each operator of a chain."""
        return chain.heights or tuple(one.height for one in self.tiled[chain.first : chain.end])

    def shapes(self, first: int, end: int) -> Hashable:
        """What the times of some operators depend on."""
        return tuple(shape(one.operator) for one in self.tiled[first:end])

    def arranged(self, chain: Chain) -> Arranged:
        """The units of a chain."""
        return self._arranged(replace(chain, pages=0))

    def least(self, chain: Chain) -> int:
        """Cycles of the array, of post-processing, or of the bus for weights, whichever takes longest in a chain."""
        order = self.arranged(chain).order
        weights = {page for unit in order for page in unit.weights}
        return max(
            sum(unit.array for unit in order), sum(unit.post for unit in order), len(weights) * self.config.page_beats
        )

    def cycles(self, chains: Chains) -> int:
        """Cycles of some chains alone, under `directed`, where what comes before and after them takes its room.

        Maps that they find on chip are fetched with the first command, unless they come anew; those that they leave
        behind stay.
        """
        key = tuple((self.arranged(chain).key, chain.pages, chain.leaves, chain.anew) for chain in chains)
        if key not in self.known:
            commands = [command for chain in chains for unit in self.arranged(chain).order for command in unit.commands]
            used = {operand.buffer for command in commands for operand in command.operands.values()}
            placement = self.placement(chains, [one for one in self.buffers if one in used])
            image = np.zeros(placement.total * self.config.page_bytes, np.uint8)
            found, left = self.around(chains)
            program = assemble(self.config, self.instructions(chains, placement, found, left))
            address = -(-len(image) // _ALIGNMENT) * _ALIGNMENT
            run = Machine(self.config).run(
                program, image, policy=Policy.DIRECTED, address=address, compute_outputs=False
            )
            assert run.cycles is not None
            self.known[key] = run.cycles
        return self.known[key]

    def placement(self, chains: Iterable[Chain], buffers: Sequence[Buffer]) -> Placement:
        """Pages in the order of buffers; banks by engine where operators run side by side."""
        several = [self.arranged(chain) for chain in chains]
        commands = [command for one in several for unit in one.order for command in unit.commands]
        found = place(buffers, commands, self.config)
        apart: dict[Buffer, int] = {}
        for one in several:
            # What an earlier chain has given a bank stays there.
            apart = one.colours | apart
        return Placement(found.pages, found.colours | apart, found.total)

    def instructions(
        self, chains: Chains, placement: Placement, found: Iterable[Buffer] = (),
        left: AbstractSet[Buffer] = frozenset(),
    ) -> list[Instruction]:  # fmt: skip
        """The program of chains, one after the other; `found` is fetched first, `left` stays."""
        order = [(unit, chain.pages) for chain in chains for unit in self.arranged(chain).order]
        commands = [command for unit, _ in order for command in unit.commands]
        leaving = self._leaving(chains)
        away = [(one, 0, one.pages(self.config.page_words)) for one in self._met(chains)] if chains[0].anew else []
        fetched = ahead(order, {BEFORE: away, **leaving}, self.config)
        fetched[0] = [*((one, 0, one.pages(self.config.page_words)) for one in found), *fetched.get(0, [])]
        whole = {buffer for runs in fetched.values() for buffer, _, _ in runs}
        wishes = Wishes(fetched, leaving=leaving, whole=whole, kept=left)
        return emit(commands, placement, self.config, wishes)

    def _leaving(self, chains: Chains) -> dict[int, list[PageRun]]:
        """After which command which pages of maps leave."""
        found, begin = {}, 0
        for chain in chains:
            commands = [command for unit in self.arranged(chain).order for command in unit.commands]
            if chain.leaves:
                read = {buffer for one in self.tiled[chain.end :] for buffer in one.operator.buffers}
                for index, runs in last_uses(commands, self.config.page_words):
                    found[begin + index] = [run for run in runs if run[0] in read]
            begin += len(commands)
        return found

    def around(self, chains: Chains) -> tuple[list[Buffer], set[Buffer]]:
        """Maps that some chains find on chip, if these are not most of it, and those that they leave behind."""
        first, end = chains[0].first, chains[-1].end
        read = {buffer for one in self.tiled[end:] for buffer in one.operator.buffers}
        used = dict.fromkeys(buffer for one in self.tiled[first:end] for buffer in one.operator.buffers)
        found = [] if chains[0].anew else self._met(chains)
        large = sum(buffer.pages(self.config.page_words) for buffer in found) > self.config.frames // 2
        return [] if large else found, {buffer for buffer in used if buffer in read}

    def _met(self, chains: Chains) -> list[Buffer]:
        """Maps that operators before some chains made for them."""
        made = {one.operator.result.buffer for one in self.tiled[: chains[0].first]}
        some = self.tiled[chains[0].first : chains[-1].end]
        used = dict.fromkeys(buffer for one in some for buffer in one.operator.buffers)
        return [buffer for buffer in used if buffer in made]

    def _arrange(self, chain: Chain) -> Arranged:
        tiled = {number: self.cut(number, height) for number, height in enumerate(self.heights(chain), chain.first)}
        some = units(tiled, self.config)
        if chain.rule is None:
            order = [unit for several in some.values() for unit in several]
            return Arranged(tuple(tiled.values()), tuple(order), {}, 0)
        order, cycles = interleaved(some, tiled, self.config, chain)
        rule = chain.rule
        colours = by_engine(
            order, self.config, left=rule.left, more=rule.banks, leaves=chain.leaves, anew=chain.anew
        )
        return Arranged(tuple(tiled.values()), tuple(order), colours, cycles)

    def _cut(self, number: int, height: int) -> Tiled:
        """An operator with tiles of some height."""
        one = self.tiled[number]
        return one if height == one.height else replace(one, commands=tuple(one.at_height(height)), height=height)
