"""Numbers of lanes times their pixel's factor, two bits of its mantissa a cycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["normalize"]


def normalize(numbers: ArrayLike, mantissas: ArrayLike, shifts: ArrayLike) -> NDArray[np.int32]:
    """Totals of lanes: number times mantissa, shifted right, rounded down; int32, which wraps.

    Parameters
    ----------
    numbers
        Pixels x lanes, of 24 bits and a sign.
    mantissas, shifts
        Of the pixels.

    Examples
    --------
    >>> normalize([[65535, -3]], [87355], [9]).tolist()
    [[11181269, -512]]
    """
    products = np.asarray(numbers, np.int64) * np.asarray(mantissas, np.int64)[:, None]
    shifted = products >> np.asarray(shifts, np.int64)[:, None]
    return (shifted & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
