"""Cuts every operator into COMPUTE commands: tries tiles and orders, takes the cheapest whose commands all fit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from controller.array_tiles import ArrayTiler, Cut
from controller.commands import Command, count_pages
from controller.cost import Effort, Traffic, array_cycles, post_cycles, step_cycles
from controller.geometry import Tile, sizes
from controller.place import streamed_banks
from controller.refusal import ModelError
from controller.window_tiles import WindowTiler
from spec.isa import Mode, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from controller.layout import Buffer, Bytes
    from controller.operators import Operator
    from spec.config import Config

_WIDEST = 2047
_LARGEST_KERNEL, _LARGEST_STRIDE, _LARGEST_DILATION = 255, 15, 31
_MOST_BLOCKS, _MOST_TILE_WORDS = 4095, (1 << 20) - 1


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
    """

    operator: Operator
    commands: tuple[Command, ...]
    weights: Buffer | None
    words: Bytes | None
    choice: str
    estimate: float


class DoesNotFitError(ModelError):
    """No cut of an operator fits the scratchpad."""


def tile(operator: Operator, index: int, config: Config, constants: Buffer, base: int) -> Tiled:
    """The cheapest commands of an operator.

    Parameters
    ----------
    operator, index
        The operator and its number in the program.
    config
        The machine.
    constants, base
        The buffer with all tables of constants, and the word where this operator's begin.

    Raises
    ------
    DoesNotFitError
        One sentence with the inequality and what would help.
    """
    operator = _folded(operator)
    if operator.mode is Mode.ARRAY:
        return _tile_array(operator, index, config, constants, base)
    try:
        return _tile_window(operator, index, config, constants, base)
    except DoesNotFitError:
        if operator.mode is Mode.MAX or len(operator.forms) > 1:
            raise
        ones = np.ones((operator.source.channels, 1, *operator.kernel), np.int8)
        weights = operator.weights if operator.weights is not None else ones
        moved = replace(operator, mode=Mode.ARRAY, weights=weights, groups=operator.source.channels)
        return _tile_array(moved, index, config, constants, base)


def _folded(operator: Operator) -> Operator:
    """All images as one, where no window reaches from one row of outputs into another's inputs."""
    source, result = operator.source, operator.result
    if source.batch == 1 or operator.which is not None:
        return operator
    pointwise = operator.kernel == operator.strides == (1, 1) and operator.pads == (0, 0)
    pointwise = pointwise and (source.height, source.width) == (result.height, result.width)
    whole = operator.kernel == (source.height, source.width) and (result.height, result.width) == (1, 1)
    whole = whole and operator.pads == (0, 0) and operator.dilations == (1, 1) and source.height <= _LARGEST_STRIDE
    if not pointwise and not whole:
        return operator
    return replace(
        operator,
        source=source.folded(),
        result=result.folded(),
        strides=(source.height, 1) if whole else (1, 1),
        residual=replace(operator.residual, view=operator.residual.view.folded()) if operator.residual else None,
    )


@dataclass(frozen=True, eq=False)
class _Candidate:
    cost: float
    choice: str
    build: Callable[[], list[Command]]


def _cheapest(
    operator: Operator, config: Config, candidates: Iterator[_Candidate], smallest: Callable[[], list[Command]]
) -> tuple[_Candidate, list[Command]]:
    """The cheapest candidate whose commands all fit, as the front end counts pages."""
    for candidate in sorted(candidates, key=lambda one: one.cost):
        commands = candidate.build()
        if all(count_pages(one.operands.values(), config.page_words) <= config.frames for one in commands):
            return candidate, commands
    raise DoesNotFitError(_does_not_fit(operator, config, smallest()))


def _does_not_fit(operator: Operator, config: Config, commands: Sequence[Command]) -> str:
    worst = max(commands, key=lambda one: count_pages(one.operands.values(), config.page_words))
    needs = {role: count_pages([operand], config.page_words) for role, operand in worst.operands.items()}
    largest = max(needs, key=lambda role: needs[role])
    return (
        f"{operator.name} does not fit: its smallest tile needs {sum(needs.values())} pages in {config.frames}, "
        f"{needs[largest]} of them for {largest.name.lower()}; larger banks or more banks fit it (--set bank_bytes)"
    )


