"""The float32 steps, against exact arithmetic, and the search for scales, against trial."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from controller import numerics

scales = st.floats(2.0**-20, 2.0**8, width=32)
addends = st.floats(-300, 300, width=32)


def nearest(exact: Fraction, got: np.float32) -> bool:
    """Whether no float32 is closer to an exact number, ties to the even one."""
    error = abs(Fraction(float(got)) - exact)
    for other in (np.nextafter(got, np.float32(np.inf)), np.nextafter(got, np.float32(-np.inf))):
        rival = abs(Fraction(float(other)) - exact)
        if rival < error or (rival == error and got.view(np.int32) & 1):
            return False
    return True


@settings(deadline=None, max_examples=300)
@given(st.integers(-256, 255), scales, addends)
def test_fused_multiply_add_rounds_once(factor: int, ratio: float, addend: float) -> None:
    """The result is the float32 nearest to the exact sum."""
    got = numerics.fused_multiply_add(np.array([factor]), np.float32(ratio), np.float32(addend))[0]
    assert nearest(Fraction(factor) * Fraction(ratio) + Fraction(addend), got)


@settings(deadline=None, max_examples=60)
@given(scales, st.integers(-128, 127), st.integers(1, 5000), scales)
def test_matching_scale_finds_a_scale_that_exists(scale: float, zero: int, reach: int, near: float) -> None:
    """Results made with some scale are reproduced, whatever scale the search begins at."""
    sums = np.arange(-reach, reach + 1)
    wanted = numerics.requantize(sums, scale, zero, -128, 127)
    found = numerics.matching_scale(sums, wanted, zero, -128, 127, near)
    assert found is not None
    assert np.array_equal(numerics.requantize(sums, found, zero, -128, 127), wanted)


def test_matching_scale_keeps_one_that_fits() -> None:
    """A scale that already fits is the answer, to the bit."""
    sums = np.arange(-255, 256)
    wanted = numerics.requantize(sums, np.float32(0.37), 3, 0, 255)
    assert numerics.matching_scale(sums, wanted, 3, 0, 255, float(np.float32(0.37))) == np.float32(0.37)


def test_matching_scale_says_when_there_is_none() -> None:
    """Results that no factor gives are refused, at zero and elsewhere."""
    assert numerics.matching_scale(np.array([1, 2]), np.array([5, 5]), 0, -128, 127, 1.0) is None
    assert numerics.matching_scale(np.array([0]), np.array([1]), 0, -128, 127, 1.0) is None


@settings(deadline=None, max_examples=30)
@given(scales, scales, st.integers(0, 255), st.integers(0, 255), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_average_results_bound_every_window(
    scale: float, other: float, zero: int, target: int, taps: int, seed: int
) -> None:
    """Adding random windows in order never leaves the bounds for their integer sum."""
    sums, least, greatest = numerics.average_results(taps, taps + 1, (scale, zero, 0, 255), (other, target))
    windows = np.random.default_rng(seed).integers(0, 256, (500, taps))
    total = np.zeros(500, np.float32)
    for values in numerics.dequantize(windows, scale, zero).T:
        total += values
    got = numerics.averaged(total, taps + 1, (other, target), 0, 255)
    at = (windows - zero).sum(axis=1) - sums[0]
    assert np.all(least[at] <= got)
    assert np.all(got <= greatest[at])
