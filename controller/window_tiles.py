"""Commands of an operator on the window engine: depthwise kernels, pooling, sums, moves."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from controller.commands import Command, Range, input_range, output_range
from controller.constants import Constants
from controller.fields import axes, clamp_fields, kernel_fields, scale_fields
from controller.geometry import Interval, Tile, tiles
from controller.layout import Buffer, Bytes, pack_taps
from spec.isa import Mode, Role, TensorClass

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

    def operands(self, tile: Tile, block: int) -> dict[Role, Range]:
        """What the command of a tile of a block names."""
        operator = self.operator
        vertical, horizontal = axes(operator)
        rows, columns = vertical.reach(tile.rows)[0], horizontal.reach(tile.columns)[0]
        found = {Role.INPUT: input_range(operator.source, tile.image, rows, columns, (block, block + 1))}
        if self.weights is not None:
            found[Role.WEIGHTS] = Range(self.weights, block * self.taps, self.taps)
        found |= Constants(operator, self.config.rows).operands(self.constants, self.base, tile.form, block)
        if operator.residual is not None:
            found[Role.RESIDUAL] = output_range(operator.residual.view, tile.image, tile.rows, tile.columns, block)
        found[Role.OUTPUT] = output_range(operator.result, tile.image, tile.rows, tile.columns, block)
        return found

    def _command(self, tile: Tile, block: int) -> Command:
        operator = self.operator
        vertical, horizontal = axes(operator)
        (low, high), y = vertical.reach(tile.rows)
        (left, right), x = horizontal.reach(tile.columns)
        return Command(
            self.index, operator.mode, True, True, tile.height, tile.width, y, x,
            kernel_fields(vertical, horizontal, tile, 1, operator.pad),
            {
                "height": high - low, "width": right - left, "row_stride": operator.source.row_stride,
                "block_stride": operator.source.width,
            },
            scale_fields(operator), clamp_fields(operator, operator.forms[tile.form]),
            self.operands(tile, block),
        )  # fmt: skip