def _tile_array(operator: Operator, index: int, config: Config, constants: Buffer, base: int) -> Tiled:
    tiler = ArrayTiler(operator, index, config, constants, base)
    cuts: dict[str, Cut] = {}

    def candidates() -> Iterator[_Candidate]:
        for cut in _cuts(operator, config, tiler):
            cost = _array_cost(tiler, cut, config)
            if cost is not None:
                choice = f"tiles {cut.height}x{cut.width}, pieces {cut.parts}, {cut.group} output blocks together"
                cuts[choice] = cut
                yield _Candidate(cost, choice, partial(tiler.commands, cut))

    smallest = Cut(1, 1, (1, 1, 1), tiler.outputs)
    best, commands = _cheapest(operator, config, candidates(), partial(tiler.commands, smallest))
    return Tiled(operator, tuple(commands), tiler.weights, tiler.words(cuts[best.choice]), best.choice, best.cost)


def _cuts(operator: Operator, config: Config, tiler: ArrayTiler) -> Iterator[Cut]:
    """Cuts worth trying: narrower tiles only where nothing wider fits."""
    result, kernel = operator.result, operator.kernel
    deepest = max(end - first for first, end in tiler.blocks)
    groups = sorted({1, 2, 4, 8, 16, 32, tiler.outputs}, reverse=True)
    groups = [group for group in groups if group <= tiler.outputs]
    widest = 1 if operator.strides[1] > _LARGEST_STRIDE else min(result.width, config.half_rows, _WIDEST)
    for width in sizes(result.width, widest):
        highest = 1 if operator.strides[0] > _LARGEST_STRIDE else min(config.half_rows // width, result.height, _WIDEST)
        fits = False
        for height in sizes(result.height, highest):
            for parts in _parts(operator, kernel, deepest):
                room = _room(tiler, Cut(height, width, parts, tiler.outputs), config)
                if room < 0:
                    continue
                fits = True
                yield from (Cut(height, width, parts, group) for group in groups)
                if room > config.frames // 2 and _streams(tiler, Cut(height, width, parts, 1), config):
                    break
        if fits:
            return


def _parts(operator: Operator, kernel: tuple[int, int], deepest: int) -> Iterator[tuple[int, int, int]]:
    """Pieces of the reduction, largest first."""
    rows = 1 if operator.dilations[0] > _LARGEST_DILATION else min(kernel[0], _LARGEST_KERNEL)
    columns = 1 if operator.dilations[1] > _LARGEST_DILATION else min(kernel[1], _LARGEST_KERNEL)
    blocks = sizes(deepest, min(deepest, _MOST_BLOCKS))
    for some in blocks:
        yield rows, columns, some
    for fewer in sizes(rows, rows)[1:]:
        yield fewer, columns, 1
    for fewer in sizes(columns, columns)[1:]:
        yield 1, fewer, 1


def _edges(items: Sequence[Tile]) -> list[Tile]:
    """Some tiles of many: both ends and some between."""
    step = max(1, len(items) // 12)
    return [*items[:2], *items[2:-1:step], *items[-1:]] if len(items) > 3 else list(items)


def _room(tiler: ArrayTiler, cut: Cut, config: Config) -> int:
    """Frames that the largest command leaves free, by a sample of tiles; negative where it does not fit."""
    words = config.page_words
    passes = max(piece.passes for output in range(tiler.outputs) for piece in tiler.pieces(cut, output))
    if passes * config.rows > _MOST_TILE_WORDS:
        return -1
    several = tiler.pieces(cut, 0)
    ends = [several[0], several[-1]]
    inputs = outputs = 0
    for one in _edges(tiler.tiles(cut)):
        inputs = max(inputs, *(count_pages([tiler.input(one, piece)], words) for piece in ends))
        ranges = [tiler.output(one, 0), *([tiler.residual(one, 0)] if tiler.operator.residual else [])]
        outputs = max(outputs, sum(count_pages([some], words) for some in ranges if some))
    return config.frames - inputs - outputs - (passes * config.rows - 1) // words - 3


def _array_cost(tiler: ArrayTiler, cut: Cut, config: Config) -> float | None:
    operator, words = tiler.operator, config.page_words
    tiles = tiler.tiles(cut)
    few = _edges(tiles)
    share = len(tiles) / len(few)
    effort = Effort()
    commands = 0
    touched = widest = 0
    passes = Counter(piece.passes for output in range(tiler.outputs) for piece in tiler.pieces(cut, output))
    for one in few:
        effort.array += sum(array_cycles(config, count, one.pixels) * times for count, times in passes.items())
        effort.post += tiler.outputs * post_cycles(one.pixels)
        commands += sum(passes.values())
        whole = [tiler.input(one, piece) for piece in tiler.pieces(cut, 0)]
        pages = count_pages(whole, words)
        touched, widest = touched + pages, max(widest, pages)
    weights = tiler.weights.pages(words)
    outputs = -(-operator.result.batch * operator.result.height * operator.result.width * tiler.outputs // words)
    inputs = min(operator.source.buffer.pages(words), round(touched * share))
    groups = -(-tiler.outputs // cut.group)
    largest = max(piece.passes for piece in tiler.pieces(cut, 0)) * config.rows // words + 2
    traffic = Traffic(
        inputs, weights, 1 + (outputs if operator.residual else 0), outputs, widest, len(tiles),
        round(touched * share), groups, largest + 4,
    )  # fmt: skip
    read, written = traffic.pages(config.frames, mingled=operator.result.width < words)
    effort.array, effort.post = effort.array * share, effort.post * share
    effort.read, effort.write = read * config.page_beats, written * config.page_beats
    named = commands * share * (widest + largest + 3)
    effort.steps = step_cycles(config, round(commands * share), named)
    effort.before = (widest + largest) * config.page_beats
    last = tiles[-1]
    effort.after = post_cycles(last.pixels) + count_pages([tiler.output(last, 0)], words) * config.page_beats
    room = _room(tiler, cut, config)
    return effort.total(overlapped=room >= widest // 2 + largest and _streams(tiler, cut, config))


def _streams(tiler: ArrayTiler, cut: Cut, config: Config) -> bool:
    """Whether weights fit the banks where the next ones arrive while they are read."""
    most = streamed_banks(config) * config.bank_frames
    passes = max(piece.passes for piece in tiler.pieces(cut, 0))
    return min(tiler.weights.pages(config.page_words), passes * config.rows // config.page_words) <= most


def _tile_window(operator: Operator, index: int, config: Config, constants: Buffer, base: int) -> Tiled:
    if max(operator.kernel) > _LARGEST_KERNEL or max(operator.dilations) > _LARGEST_DILATION:
        raise DoesNotFitError(
            f"{operator.name} does not fit: its kernel {operator.kernel} must be at most {_LARGEST_KERNEL} each way "
            f"and its dilation {operator.dilations} at most {_LARGEST_DILATION}"
        )
    tiler = WindowTiler(operator, index, config, constants, base)
    result = operator.result
    widest = 1 if operator.strides[1] > _LARGEST_STRIDE else min(result.width, _WIDEST)
    highest = 1 if operator.strides[0] > _LARGEST_STRIDE else min(result.height, _WIDEST)

    def candidates() -> Iterator[_Candidate]:
        for width in sizes(result.width, widest):
            fits = False
            for height in sizes(result.height, highest):
                cost = _window_cost(tiler, (height, width), config)
                if cost is not None:
                    fits = True
                    yield _Candidate(cost, f"tiles {height}x{width}", partial(tiler.commands, (height, width)))
            if fits:
                return

    best, commands = _cheapest(operator, config, candidates(), partial(tiler.commands, (1, 1)))
    return Tiled(operator, tuple(commands), tiler.weights, tiler.words(), best.choice, best.cost)


def _window_cost(tiler: WindowTiler, step: tuple[int, int], config: Config) -> float | None:
    operator, words = tiler.operator, config.page_words
    tiles = tiler.tiles(step)
    few = _edges(tiles)
    share = len(tiles) / len(few)
    row_cycles = tiler.taps + (operator.residual is not None)
    tap_words = tiler.taps if operator.mode is Mode.DEPTHWISE else 0
    effort = Effort()
    named = widest = 0
    for one in few:
        needs = [count_pages(tiler.operands(one, block).values(), words) for block in {0, tiler.outputs - 1}]
        widest = max(widest, *needs)
        named += max(needs) * tiler.outputs
        effort.post += tiler.outputs * post_cycles(one.pixels, row_cycles, tap_words)
    if widest > config.frames:
        return None
    effort.post *= share
    pages = operator.source.buffer.pages(words) + (operator.result.buffer.pages(words) if operator.residual else 0)
    effort.read = (pages + 1 + (tiler.weights.pages(words) if tiler.weights else 0)) * config.page_beats
    effort.write = operator.result.buffer.pages(words) * config.page_beats
    effort.steps = step_cycles(config, len(tiles) * tiler.outputs, named * share)
    first = tiler.operands(tiles[0], 0)
    read = [one for role, one in first.items() if role is not Role.OUTPUT]
    effort.before = count_pages(read, words) * config.page_beats
    last = tiles[-1]
    effort.after = post_cycles(last.pixels, row_cycles, tap_words)
    return effort.total(overlapped=2 * widest <= config.frames)
