"""The table with which the machine averages as onnxruntime does: the scale's mantissa, and the borders of results."""

from __future__ import annotations

import numpy as np

from controller.numerics import Floats, Integers, averaged
from spec.isa import MANTISSA

#: Sums of at most 2^16 taps of 8 bits and a sign, in units of the mantissa's last place.
_MOST = 2.0 ** (MANTISSA + 24)
_NEVER = (1 << 31) - 1


def average_table(
    scale: float, divisor: int, result: tuple[float, int], low: int, high: int
) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """The WEIGHTS operand of mode AVERAGE for one scale of inputs, one divisor, and one quantization of outputs.

    Dividing twice, adding the zero point, rounding and clamping never turn a larger sum into a smaller result, so for
    each result there is a least float32 sum that reaches it: its border, found by bisection over the sums' bits.

    Parameters
    ----------
    scale
        Of the input.
    divisor
        What the float sum is divided by.
    result, low, high
        Scale, zero point and bounds of the output, as ONNX has them.
    """
    fraction, exponent = np.frexp(np.float32(scale))
    mantissa = int(np.ldexp(fraction, MANTISSA))

    def results_of(keys: Integers) -> Integers:
        with np.errstate(over="ignore", under="ignore"):
            return averaged(np.ldexp(_ordered(keys), exponent - MANTISSA), divisor, result, low, high)

    wanted = np.arange(low + 1, high + 1)
    below, above = (np.full(wanted.shape, key) for key in _ordered_keys(np.array([-_MOST, _MOST], np.float32)))
    never, always = results_of(above) < wanted, results_of(below) >= wanted
    while np.any(above - below > 1):
        middle = (below + above) // 2
        reached = results_of(middle) >= wanted
        above, below = np.where(reached, middle, above), np.where(reached, below, middle)
    borders = np.where(never, _NEVER, np.where(always, -_NEVER, above))
    return np.array([mantissa, *borders], np.int32)


def _ordered_keys(numbers: Floats) -> Integers:
    """Integers of the same order as float32 numbers: their bits, all but the sign turned where it is negative."""
    bits = numbers.view(np.int32).astype(np.int64)
    return np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)


def _ordered(keys: Integers) -> Floats:
    """The float32 numbers of `_ordered_keys`."""
    bits: Floats = np.where(keys < 0, keys ^ 0x7FFFFFFF, keys).astype(np.int32).view(np.float32)
    return bits
