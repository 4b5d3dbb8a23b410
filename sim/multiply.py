"""Lanes of two words multiplied, each less its zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["multiply"]


def multiply(words: ArrayLike, others: ArrayLike, *, zero: int, other_zero: int) -> NDArray[np.int32]:
    """Totals of words, lane by lane.

    Examples
    --------
    >>> multiply([[-128, 5]], [[127, 3]], zero=127, other_zero=-128).tolist()
    [[-65025, -15982]]
    """
    left, right = np.asarray(words, np.int8).astype(np.int32), np.asarray(others, np.int8).astype(np.int32)
    return np.asarray((left - zero) * (right - other_zero), np.int32)
