"""The float32 steps of onnxruntime's integer kernels, and the search for constants that reproduce them.

Formulas are in docs/numerics.md. Every step rounds to float32, half to even, where the kernel does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float32]
Any32 = Floats | np.float32 | float

_LARGEST_SCALE_BITS = 0x7F7FFFFF


def quantize(real: Floats, scale: float, zero: int, low: int, high: int) -> Integers:
    """Integers of real values: divide, clamp, round half to even, add the zero point.

    >>> quantize(np.float32([0.5, 1.5, 400]), 1.0, 3, 0, 255).tolist()
    [3, 5, 255]
    """
    scaled = np.clip(np.asarray(real, np.float32) / np.float32(scale), np.float32(low - zero), np.float32(high - zero))
    whole: Integers = np.rint(scaled).astype(np.int64)
    return whole + zero


def dequantize(values: NDArray[Any], scale: float, zero: int) -> Floats:
    """Real values of integers: subtract the zero point, multiply once in float32."""
    return (np.asarray(values, np.int64) - zero).astype(np.float32) * np.float32(scale)


def requantize(sums: NDArray[Any], scale: Any32, zero: int, low: int, high: int) -> Integers:
    """Integers of biased sums: to float32, multiply, round half to even, add the zero point, clamp.

    >>> requantize(np.array([1, 3, -7]), 0.5, 10, 0, 255).tolist()
    [10, 12, 6]
    """
    rounded = np.rint(np.asarray(sums).astype(np.float32) * np.asarray(scale, np.float32))
    return np.clip(rounded, np.float32(low - zero), np.float32(high - zero)).astype(np.int64) + zero


def fused_multiply_add(factor: NDArray[Any], ratio: Any32, addend: Any32) -> Floats:
    """`factor * ratio + addend`, rounded to float32 once.

    `factor` holds integers of at most nine bits, so the product is exact in float64. The float64 sum is
    rounded to odd, which makes the second rounding, to float32, the only one that counts.
    """
    product = np.asarray(factor, np.float64) * np.asarray(ratio, np.float32).astype(np.float64)
    other = np.asarray(addend, np.float32).astype(np.float64)
    total = np.atleast_1d(product + other)
    back = total - product
    error = (product - (total - back)) + (other - back)
    bits = total.view(np.int64)
    outward = (error > 0) == (total > 0)
    step = np.where((error != 0) & (bits & 1 == 0), np.where(outward, 1, -1), 0)
    odd: NDArray[np.float64] = (bits + step).view(np.float64)
    return odd.reshape(np.shape(product + other)).astype(np.float32)


def addition_constants(
    first: tuple[float, int], second: tuple[float, int], result: tuple[float, int]
) -> tuple[np.float32, np.float32, np.float32]:
    """The constants `fixed, first_ratio, second_ratio` of QLinearAdd from (scale, zero point) of each tensor."""
    first_ratio = np.float32(first[0]) / np.float32(result[0])
    second_ratio = np.float32(second[0]) / np.float32(result[0])
    offset = fused_multiply_add(np.array(first[1]), first_ratio, second_ratio * np.float32(second[1]))
    return np.float32(np.float32(result[1]) - np.float32(offset)), first_ratio, second_ratio


def add(first: NDArray[Any], second: NDArray[Any], constants: tuple[Any32, Any32, Any32]) -> Floats:
    """QLinearAdd before its last rounding: two fused multiply-adds, the second operand's first."""
    fixed, first_ratio, second_ratio = constants
    return fused_multiply_add(first, first_ratio, fused_multiply_add(second, second_ratio, fixed))


def multiplication_ratio(first: float, second: float, result: float) -> np.float32:
    """The ratio of QLinearMul and QLinearMatMul from the scales of each tensor."""
    return np.float32(np.float32(np.float32(first) * np.float32(second)) / np.float32(result))


def multiply(products: NDArray[Any], ratio: Any32, zero: int, low: int, high: int) -> Integers:
    """QLinearMul from products of integers less their zero points: its zero point comes before the last rounding.

    >>> multiply(np.array([5, 7]), 0.5, 1, 0, 255).tolist()
    [4, 4]
    """
    scaled = np.asarray(products).astype(np.float32) * np.asarray(ratio, np.float32) + np.float32(zero)
    whole: Integers = np.clip(np.rint(scaled), low, high).astype(np.int64)
    return whole


