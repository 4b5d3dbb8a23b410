"""Commands of softmax and normalization: blocks of channels are measured, then normalized, tile by tile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.commands import Command, Range, input_range, output_range
from controller.constants import Constants
from controller.cost import statistic_cycles
from controller.fields import axes, clamp_fields, kernel_fields, scale_fields
from controller.geometry import Interval, Tile, tiles
from spec.isa import Mode, Role, Statistic

if TYPE_CHECKING:
    from controller.layout import Buffer, Bytes
    from controller.operators import Operator
    from spec.config import Config


class StatisticTiler:
    """An operator on all channels of each pixel, ready to be cut; members and parameters as for `WindowTiler`.

    A tile has no more pixels than the engine has places for what it knows of each.
    """

    small, taps = False, 1

    def __init__(self, operator: Operator, index: int, config: Config, constants: Buffer, base: int) -> None:
        assert operator.statistic is not None
        self.operator, self.index, self.config = operator, index, config
        self.constants, self.base = constants, base
        self.outputs, self.most_pixels = len(operator.result.lanes), config.half_rows
        last = operator.statistic
        #: What is measured, one after the other.
        self.kinds = [Statistic.LARGEST, last] if last is Statistic.EXPONENTIALS else [last]
        self.rounds = len(self.kinds) + 1

    @property
    def weights(self) -> Buffer | None:
        """None: its table lies with the constants."""
        return None

    def words(self) -> Bytes | None:
        """None, as there are no weights."""
        return None

    def tiles(self, step: Interval) -> list[Tile]:
        """The tiles of one block of channels."""
        result = self.operator.result
        return tiles(result.batch, (result.height, result.width), step, None)

    def commands(self, step: Interval) -> list[Command]:
        """All commands in order: of each tile every block for each statistic, then every block to be written."""
        return [command for tile in self.tiles(step) for command in self._tile(tile)]

    def _tile(self, tile: Tile) -> list[Command]:
        blocks = range(self.outputs)
        measures = [self._measure(tile, block, kind) for kind in self.kinds for block in blocks]
        return measures + [self._normalize(tile, block) for block in blocks]

    def cycles(self, tile: Tile) -> int:
        """Cycles of all commands of a tile, for each block."""
        total = sum(statistic_cycles(self.config, command) for command in self._tile(tile))
        return -(-total // self.outputs)

    def operands(self, tile: Tile, block: int) -> dict[Role, Range]:
        """What the command names that writes a block of a tile: all that others name too."""
        operator = self.operator
        found = {Role.INPUT: self._input(tile, block)}
        found |= Constants(operator, self.config.rows).operands(self.constants, self.base, 0, block)
        if operator.residual is not None:
            found[Role.RESIDUAL] = output_range(operator.residual.view, tile.image, tile.rows, tile.columns, block)
        found[Role.OUTPUT] = output_range(operator.result, tile.image, tile.rows, tile.columns, block)
        return found

    def _closes(self, kind: Statistic, block: int) -> bool:
        return kind is self.kinds[-1] and block == self.outputs - 1

    def _weighs(self, kind: Statistic, block: int) -> bool:
        """Whether measuring a block takes the table: each exponential is an entry, moments need it for the factor."""
        return kind is Statistic.EXPONENTIALS or self._closes(kind, block)

    def _input(self, tile: Tile, block: int) -> Range:
        return input_range(self.operator.source, tile.image, tile.rows, tile.columns, (block, block + 1))

    def _measure(self, tile: Tile, block: int, kind: Statistic) -> Command:
        operator, rows = self.operator, self.config.rows
        operands = {Role.INPUT: self._input(tile, block)}
        if self._weighs(kind, block):
            constants = Constants(operator, rows).operands(self.constants, self.base, 0, block)
            operands[Role.WEIGHTS] = constants[Role.WEIGHTS]
        count = len(operator.source.lanes[block])
        return Command(
            self.index, Mode.MEASURE, not block, False, tile.height, tile.width, 0, 0,
            {**self._kernel(tile), **({"lanes": count} if count < rows else {})}, self._bounds(tile, block), None, None,
            operands, statistic=kind, closing=self._closes(kind, block),
        )  # fmt: skip

    def _normalize(self, tile: Tile, block: int) -> Command:
        operator = self.operator
        return Command(
            self.index, Mode.NORMALIZE, True, True, tile.height, tile.width, 0, 0, self._kernel(tile),
            self._bounds(tile, block), scale_fields(operator), clamp_fields(operator, operator.forms[0]),
            self.operands(tile, block), statistic=operator.statistic,
        )  # fmt: skip

    def _kernel(self, tile: Tile) -> dict[str, int]:
        return kernel_fields(*axes(self.operator), tile, 1, self.operator)

    def _bounds(self, tile: Tile, block: int) -> dict[str, int]:
        source = self.operator.source
        return {
            "height": tile.height, "width": tile.width, "row_stride": source.row_stride(block),
            "block_stride": source.pitch(block),
        }  # fmt: skip
