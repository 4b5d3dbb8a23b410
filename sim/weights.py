"""Weights on their way into the array: the next tile is loaded while the last one works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["tile_addresses", "tiles"]


def tile_addresses(work: Mapping[str, int]) -> NDArray[np.int64]:
    """The virtual word addresses of a WEIGHTS command, tile after tile: ``count`` runs, ``stride`` words apart.

    Examples
    --------
    Two runs of a tile of four words each:

    >>> tile_addresses({"base": 8, "run": 4, "stride": 100, "count": 2}).tolist()
    [8, 9, 10, 11, 108, 109, 110, 111]
    """
    runs = work["base"] + np.arange(work["count"], dtype=np.int64) * work["stride"]
    return (runs[:, None] + np.arange(work["run"], dtype=np.int64)).reshape(-1)


def tiles(words: NDArray[np.int8], *, zero: int, turned: bool) -> NDArray[np.int16]:
    """The tiles that the array holds, one after another: tiles x rows x cols.

    Parameters
    ----------
    words
        All words of the command, of ``rows`` lanes each.
    zero
        Subtracted from every lane.
    turned
        Word c of a tile holds the weights of column c, not those of row c.

    Examples
    --------
    >>> words = np.array([[1, 2], [3, 4]], np.int8)
    >>> tiles(words, zero=-1, turned=False).tolist()
    [[[2, 3], [4, 5]]]
    >>> tiles(words, zero=-1, turned=True).tolist()
    [[[2, 4], [3, 5]]]
    """
    rows = words.shape[1]
    made = np.subtract(words.reshape(-1, rows, rows), zero, dtype=np.int16)
    return made.transpose(0, 2, 1) if turned else made
