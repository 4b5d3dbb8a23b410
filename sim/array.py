"""The systolic array: a word of activations in, a sum for each column out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["array_sums"]


def array_sums(words: NDArray[np.int16], weights: NDArray[np.int16]) -> NDArray[np.int32]:
    """What the passes of a command add to the accumulator, modulo 2^32.

    Parameters
    ----------
    words
        Activations less their zero, of shape (passes, pixels, rows).
    weights
        A tile for each pass, less its zero, of shape (passes, rows, cols).

    Returns
    -------
    NDArray
        Sums of shape (pixels, cols).

    Examples
    --------
    Two passes of one pixel, two rows and two columns:

    >>> words = np.array([[[1, 2]], [[3, -255]]], np.int16)
    >>> weights = np.array([[[1, 0], [10, 1]], [[0, 1], [0, -255]]], np.int16)
    >>> array_sums(words, weights).tolist()
    [[21, 65030]]
    """
    # Sums of fewer than 2^37 products are exact in a double, whose product of matrices is a fast one; the accumulator
    # keeps the low 32 bits.
    passes, pixels, rows = words.shape
    inputs = words.transpose(1, 0, 2).reshape(pixels, passes * rows).astype(np.float64)
    exact: NDArray[np.float64] = inputs @ weights.reshape(passes * rows, -1).astype(np.float64)
    return exact.astype(np.int64).astype(np.int32)
