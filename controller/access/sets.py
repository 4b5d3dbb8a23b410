"""Boxes of indices, and maps between them, as integer sets.

isl (Verdoolaege, "isl: an integer set library for the polyhedral model", ICMS 2010) computes with sets of integer
vectors that affine constraints describe, floor and remainder included, exactly.
"""

from __future__ import annotations

from contextlib import contextmanager
from math import prod
from typing import TYPE_CHECKING

import islpy as isl
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

Shape = tuple[int, ...]
SET = isl.dim_type.set


#: Steps of isl after which a question is left open: each of the papers' networks needs fewer for each of its accesses.
MOST_STEPS = 50_000


#: What is said then.
UNDECIDED = "its access is so entangled that isl leaves open whether a port can express it"


class UndecidedError(Exception):
    """isl has not answered in so many steps."""


@contextmanager
def bounded() -> Iterator[None]:
    """Leave a question open that takes too long; the number of steps is the same on every computer.

    Raises
    ------
    UndecidedError
        If it is left open.
    """
    context = isl.DEFAULT_CONTEXT
    context.reset_operations()
    context.set_max_operations(MOST_STEPS)
    try:
        yield
    except isl.Error:
        if _spent():
            raise UndecidedError from None
        raise
    finally:
        context.set_max_operations(0)
        context.reset_operations()


def _spent() -> bool:
    """Whether no step is left, whatever the error says that comes of it."""
    try:
        isl.Set("{ [0] }")
    except isl.Error:
        return True
    return False


def names(letter: str, rank: int) -> list[str]:
    """The indices of a tensor of some rank.

    >>> names("o", 2)
    ['o0', 'o1']
    """
    return [f"{letter}{axis}" for axis in range(rank)]


def inside(letter: str, shape: Shape) -> list[str]:
    """Constraints that keep indices within a shape."""
    return [f"0 <= {name} < {size}" for name, size in zip(names(letter, len(shape)), shape, strict=True)]


def box(shape: Shape) -> isl.Set:
    """All elements of a tensor."""
    return isl.Set(f"{{ [{', '.join(names('o', len(shape)))}] : {_all(inside('o', shape))} }}")


def relation(result: Shape, source: Shape, constraints: Iterable[str], extra: Sequence[str] = ()) -> isl.Map:
    """Elements o of a result and elements i of its source that satisfy constraints; `extra` are other integers."""
    said = _all([*inside("o", result), *inside("i", source), *constraints])
    some = f"exists {', '.join(extra)} : {said}" if extra else said
    ends = (", ".join(names(letter, len(shape))) for letter, shape in (("o", result), ("i", source)))
    return isl.Map(f"{{ [{']->['.join(ends)}] : {some} }}")


def position(letter: str, shape: Shape) -> str:
    """Where an element comes when the last index runs fastest.

    >>> position("i", (2, 3, 4))
    '12i0 + 4i1 + 1i2'
    """
    strides = [prod(shape[axis + 1 :]) for axis in range(len(shape))]
    terms = [f"{stride}{name}" for stride, name in zip(strides, names(letter, len(shape)), strict=True)]
    return " + ".join(terms) or "0"


def elements(access: isl.Map) -> NDArray[np.int64]:
    """All pairs of a map, a row for each: the indices of the result, then those of the source."""
    found: list[list[int]] = []
    pairs = access.wrap().flatten()
    rank = pairs.dim(SET)

    def take(point: isl.Point) -> None:
        found.append([point.get_coordinate_val(SET, axis).to_python() for axis in range(rank)])

    pairs.foreach_point(take)
    return np.array(found, np.int64).reshape(len(found), rank)


def shifted(rank: int, axis: int) -> isl.Map:
    """From every index to the next one along an axis."""
    before, after = names("a", rank), names("b", rank)
    said = [f"{b} = {a} + {int(place == axis)}" for place, (a, b) in enumerate(zip(before, after, strict=True))]
    return isl.Map(f"{{ [{', '.join(before)}] -> [{', '.join(after)}] : {_all(said)} }}")


def _all(constraints: Iterable[str]) -> str:
    return " and ".join(constraints) or "true"
