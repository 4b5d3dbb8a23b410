"""What fuzzing has found, each as the least model that shows it: refused in one sentence that names the node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from controller.read import read
from controller.refusal import ModelError
from tests.controller.models import QdqModel

if TYPE_CHECKING:
    from pathlib import Path


def network(kind: str = "Conv", shape: tuple[int, ...] = (1, 2, 6, 6), scale: float = 0.05) -> QdqModel:
    """A quantized input, a convolution or pooling, a quantized output."""
    made = QdqModel(unsigned=True, rng=np.random.default_rng(5))
    source = made.input(list(shape), scale=scale, zero=3)
    dense = made.dense((3, 2, 3, 3), 0, source, per_channel=True) if kind == "Conv" else []
    attributes = {"kernel_shape": [3, 3]} if kind.endswith("Pool") else {}
    inputs = [made.constant(np.float32([0, 1]))] if kind == "Clip" else []
    made.output(made.node(kind, [source, *dense, *inputs], **attributes))
    # No shape is inferred, for some of these models have none.
    made.outputs = [helper.make_tensor_value_info(made.outputs[0].name, TensorProto.FLOAT, [None] * 4)]
    return made


def sentence(made: QdqModel, folder: Path, change: tuple[str, object] | None = None) -> str:
    """Why a model is refused, after a change of its attributes: name and value."""
    if change is not None:
        name, value = change
        (node,) = (node for node in made.nodes if "uantizeLinear" not in node.op_type)
        for old in [entry for entry in node.attribute if entry.name == name]:
            node.attribute.remove(old)
        node.attribute.append(helper.make_attribute(name, value))
    graph = helper.make_graph(made.nodes, "model", made.inputs, made.outputs, made.constants)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx"
    )
    with pytest.raises(ModelError) as caught, np.errstate(all="raise"):
        read(folder / "model.onnx")
    return str(caught.value).removeprefix(f"{folder / 'model.onnx'}: ")


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("Conv", ("strides", [0, 1]), "must have as strides 2 whole numbers in 1..1048575, not [0, 1]"),
        ("Conv", ("strides", [1, 1, 1]), "must have as strides 2 whole numbers in 1..1048575, not [1, 1, 1]"),
        ("Conv", ("dilations", [1, 2**40]), "must have as dilations 2 whole numbers in 1..1048575, not [1, 10995"),
        ("Conv", ("pads", [1, 1]), "must have as pads 4 whole numbers in 0..1048575, not [1, 1]"),
        ("Conv", ("pads", [0, 0, -1, 0]), "must have as pads 4 whole numbers in 0..1048575, not [0, 0, -1, 0]"),
        ("Conv", ("group", 0), "must have as group a whole number in 1..1048575, not 0"),
        ("Conv", ("auto_pad", b"\xbd"), "must have as auto_pad one of NOTSET, SAME_UPPER, SAME_LOWER, VALID, not b'"),
        ("AveragePool", ("pads", [3, 0, 0, 0]), "must not have windows that lie in the padding alone"),
        ("MaxPool", ("pads", [0, 0, 0, 5]), "must not have windows that lie in the padding alone"),
    ],
)
def test_attributes_of_wrong_length_range_or_text(
    kind: str, change: tuple[str, object], said: str, tmp_path: Path
) -> None:
    found = sentence(network(kind), tmp_path, change)
    assert found.startswith(f"{kind} '{kind}")
    assert said in found


def test_a_constant_whose_bytes_do_not_fill_its_shape(tmp_path: Path) -> None:
    made = network()
    made.constants[0].raw_data = made.constants[0].raw_data * 3
    assert sentence(made, tmp_path).startswith("constant 'c0' cannot be read: ")


def test_a_constant_of_no_known_type(tmp_path: Path) -> None:
    made = network()
    made.constants[0].data_type = 127
    assert sentence(made, tmp_path).startswith("constant 'c0' cannot be read: ")


def test_an_input_of_no_known_type(tmp_path: Path) -> None:
    made = network()
    made.inputs[0].type.tensor_type.elem_type = 99
    assert sentence(made, tmp_path) == "input 'x0' must be float, quantized by the model itself, not type 99"


def test_bounds_that_are_no_single_numbers(tmp_path: Path) -> None:
    assert sentence(network("Clip"), tmp_path).endswith("must have one number as each bound")


@pytest.mark.parametrize("shape", [(1, 2, 1 << 31, 6), (1, 2, 4096, 4096), (1, 1 << 30, 3, 3)])
def test_a_map_beyond_any_memory(shape: tuple[int, ...], tmp_path: Path) -> None:
    found = sentence(network(shape=shape), tmp_path)
    assert found.startswith("input 'x0' must have at most 16,777,215 pixels and 4,294,967,295 bytes, not shape (1, ")


def test_a_result_beyond_any_memory(tmp_path: Path) -> None:
    found = sentence(network(), tmp_path, ("pads", [4096] * 4))
    assert found.startswith("Conv 'Conv4' must have at most 16,777,215 pixels")


@pytest.mark.parametrize("scale", [3e38, 1e36])
def test_scales_whose_products_float32_cannot_hold(scale: float, tmp_path: Path) -> None:
    """Beyond float32, and so near its end that sums times the factor leave it."""
    found = sentence(network(scale=scale), tmp_path)
    assert "scales whose " in found


def test_weights_with_scales_for_another_number_of_channels(tmp_path: Path) -> None:
    made = network()
    scale = next(tensor for tensor in made.constants if tensor.name == "c3")
    assert numpy_helper.to_array(scale).shape == (3,)
    for tensor in [scale, made.constants[4]]:
        values = np.ones(4, numpy_helper.to_array(tensor).dtype)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    assert "must have one scale, or one for each slice along axis 0, not 4" in sentence(made, tmp_path)


def test_fewer_zero_points_than_scales(tmp_path: Path) -> None:
    made = network()
    made.constants[4].CopyFrom(numpy_helper.from_array(np.zeros(2, np.int8), made.constants[4].name))
    assert "must have as many zero points as scales, not 2 and 3" in sentence(made, tmp_path)


def test_weights_that_are_no_integers(tmp_path: Path) -> None:
    made = network()
    made.constants[2].CopyFrom(numpy_helper.from_array(np.ones((3, 2, 3, 3), np.float32), made.constants[2].name))
    assert "must read integers, not float32" in sentence(made, tmp_path)
