"""Choosing among cuts: the estimate picks finalists that fit, trials decide; the sentence where none fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.commands import Command, count_pages
from controller.refusal import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from controller.geometry import Tile
    from controller.layout import Buffer, Bytes
    from controller.operators import Operator
    from controller.trial import Trials
    from spec.config import Config

#: What the fields of COMPUTE and KERNEL hold.
WIDEST = 2047
LARGEST_KERNEL, LARGEST_STRIDE, LARGEST_DILATION = 255, 15, 31


@dataclass(frozen=True, eq=False)
class Tiled:
    """An operator cut into commands.

    Parameters
    ----------
    operator
        As it is run: a sum may have moved to the array.
    commands
        In order.
    weights, words
        The weights' buffer and its words, if it has any.
    choice
        What was chosen, for the listing.
    estimate
        Its estimated cycles.
    height
        Rows of outputs of a tile.
    heights
        Those that its tiles could have, if the commands fit; the cut is the same otherwise, and so are the words.
    at_height
        Its commands with tiles of such a height.
    """

    operator: Operator
    commands: tuple[Command, ...]
    weights: Buffer | None
    words: Bytes | None
    choice: str
    estimate: float
    height: int
    heights: tuple[int, ...]
    at_height: Callable[[int], list[Command]]


#: No cut that is estimated to take so many times the cycles of the cheapest was ever the fastest.
_HOPELESS = 1.4


class DoesNotFitError(ModelError):
    """No cut of an operator fits the scratchpad."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A cut: its estimated cycles, what it is in words, and its commands."""

    cost: float
    choice: str
    build: Callable[[], list[Command]]


def cheapest(
    operator: Operator, trials: Trials, candidates: Iterator[Candidate], smallest: Callable[[], list[Command]]
) -> tuple[Candidate, list[Command]]:
    """The candidate that takes the fewest cycles, of the first few by estimate whose commands all fit.

    Among equals the estimate decides.
    """
    config = trials.config
    finalists: list[tuple[Candidate, list[Command]]] = []
    for candidate in sorted(candidates, key=lambda one: one.cost):
        if finalists and candidate.cost > _HOPELESS * finalists[0][0].cost:
            break
        commands = candidate.build()
        if fits(commands, config):
            finalists.append((candidate, commands))
            if len(finalists) == trials.finalists:
                break
    if not finalists:
        raise DoesNotFitError(_does_not_fit(operator, config, smallest()))
    if len(finalists) == 1:
        return finalists[0]
    return min(finalists, key=lambda one: trials.cycles(operator, one[0].choice, one[1]))


def fits(commands: Sequence[Command], config: Config) -> bool:
    """Whether the scratchpad holds the pages that each command names, as the front end counts pages."""
    return all(count_pages(one.operands.values(), config.page_words) <= config.frames for one in commands)


def _does_not_fit(operator: Operator, config: Config, commands: Sequence[Command]) -> str:
    worst = max(commands, key=lambda one: count_pages(one.operands.values(), config.page_words))
    needs = {role: count_pages([operand], config.page_words) for role, operand in worst.operands.items()}
    largest = max(needs, key=lambda role: needs[role])
    return (
        f"{operator.name} does not fit: its smallest tile needs {sum(needs.values())} pages in {config.frames}, "
        f"{needs[largest]} of them for {largest.name.lower()}; larger banks or more banks fit it (--set bank_bytes)"
    )


def edges(items: Sequence[Tile]) -> list[Tile]:
    """Some tiles of many: both ends and some between."""
    step = max(1, len(items) // 12)
    return [*items[:2], *items[2:-1:step], *items[-1:]] if len(items) > 3 else list(items)
