"""onnxruntime as the reference: every quantized tensor of a model, from its integer kernels."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from controller.refusal import ModelError
from controller.source import load_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

#: Operators whose presence says that onnxruntime computes in integers.
INTEGER_OPERATORS = frozenset({
    "QLinearConv", "QGemm", "QLinearMatMul", "QLinearAdd", "QLinearAveragePool",
    "QLinearGlobalAveragePool", "QLinearConcat", "MaxPool",
})  # fmt: skip

#: It merges two quantizations in a row into one with a scale of its own; here each is a rounding point.
_DISABLED_OPTIMIZERS = ["DoubleQDQPairsRemover"]


class Reference:
    """An onnxruntime session over a quantized model.

    Parameters
    ----------
    path
        The ONNX file.
    every
        Whether `run` returns every quantized activation, or only those behind the network's outputs.

    Raises
    ------
    ModelError
        If onnxruntime cannot load it.
    """

    def __init__(self, path: Path | str, *, every: bool = False) -> None:
        model = load_model(path)
        self.path = path
        self._names = quantized_tensors(model, every=every)
        with TemporaryDirectory() as folder:
            place = Path(folder) / "optimized.onnx"
            self._session = _session(_with_outputs(model, self._names), str(path), place)
            self.operators = tuple(node.op_type for node in onnx.load(place, load_external_data=False).graph.node)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Quantized tensors by name, uint8 or int8, for float inputs by name; an output that ends otherwise is float.

        Raises
        ------
        ModelError
            If onnxruntime refuses the inputs.
        """
        try:
            results = self._session.run(self._names, {name: np.float32(real) for name, real in inputs.items()})
        except Exception as error:  # noqa: BLE001 - its exceptions have no base of their own
            raise ModelError(f"onnxruntime cannot run it: {str(error).splitlines()[0]}") from None
        return dict(zip(self._names, results, strict=True))


def quantized_tensors(model: onnx.ModelProto, *, every: bool) -> list[str]:
    """Names of quantized activations: all, or the model's outputs, where they end in a DequantizeLinear before it."""
    constants = {tensor.name for tensor in model.graph.initializer}
    if every:
        return [
            node.output[0]
            for node in model.graph.node
            if node.op_type == "QuantizeLinear" and node.input[0] not in constants
        ]
    makers = {name: node for node in model.graph.node for name in node.output}
    ends = {name for name, node in makers.items() if node.op_type == "DequantizeLinear"}
    return [makers[entry.name].input[0] if entry.name in ends else entry.name for entry in model.graph.output]


def _with_outputs(model: onnx.ModelProto, names: list[str]) -> onnx.ModelProto:
    wanted = onnx.ModelProto()
    wanted.CopyFrom(model)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    types = {}
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            zero = constants.get(node.input[2]) if len(node.input) > 2 else None
            types[node.output[0]] = TensorProto.UINT8 if zero is None else zero.data_type
    present = {entry.name for entry in model.graph.output}
    wanted.graph.output.extend(
        helper.make_tensor_value_info(name, types[name], None) for name in names if name not in present
    )
    return wanted


def _session(model: onnx.ModelProto, file: str, optimized: Path | None = None) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    # Without this key int8 activations with int8 weights run in float.
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    options.log_severity_level = 4
    if optimized is not None:
        options.optimized_model_filepath = str(optimized)
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(),
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=_DISABLED_OPTIMIZERS,
        )
    except Exception as error:  # noqa: BLE001 - its exceptions have no base of their own
        raise ModelError(f"{file}: onnxruntime cannot load it: {str(error).splitlines()[0]}") from None


@cache
def saturates() -> bool:
    """Whether this processor's uint8 x int8 products saturate in pairs, as they do on x86 without VNNI.

    There onnxruntime itself is wrong for weights beyond 7 bits, and only models quantized with
    `reduce_range=True` can be compared.
    """
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["x", "w"], ["y"])],
        "probe",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 64])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, [1, 16])],
        [numpy_helper.from_array(np.full((64, 16), 127, np.int8), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    result = _session(model, "probe").run(None, {"x": np.full((1, 64), 255, np.uint8)})[0]
    return bool(np.any(result != 64 * 255 * 127))
