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
    ratio_a: ArrayLike,
    ratio_b: ArrayLike,
    fixed: ArrayLike,
    zero: int,
    low: int,
    high: int,
    unsigned_a: bool = False,
    unsigned_b: bool = False,
) -> NDArray[np.int8]:
    """Activations plus a residual, both rescaled: (fixed + a * ratio_a) + r * ratio_b, each step in float32.

    Parameters
    ----------
    activation, residual
        int8, of the same shape.
    ratio_a, ratio_b, fixed
        float32, see spec.isa.SCALE.
    zero, low, high
        ``zero_b``, ``low_b``, ``high_b`` of spec.isa.CLAMP.
    unsigned_a, unsigned_b
        The byte stands for itself plus 128.

    Examples
    --------
    >>> add_residual([10, -3], [4, 4], ratio_a=1.5, ratio_b=0.25, fixed=0.0, zero=2, low=-1, high=127).tolist()
    [18, -1]
    """
    a = np.asarray(activation, np.int8).astype(np.float32) + np.float32(128 * unsigned_a)
    r = np.asarray(residual, np.int8).astype(np.float32) + np.float32(128 * unsigned_b)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        total = (np.asarray(fixed, np.float32) + a * np.asarray(ratio_a, np.float32)) + r * np.asarray(
            ratio_b, np.float32
        )
    return _clamped(total, zero, low, high)


def _clamped(number: NDArray[np.float32], zero: int, low: int, high: int) -> NDArray[np.int8]:
    """Rounded half to even, saturated to int32, moved by the zero point, clamped."""
    rounded = np.clip(np.rint(number).astype(np.float64), _INT32.min, _INT32.max).astype(np.int64)
    return np.minimum(np.maximum(rounded + zero, low), high).astype(np.int8)
