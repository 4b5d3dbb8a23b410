"""Sigmoid and tanh are onnxruntime's in every bit, on any float."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from controller.rational import sigmoid, tanh

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.numerics import Floats


@pytest.mark.parametrize(("kind", "function"), [("Sigmoid", sigmoid), ("Tanh", tanh)])
def test_equals_onnxruntime(kind: str, function: Callable[[Floats], Floats]) -> None:
    """Beyond the ends as well, and where results are so small that only their last bits are left."""
    drawn = np.random.default_rng(0).normal(0, 4, 50_000)
    real = np.concatenate([drawn, drawn * 1e-6, np.linspace(-25, 25, 100_001)]).astype(np.float32)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, real.shape) for name in "xy"]
    graph = helper.make_graph([helper.make_node(kind, ["x"], ["y"])], "one", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    [theirs] = session.run(None, {"x": real})
    assert np.array_equal(function(real).view(np.int32), theirs.view(np.int32))
