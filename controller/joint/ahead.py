"""Pages fetched before their time: parameters, inputs and maps that have left, as far ahead as the bus keeps pace."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from controller.bind import widest_window
from controller.last_uses import append_page
from spec.isa import TensorClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from controller.commands import Command
    from controller.emit import PageRun
    from controller.joint.units import Unit
    from controller.layout import Buffer
    from spec.config import Config

_FETCHED = {TensorClass.WEIGHTS, TensorClass.CONSTANTS, TensorClass.INPUT}


#: Before the first command.
BEFORE = -2


def ahead(
    order: Sequence[tuple[Unit, int]], leaving: Mapping[int, Sequence[PageRun]], config: Config
) -> dict[int, list[PageRun]]:
    """After which command which pages are fetched, in the order of need.

    `leaving` has after which command which pages of maps leave. Each unit says how many pages at the most may wait,
    while it runs, for the command that needs them first. A command makes room on the bus for as many as are transferred
    while its longer engine works. Buffers that are not bound as a whole are left to the front end, which runs ahead of
    the array by itself.
    """
    commands = [command for unit, _ in order for command in unit.commands]
    work = [
        (max(unit.array, unit.post) / len(unit.commands), pages) for unit, pages in order for _ in unit.commands
    ]
    uses = list(_uses(commands, leaving, config)) if any(pages for _, pages in order) else []
    found: dict[int, list[PageRun]] = defaultdict(list)
    at, credit = 0, 0.0
    waiting: list[int] = []
    for index, (cycles, pages) in enumerate(work):
        waiting = [use for use in waiting if use > index]
        credit = min(credit + cycles / config.page_beats, pages)
        while at < len(uses) and uses[at].command <= index:
            at += 1
        # A page leaves when the command after the one that used it has been taken.
        while credit >= 1 and at < len(uses) and len(waiting) < pages and uses[at].left < index - 1:
            use, buffer, page, _ = uses[at]
            append_page(found[index], buffer, page)
            waiting.append(use)
            credit -= 1
            at += 1
    return {index: runs for index, runs in found.items() if runs}


class _Use(NamedTuple):
    """A command that names a page which is not on chip, and the one after which the page left, `BEFORE` all if none."""

    command: int
    buffer: Buffer
    page: int
    left: int


def _uses(
    commands: Sequence[Command], leaving: Mapping[int, Sequence[PageRun]], config: Config
) -> Iterator[_Use]:
    """The pages that come from DRAM, each with the command that names it first, in order."""
    widest = widest_window(config)
    seen: set[tuple[Buffer, int]] = set()
    left = _left(BEFORE, leaving)
    for index, command in enumerate(commands):
        for operand in command.operands.values():
            buffer = operand.buffer
            if buffer.kind in _FETCHED and buffer.pages(config.page_words) > widest:
                continue
            if buffer.kind not in _FETCHED and not left:
                continue
            for first, end in operand.pages(config.page_words):
                for page in range(first, end):
                    if buffer.kind not in _FETCHED:
                        if (buffer, page) in left:
                            yield _Use(index, buffer, page, left.pop((buffer, page)))
                    elif (buffer, page) not in seen:
                        seen.add((buffer, page))
                        yield _Use(index, buffer, page, BEFORE)
        left |= _left(index, leaving)


def _left(index: int, leaving: Mapping[int, Sequence[PageRun]]) -> dict[tuple[Buffer, int], int]:
    """The pages that leave after a command."""
    return {
        (buffer, page): index for buffer, first, pages in leaving.get(index, ()) for page in range(first, first + pages)
    }
