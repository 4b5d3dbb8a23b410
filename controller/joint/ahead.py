"""Pages fetched before their time: parameters and inputs, as far ahead as the bus keeps pace with the engines."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from controller.bind import widest_window
from controller.last_uses import append_page
from spec.isa import TensorClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from controller.commands import Command
    from controller.emit import PageRun
    from controller.joint.units import Unit
    from controller.layout import Buffer
    from spec.config import Config

_FETCHED = {TensorClass.WEIGHTS, TensorClass.CONSTANTS, TensorClass.INPUT}


def ahead(order: Sequence[tuple[Unit, int]], config: Config) -> dict[int, list[PageRun]]:
    """After which command which pages are fetched, in the order of need.

    Each unit says how many pages at the most may wait, while it runs, for the command that needs them first.
    A command makes room on the bus for as many as are transferred while its longer engine works. Buffers
    that are not bound as a whole are left to the front end, which runs ahead of the array by itself.
    """
    commands = [command for unit, _ in order for command in unit.commands]
    work = [
        (max(unit.array, unit.post) / len(unit.commands), pages) for unit, pages in order for _ in unit.commands
    ]
    uses = list(_first_uses(commands, config)) if any(pages for _, pages in order) else []
    found: dict[int, list[PageRun]] = defaultdict(list)
    at, credit = 0, 0.0
    waiting: list[int] = []
    for index, (cycles, pages) in enumerate(work):
        waiting = [use for use in waiting if use > index]
        credit = min(credit + cycles / config.page_beats, pages)
        while at < len(uses) and uses[at][0] <= index:
            at += 1
        while credit >= 1 and at < len(uses) and len(waiting) < pages:
            use, buffer, page = uses[at]
            append_page(found[index], buffer, page)
            waiting.append(use)
            credit -= 1
            at += 1
    return {index: runs for index, runs in found.items() if runs}


def _first_uses(commands: Sequence[Command], config: Config) -> Iterator[tuple[int, Buffer, int]]:
    """The pages that come from DRAM, each with the first command that names it, in order."""
    widest = widest_window(config)
    seen: set[tuple[Buffer, int]] = set()
    for index, command in enumerate(commands):
        for operand in command.operands.values():
            buffer = operand.buffer
            if buffer.kind not in _FETCHED or buffer.pages(config.page_words) > widest:
                continue
            for first, end in operand.pages(config.page_words):
                for page in range(first, end):
                    if (buffer, page) not in seen:
                        seen.add((buffer, page))
                        yield index, buffer, page
