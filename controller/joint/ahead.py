"""Pages fetched before their time: parameters and inputs, as far ahead as the bus keeps pace with the engines."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from controller.place import streamed_banks
from spec.isa import TensorClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from controller.commands import Command
    from controller.emit import PageRun
    from controller.joint.units import Unit
    from controller.layout import Buffer
    from spec.config import Config

_FETCHED = {TensorClass.WEIGHTS, TensorClass.CONSTANTS, TensorClass.INPUT}


def ahead(order: Sequence[Unit], config: Config, pages: int) -> dict[int, list[PageRun]]:
    """After which command which pages are fetched, at most so many before the command that needs them first.

    A command makes room on the bus for as many pages as are transferred while its longer engine works. Weights that
    are bound slice by slice are left to the front end, which runs ahead of the array by itself.
    """
    if not pages:
        return {}
    commands = [command for unit in order for command in unit.commands]
    work = [max(unit.array, unit.post) / len(unit.commands) for unit in order for _ in unit.commands]
    uses = _first_uses(commands, config)
    found: dict[int, list[PageRun]] = defaultdict(list)
    at, credit = 0, 0.0
    waiting: list[int] = []
    for index, cycles in enumerate(work):
        waiting = [use for use in waiting if use > index]
        credit = min(credit + cycles / config.page_beats, pages)
        while at < len(uses) and uses[at][0] <= index:
            at += 1
        while credit >= 1 and at < len(uses) and len(waiting) < pages:
            use, buffer, page = uses[at]
            _append(found[index], buffer, page)
            waiting.append(use)
            credit -= 1
            at += 1
    return {index: runs for index, runs in found.items() if runs}


def _first_uses(commands: Sequence[Command], config: Config) -> list[tuple[int, Buffer, int]]:
    """The pages that come from DRAM, each with the first command that names it, in order."""
    return list(_each_first(commands, config))


def _each_first(commands: Sequence[Command], config: Config) -> Iterator[tuple[int, Buffer, int]]:
    stream = streamed_banks(config) * config.bank_frames
    seen: set[tuple[Buffer, int]] = set()
    for index, command in enumerate(commands):
        for operand in command.operands.values():
            buffer = operand.buffer
            if buffer.kind not in _FETCHED:
                continue
            if buffer.kind is TensorClass.WEIGHTS and buffer.pages(config.page_words) > stream:
                continue
            for first, end in operand.pages(config.page_words):
                for page in range(first, end):
                    if (buffer, page) not in seen:
                        seen.add((buffer, page))
                        yield index, buffer, page


def _append(runs: list[PageRun], buffer: Buffer, page: int) -> None:
    """Add a page, to the last run if it goes on with it."""
    if runs and runs[-1][0] is buffer and runs[-1][1] + runs[-1][2] == page:
        runs[-1] = buffer, runs[-1][1], runs[-1][2] + 1
    else:
        runs.append((buffer, page, 1))
