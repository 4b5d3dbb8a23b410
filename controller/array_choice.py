"""The cheapest cut of an operator on the array: bands, pieces of the reduction, order of output blocks."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from controller.array_tiles import ArrayTiler, Cut
from controller.choice import (
    LARGEST_DILATION,
    LARGEST_KERNEL,
    LARGEST_STRIDE,
    WIDEST,
    Candidate,
    Tiled,
    cheapest,
    edges,
)
from controller.commands import count_pages
from controller.cost import Effort, Traffic, array_cycles, post_cycles, step_cycles
from controller.geometry import sizes
from controller.place import streamed_banks
from spec.timing import lookup_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.commands import Command
    from controller.layout import Buffer
    from controller.operators import Operator
    from controller.trial import Trials
    from spec.config import Config

_MOST_BLOCKS, _MOST_TILE_WORDS = 4095, (1 << 20) - 1


def tile_array(operator: Operator, index: int, trials: Trials, constants: Buffer, base: int) -> Tiled:
    """The cheapest commands on the array; parameters and errors as for `controller.tile.tile`."""
    config = trials.config
    tiler = ArrayTiler(operator, index, config, constants, base)
    cuts: dict[str, Cut] = {}

    def candidates() -> Iterator[Candidate]:
        for cut in _cuts(operator, config, tiler):
            cost = _array_cost(tiler, cut, config)
            if cost is not None:
                choice = f"tiles {cut.height}x{cut.width}, pieces {cut.parts}, {cut.group} output blocks together"
                cuts[choice] = cut
                yield Candidate(cost, choice, partial(tiler.commands, cut))

    smallest = Cut(1, 1, (1, 1, 1), tiler.outputs)
    best, commands = cheapest(operator, trials, candidates(), partial(tiler.commands, smallest))
    cut = cuts[best.choice]
    return Tiled(
        operator, tuple(commands), tiler.weights, tiler.words(cut), best.choice, best.cost, cut.height,
        tuple(sizes(operator.result.height, _highest(operator, config, cut.width))),
        partial(_at_height, tiler, cut),
    )  # fmt: skip


def _cuts(operator: Operator, config: Config, tiler: ArrayTiler) -> Iterator[Cut]:
    """Cuts worth trying: narrower tiles only where nothing wider fits."""
    result, kernel = operator.result, operator.kernel
    deepest = max(end - first for some in tiler.runs for first, end in some)
    groups = sorted({1, 2, 4, 8, 16, 32, tiler.outputs}, reverse=True)
    groups = [group for group in groups if group <= tiler.outputs]
    widest = 1 if operator.strides[1] > LARGEST_STRIDE else min(result.width, config.half_rows, WIDEST)
    for width in sizes(result.width, widest):
        fits = False
        for height in sizes(result.height, _highest(operator, config, width)):
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


def _at_height(tiler: ArrayTiler, cut: Cut, height: int) -> list[Command]:
    return tiler.commands(replace(cut, height=height))


def _highest(operator: Operator, config: Config, width: int) -> int:
    """The most rows of a tile of some width."""
    few = operator.strides[0] > LARGEST_STRIDE
    return 1 if few else min(config.half_rows // width, operator.result.height, WIDEST)


def _parts(operator: Operator, kernel: tuple[int, int], deepest: int) -> Iterator[tuple[int, int, int]]:
    """Pieces of the reduction, largest first."""
    rows = 1 if operator.dilations[0] > LARGEST_DILATION else min(kernel[0], LARGEST_KERNEL)
    columns = 1 if operator.dilations[1] > LARGEST_DILATION else min(kernel[1], LARGEST_KERNEL)
    blocks = sizes(deepest, min(deepest, _MOST_BLOCKS))
    for some in blocks:
        yield rows, columns, some
    for fewer in sizes(rows, rows)[1:]:
        yield fewer, columns, 1
    for fewer in sizes(columns, columns)[1:]:
        yield 1, fewer, 1


def _room(tiler: ArrayTiler, cut: Cut, config: Config) -> int:
    """Frames that the largest command leaves free, by a sample of tiles; negative where it does not fit."""
    words = config.page_words
    passes = max(piece.passes for output in range(tiler.outputs) for piece in tiler.pieces(cut, output))
    if passes * config.rows > _MOST_TILE_WORDS:
        return -1
    several = tiler.pieces(cut, 0)
    ends = [several[0], several[-1], max(several, key=lambda one: one.passes)]
    inputs = outputs = 0
    for one in edges(tiler.tiles(cut)):
        inputs = max(inputs, *(count_pages([tiler.input(one, piece)], words) for piece in ends))
        ranges = [tiler.output(one, 0), *([tiler.residual(one, 0)] if tiler.operator.residual else [])]
        outputs = max(outputs, sum(count_pages([some], words) for some in ranges if some))
    return config.frames - inputs - outputs - tiler.most_pages(cut, passes) - 3


def _array_cost(tiler: ArrayTiler, cut: Cut, config: Config) -> float | None:
    operator, words = tiler.operator, config.page_words
    tiles = tiler.tiles(cut)
    few = edges(tiles)
    share = len(tiles) / len(few)
    effort = Effort()
    table_words = lookup_words(config) if operator.looks_up else 0
    commands = 0
    touched = widest = 0
    passes = Counter(piece.passes for output in range(tiler.outputs) for piece in tiler.pieces(cut, output))
    for one in few:
        effort.array += sum(
            array_cycles(config, count, one.pixels, turned=operator.turned) * times for count, times in passes.items()
        )
        effort.post += tiler.outputs * post_cycles(one.pixels, table_words=table_words)
        commands += sum(passes.values())
        whole = [tiler.input(one, piece) for piece in tiler.pieces(cut, 0)]
        pages = count_pages(whole, words)
        touched, widest = touched + pages, max(widest, pages)
    weights = tiler.all_pages
    outputs = -(-operator.result.batch * operator.result.height * operator.result.width * tiler.outputs // words)
    inputs = min(sum(buffer.pages(words) for buffer in operator.source.buffers), round(touched * share))
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
    effort.after = count_pages([tiler.output(last, 0)], words) * config.page_beats
    effort.after += post_cycles(last.pixels, table_words=table_words)
    room = _room(tiler, cut, config)
    return effort.total(overlapped=room >= widest // 2 + largest and _streams(tiler, cut, config))


def _streams(tiler: ArrayTiler, cut: Cut, config: Config) -> bool:
    """Whether weights fit the banks where the next ones arrive while they are read."""
    most = streamed_banks(config) * config.bank_frames
    passes = max(piece.passes for piece in tiler.pieces(cut, 0))
    return min(tiler.all_pages, passes * config.rows // config.page_words) <= most
