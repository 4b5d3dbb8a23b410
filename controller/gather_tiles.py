"""Commands that gather pixels of maps: windows of 1x1 that read a rectangle and write its pixels in a row."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from controller.choice import WIDEST, Candidate, Tiled, cheapest
from controller.commands import Command, Range, count_pages
from controller.constants import Constants
from controller.cost import Effort, post_cycles, step_cycles
from controller.fields import axes, clamp_fields, kernel_fields, scale_fields
from controller.geometry import Tile, pieces
from spec.isa import Mode, Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.geometry import Interval
    from controller.layout import Buffer
    from controller.operators import Gathered, Operator
    from controller.trial import Trials
    from spec.config import Config

#: Pixels of a command that are tried.
_MOST = (WIDEST * WIDEST, 1024, 256, 64, 16, 4, 1)


def tile_gather(operator: Operator, index: int, trials: Trials, constants: Buffer, base: int) -> Tiled:
    """The cheapest commands that gather; parameters and errors as for `controller.tile.tile`."""
    tiler = GatherTiler(operator, index, trials.config, constants, base)

    def candidates() -> Iterator[Candidate]:
        for most in _MOST:
            commands = tiler.commands(most)
            yield Candidate(tiler.cost(commands), f"at most {most} pixels", partial(tiler.commands, most))

    best, commands = cheapest(operator, trials, candidates(), partial(tiler.commands, 1))
    return Tiled(
        operator, tuple(commands), None, None, best.choice, best.cost, 1, (1,), lambda _: list(commands)
    )


class GatherTiler:
    """A gathering operator, ready to be cut; parameters as for `ArrayTiler`."""

    def __init__(self, operator: Operator, index: int, config: Config, constants: Buffer, base: int) -> None:
        self.operator, self.index, self.config = operator, index, config
        self.constants, self.base = constants, base

    def commands(self, most: int) -> list[Command]:
        """All commands in order, none of more than so many pixels, if a row is not more."""
        return [
            self._command(one, lines, pixels, block)
            for one in self.operator.gathered
            for lines, pixels in _parts(one, most)
            for block in range(len(self.operator.result.lanes))
        ]

    def cost(self, commands: list[Command]) -> float:
        """Estimated cycles."""
        config = self.config
        effort = Effort(post=sum(post_cycles(one.height * one.width) for one in commands))
        named = sum(count_pages(one.operands.values(), config.page_words) for one in commands)
        effort.steps = step_cycles(config, len(commands), named)
        return effort.total(overlapped=True)

    def _command(self, one: Gathered, lines: Interval, pixels: Interval, block: int) -> Command:
        operator, source, result = self.operator, one.source, self.operator.result
        tile = Tile(0, lines, pixels, one.form)
        row, column = (
            start + lines[0] * step + pixels[0] * stride
            for start, step, stride in zip(one.first, one.step, (0, one.stride), strict=True)
        )
        start, span = source.word(0, row, block, column), (tile.width - 1) * one.stride + 1
        step = one.step[0] * source.row_stride(block) + one.step[1]
        at = divmod(one.place + lines[0] * one.pitch + pixels[0], result.width)
        pitch = one.pitch if result.height == 1 or one.pitch % result.width else (
            one.pitch // result.width * result.row_stride(block)
        )  # fmt: skip
        operands = {Role.INPUT: _run(source.blocks[block].buffer, start, span, step, tile.height)}
        operands |= Constants(operator, self.config.rows).operands(self.constants, self.base, one.form, block)
        operands[Role.OUTPUT] = Range(
            result.blocks[block].buffer, result.word(0, at[0], block, at[1]), tile.width, pitch, tile.height
        )
        return Command(
            self.index, Mode.SUM, True, True, tile.height, tile.width, 0, 0,
            kernel_fields(*axes(replace(operator, strides=(1, one.stride))), tile, 1, operator),
            {"height": tile.height, "width": span, "row_stride": step, "block_stride": source.pitch(block)},
            scale_fields(operator), clamp_fields(operator, operator.forms[one.form]), operands,
        )  # fmt: skip


def _run(buffer: Buffer, start: int, span: int, step: int, count: int) -> Range:
    """Runs of words, or one where they follow each other."""
    return Range(buffer, start, count * span) if span == step else Range(buffer, start, span, step, count)


def _parts(one: Gathered, most: int) -> Iterator[tuple[Interval, Interval]]:
    """Some lines together, or where one has too many pixels parts of it."""
    width = min(one.pixels, most, WIDEST)
    height = min(max(1, most // width), WIDEST) if width == one.pixels else 1
    for lines in pieces(one.lines, height):
        for pixels in pieces(one.pixels, width):
            yield lines, pixels
