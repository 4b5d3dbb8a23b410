"""The cheapest cut of an operator on the window engine: bands, narrower tiles where none fits."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING

from controller.choice import (
    LARGEST_DILATION,
    LARGEST_KERNEL,
    LARGEST_STRIDE,
    WIDEST,
    Candidate,
    DoesNotFitError,
    Tiled,
    cheapest,
    edges,
)
from controller.commands import count_pages
from controller.cost import Effort, step_cycles
from controller.geometry import sizes
from controller.statistic_tiles import StatisticTiler
from controller.window_tiles import WindowTiler
from spec.isa import Role
from spec.timing import region

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.commands import Command
    from controller.layout import Buffer
    from controller.operators import Operator
    from controller.trial import Trials
    from spec.config import Config


def tile_window(operator: Operator, index: int, trials: Trials, constants: Buffer, base: int) -> Tiled:
    """The cheapest commands on the window engine; parameters and errors as for `controller.tile.tile`."""
    if max(operator.kernel) > LARGEST_KERNEL or max(operator.dilations) > LARGEST_DILATION:
        raise DoesNotFitError(
            f"{operator.name} does not fit: its kernel {operator.kernel} must be at most {LARGEST_KERNEL} each way "
            f"and its dilation {operator.dilations} at most {LARGEST_DILATION}"
        )
    config = trials.config
    tiler: WindowTiler | StatisticTiler
    if operator.statistic is None:
        tiler = WindowTiler(operator, index, config, constants, base)
    else:
        tiler = StatisticTiler(operator, index, config, constants, base)
    result = operator.result
    widest = 1 if operator.strides[1] > LARGEST_STRIDE else min(result.width, WIDEST)
    highest = 1 if operator.strides[0] > LARGEST_STRIDE else min(result.height, WIDEST)

    steps: dict[str, tuple[int, int]] = {}
    lined = tiler.small and tiler.taps > 1

    def candidates() -> Iterator[Candidate]:
        for width in sizes(result.width, widest):
            fits = False
            for height in sizes(result.height, highest):
                cost = _window_cost(tiler, (height, width), config)
                if cost is not None:
                    fits = True
                    choice = f"tiles {height}x{width}"
                    steps[choice] = height, width
                    yield Candidate(cost, choice, partial(tiler.commands, (height, width)))
            # Narrower tiles if nothing fits, or if a line of the line buffer is shorter.
            if fits and not (lined and region(width, operator.kernel[1], operator.strides[1]) > config.line_columns):
                return

    best, commands = cheapest(operator, trials, candidates(), partial(tiler.commands, (1, 1)))
    height, width = steps[best.choice]
    return Tiled(
        operator, tuple(commands), tiler.weights, tiler.words(), best.choice, best.cost, height,
        tuple(sizes(result.height, highest)), partial(_at_height, tiler, width),
    )  # fmt: skip


def _at_height(tiler: WindowTiler | StatisticTiler, width: int, height: int) -> list[Command]:
    return tiler.commands((height, width))


def _window_cost(tiler: WindowTiler | StatisticTiler, step: tuple[int, int], config: Config) -> float | None:
    operator, words = tiler.operator, config.page_words
    if prod(step) > tiler.most_pixels:
        return None
    tiles = tiler.tiles(step)
    few = edges(tiles)
    share = len(tiles) / len(few)
    effort = Effort()
    named = widest = 0
    for one in few:
        needs = [count_pages(tiler.operands(one, block).values(), words) for block in {0, tiler.outputs - 1}]
        widest = max(widest, *needs)
        named += max(needs) * tiler.outputs
        effort.post += tiler.outputs * tiler.cycles(one)
    if widest > config.frames:
        return None
    effort.post *= share
    pages = sum(buffer.pages(words) for buffer in operator.source.buffers)
    pages += operator.result.buffer.pages(words) if operator.residual or operator.other else 0
    effort.read = (pages + 1 + (tiler.weights.pages(words) if tiler.weights else 0)) * config.page_beats
    effort.write = operator.result.buffer.pages(words) * config.page_beats
    effort.steps = step_cycles(config, len(tiles) * tiler.outputs * tiler.rounds, named * share * tiler.rounds)
    first = tiler.operands(tiles[0], 0)
    read = [one for role, one in first.items() if role is not Role.OUTPUT]
    effort.before = count_pages(read, words) * config.page_beats
    effort.after = tiler.cycles(tiles[-1])
    return effort.total(overlapped=2 * widest <= config.frames)
