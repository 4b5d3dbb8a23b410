"""COMPUTE commands before slots and registers: what each does, and which words it names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from spec.isa import Mode, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from controller.layout import Buffer, View
    from spec.isa import Statistic


@dataclass(frozen=True)
class Range:
    """Runs of words of a buffer: `count` runs of `run` words, `stride` apart, from word `offset`."""

    buffer: Buffer
    offset: int
    run: int
    stride: int = 0
    count: int = 1

    @property
    def end(self) -> int:
        """The word after its last."""
        return self.offset + (self.count - 1) * self.stride + self.run

    def pages(self, page_words: int) -> list[tuple[int, int]]:
        """The pages that it touches, as disjoint intervals (first, end) in ascending order."""
        intervals: list[tuple[int, int]] = []
        for index in range(self.count):
            start = self.offset + index * self.stride
            first, end = start // page_words, (start + self.run - 1) // page_words + 1
            if intervals and first <= intervals[-1][1]:
                intervals[-1] = intervals[-1][0], max(end, intervals[-1][1])
            else:
                intervals.append((first, end))
        return intervals


@dataclass(frozen=True, eq=False)
class Command:
    """One COMPUTE.

    `kernel`, `bounds`, `scale` and `clamp` are the fields of the registers of those names; `scale` and `clamp` are
    None where the sums are not complete. `y`, `x`, `lines`, `turned`, `statistic` and `closing` are those of COMPUTE.
    """

    operator: int
    mode: Mode
    first: bool
    last: bool
    height: int
    width: int
    y: int
    x: int
    kernel: Mapping[str, int]
    bounds: Mapping[str, int]
    scale: Mapping[str, int] | None
    clamp: Mapping[str, int] | None
    operands: Mapping[Role, Range]
    lines: bool = False
    turned: bool = False
    statistic: Statistic | None = None
    closing: bool = False

    @property
    def residual(self) -> bool:
        """Whether it has a second operand."""
        return Role.RESIDUAL in self.operands

    @property
    def adds(self) -> bool:
        """Whether it adds that, rather than to multiply by it."""
        return self.residual and self.mode is not Mode.MULTIPLY

    @property
    def looks_up(self) -> bool:
        """Whether it replaces its result's bytes by a table's."""
        return Role.TABLE in self.operands

    @cached_property
    def spans(self) -> dict[Buffer, tuple[int, int]]:
        """For each buffer the words (first, end) between which its operands lie."""
        spans: dict[Buffer, tuple[int, int]] = {}
        for operand in self.operands.values():
            low, high = spans.get(operand.buffer, (operand.offset, operand.end))
            spans[operand.buffer] = min(low, operand.offset), max(high, operand.end)
        return spans


def count_pages(ranges: Iterable[Range], page_words: int) -> int:
    """Different pages that ranges touch together."""
    by_buffer: dict[Buffer, list[Range]] = {}
    for one in ranges:
        by_buffer.setdefault(one.buffer, []).append(one)
    total = 0
    for some in by_buffer.values():
        end = 0
        for low, high in sorted(interval for one in some for interval in one.pages(page_words)):
            total += max(0, high - max(low, end))
            end = max(end, high)
    return total


def output_range(view: View, image: int, rows: tuple[int, int], columns: tuple[int, int], block: int) -> Range:
    """The words of a tile of one block of a view: a run for each row."""
    return Range(
        view.blocks[block].buffer, view.word(image, rows[0], block, columns[0]), columns[1] - columns[0],
        view.row_stride(block), rows[1] - rows[0],
    )  # fmt: skip


def input_range(
    view: View, image: int, rows: tuple[int, int], columns: tuple[int, int], blocks: tuple[int, int]
) -> Range:
    """Words that hold a tile of some blocks of a view, in one of its runs; the first is the tile's first pixel.

    Where neither columns nor blocks can be told apart by one stride, the runs take the columns between as well.
    """
    height, width, count = rows[1] - rows[0], columns[1] - columns[0], blocks[1] - blocks[0]
    start, first = view.word(image, rows[0], blocks[0], columns[0]), view.blocks[blocks[0]]
    row_stride = view.row_stride(blocks[0])
    if count == 1:
        if width == row_stride:
            return Range(first.buffer, start, height * width)
        return Range(first.buffer, start, width, row_stride, height)
    pitch = view.pitch(blocks[0])
    run = (count - 1) * pitch + width
    if run == row_stride:
        return Range(first.buffer, start, height * run)
    if count == first.count and width * 2 < pitch and height * count < 4096:
        return Range(first.buffer, start, width, pitch, height * count)
    return Range(first.buffer, start, run, row_stride, height)
