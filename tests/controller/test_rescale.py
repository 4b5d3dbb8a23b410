"""A change of scale: by a bias and a scale where there are some, else by a table; exact in both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller import numerics
from controller.graph import Requantize, Tensor
from controller.quantized import evaluate_node
from controller.rescale import rescale
from controller.values import quantization_of


def tensor(name: str, scale: float, zero: int, unsigned: bool) -> Tensor:
    return Tensor(name, (1, 1, 16, 16), float(np.float32(scale)), zero, unsigned)


def form_of(source: Tensor, result: Tensor, low: float = -np.inf, high: float = np.inf) -> Requantize:
    """The node's form, after all 256 integers have passed it as dequantize, clamp and quantize would have them."""
    node = rescale("node", source, result, low, high)
    every = np.arange(-128, 128).astype(np.int8).reshape(source.shape)
    got = evaluate_node(node, {source.name: every})
    after = quantization_of(result)
    real = np.clip(numerics.dequantize(every, source.scale, source.zero), np.float32(low), np.float32(high))
    wanted = numerics.quantize(real, after.scale, after.zero, after.low, after.high) - result.offset
    assert np.array_equal(got, wanted)
    return node.requantize


@settings(deadline=None, max_examples=100)
@given(
    st.floats(2.0**-12, 2.0, width=32), st.floats(2.0**-12, 2.0, width=32), st.integers(-128, 127),
    st.integers(-128, 127), st.booleans(), st.booleans(), st.floats(-3, 0), st.floats(0, 3),
)  # fmt: skip
def test_every_change_of_scale_is_exact(
    scale: float, other: float, zero: int, target: int, unsigned: bool, also: bool, low: float, high: float
) -> None:
    """Whatever the scales, zero points, types and bounds."""
    form_of(tensor("source", scale, zero, unsigned), tensor("result", other, target, also), low, high)


@pytest.mark.parametrize("unsigned", [True, False])
def test_a_table_is_used_where_no_scale_exists(unsigned: bool) -> None:
    """And only there."""
    for target, looked_up in ((0.05, True), (0.0537, False)):
        form = form_of(tensor("source", 0.065, 10, unsigned), tensor("result", target, 10, unsigned))
        assert (form.table is not None) == looked_up
