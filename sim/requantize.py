"""Sums in, activations out: bias, scale, rounding, clamp, and the residual add."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["add_residual", "requantize"]

_INT32 = np.iinfo(np.int32)


def requantize(
    value: ArrayLike, bias: ArrayLike, scale: ArrayLike, *, zero: int, low: int, high: int
) -> NDArray[np.int8]:
    """Activations of sums: onnxruntime's requantization, step by step in float32.

    Parameters
    ----------
    value, bias
        int32, of shapes that broadcast: rows x lanes and lanes. Their sum wraps.
    scale
        float32 factor of each lane.
    zero, low, high
        ``zero_a``, ``low_a``, ``high_a`` of spec.isa.CLAMP.

    Examples
    --------
    A tie goes to the even neighbour, before the zero point is added:

    >>> requantize([3, 5, -5, 1000], 0, 0.5, zero=1, low=-128, high=127).tolist()
    [3, 3, -1, 127]
    """
    # int32 arrays, not scalars: these wrap in silence.
    total = np.atleast_1d(np.asarray(value, np.int32)) + np.atleast_1d(np.asarray(bias, np.int32))
    with np.errstate(over="ignore", under="ignore"):
        scaled = total.astype(np.float32) * np.asarray(scale, np.float32)
    return _clamped(scaled, zero, low, high)


def add_residual(
    activation: ArrayLike,
    residual: ArrayLike,
    *,
    first_ratio: ArrayLike,
    second_ratio: ArrayLike,
    fixed: ArrayLike,
    zero: int,
    low: int,
    high: int,
    unsigned_a: bool = False,
    unsigned_b: bool = False,
    swap: bool = False,
) -> NDArray[np.int8]:
    """Activations plus a residual as onnxruntime adds them: first * first_ratio + (second * second_ratio + fixed).

    Product and sum are rounded together, in each of the two steps once.

    Parameters
    ----------
    activation, residual
        int8, of the same shape.
    first_ratio, second_ratio, fixed
        float32, see spec.isa.SCALE.
    zero, low, high
        ``zero_b``, ``low_b``, ``high_b`` of spec.isa.CLAMP.
    unsigned_a, unsigned_b
        The byte stands for itself plus 128.
    swap
        The residual is the first operand; else the activation is.

    Examples
    --------
    >>> add_residual([10, -3], [4, 4], first_ratio=1.5, second_ratio=0.25, fixed=0.0, zero=2, low=-1, high=127).tolist()
    [18, -1]

    Infinite products of both signs have no sum, which is clamped as if it were the smallest:

    >>> add_residual([10], [4], first_ratio=3e38, second_ratio=-3e38, fixed=0.0, zero=0, low=-7, high=7).tolist()
    [-7]
    """
    a = np.asarray(activation, np.int8).astype(np.int64) + 128 * unsigned_a
    r = np.asarray(residual, np.int8).astype(np.int64) + 128 * unsigned_b
    first, second = (r, a) if swap else (a, r)
    return _clamped(_fused(first, first_ratio, _fused(second, second_ratio, fixed)), zero, low, high)


def _fused(integer: NDArray[np.int64], ratio: ArrayLike, addend: ArrayLike) -> NDArray[np.float32]:
    """Integer times ratio plus addend, rounded to float32 once; numbers below 2**-126 count as zero.

    The product of 9 and 24 bits is exact in float64. Its sum is not always, but float32 of it is wrong only if the sum
    lies halfway between two numbers of float32 and the exact one does not.
    """
    product = integer * _normal(ratio).astype(np.float64)
    other = _normal(addend).astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        total = product + other
        # What the sum lost, exactly: Knuth's two-sum.
        part = total - product
        lost = (product - (total - part)) + (other - part)
        near = total.astype(np.float32)
        far = np.nextafter(near, np.where(total > near, np.float32(np.inf), np.float32(-np.inf)))
        halfway = (total != near) & (total - near == far.astype(np.float64) - total)
        return _normal(np.where(halfway & (lost != 0) & ((lost > 0) == (far > near)), far, near))


def _normal(number: ArrayLike) -> NDArray[np.float32]:
    """The number as float32, 0 if it is below the smallest normal one."""
    exact = np.asarray(number, np.float32)
    return np.where(np.abs(exact) < np.finfo(np.float32).tiny, np.float32(0), exact)


def _clamped(number: NDArray[np.float32], zero: int, low: int, high: int) -> NDArray[np.int8]:
    """Rounded half to even, saturated to int32, moved by the zero point, clamped; what is no number is the smallest."""
    whole = np.nan_to_num(np.rint(number).astype(np.float64), nan=_INT32.min)
    rounded = np.clip(whole, _INT32.min, _INT32.max).astype(np.int64)
    return np.minimum(np.maximum(rounded + zero, low), high).astype(np.int8)
