"""A window of words reduced to one: the sum of weighted lanes, the sum of lanes, or the largest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spec.isa import Mode

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["reduce_windows"]


def reduce_windows(taps: ArrayLike, mode: Mode, weights: ArrayLike | None = None) -> NDArray[np.int32]:
    """Totals of windows, lane by lane.

    Parameters
    ----------
    taps
        int8, windows x taps x lanes; padding already in place.
    mode
        DEPTHWISE, SUM or MAX.
    weights
        int8, taps x lanes; for DEPTHWISE only.

    Raises
    ------
    ValueError
        If the mode reduces no windows, or if DEPTHWISE has no weights or another mode has some.

    Examples
    --------
    >>> window = [[[1, -2], [3, -4]]]
    >>> [reduce_windows(window, m).tolist() for m in (Mode.SUM, Mode.MAX)]
    [[[4, -6]], [[3, -2]]]
    >>> reduce_windows(window, Mode.DEPTHWISE, [[10, 1], [1, 10]]).tolist()
    [[13, -42]]
    """
    words: NDArray[np.int32] = np.asarray(taps, np.int8).astype(np.int32)
    if (weights is None) == (mode is Mode.DEPTHWISE):
        raise ValueError(f"Weights must be given for DEPTHWISE alone, not for {mode.name}")
    if mode in (Mode.ARRAY, Mode.AVERAGE):
        raise ValueError(f"Mode must be DEPTHWISE, SUM or MAX, not {mode.name}")
    if mode is Mode.MAX:
        return np.asarray(np.max(words, axis=-2), np.int32)
    if weights is not None:
        words = words * np.asarray(weights, np.int8).astype(np.int32)
    return np.asarray(np.sum(words, axis=-2), np.int32)
