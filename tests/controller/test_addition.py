"""The machine's residual add equals the network's kernel for every pair of integers, whichever operand is its own."""

from __future__ import annotations

import numpy as np
import pytest

from controller import numerics
from sim.requantize import add_residual

PAIRS = np.stack(np.meshgrid(np.arange(-128, 128), np.arange(-128, 128)), -1).reshape(-1, 2)


@pytest.mark.parametrize("seed", range(30))
def test_every_pair_of_every_type(seed: int) -> None:
    """65,536 pairs for scales of all ratios, those with ties among them, int8 and uint8."""
    rng = np.random.default_rng(seed)
    scales = rng.choice([1, 0.5, 0.25, 0.7, rng.uniform(0.3, 3)], 3) * 0.05
    offset = int(rng.choice([0, 128]))
    zeros = rng.integers(-128, 128, 3) + offset
    forms = [(float(np.float32(scale)), int(zero)) for scale, zero in zip(scales, zeros, strict=True)]
    constants = numerics.addition_constants(*forms)
    fixed, first_ratio, second_ratio = constants
    first, second = PAIRS.T
    real = numerics.add(first + offset, second + offset, constants)
    wanted = np.clip(np.rint(real) - offset, -128, 127)
    for swap in (False, True):
        own, addend = (second, first) if swap else (first, second)
        got = add_residual(
            own, addend, first_ratio=first_ratio, second_ratio=second_ratio, fixed=fixed, zero=-offset, low=-128,
            high=127, unsigned_a=bool(offset), unsigned_b=bool(offset), swap=swap,
        )  # fmt: skip
        assert np.array_equal(got, wanted)
