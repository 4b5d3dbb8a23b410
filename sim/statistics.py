"""What is known of each pixel's channels: joined block after block, and the numbers of lanes that go with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.factor import factors
from spec.isa import CHANNEL_BITS, NUMBER_BITS, Statistic

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from spec.config import Config

__all__ = ["PLACE", "blank", "measure", "numbers"]

#: What is kept of a pixel: the largest lane, the sum of lanes, the sum of their exponentials or squares, the factor.
PLACE = np.dtype([("largest", "i1"), ("sum", "<i4"), ("total", "<u4"), ("mantissa", "<i4"), ("shift", "<i4")])


def blank(config: Config) -> NDArray[np.void]:
    """A place for each pixel of a tile, of which nothing is known."""
    return np.zeros(config.half_rows, PLACE)


def measure(
    places: NDArray[np.void], words: ArrayLike, statistic: Statistic, operand: ArrayLike = (), *, first: bool = True,
    closing: bool = False, lanes: int = 0,
) -> None:  # fmt: skip
    """Join what a block of channels has with what is known of its pixels, in place.

    Parameters
    ----------
    places
        Those of the pixels.
    words
        int8, pixels x lanes; padding already in place.
    statistic
        LARGEST, or EXPONENTIALS (the total is that of the table's entries, each that of the largest lane less the
        lane), or MOMENTS (the sum of lanes; the total is that of squares). Sums have 24 bits and totals 32: they wrap.
    operand
        The WEIGHTS operand's bytes: see `numbers`.
    first
        Nothing was known before.
    closing
        Find the factors.
    lanes
        Lanes that count, from lane 0 on; 0: all.

    Examples
    --------
    >>> places = np.zeros(1, PLACE)
    >>> measure(places, [[7, -3]], Statistic.LARGEST)
    >>> measure(places, [[8, 99]], Statistic.LARGEST, first=False, lanes=1)
    >>> halves = (65535 * 0.5 ** np.arange(256)).astype("<u2").view(np.int8)
    >>> measure(places, [[7, -3]], Statistic.EXPONENTIALS, halves)
    >>> measure(places, [[8, 99]], Statistic.EXPONENTIALS, halves, first=False, lanes=1, closing=True)
    >>> places.tolist()
    [(8, 0, 98333, 87355, 9)]
    """
    whole = np.asarray(words, np.int8).astype(np.int64)
    counted = np.arange(whole.shape[1]) < (lanes or whole.shape[1])
    if statistic is Statistic.LARGEST:
        found = np.where(counted, whole, -128).max(axis=1)
        places["largest"] = found if first else np.maximum(found, places["largest"])
        return
    terms = whole**2 if statistic is Statistic.MOMENTS else numbers(places, whole, statistic, operand)
    known = np.zeros_like(places) if first else places
    total = known["total"].astype(np.int64) + np.where(counted, terms, 0).sum(axis=1)
    if statistic is Statistic.MOMENTS:
        places["sum"] = _wrapped(known["sum"] + np.where(counted, whole, 0).sum(axis=1), NUMBER_BITS)
    places["total"] = total & 0xFFFFFFFF
    if closing:
        line = np.ascontiguousarray(operand, np.int8).reshape(-1)[:16].view("<i4")
        places["mantissa"], places["shift"] = factors(statistic, places["sum"], places["total"], line)


def numbers(places: NDArray[np.void], words: ArrayLike, statistic: Statistic, operand: ArrayLike) -> NDArray[np.int64]:
    """The number of each lane: its exponential, or channels x lane less the sum of lanes, which wraps at 24 bits.

    Parameters
    ----------
    places, words, statistic
        As in `measure`, without LARGEST.
    operand
        int8. EXPONENTIALS: 256 uint16, the exponentials of 0 to 255 below the largest lane. MOMENTS: a line of 16
        bytes, of which the first are the channels.

    Examples
    --------
    >>> places = np.array([(3, -6, 0, 0, 0)], PLACE)
    >>> line = np.array([4, 0, 0, 0], "<i4").view(np.int8)
    >>> numbers(places, [[3, -1]], Statistic.MOMENTS, line).tolist()
    [[18, 2]]
    >>> numbers(places, [[3, -1]], Statistic.EXPONENTIALS, np.arange(256, dtype="<u2").view(np.int8)).tolist()
    [[0, 4]]
    """
    whole = np.asarray(words, np.int8).astype(np.int64)
    raw = np.ascontiguousarray(operand, np.int8).reshape(-1)
    if statistic is Statistic.EXPONENTIALS:
        entries: NDArray[np.int64] = raw.view("<u2").astype(np.int64)
        exponentials: NDArray[np.int64] = entries[places["largest"][:, None].astype(np.int64) - whole & 0xFF]
        return exponentials
    channels = int(raw[:4].view("<u4")[0]) & (1 << CHANNEL_BITS) - 1
    return _wrapped(channels * whole - places["sum"][:, None], NUMBER_BITS)


def _wrapped(numbers: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """The numbers of so many bits, with a sign, that are the same in all of them."""
    half = np.int64(1 << bits - 1)
    wrapped: NDArray[np.int64] = (numbers + half & 2 * half - 1) - half
    return wrapped
