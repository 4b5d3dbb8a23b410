"""Commands of an operator on the systolic array, for one choice of tiles, order and pieces of its reduction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from controller.commands import Command, Range, count_pages, input_range, output_range
from controller.constants import Constants
from controller.fields import axes, clamp_fields, kernel_fields, scale_fields
from controller.geometry import Interval, Tile, pieces, tiles
from controller.layout import Buffer, Bytes, pack_tiles, positions, spread_weights
from controller.products import product_runs, tiles_range
from spec.isa import Mode, Role, TensorClass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from controller.operators import Operator
    from spec.config import Config


@dataclass(frozen=True)
class Piece:
    """A box of a reduction that one COMPUTE sums: kernel rows, kernel columns, channel blocks."""

    rows: Interval
    columns: Interval
    blocks: Interval

    @property
    def passes(self) -> int:
        """Weight tiles."""
        return prod(end - first for first, end in (self.rows, self.columns, self.blocks))


@dataclass(frozen=True)
class Cut:
    """What is chosen for an array operator.

    Parameters
    ----------
    height, width
        Of a tile of outputs.
    parts
        Kernel rows, kernel columns and channel blocks of a piece.
    group
        Output blocks that are computed tile by tile before the next ones begin.
    """

    height: int
    width: int
    parts: tuple[int, int, int]
    group: int


class ArrayTiler:
    """An operator on the array, ready to be cut.

    Parameters
    ----------
    operator, index
        The operator and its number in the program.
    config
        The machine.
    constants, base
        Where its table of constants begins.
    """

    def __init__(self, operator: Operator, index: int, config: Config, constants: Buffer, base: int) -> None:
        self.operator, self.index, self.config = operator, index, config
        self.constants, self.base = constants, base
        self.outputs = len(operator.result.lanes)
        self.blocks = [self._blocks(output) for output in range(self.outputs)]

    def _blocks(self, output: int) -> Interval:
        """Input blocks that a block of outputs needs: those of its groups."""
        operator = self.operator
        if operator.other is not None:
            return 0, len(operator.source.blocks)
        written, read = self._positions
        groups = np.flatnonzero(written == output) // (len(written) // operator.groups)
        needed = read[np.isin(np.arange(len(read)) // (len(read) // operator.groups), groups)]
        return int(needed.min()), int(needed.max()) + 1

    @cached_property
    def _positions(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The blocks that outputs and inputs lie in, channel by channel."""
        operator, rows = self.operator, self.config.rows
        return positions(operator.result.lanes, rows) // rows, positions(operator.source.lanes, rows) // rows

    @cached_property
    def runs(self) -> list[list[Interval]]:
        """For each block of outputs the input blocks that it needs, in pieces that one COMPUTE can take."""
        runs = self.operator.source.runs if self.operator.other is None else product_runs(self.operator)
        return [
            [(max(first, low), min(end, high)) for low, high in runs if low < end and first < high]
            for first, end in self.blocks
        ]

    def pieces(self, cut: Cut, output: int) -> list[Piece]:
        """The pieces of a block of outputs, in order: channel blocks outermost, so that rows are read once."""
        return [
            Piece(rows, columns, (first + low, first + high))
            for first, end in self.runs[output]
            for low, high in pieces(end - first, cut.parts[2])
            for rows in pieces(self.operator.kernel[0], cut.parts[0])
            for columns in pieces(self.operator.kernel[1], cut.parts[1])
        ]

    def tiles(self, cut: Cut) -> list[Tile]:
        """The tiles of one block of outputs."""
        result = self.operator.result
        return tiles(result.batch, (result.height, result.width), (cut.height, cut.width), None)

    def input(self, tile: Tile, piece: Piece) -> Range:
        """The words that a tile reads for a piece."""
        vertical, horizontal = axes(self.operator, piece.rows, piece.columns)
        rows, columns = vertical.reach(tile.rows)[0], horizontal.reach(tile.columns)[0]
        return input_range(self.operator.source, tile.image, rows, columns, piece.blocks)

    def output(self, tile: Tile, output: int) -> Range:
        """The words that a tile of a block writes."""
        return output_range(self.operator.result, tile.image, tile.rows, tile.columns, output)

    def residual(self, tile: Tile, output: int) -> Range | None:
        """The words of the second operand."""
        if self.operator.residual is None:
            return None
        return output_range(self.operator.residual.view, tile.image, tile.rows, tile.columns, output)

    def filters(self, tile: Tile, output: int, piece: Piece, offset: int) -> Range:
        """The weight tiles of a piece, which begin at a word of all weights: those of a product are the other map's."""
        if self.weights is None:
            return tiles_range(self.operator, tile.image, output, piece.blocks, self.config.rows)
        return Range(self.weights, offset, piece.passes * self.config.rows)

    @cached_property
    def weights(self) -> Buffer | None:
        """All weight tiles; a product has none of its own."""
        if self.operator.weights is None:
            return None
        kernel = self.operator.kernel[0] * self.operator.kernel[1]
        count = sum(end - first for first, end in self.blocks) * kernel
        return Buffer(f"{self.operator.name} weights", TensorClass.WEIGHTS, count * self.config.rows)

    @property
    def all_pages(self) -> int:
        """Pages that hold the weights of all commands."""
        other = self.operator.other
        buffers = [self.weights] if other is None else other.buffers
        return sum(buffer.pages(self.config.page_words) for buffer in buffers if buffer)

    def most_pages(self, cut: Cut, passes: int) -> int:
        """Pages of the weights of a command of so many passes, which is the most: about, less the first."""
        if self.weights is not None or not self.operator.turned:
            return (passes * self.config.rows - 1) // self.config.page_words
        tile = self.tiles(cut)[0]
        return max(
            count_pages([self.filters(tile, 0, piece, 0)], self.config.page_words) - 1 for piece in self.pieces(cut, 0)
        )

    def words(self, cut: Cut) -> Bytes | None:
        """The weights' words, piece after piece, output block after output block."""
        operator, rows = self.operator, self.config.rows
        if operator.weights is None:
            return None
        spread = spread_weights(operator.weights, operator.groups, operator.source, operator.result, rows)
        return np.concatenate([
            pack_tiles(
                spread[
                    output * rows : (output + 1) * rows,
                    piece.blocks[0] * rows : piece.blocks[1] * rows,
                    slice(*piece.rows),
                    slice(*piece.columns),
                ],
                rows,
            )
            for output in range(self.outputs)
            for piece in self.pieces(cut, output)
        ])

    def commands(self, cut: Cut) -> list[Command]:
        """All commands in order."""
        found: list[Command] = []
        offsets = self._offsets(cut)
        for group in pieces(self.outputs, cut.group):
            for tile in self.tiles(cut):
                for output in range(*group):
                    several = self.pieces(cut, output)
                    for number, piece in enumerate(several):
                        last = number == len(several) - 1
                        found.append(self._command(tile, output, piece, offsets[output][number], not number, last))
        return found

    def _offsets(self, cut: Cut) -> list[list[int]]:
        offsets: list[list[int]] = []
        at = 0
        for output in range(self.outputs):
            offsets.append([])
            for piece in self.pieces(cut, output):
                offsets[-1].append(at)
                at += piece.passes * self.config.rows
        return offsets

    def _command(self, tile: Tile, output: int, piece: Piece, offset: int, first: bool, last: bool) -> Command:
        operator = self.operator
        vertical, horizontal = axes(operator, piece.rows, piece.columns)
        (low, high), y = vertical.reach(tile.rows)
        (left, right), x = horizontal.reach(tile.columns)
        operands = {
            Role.INPUT: self.input(tile, piece),
            Role.WEIGHTS: self.filters(tile, output, piece, offset),
        }
        if last:
            operands |= Constants(operator, self.config.rows).operands(self.constants, self.base, 0, output)
            residual = self.residual(tile, output)
            if residual is not None:
                operands[Role.RESIDUAL] = residual
            operands[Role.OUTPUT] = self.output(tile, output)
        blocks = piece.blocks[1] - piece.blocks[0]
        source = operator.source
        return Command(
            self.index, Mode.ARRAY, first, last, tile.height, tile.width, y, x,
            kernel_fields(vertical, horizontal, tile, blocks, operator),
            {
                "height": high - low, "width": right - left, "row_stride": source.row_stride(piece.blocks[0]),
                "block_stride": source.pitch(piece.blocks[0]),
            },
            scale_fields(operator) if last else None,
            clamp_fields(operator, operator.forms[0]) if last else None,
            operands, turned=operator.turned,
        )  # fmt: skip
