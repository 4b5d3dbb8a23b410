"""Averages by borders, against the kernel's formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller import numerics
from controller.averages import average_table
from sim.average import average_windows

_SCALES = st.floats(2.0**-40, 2.0**40, width=32)


@given(
    scale=_SCALES, ratio=st.sampled_from([1.0, 1.0, 0.5, 2.0, 0.25]) | st.floats(0.2, 5), unsigned=st.booleans(),
    zeros=st.tuples(st.integers(0, 255), st.integers(0, 255)), taps=st.integers(1, 12), more=st.integers(0, 3),
    spread=st.sampled_from([2, 20, 255]), seed=st.integers(0, 2**32),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_borders_are_those_of_the_kernel(
    scale: float, ratio: float, *, unsigned: bool, zeros: tuple[int, int], taps: int, more: int, spread: int, seed: int
) -> None:
    """Of all windows, with sums on borders too: also where fewer taps are there than are divided by."""
    offset = 128 if unsigned else 0
    low, high = offset - 128, offset + 127
    zero, target = (one - 128 + offset for one in zeros)
    rng, result = np.random.default_rng(seed), (float(np.float32(scale * ratio)), target)
    values = np.clip(zero + rng.integers(-spread, spread + 1, (300, taps, 4)), low, high)
    total = np.zeros((300, 4), np.float32)
    for tap in range(taps):
        total = total + numerics.dequantize(values[:, tap], scale, zero)
    wanted = numerics.averaged(total, taps + more, result, low, high)
    table = average_table(scale, taps + more, result, low, high)
    found = average_windows((values - offset).astype(np.int8), zero - offset, table)
    assert (found + offset).tolist() == wanted.tolist()


@pytest.mark.parametrize("scale", [2.0**-126, 3e-30, 1e30])
def test_scales_at_the_ends_of_float32(scale: float) -> None:
    """Equal scales, two taps: halves are rounded to even where float32 can hold them."""
    table = average_table(float(np.float32(scale)), 2, (float(np.float32(scale)), 0), -128, 127)
    taps = np.array([[[1], [0]], [[1], [2]], [[-1], [0]], [[3], [2]], [[127], [127]], [[-128], [-128]]], np.int8)
    assert average_windows(taps, 0, table).reshape(-1).tolist() == [0, 2, 0, 2, 127, -128]
