"""The pages that commands name for the last time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from controller.commands import Command
    from controller.emit import PageRun
    from controller.layout import Buffer

__all__ = ["append_page", "last_uses"]


def last_uses(commands: Sequence[Command], page_words: int) -> Iterator[tuple[int, list[PageRun]]]:
    """Each command's place, from the last on, and the pages that none after it names: those of parameters too."""
    seen: set[tuple[Buffer, int]] = set()
    for index in reversed(range(len(commands))):
        runs: list[PageRun] = []
        for operand in commands[index].operands.values():
            for low, high in operand.pages(page_words):
                for page in range(low, high):
                    if (operand.buffer, page) not in seen:
                        seen.add((operand.buffer, page))
                        append_page(runs, operand.buffer, page)
        yield index, runs


def append_page(runs: list[PageRun], buffer: Buffer, page: int) -> None:
    """Add a page, to the last run if it goes on with it."""
    if runs and runs[-1][0] is buffer and runs[-1][1] + runs[-1][2] == page:
        runs[-1] = buffer, runs[-1][1], runs[-1][2] + 1
    else:
        runs.append((buffer, page, 1))
