"""Banks by the engine that reads them, so that engines which run side by side do not meet at a read port."""

from __future__ import annotations

from collections import defaultdict
from itertools import accumulate
from typing import TYPE_CHECKING

from controller.joint.units import found
from spec.isa import Mode, Role, TensorClass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from controller.joint.units import Page, Unit
    from controller.layout import Buffer
    from spec.config import Config

#: The side of what has no banks of its own: 0 are weights, 1 maps that the array reads, 2 other maps.
_NONE = 3


def by_engine(
    order: Sequence[Unit], config: Config, *, left: bool, more: tuple[int, int] = (0, 0), leaves: bool = False,
    anew: bool = False,
) -> dict[Buffer, int]:  # fmt: skip
    """The bank to try first for the buffers of a chain.

    Weights of the array come first, then maps that it reads, then what post-processing reads, with the constants in
    the last bank; each has as many banks as it needs at its peak, as far as there are as many, and weights and maps of
    the array have some `more`. What the chain leaves behind lies with the maps of the array if `left`, else where the
    next chain wants it. `leaves`, `anew`: as of a chain.
    """
    by_array = _operands(order, array=True, roles={Role.INPUT})
    by_array |= _left(order) if left else set()
    weights = _operands(order, array=True, roles={Role.WEIGHTS})
    by_post = _operands(order, array=False, roles={Role.INPUT}) - by_array
    tables = _operands(order, array=False, roles={Role.WEIGHTS, Role.CONSTANTS, Role.TABLE})
    tables |= _operands(order, array=True, roles={Role.CONSTANTS, Role.TABLE})
    sides = dict.fromkeys(by_array, 1) | dict.fromkeys(weights, 0) | dict.fromkeys(tables, _NONE)
    banks = _banks(_peaks(order, sides, leaves=leaves, anew=anew), config, more)
    colours = dict.fromkeys(weights, 0)
    colours |= dict.fromkeys(by_array, banks[0])
    # What is fetched is written at another port than what is made.
    colours |= {one: banks[0] + banks[1] - 1 for one in by_array if one.kind is TensorClass.INPUT}
    colours |= dict.fromkeys(by_post, banks[0] + banks[1])
    return colours | dict.fromkeys(tables, config.banks - 1)


def _banks(pages: Sequence[int], config: Config, more: tuple[int, int]) -> tuple[int, int]:
    """Banks of weights and of maps that the array reads; the rest is for what post-processing reads."""
    banks = [-(-some // config.bank_frames) for some in pages]
    banks[2] += 1
    while sum(banks) > config.banks:
        banks[banks.index(max(banks))] -= 1
    while sum(banks) < config.banks:
        # Pages are partly filled and leave late, so whoever is fullest can use another bank.
        fullest = max((1, 2), key=lambda one: pages[one] / max(1, banks[one]))
        banks[fullest] += 1
    weights = min(max(banks[0] + more[0], 0), config.banks - 2)
    return weights, min(max(banks[1] + more[1], 1), config.banks - 1 - weights)


def _operands(order: Sequence[Unit], *, array: bool, roles: set[Role]) -> set[Buffer]:
    """The buffers that commands of the array, or of post-processing alone, have in these roles."""
    return {
        operand.buffer
        for unit in order
        for command in unit.commands
        if (command.mode is Mode.ARRAY) == array
        for role, operand in command.operands.items()
        if role in roles
    }


def _left(order: Sequence[Unit]) -> set[Buffer]:
    """Maps that the chain leaves behind: the next chain begins with them, most often on the array."""
    read = {page[0] for unit in order for page in unit.reads}
    return {page[0] for unit in order for page in unit.writes} - read


def _peaks(order: Sequence[Unit], sides: Mapping[Buffer, int], *, leaves: bool, anew: bool) -> list[int]:
    """The most pages of weights that are live, of maps that the array reads, and of other maps.

    Maps that are found on chip are live from the beginning, those that are left there to the end.
    """
    first: dict[Page, int] = dict.fromkeys(() if anew else found(_grouped(order)), 0)
    end: dict[Page, int] = {}
    for index, unit in enumerate(order):
        for page in (*unit.reads, *unit.writes, *unit.weights):
            first.setdefault(page, index)
            end[page] = index + 1
    stays = set() if leaves else _left(order)
    changes = [[0] * (len(order) + 1) for _ in range(_NONE)]
    for page, begin in first.items():
        side = sides.get(page[0], 2)
        if side < _NONE:
            changes[side][begin] += 1
            changes[side][len(order) if page[0] in stays else end[page]] -= 1
    return [max(accumulate(some)) for some in changes]


def _grouped(order: Sequence[Unit]) -> dict[int, list[Unit]]:
    found: dict[int, list[Unit]] = defaultdict(list)
    for unit in order:
        found[unit.operator].append(unit)
    return found
