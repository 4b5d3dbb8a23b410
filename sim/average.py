"""Windows averaged as float32 does it: tap after tap, every sum rounded; then looked up between borders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spec.isa import LINE, MANTISSA

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["average_windows"]


def average_windows(taps: ArrayLike, pad: int, table: ArrayLike) -> NDArray[np.int32]:
    """Bytes of windows, lane by lane.

    The sum of a window is of float32: each tap less ``pad`` times the mantissa, added one after the other. Its byte
    is -128 and the number of borders that are not above it. Borders and sums are compared as integers of the same
    order: a float32's bits, with all but the sign turned where it is negative.

    Parameters
    ----------
    taps
        int8, windows x taps x lanes; padding already in place.
    pad
        What counts as zero.
    table
        int32, up to sixteen lines of sixteen: the mantissa, of which the lowest 24 bits count, then borders, ascending.
        The search looks at the first border of each line, and then at the others of one.

    Examples
    --------
    Borders at 1.5 and 2.5 times a mantissa of 2^23, and others out of reach:

    >>> borders = np.float32([1.5 * 2**23, 2.5 * 2**23]).view(np.int32).tolist()
    >>> table = [2**23, *borders, *[2**31 - 1] * 13]
    >>> average_windows([[[11], [10]], [[11], [11]], [[12], [11]]], 10, table).tolist()
    [[-128], [-127], [-126]]
    """
    words = np.asarray(taps, np.int8).astype(np.int32) - pad
    lines = np.asarray(table, np.int32).reshape(-1, LINE)
    addends = words.astype(np.float32) * np.float32(lines[0, 0] & (1 << MANTISSA) - 1)
    total = np.zeros((len(words), words.shape[2]), np.float32)
    for tap in range(words.shape[1]):
        total += addends[:, tap]
    bits = total.view(np.int32)
    keys = (bits ^ (bits >> 31 & 0x7FFFFFFF))[..., None]
    line = np.sum(lines[1:, 0] <= keys, axis=-1)
    place = np.sum(lines[line, 1:] <= keys, axis=-1)
    return np.asarray(LINE * line + place - 128, np.int32)
