"""Commands of an operator on the window engine: depthwise kernels, pooling, sums, moves."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from controller.choice import WIDEST
from controller.commands import Command, Range, input_range, output_range
from controller.constants import Constants
from controller.cost import post_cycles
from controller.fields import axes, clamp_fields, kernel_fields, scale_fields
from controller.geometry import Interval, Tile, tiles
from controller.layout import Buffer, Bytes, pack_taps
from spec.isa import LINE, LINE_ROWS, LINE_STRIDE, Mode, Role, TensorClass
from spec.timing import average_turn, border_words, further_cycles, lookup_words, region, slot_cycles

if TYPE_CHECKING:
    from controller.operators import Operator
    from spec.config import Config


class WindowTiler:
    """An operator on the window engine, ready to be cut; parameters as for `ArrayTiler`."""

    def __init__(self, operator: Operator, index: int, config: Config, constants: Buffer, base: int) -> None:
        self.operator, self.index, self.config = operator, index, config
        self.constants, self.base = constants, base
        self.outputs = len(operator.result.lanes)
        self.taps = operator.kernel[0] * operator.kernel[1]
        #: Commands of a tile of a block, one after the other, and the most pixels of a tile.
        self.rounds, self.most_pixels = 1, WIDEST * WIDEST

    @cached_property
    def small(self) -> bool:
        """Whether the window is one that the line buffer holds."""
        shape = zip(self.operator.kernel, self.operator.strides, self.operator.dilations, strict=True)
        return all(k <= self.config.line_kernel and s <= LINE_STRIDE and (d == 1 or k == 1) for k, s, d in shape)

    @cached_property
    def weights(self) -> Buffer | None:
        """Tap weights, if it has any."""
        if self.operator.mode is not Mode.DEPTHWISE:
            return None
        return Buffer(f"{self.operator.name} weights", TensorClass.WEIGHTS, self.outputs * self.taps)

    def words(self) -> Bytes | None:
        """The weights' words."""
        if self.operator.weights is None or self.weights is None:
            return None
        return pack_taps(self.operator.weights, self.operator.result.lanes, self.config.rows)

    def tiles(self, step: Interval) -> list[Tile]:
        """The tiles of one block of channels."""
        result = self.operator.result
        return tiles(result.batch, (result.height, result.width), step, self.operator.which)

    def commands(self, step: Interval) -> list[Command]:
        """All commands in order: tile by tile, block by block."""
        return [self._command(tile, block) for tile in self.tiles(step) for block in range(self.outputs)]

    def lines(self, tile: Tile) -> bool:
        """Whether a tile goes through the line buffer: if it fits there, and takes no longer than tap by tap."""
        size = self._region(tile)
        if size is None:
            return False
        cycles = size[0] * size[1] * slot_cycles(self.config, *self.operator.kernel)
        return cycles + tile.pixels * further_cycles(self.config, *self.operator.kernel) <= tile.pixels * self.taps

    def cycles(self, tile: Tile) -> int:
        """Cycles of the command of a tile, of any block."""
        operator, size = self.operator, self._region(tile)
        slots, cycles, turn = tile.pixels * self.taps, 1, 0
        words = {Mode.DEPTHWISE: self.taps, Mode.AVERAGE: LINE * border_words(self.config)}
        if operator.mode_of(tile.form) is Mode.AVERAGE:
            cycles, turn = self.config.rows, average_turn(self.config)
        elif size is not None and self.lines(tile):
            slots, cycles = size[0] * size[1], slot_cycles(self.config, *operator.kernel)
            turn = further_cycles(self.config, *operator.kernel)
        return post_cycles(
            slots, slot_cycles=cycles,
            addends=tile.pixels * (turn + (operator.residual is not None or operator.other is not None)),
            tap_words=words.get(operator.mode_of(tile.form), 0),
            table_words=lookup_words(self.config) if operator.looks_up else 0,
        )  # fmt: skip

    def _region(self, tile: Tile) -> Interval | None:
        """Rows and columns of inputs that the line buffer would take for a tile, if it can."""
        kernel, strides = self.operator.kernel, self.operator.strides
        rows, columns = region(tile.height, kernel[0], strides[0]), region(tile.width, kernel[1], strides[1])
        holds = self.small and self.operator.mode_of(tile.form) in {Mode.DEPTHWISE, Mode.SUM, Mode.MAX}
        holds = holds and rows <= LINE_ROWS and 2 <= columns <= self.config.line_columns
        return (rows, columns) if holds else None

    def operands(self, tile: Tile, block: int) -> dict[Role, Range]:
        """What the command of a tile of a block names."""
        operator = self.operator
        vertical, horizontal = axes(operator)
        rows, columns = vertical.reach(tile.rows)[0], horizontal.reach(tile.columns)[0]
        found = {Role.INPUT: input_range(operator.source, tile.image, rows, columns, (block, block + 1))}
        if self.weights is not None:
            found[Role.WEIGHTS] = Range(self.weights, block * self.taps, self.taps)
        found |= Constants(operator, self.config.rows).operands(self.constants, self.base, tile.form, block)
        second = operator.residual.view if operator.residual else operator.other
        if second is not None:
            found[Role.RESIDUAL] = output_range(second, tile.image, tile.rows, tile.columns, block)
        found[Role.OUTPUT] = output_range(operator.result, tile.image, tile.rows, tile.columns, block)
        return found

    def _command(self, tile: Tile, block: int) -> Command:
        operator = self.operator
        vertical, horizontal = axes(operator)
        (low, high), y = vertical.reach(tile.rows)
        (left, right), x = horizontal.reach(tile.columns)
        return Command(
            self.index, operator.mode_of(tile.form), True, True, tile.height, tile.width, y, x,
            kernel_fields(vertical, horizontal, tile, 1, operator),
            {
                "height": high - low, "width": right - left, "row_stride": operator.source.row_stride(block),
                "block_stride": operator.source.pitch(block),
            },
            scale_fields(operator), clamp_fields(operator, operator.forms[tile.form]),
            self.operands(tile, block), self.lines(tile),
        )  # fmt: skip
