"""Bytes replaced by their entries in a table of 256."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["replace"]


def replace(activations: ArrayLike, table: ArrayLike) -> NDArray[np.int8]:
    """The entries of activations.

    Parameters
    ----------
    activations
        int8, of any shape.
    table
        int8, 256 entries of any shape: those of 0 to 127, then those of -128 to -1, as the bits of a byte count.

    Examples
    --------
    >>> negated = np.negative(np.arange(256).astype(np.int8))
    >>> replace([[3, -7], [0, -128]], negated).tolist()
    [[-3, 7], [0, -128]]
    """
    entries: NDArray[np.int8] = np.asarray(table, np.int8).reshape(256)
    return entries[np.asarray(activations, np.int8).view(np.uint8)]
