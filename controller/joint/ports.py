"""Banks by the engine that reads them, so that engines which run side by side do not meet at a read port."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from controller.joint.units import found, readers
from spec.isa import Mode, Role, TensorClass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.joint.units import Unit
    from controller.layout import Buffer
    from spec.config import Config


def by_engine(order: Sequence[Unit], config: Config, *, left: bool) -> dict[Buffer, int]:
    """The bank to try first for the buffers of a chain.

    Weights of the array come first, then maps that it reads, then what post-processing reads, with the constants in
    the last bank; each has as many banks as it needs at its peak, as far as there are as many. What the
    chain leaves behind lies with the maps of the array if `left`, else where the next chain wants it.
    """
    by_array = _operands(order, array=True, roles={Role.INPUT})
    by_array |= _left(order) if left else set()
    weights = _operands(order, array=True, roles={Role.WEIGHTS})
    by_post = _operands(order, array=False, roles={Role.INPUT}) - by_array
    tables = _operands(order, array=False, roles={Role.WEIGHTS, Role.CONSTANTS, Role.TABLE})
    tables |= _operands(order, array=True, roles={Role.CONSTANTS, Role.TABLE})
    peaks = _peaks(order, by_array, config)
    sizes = (sum(one.words for one in weights) * config.rows, *peaks)
    banks = [-(-size // config.bank_bytes) for size in sizes]
    banks[2] += 1
    while sum(banks) > config.banks:
        banks[banks.index(max(banks))] -= 1
    while sum(banks) < config.banks:
        # Pages are partly filled and leave late, so whoever is fullest can use another bank.
        fullest = max((1, 2), key=lambda one: sizes[one] / max(1, banks[one]))
        banks[fullest] += 1
    colours = dict.fromkeys(weights, 0)
    colours |= dict.fromkeys(by_array, banks[0])
    # What is fetched is written at another port than what is made.
    colours |= {one: banks[0] + banks[1] - 1 for one in by_array if one.kind is TensorClass.INPUT}
    colours |= dict.fromkeys(by_post, config.banks - banks[2])
    return colours | dict.fromkeys(tables, config.banks - 1)


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
    read = {row[0] for unit in order for row in unit.reads}
    return {row[0] for unit in order for row, _ in unit.writes} - read


def _peaks(order: Sequence[Unit], by_array: set[Buffer], config: Config) -> tuple[int, int]:
    """The most bytes of live rows that the array reads, and of others.

    Maps that the chain finds on chip are live from the beginning; of an input that comes from DRAM only a bank.
    """
    grouped = _grouped(order)
    unread, alive = readers(grouped), found(grouped, config)
    live: dict[bool, int] = defaultdict(int)
    live[True] = config.bank_bytes * len({row[0] for row in unread if row[0].kind is TensorClass.INPUT})
    for (buffer, _), size in alive.items():
        live[buffer in by_array] += size
    peaks = dict(live)
    for unit in order:
        for row, size in unit.writes:
            alive[row] = alive.get(row, 0) + size
            live[row[0] in by_array] += size
        for side, size in live.items():
            peaks[side] = max(peaks.get(side, 0), size)
        for row in unit.reads:
            unread[row] -= 1
            if not unread[row]:
                live[row[0] in by_array] -= alive.pop(row, 0)
    return peaks[True], peaks.get(False, 0)


def _grouped(order: Sequence[Unit]) -> dict[int, list[Unit]]:
    found: dict[int, list[Unit]] = defaultdict(list)
    for unit in order:
        found[unit.operator].append(unit)
    return found
