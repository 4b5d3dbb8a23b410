"""Sigmoid and tanh as onnxruntime computes them: a quotient of two polynomials, one fused multiply-add after the other.

The polynomials are Eigen's. With other coefficients, or exact functions, one byte in some thousand tables would be
another: that of an integer whose result lies on the border of two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from controller.numerics import fused_multiply_add

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.numerics import Floats

#: Coefficients of odd powers of the numerator and of even ones of the denominator, the highest first.
_SIGMOID = (
    (4.37031012579801e-11, 1.15627324459942e-07, 6.08574864600143e-05, 8.51377133304701e-03, 2.48287947061529e-01),
    (
        6.10247389755681e-13, 5.76102136993427e-09, 6.29106785017040e-06, 1.70198817374094e-03, 1.16817656904453e-01,
        9.93151921023180e-01,
    ),
)  # fmt: skip
_TANH = (
    (
        -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
        1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03,
    ),
    (1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03),
)  # fmt: skip


def sigmoid(real: Floats) -> Floats:
    """1 / (1 + exp(-x)), within -18 to 18, where it may be one unit of the last place above 1.

    >>> sigmoid(np.float32([0, 30])).tolist()
    [0.5, 1.0]
    """
    centred = _quotient(np.clip(real, np.float32(-18), np.float32(18)), *_SIGMOID)
    return np.asarray(np.maximum(centred + np.float32(0.5), np.float32(0)))


def tanh(real: Floats) -> Floats:
    """The hyperbolic tangent, within -9 to 9."""
    return _quotient(np.clip(real, np.float32(-9), np.float32(9)), *_TANH)


def _quotient(real: Floats, above: Sequence[float], below: Sequence[float]) -> Floats:
    square = np.asarray(real * real, np.float32)
    return np.asarray(_polynomial(square, above) * real / _polynomial(square, below), np.float32)


def _polynomial(square: Floats, coefficients: Sequence[float]) -> Floats:
    total = np.full_like(square, coefficients[0])
    for one in coefficients[1:]:
        total = fused_multiply_add(total, square, np.float32(one))
    return total