def matching_scale(
    sums: NDArray[Any], results: NDArray[Any], zero: int, low: int, high: int, near: float
) -> np.float32 | None:
    """The float32 scale closest to `near` with which `requantize` turns each of `sums` into its result.

    The scales that satisfy one sum are an interval of float32 numbers, because a rounded product is monotonic
    in its factor; bisection finds each interval's ends exactly. None means that no scale satisfies all.
    """
    sums = np.asarray(sums, np.int64)
    results = np.asarray(results, np.int64)
    if np.any(results[sums == 0] != min(max(zero, low), high)):
        return None
    signs = np.sign(sums[sums != 0])
    wanted = (results[sums != 0] - zero) * signs
    magnitudes = sums[sums != 0] * signs
    if not magnitudes.size:
        return np.float32(near)
    ends = np.where(signs > 0, low - zero, zero - high), np.where(signs > 0, high - zero, zero - low)

    def magnitude_of(bits: Integers) -> NDArray[Any]:
        scales = bits.astype(np.int32).view(np.float32)
        with np.errstate(over="ignore"):
            rounded: NDArray[Any] = np.clip(np.rint(magnitudes.astype(np.float32) * scales), *ends)
        return rounded

    def first_bits_above(bound: NDArray[Any]) -> Integers:
        below = np.full(magnitudes.shape, -1, np.int64)
        above = np.full(magnitudes.shape, _LARGEST_SCALE_BITS + 1, np.int64)
        while np.any(above - below > 1):
            middle = (below + above) // 2
            reached = magnitude_of(np.clip(middle, 0, _LARGEST_SCALE_BITS)) >= bound
            above, below = np.where(reached, middle, above), np.where(reached, below, middle)
        return above

    least = int(first_bits_above(wanted).max())
    most = int(first_bits_above(wanted + 1).min()) - 1
    if least > most:
        return None
    start = int(np.float32(near).view(np.int32))
    return np.int32(min(max(start, least), most)).view(np.float32)


def average_results(
    taps: int, divisor: int, source: tuple[float, int, int, int], result: tuple[float, int]
) -> tuple[Integers, Integers, Integers]:
    """All that QLinearAveragePool can return for windows of `taps` values, by the sum of their integers.

    The kernel adds float32 values in window order, so windows of one integer sum may differ in the float sum.
    Rounded addition is monotonic, so the least and the greatest float sum of k+1 values follow from those of k.

    Parameters
    ----------
    taps, divisor
        Values in the window, and the number that the float sum is divided by.
    source
        Scale, zero point, lowest and highest integer of the input.
    result
        Scale and zero point of the output, whose integers have the input's bounds.

    Returns
    -------
    Sums of `integer - zero point`, and the least and greatest result that each can have.
    """
    scale, zero, low, high = source
    differences = np.arange(low, high + 1) - zero
    addends = differences.astype(np.float32) * np.float32(scale)
    least = greatest = addends
    for count in range(2, taps + 1):
        size = count * (high - low) + 1
        lower = np.full(size, np.inf, np.float32)
        upper = np.full(size, -np.inf, np.float32)
        for offset, addend in enumerate(addends):
            reach = slice(offset, offset + least.size)
            np.minimum(lower[reach], least + addend, out=lower[reach])
            np.maximum(upper[reach], greatest + addend, out=upper[reach])
        least, greatest = lower, upper
    sums = np.arange(taps * (low - zero), taps * (high - zero) + 1)
    return sums, averaged(least, divisor, result, low, high), averaged(greatest, divisor, result, low, high)


def averaged(
    total: Floats, divisor: int, result: tuple[float, int], low: int, high: int
) -> Integers:
    """The end of QLinearAveragePool: divide by the count, by the scale, add the zero point, round, clamp."""
    mean = total / np.float32(divisor)
    rounded: Floats = np.clip(np.rint(mean / np.float32(result[0]) + np.float32(result[1])), low, high)
    return rounded.astype(np.int64)
