"""What the machine's address generators can express, decided on integer sets.

A read is given as the map from the elements that an operator names to [word, lane] of one stored tensor. One COMPUTE
goes through it if the map's steps are those that docs/isa.md and docs/machine.md give to a port:

- *window* (INPUT, KERNEL, BOUNDS): pixel (row, column) is word row*row_stride + column*k, columns k words apart;
  outside the bounds all lanes hold one value. Blocks are anywhere: they can be summed by several COMPUTEs, and engines
  on windows take one block at a time.
- *run* (RESIDUAL, OUTPUT): `count` runs of consecutive words, `stride` apart.
- *tiles* (WEIGHTS): runs of consecutive words, a run for each block; their order is that of the sum, or turned, that of
  the columns.

No port moves a value from one lane to another. A step is the difference of [word, lane] between an element and the
next one along an axis. If a set of steps has one member for every pixel axis, and no lane in it, the access is affine
in row and column, and that is all there is to check; if it has two members, there is no affine access, and the two
are the proof. An axis of pixels may be taken as rows and columns (197 tokens after the first as 14 x 14), because a
tile's rows need not be an image's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import islpy as isl

from controller.access.sets import SET, bounded, names, shifted
from spec.isa import WORDS, Opcode

if TYPE_CHECKING:
    from collections.abc import Iterator

Step = tuple[int, int]


@dataclass(frozen=True)
class Port:
    """How an operator names its operand.

    Parameters
    ----------
    kind
        `window`, `run` or `tiles`.
    wide
        Whether its window has more than one tap in some direction: then all pixels must be one access.
    stride
        Of the window, in columns.
    padded
        Whether the window has padding of its own that may not be zero.
    """

    kind: str
    wide: bool = False
    stride: int = 1
    padded: bool = False


def why_not(address: isl.Map, pixels: tuple[int, ...], port: Port) -> str | None:
    """Why a port cannot express an access to one stored tensor; None if it can.

    Raises
    ------
    UndecidedError
        If isl does not say within its bound.
    """
    reason = _affine(address, pixels, port)
    if reason is None or len(pixels) != 1 or port.wide:
        return reason
    rows = (pixels[0], pixels[0] + 1)
    return None if any(_affine(one, rows, port) is None for one in _as_rows(address, pixels[0])) else reason


def steps(address: isl.Map, axis: int) -> list[Step]:
    """All steps (words, lanes) along an axis, or two of them if there are more."""
    domain = address.domain()
    ahead = shifted(domain.dim(SET), axis).intersect_domain(domain).intersect_range(domain).apply_range(address)
    left = address.range_product(ahead).range().unwrap().deltas()
    found: list[Step] = []
    while not left.is_empty() and len(found) < 2:
        point = left.lexmin().sample_point()
        step = [point.get_coordinate_val(SET, place).to_python() for place in (0, 1)]
        found.append((step[0], step[1]))
        left = left.subtract(isl.Set(f"{{ [{step[0]}, {step[1]}] }}"))
    return found


def is_rectangle(elements: isl.Set, pixels: tuple[int, ...]) -> bool:
    """Whether all features of a set have the same pixels, and these are a rectangle."""
    features = elements
    for axis in pixels:
        features = features.eliminate(SET, axis, 1)
    for axis in pixels:
        low, high = (bound(axis).to_python() for bound in (elements.dim_min_val, elements.dim_max_val))
        index = ", ".join(names("o", elements.dim(SET)))
        features = features.intersect(isl.Set(f"{{ [{index}] : {low} <= o{axis} <= {high} }}"))
    return bool(features.is_equal(elements))


def _affine(address: isl.Map, pixels: tuple[int, ...], port: Port) -> str | None:
    with bounded():
        whole = is_rectangle(address.domain(), pixels)
    if not whole:
        return "its pixels are no rectangle"
    for place, axis in enumerate(pixels):
        with bounded():
            found = steps(address, axis)
        lanes = [lane for _, lane in found if lane]
        if lanes:
            return f"a step along axis {axis} is one of {abs(lanes[0])} lanes: pixels lie in lanes"
        if len(found) > 1:
            return f"steps along axis {axis} are {found[0][0]} words and {found[1][0]} words"
        last, alone = place == len(pixels) - 1, len(pixels) == 1
        for words, _ in found:
            reason = _too_far(words, port, column=last, row=not last or alone, axis=axis)
            if reason:
                return reason
    return None


def _too_far(words: int, port: Port, *, column: bool, row: bool, axis: int) -> str | None:
    """Why a step of so many words is none of columns, or of rows, whichever it may be."""
    if words < 0:
        return f"it steps back along axis {axis}, by {-words} words"
    if port.kind == "tiles":
        return None if words == 1 else f"words along axis {axis} are {words} apart: those of a tile follow each other"
    # A window whose own stride is too long for its field is split into COMPUTEs, whatever it reads.
    most_columns = 1 if port.kind == "run" else max(1, _largest("KERNEL", "stride_w") // port.stride)
    most_rows = _largest("OPERAND", "stride") if port.kind == "run" else _largest("BOUNDS", "row_stride")
    if (column and 1 <= words <= most_columns) or (row and words <= most_rows):
        return None
    return f"columns along axis {axis} are {words} words apart, not 1 to {most_columns}"


def _as_rows(address: isl.Map, axis: int) -> Iterator[isl.Map]:
    """The same access with a pixel axis split into rows and columns, in every way that leaves no remainder."""
    domain = address.domain()
    low, high = (bound(axis).to_python() for bound in (domain.dim_min_val, domain.dim_max_val))
    extent, rank = high - low + 1, domain.dim(SET)
    for width in (width for width in range(2, extent) if extent % width == 0):
        index = names("o", rank)
        split = [*index[:axis], "row", "column", *index[axis + 1 :]]
        index[axis] = f"{low} + {width}row + column"
        inside = f"0 <= row < {extent // width} and 0 <= column < {width}"
        yield isl.Map(f"{{ [{', '.join(split)}] -> [{', '.join(index)}] : {inside} }}").apply_range(address)


def _largest(opcode: str, field: str) -> int:
    """The largest value of an instruction's field."""
    [width] = [one.width for one in WORDS[Opcode[opcode]].fields if one.name == field]
    return int((1 << width) - 1)
