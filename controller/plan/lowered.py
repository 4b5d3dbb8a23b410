"""A plan as a program for the policy `directed`: order, pins, and what leaves when."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from controller.emit import Wishes, emit
from controller.joint.ports import by_engine
from controller.joint.units import units
from controller.last_uses import last_uses
from controller.place import Placement, place
from controller.plan.banded import banded
from controller.plan.from_program import from_program, parts_of
from spec.isa import Role, TensorClass
from spec.program import assemble

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from controller.commands import Command
    from controller.compiler import Compiled
    from controller.emit import PageRun
    from controller.joint.units import Unit
    from controller.layout import Buffer
    from controller.plan.solution import Plan, Step


@dataclass(frozen=True)
class Lowering:
    """What a plan of a paper does not say.

    Parameters
    ----------
    strict
        Whether maps that the plan does not keep leave as soon as an operator is done with them, as the paper's machine
        has it; else they stay where there is room, and leave by their next use.
    banks
        Whether engines that run side by side in a group have banks of their own, as method `joint` gives them.
    """

    strict: bool
    banks: bool


#: All of them.
LOWERINGS = tuple(Lowering(strict, banks) for strict in (True, False) for banks in (False, True))


def lowered(compiled: Compiled, plan: Plan, lowering: Lowering) -> Compiled:
    """The program of a plan that has been replayed: its operators as they are cut, in its order, with its hints."""
    return _Lowering(compiled, plan, lowering).run()


class _Lowering:
    def __init__(self, compiled: Compiled, plan: Plan, lowering: Lowering) -> None:
        self.compiled, self.plan, self.lowering = compiled, plan, lowering
        self.network, self.parts = from_program(compiled), parts_of(compiled)
        self.commands: list[Command] = []
        self.pinned: dict[int, set[Buffer]] = {}
        self.leaving: dict[int, list[PageRun]] = defaultdict(list)
        self.colours: dict[Buffer, int] = {}
        self.kept = [self._kept(number) for number in range(len(plan.steps))]

    def run(self) -> Compiled:
        for number, step in enumerate(self.plan.steps):
            self._step(number, step)
        config, pages = self.compiled.config, list(self.compiled.placement.pages)
        found = place(pages, self.commands, config)
        placement = Placement(found.pages, found.colours | self.colours, found.total)
        wishes = Wishes(pinned=self.pinned, leaving=self.leaving)
        instructions = emit(self.commands, placement, config, wishes)
        return replace(
            self.compiled, instructions=tuple(instructions), program=assemble(config, instructions),
            placement=placement,
        )  # fmt: skip

    def _kept(self, number: int) -> set[Buffer]:
        """The buffers of maps of which all that exists and is wanted is resident in a step."""
        made = {name for step in self.plan.steps[: number + 1] for place in step.operators
                for name in self.network.operators[place].outputs} | set(self.network.inputs)  # fmt: skip
        wanted = {name for step in self.plan.steps[number:] for place in step.operators
                  for one in (self.network.operators[place],)
                  for name in (*one.inputs, *one.outputs)}  # fmt: skip
        resident = self.plan.steps[number].resident
        return {
            buffer
            for buffer in self._maps()
            if (names := set(self.parts.all(buffer)) & made & wanted) and names <= resident
        }

    def _maps(self) -> dict[Buffer, None]:
        return dict.fromkeys(buffer for one in self.compiled.tiled for buffer in one.operator.buffers)

    def _step(self, number: int, step: Step) -> None:
        begin = len(self.commands)
        bands = self._bands(step)
        for band in bands:
            self.commands += [command for unit in band for command in unit.commands]
        inner = self._inner(step)
        held = {
            operand.buffer
            for command in self.commands[begin:]
            for role, operand in command.operands.items()
            if step.held and len(step.operators) > 1 and role is Role.WEIGHTS
        }
        stay = self.kept[number] | inner | held
        for index in range(begin, len(self.commands)):
            self.pinned[index] = stay & set(self.commands[index].spans)
        if self.lowering.strict:
            maps = self._maps()
            for index, runs in self._last_pages(begin, len(self.commands)):
                self.leaving[index] += [run for run in runs if run[0] in maps and run[0] not in stay]
            if not step.held:
                self._reread(begin, bands)
        following = self.kept[number + 1] if number + 1 < len(self.kept) else set()
        for buffer in self.kept[number] - following:
            self.leaving[len(self.commands) - 1].append((buffer, 0, buffer.pages(self.compiled.config.page_words)))
        if self.lowering.banks and len(step.operators) > 1:
            order = [unit for band in bands for unit in band]
            # What an earlier group has given a bank stays there.
            self.colours = by_engine(order, self.compiled.config, left=False) | self.colours

    def _bands(self, step: Step) -> list[list[Unit]]:
        found = units({place: self.compiled.tiled[place] for place in step.operators}, self.compiled.config)
        some = [found[place] for place in step.operators]
        return banded(some, step.rows) if len(some) > 1 else some

    def _inner(self, step: Step) -> set[Buffer]:
        """Buffers between the operators of a group, all of whose maps are made and read in it."""
        made = {name for place in step.operators[:-1] for name in self.network.operators[place].outputs}
        return {buffer for buffer in self._maps() if set(self.parts.all(buffer)) <= made}

    def _last_pages(self, begin: int, end: int) -> Iterator[tuple[int, list[PageRun]]]:
        """The pages that a command names as the last of some."""
        for index, runs in last_uses(self.commands[begin:end], self.compiled.config.page_words):
            yield begin + index, runs

    def _reread(self, begin: int, bands: Sequence[Sequence[Unit]]) -> None:
        """Weights leave at the end of each band but the last, which is where RELEASE gives them back."""
        for band in bands[:-1]:
            end = begin + sum(len(unit.commands) for unit in band)
            for index, runs in self._last_pages(begin, end):
                self.leaving[index] += [run for run in runs if run[0].kind is TensorClass.WEIGHTS]
            begin = end
