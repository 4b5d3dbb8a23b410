"""Tiles of random operators: their kernels, the order in which they come, what each names of its tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from spec.isa import LINE_STRIDE, PIXELWISE, Mode, Role

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from spec.config import Config
    from tb.tensors import Tensor

__all__ = ["LINED", "Part", "Tiler", "span", "those_of"]

#: Modes that go through the line buffer.
LINED = (Mode.DEPTHWISE, Mode.SUM, Mode.MAX)

#: offset, run, stride, count of an operand.
Range = tuple[int, int, int, int]


def those_of(config: Config, modes: Sequence[Mode]) -> list[Mode]:
    """The modes that a machine has."""
    return [mode for mode in modes if not config.omit_tokens or mode not in PIXELWISE]


class Part(NamedTuple):
    """A COMPUTE of a tile: its operands, BOUNDS, its own fields of COMPUTE, channel blocks, lanes that count."""

    operands: dict[Role, tuple[Tensor, Range]]
    bounds: dict[str, int]
    shape: dict[str, int]
    blocks: int
    lanes: int = 0


def span(first: int, count: int, step: int, reach: int, size: int) -> tuple[int, int, int]:
    """What a tile needs of ``size`` input rows or columns: the first, their number, its first tap.

    The tile's outputs start at input ``first``, ``step`` apart, and reach over ``reach`` inputs each. The tap is
    counted from the first needed input; at least one is needed, even if all is padding.
    """
    low = min(max(first, 0), size - 1)
    high = min(max(first + (count - 1) * step + reach - 1, 0), size - 1)
    return low, high - low + 1, first - low


class Tiler:
    """Draws kernels and tiles that a machine can run.

    Parameters
    ----------
    config
        The machine.
    rng
        Where all choices come from.
    """

    def __init__(self, config: Config, rng: random.Random) -> None:
        self.config, self.rng = config, rng

    def kernel(self, source: Tensor, mode: Mode) -> dict[str, int]:
        """A kernel with at least one output, its strides, its padding."""
        rng = self.rng
        most = self.config.window_taps if mode is Mode.DEPTHWISE else 25
        # Some that the line buffer holds, where a window engine has a choice.
        small = mode is not Mode.ARRAY and rng.random() < 0.6
        sides = range(3, self.config.line_kernel + 1) if small and rng.random() < 0.5 else (1, 1, 2, 3, 3)
        while True:
            k = {}
            for axis, size in (("h", source.height), ("w", source.width)):
                kernel = 1 if mode in PIXELWISE else rng.choice(sides if small else (1, 1, 2, 3, 3, 4))
                stride = rng.choice((1, 1, 2, 2 if small else 3))
                dilation = rng.choice((1, 1, 1 if small else 2))
                before, after = rng.randint(0, kernel), rng.randint(0, kernel)
                reach = (kernel - 1) * dilation + 1
                out = (size + before + after - reach) // stride + 1
                k |= {f"kernel_{axis}": kernel, f"stride_{axis}": stride, f"dilation_{axis}": dilation,
                      f"reach_{axis}": reach, f"before_{axis}": before,
                      "out_height" if axis == "h" else "out_width": out}  # fmt: skip
            if k["out_height"] > 0 and k["out_width"] > 0 and k["kernel_h"] * k["kernel_w"] <= most:
                return k

    def walk(self, height: int, blocks: int, width: int, mode: Mode) -> list[tuple[range, int, range]]:
        """The tiles of an output: bands of rows, blocks, ranges of columns, in a random order of loops."""
        rng = self.rng
        most = self.config.half_rows if mode in (Mode.ARRAY, Mode.NORMALIZE) else 200
        columns = rng.choice((width, width, rng.randint(1, width)))
        columns = min(columns, most)
        rows = max(1, min(most // columns, rng.choice((height, rng.randint(1, height), 2))))
        bands = [range(y, min(y + rows, height)) for y in range(0, height, rows)]
        ranges = [range(x, min(x + columns, width)) for x in range(0, width, columns)]
        tiles = [(band, block, column) for band in bands for block in range(blocks) for column in ranges]
        if rng.random() < 0.3:
            tiles.sort(key=lambda tile: (tile[1], tile[0].start, tile[2].start))
        elif rng.random() < 0.3:
            rng.shuffle(tiles)
        return tiles

    def tile(
        self, mode: Mode, k: dict[str, int], source: Tensor, weights: Tensor | None, constants: Tensor,
        addend: Tensor | None, target: Tensor, table: Tensor | None, band: range, block: int, columns: range,
    ) -> list[Part]:  # fmt: skip
        """The COMPUTEs of one tile: one, or on the array a chain over channel blocks."""
        rng = self.rng
        taps = k["kernel_h"] * k["kernel_w"]
        out = ((band.start * target.blocks + block) * target.width + columns.start, len(columns),
               target.blocks * target.width, len(band))  # fmt: skip
        blocks = [range(block, block + 1)]
        if mode is Mode.ARRAY:
            size = rng.choice((source.blocks, source.blocks, 1))
            blocks = [range(b, min(b + size, source.blocks)) for b in range(0, source.blocks, size)]
        parts = []
        for part in blocks:
            source_range, bounds, origin = self._input(k, source, part, band, columns)
            operands: dict[Role, tuple[Tensor, Range]] = {Role.INPUT: (source, source_range)}
            if mode is Mode.ARRAY:
                assert weights is not None
                at = (block * source.blocks + part.start) * taps * self.config.rows
                operands[Role.WEIGHTS] = weights, self._weights(weights, at, taps * len(part))
            elif mode is Mode.DEPTHWISE:
                assert weights is not None
                operands[Role.WEIGHTS] = weights, (block * taps, taps, 0, 1)
            elif mode is Mode.AVERAGE:
                assert weights is not None
                operands[Role.WEIGHTS] = weights, (0, weights.words, 0, 1)
            if part is blocks[-1]:
                operands[Role.CONSTANTS] = constants, (block * 8, 8, 0, 1)
                if addend is not None:
                    operands[Role.RESIDUAL] = addend, out
                operands[Role.OUTPUT] = target, out
                if table is not None:
                    operands[Role.TABLE] = table, (0, table.words, 0, 1)
            shape = {"height": len(band), "width": len(columns), **origin}
            parts.append(Part(operands, bounds, shape, len(part)))
        return parts

    def _weights(self, weights: Tensor, at: int, passes: int) -> Range:
        """Tiles for so many passes, often in several runs: from ``at`` on, or from anywhere in a feature map."""
        rng, rows = self.rng, self.config.rows
        if weights.height:
            at = rng.randint(0, weights.words - rows)
        # With fewer tiles than the walk has passes the walk is left early.
        tiles = passes if rng.random() < 0.9 else rng.randint(1, passes)
        room = (weights.words - at) // rows
        each = tiles if tiles <= room and rng.random() < 0.6 else rng.randint(1, min(tiles, room))
        count = tiles // each
        if count == 1:
            return at, each * rows, 0, 1
        furthest = (weights.words - at - each * rows) // (count - 1)
        stride = min(furthest, rng.choice((each * rows, each * rows + rng.randint(1, rows), rng.randint(0, furthest))))
        return at, each * rows, stride, count

    def lines(self, mode: Mode, k: dict[str, int], part: Part) -> bool:
        """Whether the tile goes through the line buffer: mostly if it may."""
        columns = (part.shape["width"] - 1) * k["stride_w"] + k["kernel_w"]
        small = all(
            k[f"kernel_{axis}"] <= self.config.line_kernel and k[f"stride_{axis}"] <= LINE_STRIDE
            and k[f"dilation_{axis}"] == 1 for axis in "hw"
        )
        holds = mode in LINED and small and 2 <= columns <= self.config.line_columns
        return holds and self.rng.random() < 0.8

    def fits(self, operands: dict[Role, tuple[Tensor, Range]]) -> bool:
        """Whether all pages of a COMPUTE fit into the scratchpad together."""
        words, pages = self.config.page_words, set()
        for tensor, (offset, run, stride, count) in operands.values():
            for i in range(count):
                first = offset + i * stride
                pages |= {tensor.page + p for p in range(first // words, (first + run - 1) // words + 1)}
        return len(pages) <= self.config.frames

    def _input(
        self, k: dict[str, int], source: Tensor, part: range, band: range, columns: range
    ) -> tuple[Range, dict[str, int], dict[str, int]]:
        """The input operand of a tile, its bounds, and where the tile's first tap lies."""
        row = source.blocks * source.width
        low, rows, y = span(band.start * k["stride_h"] - k["before_h"], len(band), k["stride_h"], k["reach_h"],
                            source.height)  # fmt: skip
        left, wide, x = span(columns.start * k["stride_w"] - k["before_w"], len(columns), k["stride_w"], k["reach_w"],
                             source.width)  # fmt: skip
        if len(part) > 1 or self.rng.random() < 0.5:
            # Whole rows of the channel blocks, whatever the tile's columns are.
            x, left, wide = x + left, 0, source.width
        offset = low * row + part.start * source.width + left
        run = (len(part) - 1) * source.width + wide
        operand = (offset, run, row, rows)
        if run == row and self.rng.random() < 0.5:
            operand = (offset, run * rows, 0, 1)
        bounds = {"height": rows, "width": wide, "row_stride": row, "block_stride": source.width}
        return operand, bounds, {"y": y, "x": x}
