"""What a pixel's lanes are multiplied by, of the statistic of its channels: a mantissa and a shift, bit by bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spec.isa import CHANNEL_BITS, EPSILON_BITS, Statistic

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["factors"]


def factors(
    statistic: Statistic, sums: ArrayLike, totals: ArrayLike, line: ArrayLike = ()
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Mantissas and shifts of pixels.

    Parameters
    ----------
    statistic
        EXPONENTIALS: the factor is 1 over the total. MOMENTS: 1 over the root of channels x total - sum^2 + epsilon.
    sums, totals
        Of the lanes of each pixel; of their exponentials or squares.
    line
        For MOMENTS int32: the channels, of which 16 bits count, then epsilon, of which 44 bits count.

    Raises
    ------
    ValueError
        If the statistic has no factor.

    Examples
    --------
    A seventh is 74898 / 2^19, a third 87381 / 2^18:

    >>> [numbers.tolist() for numbers in factors(Statistic.EXPONENTIALS, [0, 0], [7 * 2**16, 3 * 2**16])]
    [[74898, 87381], [11, 10]]

    Lanes 1, 2, 3, 4 have 4 * 30 - 10 * 10 + 0 = 20, whose root is 2^21 * 4.4721 / 2^19 rounded down:

    >>> [numbers.tolist() for numbers in factors(Statistic.MOMENTS, [10], [30], [4, 0, 0])]
    [[117234], [3]]
    """
    divided = np.asarray(totals, np.int64)
    if statistic is Statistic.EXPONENTIALS:
        places = 32 - _lengths(divided)
        scaled, most, shifts = divided << places, 48, np.maximum(0, 24 - places)
    elif statistic is Statistic.MOMENTS:
        channels, low, high = (int(part) & 0xFFFFFFFF for part in np.asarray(line).reshape(-1)[:3])
        channels &= (1 << CHANNEL_BITS) - 1
        # 64 bits wrap, of which the lowest are right.
        spread = channels * divided - np.asarray(sums, np.int64) ** 2 + (low | (high & 0xFFF) << 32)
        divided = spread & (1 << EPSILON_BITS) - 1
        places = (EPSILON_BITS - _lengths(divided)) // 2
        scaled, most, shifts = np.floor(np.sqrt(divided << 2 * places)).astype(np.int64), 38, 22 - places
    else:
        raise ValueError(f"Statistic must be EXPONENTIALS or MOMENTS, not {statistic.name}")
    return np.where(divided == 0, 0, (1 << most) // np.maximum(scaled, 1)), shifts


def _lengths(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bits up to the highest that is set: exact below 2^53."""
    return np.frexp(numbers.astype(np.float64))[1].astype(np.int64)
