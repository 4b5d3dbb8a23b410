"""The addresses of a window of inputs: nested counters that only add."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["window_addresses"]


def window_addresses(
    window: Mapping[str, int], *, address_width: int, taps_innermost: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where the words of a window lie, and which of them are padding.

    Parameters
    ----------
    window
        base, kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, blocks, height, width, row_stride,
        block_stride, out_height, out_width, y, x; what else it holds is ignored.
    address_width
        Bits of an address; addresses wrap.
    taps_innermost
        False: a row for each pass (kernel row, kernel column, channel block; the last varies fastest), a column for
        each pixel. True: a row for each pixel, a column for each tap; ``blocks`` is taken for 1.

    Returns
    -------
    addresses, padding
        Both in the order of the walk, of shape (passes, pixels) or (pixels, taps). Those of padding have no meaning.

    Examples
    --------
    A 2x2 kernel over two rows of three words, one column of padding to the left:

    >>> window = dict(base=8, kernel_h=2, kernel_w=2, stride_h=1, stride_w=1, dilation_h=1, dilation_w=1, blocks=1,
    ...               height=2, width=3, row_stride=3, block_stride=6, out_height=1, out_width=3, y=0, x=-1)
    >>> addresses, padding = window_addresses(window, address_width=8)
    >>> np.where(padding, -1, addresses).tolist()
    [[-1, 8, 9], [8, 9, 10], [-1, 11, 12], [11, 12, 13]]
    >>> addresses, padding = window_addresses(window, address_width=8, taps_innermost=True)
    >>> np.where(padding, -1, addresses).tolist()
    [[-1, 8, -1, 11], [8, 9, 11, 12], [9, 10, 12, 13]]
    """
    w = window
    blocks = 1 if taps_innermost else w["blocks"]
    counts = (w["kernel_h"], w["kernel_w"], blocks, w["out_height"], w["out_width"])
    ky, kx, b, oy, ox = np.meshgrid(*(np.arange(n, dtype=np.int64) for n in counts), indexing="ij")
    row = w["y"] + oy * w["stride_h"] + ky * w["dilation_h"]
    column = w["x"] + ox * w["stride_w"] + kx * w["dilation_w"]
    addresses = (w["base"] + row * w["row_stride"] + b * w["block_stride"] + column) % (1 << address_width)
    padding = (row < 0) | (row >= w["height"]) | (column < 0) | (column >= w["width"])
    taps, pixels = counts[0] * counts[1] * counts[2], counts[3] * counts[4]
    addresses, padding = addresses.reshape(taps, pixels), padding.reshape(taps, pixels)
    return (addresses.T, padding.T) if taps_innermost else (addresses, padding)
