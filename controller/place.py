"""DRAM pages and colours of every buffer, before anything is bound."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from spec.isa import Role, TensorClass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from controller.commands import Command
    from controller.layout import Buffer
    from spec.config import Config

#: How much it costs if two operands of a command lie in one bank; pairs that are not here cost nothing, because the
#: same engine uses both, one after the other.
_CONFLICTS = {
    frozenset({Role.INPUT, Role.WEIGHTS}): 8,
    frozenset({Role.INPUT, Role.CONSTANTS}): 3,
    frozenset({Role.WEIGHTS, Role.CONSTANTS}): 3,
    frozenset({Role.INPUT, Role.RESIDUAL}): 3,
    frozenset({Role.WEIGHTS, Role.RESIDUAL}): 3,
    frozenset({Role.INPUT, Role.OUTPUT}): 2,
    frozenset({Role.WEIGHTS, Role.OUTPUT}): 2,
    frozenset({Role.RESIDUAL, Role.OUTPUT}): 2,
    frozenset({Role.CONSTANTS, Role.OUTPUT}): 1,
}
#: The next operator's weights arrive while this one's outputs are written.
_ARRIVAL = 1


@dataclass(frozen=True, eq=False)
class Placement:
    """First DRAM page and bank to try first for every buffer, and all pages together."""

    pages: dict[Buffer, int]
    colours: dict[Buffer, int]
    total: int


def place(buffers: Sequence[Buffer], commands: Sequence[Command], config: Config) -> Placement:
    """Pages one after the other, in the order given; colours so that what is used together lies in different banks."""
    pages, at = {}, 0
    for buffer in buffers:
        pages[buffer] = at
        at += buffer.pages(config.page_words)
    return Placement(pages, coloured(buffers, commands, config, {}), at)


def coloured(
    buffers: Sequence[Buffer], commands: Sequence[Command], config: Config, fixed: Mapping[Buffer, int]
) -> dict[Buffer, int]:
    """A colour for each buffer, such that no other colour of it alone would cost less; what is `fixed` has one.

    Every change makes the cost of all pairs together smaller, so changes come to an end.
    """
    costs = _costs(commands)
    widths = {buffer: _width(buffer, config) for buffer in (*buffers, *fixed)}
    colours = dict(fixed)

    def banks(buffer: Buffer, colour: int) -> set[int]:
        return {(colour + bank) % config.banks for bank in range(widths[buffer])}

    settled = False
    while not settled:
        settled = True
        for turn, buffer in enumerate(buffers, len(fixed)):
            others = [(cost, banks(other, colours[other])) for other, cost in costs[buffer].items() if other in colours]

            def clash(colour: int, mine: Buffer = buffer, others: Sequence[tuple[int, set[int]]] = others) -> int:
                return sum(cost * len(banks(mine, colour) & taken) for cost, taken in others)

            # Among equals a colour stays. At first colours turn, so that buffers without a common operator spread too.
            start = colours.get(buffer, turn)
            best = min(((start + step) % config.banks for step in range(config.banks)), key=clash)
            settled = settled and colours.get(buffer) == best
            colours[buffer] = best
    return colours


def streamed_banks(config: Config) -> int:
    """Banks of a slice of weights that are used once: two such groups take half of all banks."""
    return max(1, config.banks // 4)


def _width(buffer: Buffer, config: Config) -> int:
    """Banks that its resident pages take, at most a quarter of all; half for weights, which are filled while read."""
    most = streamed_banks(config) * (2 if buffer.kind is TensorClass.WEIGHTS else 1)
    return max(1, min(most, -(-buffer.pages(config.page_words) // config.bank_frames)))


def _costs(commands: Sequence[Command]) -> dict[Buffer, dict[Buffer, int]]:
    """For each pair of buffers, the dearest conflict of any command."""
    costs: dict[Buffer, dict[Buffer, int]] = defaultdict(dict)

    def meet(one: Buffer, other: Buffer, cost: int) -> None:
        if one is not other:
            costs[one][other] = max(costs[one].get(other, 0), cost)
            costs[other][one] = costs[one][other]

    seen: set[tuple[int, ...]] = set()
    for command in commands:
        key = tuple(id(operand.buffer) for operand in command.operands.values())
        if key in seen:
            continue
        seen.add(key)
        for one, first in command.operands.items():
            for other, second in command.operands.items():
                meet(first.buffer, second.buffer, _CONFLICTS.get(frozenset({one, other}), 0))
    for before, after in pairwise(commands):
        if Role.OUTPUT in before.operands and Role.WEIGHTS in after.operands:
            meet(before.operands[Role.OUTPUT].buffer, after.operands[Role.WEIGHTS].buffer, _ARRIVAL)
    return costs
