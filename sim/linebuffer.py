"""Lines and a window of registers: every word of a region comes once and is seen by all taps that need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["line_windows"]


def line_windows(
    region: NDArray[np.int8], *, kernel: tuple[int, int], strides: tuple[int, int]
) -> NDArray[np.int8]:
    """Every window of a region, in the order in which its last word comes.

    Parameters
    ----------
    region
        Rows x columns x lanes, padding in place; whole windows fill it.
    kernel, strides
        Rows and columns of a window, and from one window to the next.

    Returns
    -------
    windows
        Windows x taps x lanes; kernel column innermost.

    Examples
    --------
    >>> region = np.arange(12, dtype=np.int8).reshape(3, 4, 1)
    >>> line_windows(region, kernel=(2, 2), strides=(1, 2))[..., 0].tolist()
    [[0, 1, 4, 5], [2, 3, 6, 7], [4, 5, 8, 9], [6, 7, 10, 11]]
    """
    views = np.lib.stride_tricks.sliding_window_view(region, kernel, axis=(0, 1))
    views = views[:: strides[0], :: strides[1]]
    rows, columns, lanes = views.shape[:3]
    windows: NDArray[np.int8] = views.transpose(0, 1, 3, 4, 2).reshape(rows * columns, kernel[0] * kernel[1], lanes)
    return windows
