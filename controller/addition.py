"""Constants with which the machine's residual add, which rounds every step, equals the network's fused one."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from controller import numerics
from controller.operators import Residual

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from controller.graph import Addition
    from controller.layout import View

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
    count, (fixed, ratio_a, ratio_b) = _search(node, second)
    return Residual(
        view, fixed, ratio_a, ratio_b, node.zero, node.low, node.high, own.unsigned, addend.unsigned, count
    )


def differing(node: Addition, *, second: bool) -> int:
    """The pairs of integers that `residual_of` gets wrong, by one."""
    return _search(node, second)[0]


@cache
def _search(node: Addition, second: bool) -> tuple[int, tuple[float, float, float]]:
    ratios = (node.first_ratio, node.second_ratio) if second else (node.second_ratio, node.first_ratio)
    integers = np.arange(-128, 128)
    grid = np.meshgrid(integers + node.first.offset, integers + node.second.offset, indexing="ij")
    one, two = (values.reshape(-1) for values in grid)
    real = numerics.add(one, two, (np.float32(node.fixed), np.float32(node.first_ratio), np.float32(node.second_ratio)))
    # Only sums near a border can round differently when the constants move by a few units in the last place.
    close = np.abs(np.abs(real - np.trunc(real)) - 0.5) < _NEAR
    own, addend = (one[close], two[close]) if second else (two[close], one[close])
    wanted = _rounded(real[close], node)
    best = one.size + 1, (node.fixed, *ratios)
    for steps in sorted(product(range(-_REACH, _REACH + 1), repeat=3), key=lambda triple: sum(map(abs, triple))):
        fixed, ratio_a, ratio_b = (_moved(value, by) for value, by in zip((node.fixed, *ratios), steps, strict=True))
        count = int(np.sum(_rounded(machine_sum(own, addend, fixed, ratio_a, ratio_b), node) != wanted))
        if count < best[0]:
            best = count, (float(fixed), float(ratio_a), float(ratio_b))
        if not count:
            break
    return best


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
