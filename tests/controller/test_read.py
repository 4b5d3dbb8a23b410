"""What cannot be read is refused in one sentence; what quantize_static writes is read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from controller.graph import Addition, Concatenation, Convolution, Pool, Rescale
from controller.quantized import quantize_inputs
from controller.read import read
from controller.refusal import ModelError
from tests.controller.models import QdqModel, compare

if TYPE_CHECKING:
    from pathlib import Path


def refused(path: Path, batch: int | None = None) -> str:
    with pytest.raises(ModelError) as caught:
        read(path, batch)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.startswith(str(path))
    return sentence.removeprefix(f"{path}: ")


def model() -> QdqModel:
    return QdqModel(unsigned=True, rng=np.random.default_rng(5))


def test_refuses_a_missing_file(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.onnx") == "there is no such file"


@pytest.mark.parametrize("content", [b"", b"no model", bytes(range(256)) * 9])
def test_refuses_a_broken_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    assert refused(path).startswith("this is not a valid ONNX model: ")


def test_refuses_a_float_model_and_says_how_to_quantize_it(tmp_path: Path) -> None:
    path = tmp_path / "float.onnx"
    onnx.save(float_network(), path)
    assert refused(path).startswith(
        "this model is not quantized: quantize it with onnxruntime.quantization.quantize_static("
    )


def test_refuses_an_old_opset(tmp_path: Path) -> None:
    network = model()
    network.opset = 12
    network.output(network.node("Relu", [network.input([1, 2, 3, 3])]))
    assert refused(network.save(tmp_path / "m.onnx")) == "opset must be 13 or newer, not 12"


def test_refuses_an_unsupported_operator(tmp_path: Path) -> None:
    network = model()
    network.output(network.node("LRN", [network.input([1, 2, 3, 3])], size=3))
    sentence = refused(network.save(tmp_path / "m.onnx"))
    assert sentence.startswith("LRN 'LRN2' is not supported: the operators are Add, AveragePool, ")


@pytest.mark.parametrize("shape", [[1, 2, "height", 3], [1, 2, 0, 3]])
def test_refuses_an_open_shape(tmp_path: Path, shape: list[int | str]) -> None:
    network = model()
    network.output(network.node("Relu", [network.input(shape)]))
    assert refused(network.save(tmp_path / "m.onnx")) == (
        f"input 'x0' must have a fixed shape, not dimension 2 = '{shape[2]}'"
    )


def test_refuses_another_batch_than_the_models(tmp_path: Path) -> None:
    network = model()
    network.output(network.node("Relu", [network.input([2, 2, 3, 3])]))
    path = network.save(tmp_path / "m.onnx")
    assert refused(path, 3) == "input 'x0' must have the model's batch size 2, not 3"
    assert read(path, 2).inputs[0].shape == (2, 2, 3, 3)


def test_refuses_inputs_of_another_shape(tmp_path: Path) -> None:
    network = model()
    network.output(network.node("Relu", [network.input(["batch", 2, 3, 3])]))
    graph = read(network.save(tmp_path / "m.onnx"))
    with pytest.raises(ModelError, match=re.escape("input 'x0' must have shape (1, 2, 3, 3), not (1, 2, 3)")):
        quantize_inputs(graph, {"x0": np.zeros((1, 2, 3), np.float32)})
    with pytest.raises(ModelError, match="input 'x0' is missing"):
        quantize_inputs(graph, {})
    with pytest.raises(ModelError, match="there is no input 'y'"):
        quantize_inputs(graph, {"x0": np.zeros((1, 2, 3, 3), np.float32), "y": np.zeros(1)})


def test_refuses_a_result_that_stays_float(tmp_path: Path) -> None:
    network = model()
    source = network.input([1, 2, 4, 4])
    real = network.node("Conv", [source, *network.dense((3, 2, 3, 3), 0, source, per_channel=True)])
    network.outputs.append(helper.make_tensor_value_info(real, TensorProto.FLOAT, None))
    assert refused(network.save(tmp_path / "m.onnx")).startswith(
        "Conv 'Conv4' must be followed by a QuantizeLinear: its result is float; quantize it with "
    )


def test_refuses_a_relu_that_onnxruntime_would_run_in_float(tmp_path: Path) -> None:
    network = model()
    source = network.input([1, 2, 4, 4])
    real = network.node("Conv", [source, *network.dense((3, 2, 3, 3), 0, source, per_channel=True)])
    network.output(network.node("Relu", [real]), zero=7)
    assert "Conv 'Conv4' must be quantized before its Relu or Clip" in refused(network.save(tmp_path / "m.onnx"))


def test_refuses_a_flattened_map_that_no_dense_layer_reads(tmp_path: Path) -> None:
    network = model()
    flat = network.node("Flatten", [network.input([1, 2, 3, 3])])
    network.output(network.node("Add", [flat, flat]))
    assert refused(network.save(tmp_path / "m.onnx")) == (
        "Add 'Add3' must not read a flattened map: only Gemm and MatMul can"
    )


def test_open_batch_is_the_callers(tmp_path: Path) -> None:
    network = model()
    source = network.input(["batch", 3, 5, 5])
    network.output(network.node("Conv", [source, *network.dense((4, 3, 3, 3), 0, source, per_channel=True)]))
    path = network.save(tmp_path / "m.onnx")
    assert compare(path, np.random.default_rng(0), batch=3).differing == 0
    assert read(path).inputs[0].shape == (1, 3, 5, 5)


def float_network() -> onnx.ModelProto:
    """All supported operators in one float network, drawn at random."""
    rng = np.random.default_rng(3)
    constants = []

    def drawn(name: str, *shape: int) -> str:
        spread = np.sqrt(2 / max(1, np.prod(shape[1:])))
        constants.append(numpy_helper.from_array(rng.normal(0, spread, shape).astype(np.float32), name))
        return name

    def node(kind: str, inputs: list[str], result: str, **attributes: object) -> onnx.NodeProto:
        return helper.make_node(kind, inputs, [result], name=result, **attributes)

    constants.append(numpy_helper.from_array(np.float32(0), "zero"))
    constants.append(numpy_helper.from_array(np.float32(1.5), "six"))
    nodes = [
        node("Conv", ["x", drawn("w1", 7, 3, 3, 3), drawn("b1", 7)], "c1", pads=[1, 0, 2, 1], strides=[2, 1]),
        node("Relu", ["c1"], "r1"),
        node("MaxPool", ["r1"], "m1", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Conv", ["m1", drawn("w2", 7, 1, 3, 3), drawn("b2", 7)], "c2", pads=[1, 1, 1, 1], group=7),
        node("Clip", ["c2", "zero", "six"], "r2"),
        node("Conv", ["r2", drawn("w3", 7, 7, 1, 1), drawn("b3", 7)], "c3"),
        node("Add", ["m1", "c3"], "a1"),
        node("Relu", ["a1"], "r3"),
        node("Conv", ["r3", drawn("w4", 5, 7, 2, 2), drawn("b4", 5)], "c4", auto_pad="SAME_UPPER", dilations=[1, 1]),
        node("Concat", ["r3", "c4"], "j1", axis=1),
        node("AveragePool", ["j1"], "p1", kernel_shape=[2, 2], strides=[1, 1]),
        node("AveragePool", ["p1"], "p2", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("Dropout", ["p2"], "d1"),
        node("GlobalAveragePool", ["d1"], "g1"),
        node("Flatten", ["g1"], "f1"),
        node("Gemm", ["f1", drawn("w5", 11, 12), drawn("b5", 11)], "o1", transB=1),
        node("Relu", ["o1"], "o2"),
        node("MatMul", ["o2", drawn("w6", 11, 6)], "o3"),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 18, 17])]
    outputs = [helper.make_tensor_value_info("o3", TensorProto.FLOAT, ["n", 6])]
    graph = helper.make_graph(nodes, "all", inputs, outputs, constants)
    built = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(built, {"onnx.quant.pre_process": "onnxruntime.quant"})
    return onnx.shape_inference.infer_shapes(built)


class Calibration(CalibrationDataReader):
    """A few batches of normal noise."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.batches = iter([{"x": rng.normal(0, 1, (4, 3, 18, 17)).astype(np.float32)} for _ in range(3)])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch, if there is one."""
        return next(self.batches, None)


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("activation", [QuantType.QUInt8, QuantType.QInt8], ids=["uint8", "int8"])
def test_reads_what_quantize_static_writes(
    tmp_path: Path, activation: QuantType, symmetric: bool, per_channel: bool
) -> None:
    """A network of all operators is equal to onnxruntime in every quantized tensor."""
    plain, path = tmp_path / "float.onnx", tmp_path / "quantized.onnx"
    onnx.save(float_network(), plain)
    quantize_static(
        plain, path, Calibration(), quant_format=QuantFormat.QDQ, per_channel=per_channel, reduce_range=True,
        activation_type=activation, weight_type=QuantType.QInt8, extra_options={"ActivationSymmetric": symmetric},
    )  # fmt: skip
    found = compare(path, np.random.default_rng(1), batch=2)
    assert found.differing == 0
    assert {"QLinearConv", "QLinearAdd", "QLinearConcat", "QLinearAveragePool"} <= found.operators
    nodes = read(path).nodes
    assert {type(node) for node in nodes} == {Convolution, Pool, Addition, Concatenation, Rescale}
    # The Dropout changes the scale; of the five activations quantize_static leaves only those of symmetric models.
    assert sum(isinstance(node, Rescale) for node in nodes) == (5 if symmetric else 1)
