"""Constants with which the machine's residual add, which rounds every step, equals the network's fused one."""

from __future__ import annotations

from itertools import product

import numpy as np

from controller import numerics
from controller.operators import Residual
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controller.layout import View
    from controller.graph import Addition
    from numpy.typing import NDArray

_REACH = 3
_NEAR = 1e-3


def residual_of(node: Addition, view: View, *, second: bool) -> Residual:
    """The residual of an operator whose own result is one operand of `node` and whose addend, `view`, the other.

    Parameters
    ----------
    node
        The addition.
    view
        Where the addend lies.
    second
        Whether the addend is the node's second operand.

    Notes
    -----
    The network's kernel fuses each product with its sum. Where a result lies near the border of two integers the
    machine may round to the other one; constants a few units in the last place away are tried against all 65,536
    pairs, and the first without a difference is taken, else the one with the fewest.
    """
    own, addend = (node.first, node.second) if second else (node.second, node.first)
    ratios = (node.first_ratio, node.second_ratio) if second else (node.second_ratio, node.first_ratio)
    integers = np.arange(-128, 128)
    grid = np.meshgrid(integers + node.first.offset, integers + node.second.offset, indexing="ij")
    first, second_values = (values.reshape(-1) for values in grid)
    constants = (np.float32(node.fixed), np.float32(node.first_ratio), np.float32(node.second_ratio))
    real = numerics.add(first, second_values, constants)
    # Only sums near a border can round differently when the constants move by a few units in the last place.
    close = np.abs(np.abs(real - np.trunc(real)) - 0.5) < _NEAR
    mine, other = (first, second_values) if second else (second_values, first)
    mine, other, wanted = mine[close], other[close], _rounded(real[close], node)
    best: tuple[int, tuple[float, float, float]] | None = None
    for steps in sorted(product(range(-_REACH, _REACH + 1), repeat=3), key=lambda triple: sum(map(abs, triple))):
        tried = tuple(
            _moved(value, count) for value, count in zip((node.fixed, *ratios), steps, strict=True)
        )
        fixed, ratio_a, ratio_b = tried
        differing = int(np.sum(_rounded(machine_sum(mine, other, fixed, ratio_a, ratio_b), node) != wanted))
        if best is None or differing < best[0]:
            best = differing, (float(fixed), float(ratio_a), float(ratio_b))
        if not differing:
            break
    assert best is not None
    differing, (fixed_, a, b) = best
    return Residual(
        view, fixed_, a, b, node.zero, node.low, node.high, own.unsigned, addend.unsigned, differing
    )


def machine_sum(
    own: NDArray[np.int64], addend: NDArray[np.int64], fixed: np.float32, ratio_a: np.float32, ratio_b: np.float32
) -> NDArray[np.float32]:
    """`(fixed + own * ratio_a) + addend * ratio_b`, every product and sum rounded to float32."""
    return (fixed + own.astype(np.float32) * ratio_a) + addend.astype(np.float32) * ratio_b


def _rounded(real: NDArray[np.float32], node: Addition) -> NDArray[np.float32]:
    return np.clip(np.rint(real) + np.float32(node.zero), node.low, node.high)


def _moved(value: float, steps: int) -> np.float32:
    bits = np.float32(value).view(np.int32) + np.int32(steps)
    moved: np.float32 = np.int32(bits).view(np.float32)
    return moved if np.isfinite(moved) and value else np.float32(value)
