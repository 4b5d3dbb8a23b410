"""Functions of all channels of a pixel in integers: softmax and normalization, as decision 20 has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.factor import factors
from spec.isa import Statistic

if TYPE_CHECKING:
    from numpy.typing import NDArray


def softmax(stored: NDArray[np.int8], exponentials: NDArray[np.uint16]) -> NDArray[np.int64]:
    """Each channel's part of its pixel's exponentials, in units of 2^-24.

    >>> halves = np.rint(65535 * 0.5 ** np.arange(256)).astype(np.uint16)
    >>> (softmax(np.int8([7, 6, 6]).reshape(1, 3, 1, 1), halves).reshape(-1) / 2**24).round(4).tolist()
    [0.5, 0.25, 0.25]
    """
    lanes = stored.astype(np.int64)
    numbers = exponentials.astype(np.int64)[lanes.max(axis=1, keepdims=True) - lanes]
    totals = numbers.sum(axis=1, keepdims=True)
    mantissas, shifts = factors(Statistic.EXPONENTIALS, totals, totals)
    return np.asarray(numbers * mantissas >> shifts, np.int64)


def normalized(stored: NDArray[np.int8], epsilon: int) -> NDArray[np.int64]:
    """Each channel less the mean of its pixel's, over their standard deviation, in units of 2^-16.

    >>> normalized(np.int8([-1, 1, 3, 5]).reshape(1, 4, 1, 1), 0).reshape(-1).tolist()
    [-87926, -29309, 29308, 87925]
    """
    lanes = stored.astype(np.int64)
    channels, sums = lanes.shape[1], lanes.sum(axis=1, keepdims=True)
    line = np.array([channels, epsilon & 0xFFFFFFFF, epsilon >> 32])
    mantissas, shifts = factors(Statistic.MOMENTS, sums, (lanes**2).sum(axis=1, keepdims=True), line)
    return np.asarray((channels * lanes - sums) * mantissas >> shifts, np.int64)
