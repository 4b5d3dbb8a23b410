"""Mul, Div, Add, Sub and Pow, and functions made of them, as exporters and quantize_static write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_static

from controller.graph import Convolution, Multiplication, Rescale
from controller.network.calibrate import _Calibration
from controller.numerics import matching_scale, multiplication_ratio, multiply
from controller.quantized import as_onnx, evaluate, quantize_inputs
from controller.read import read
from controller.reference import Reference
from controller.refusal import ModelError
from spec.config import CONFIGS
from tests.controller.machine import compiled_and_checked, largest_difference
from tests.controller.models import QdqModel, compare
from tests.controller.token_operators import constant

if TYPE_CHECKING:
    from pathlib import Path

_GELU = {"root": 2**0.5, "one": 1.0, "half": 0.5}


def gelu_network() -> onnx.ModelProto:
    """A linear layer, GELU as exporters write it before opset 20, another linear layer."""
    rng = np.random.default_rng(2)
    chain = [
        ("MatMul", ["x", "w1"], "m1"), ("Div", ["m1", "root"], "d"), ("Erf", ["d"], "e"), ("Add", ["e", "one"], "a"),
        ("Mul", ["m1", "a"], "g"), ("Mul", ["g", "half"], "h"), ("MatMul", ["h", "w2"], "y"),
    ]  # fmt: skip
    nodes = [helper.make_node(kind, inputs, [result], name=result) for kind, inputs, result in chain]
    weights = {name: rng.normal(0, 0.3, (12, 12)).astype(np.float32) for name in ("w1", "w2")}
    constants = weights | {name: np.float32(value) for name, value in _GELU.items()}
    graph = helper.make_graph(
        nodes, "gelu", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 50, 12])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 50, 12])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
    return onnx.shape_inference.infer_shapes(model)


@pytest.mark.parametrize(("only", "kinds"), [
    (["MatMul"], [Convolution, Rescale, Convolution]),
    (None, [Convolution, Rescale, Rescale, Multiplication, Rescale, Convolution]),
], ids=["products", "everything"])  # fmt: skip
@pytest.mark.parametrize("activation", [QuantType.QUInt8, QuantType.QInt8], ids=["uint8", "int8"])
def test_gelu_of_erf_is_one_table_or_as_many_operators_as_are_quantized(
    activation: QuantType, only: list[str] | None, kinds: list[type], tmp_path: Path
) -> None:
    """What stays float between two quantizations is one function of one integer."""
    plain, path = tmp_path / "float.onnx", tmp_path / "quantized.onnx"
    onnx.save(gelu_network(), plain)
    rng = np.random.default_rng(1)
    batches = [{"x": np.asarray(rng.standard_normal((1, 50, 12)), np.float32)} for _ in range(3)]
    quantize_static(
        plain, path, _Calibration(batches), per_channel=True, reduce_range=True, activation_type=activation,
        weight_type=QuantType.QInt8, op_types_to_quantize=only,
    )  # fmt: skip
    assert compare(path, rng).differing == 0
    assert [type(node) for node in read(path).nodes] == kinds


@pytest.mark.parametrize(("kind", "attributes"), [
    ("Gelu", {}), ("Gelu", {"approximate": "tanh"}), ("Gelu", {"domain": "com.microsoft"}),
    ("FastGelu", {"domain": "com.microsoft"}), ("QuickGelu", {"domain": "com.microsoft", "alpha": 1.5}),
])  # fmt: skip
def test_gelu_is_looked_up(kind: str, attributes: dict[str, Any], tmp_path: Path) -> None:
    model = QdqModel(unsigned=True, rng=np.random.default_rng(3), opset=20)
    model.output(model.node(kind, [model.input([1, 40, 40], 0.03, 110)], **attributes), 0.02, 9)
    # Shape inference does not know all domains.
    model.outputs[0].type.tensor_type.shape.CopyFrom(onnx.TensorShapeProto())
    for side in (1, 40, 40):
        model.outputs[0].type.tensor_type.shape.dim.add().dim_value = side
    assert compare(model.save(tmp_path / "model.onnx"), model.rng).differing == 0


#: Scales and zero points of two operands and their sum, and one pair of integers, whose sum depends on which is first.
_ORDERED = [
    ((0.02686259150505066, 136), (0.045026954263448715, 91), (0.09406391531229019, 172), (111, 61)),
    ((0.049779344350099564, 158), (0.04770246520638466, 213), (0.051404062658548355, 193), (245, 29)),
    ((0.03436765447258949, 162), (0.0173232089728117, 241), (0.07323868572711945, 201), (12, 8)),
]


@pytest.mark.parametrize("turned", [False, True], ids=["as they are", "exchanged"])
@pytest.mark.parametrize("constant_first", [False, True], ids=["constant second", "constant first"])
@pytest.mark.parametrize("shape", [(), (5,), (1, 4, 5)], ids=["number", "biases", "map"])
@pytest.mark.parametrize("ordered", _ORDERED, ids=["one", "two", "three"])
def test_constants_are_added_in_the_kernels_order(
    ordered: tuple[tuple[float, int], ...], shape: tuple[int, ...], *, constant_first: bool, turned: bool,
    tmp_path: Path,
) -> None:  # fmt: skip
    """Which operand is multiplied first decides where a sum lies on the border of two; a number is always second."""
    *ends, result, integers = ordered
    pairs = list(zip(ends, integers, strict=True))
    (map_form, map_integer), (form, integer) = pairs[::-1] if turned else pairs
    model = QdqModel(unsigned=True, rng=np.random.default_rng(1))
    source = model.input([1, 4, 5], *map_form)
    values = [np.full(shape, integer, np.uint8), np.float32(form[0]), np.uint8(form[1])]
    operands = [source, model.node("DequantizeLinear", [model.constant(one) for one in values])]
    model.output(model.node("Add", operands[::-1] if constant_first else operands), *result)
    path = model.save(tmp_path / "model.onnx")
    graph = read(path)
    real = np.full((1, 4, 5), (map_integer - map_form[1]) * np.float32(map_form[0]), np.float32)
    made = evaluate(graph, quantize_inputs(graph, {"x0": real}))
    [theirs] = Reference(path).run({"x0": real}).values()
    assert np.array_equal(as_onnx(graph.outputs[0], made), theirs)


def test_a_chain_of_floats_is_one_table(tmp_path: Path) -> None:
    """A Relu, a power and a difference as well; a reshape in between does not matter."""
    model = QdqModel(unsigned=True, rng=np.random.default_rng(3))
    source = model.input([1, 30, 40], 0.03, 110)
    three, two = model.constant(np.float32(3)), model.constant(np.float32(2))
    real = model.node("Relu", [model.node("Sub", [model.node("Pow", [source, two]), three])])
    flat = model.node("Reshape", [real, model.constant(np.array([30, 40], np.int64))])
    model.output(model.moved("Reshape", model.quantized(flat, 0.02, 9), [1, 30, 40]), 0.02, 9)
    path = model.save(tmp_path / "model.onnx")
    assert compare(path, model.rng).differing == 0
    assert [type(node) for node in read(path).nodes] == [Rescale]


def test_a_scale_for_all_products_is_found_nearly_always() -> None:
    """The kernel adds its zero point before it rounds; of 400 random multiplications 11 have none."""
    rng = np.random.default_rng(5)
    missing, wrong = 0, []
    for _ in range(400):
        zeros = rng.integers(0, 256, 3)
        first, second = rng.uniform(0.005, 0.05, 2)
        ratio = multiplication_ratio(first, second, first * second * rng.uniform(20, 250))
        integers = np.arange(256)
        products = np.unique(np.outer(integers - zeros[0], integers - zeros[1]))
        wanted = multiply(products, ratio, int(zeros[2]), 0, 255)
        if matching_scale(products, wanted, int(zeros[2]), 0, 255, float(ratio)) is None:
            missing += 1
            near = np.clip(np.rint(products.astype(np.float32) * ratio) + zeros[2], 0, 255)
            wrong.append(int(np.count_nonzero(near != wanted)))
    # Products that differ, by one, of the many thousands that there are.
    assert (missing, max(wrong)) == (11, 6)


def refused(model: QdqModel, kind: str, operands: list[str], tmp_path: Path, **attributes: Any) -> str:  # noqa: ANN401
    model.output(model.node(kind, operands, **attributes))
    model.outputs[0].type.tensor_type.shape.dim.add().dim_param = "any"
    with pytest.raises(ModelError) as raised:
        read(model.save(tmp_path / "model.onnx"))
    return str(raised.value).split("' ", 1)[1]


@pytest.mark.parametrize(("kind", "shape", "reason"), [
    ("Mul", (4, 5), "must have one factor, or one for each of 5 channels, in one scale"),
    ("Add", (3, 5), "must have constants that fit (1, 4, 5), not (3, 5)"),
    ("Sub", (5,), "must have one number as an operand, or stand between functions of one map"),
    ("MatMul", (1, 5, 3), "must have quantized constant weights of 2 dimensions"),
])  # fmt: skip
def test_refuses_constants(kind: str, shape: tuple[int, ...], reason: str, tmp_path: Path) -> None:
    model = QdqModel(unsigned=True, rng=np.random.default_rng(1))
    assert refused(model, kind, [model.input([1, 4, 5]), constant(model, shape)], tmp_path) == reason


@pytest.mark.parametrize(("kind", "shapes", "reason"), [
    ("Add", ([1, 4, 5], [1, 5, 5]), "must add maps of one shape, not (1, 4, 5) and (1, 5, 5)"),
    ("Mul", ([1, 4, 5], [1, 4, 1]), "must multiply maps of one shape, not (1, 4, 5) and (1, 4, 1)"),
    ("Div", ([1, 4, 5], [1, 4, 5]), "must have one number as an operand, or stand between functions of one map"),
    ("MatMul", ([2, 4, 5], [2, 5, 4]), "must multiply activations of one image, not of a batch of 2"),
    ("MatMul", ([1, 4, 5], [1, 4, 5]), "must have 5 rows in its second operand, not 4"),
    (
        "MatMul", ([1, 2, 4, 5], [1, 2, 5, 4]),
        "must read a feature map, not 'DequantizeLinear1_out': its matrices are no channels of maps",
    ),
    (
        "MatMul", ([2, 5], [5, 4]),
        "must multiply tokens of one image: rows of this matrix are images of a batch",
    ),
    ("Conv", ([1, 4, 5], [1, 4, 5]), "must not read tokens, whose channels are the last dimension"),
])  # fmt: skip
def test_refuses_maps(kind: str, shapes: tuple[list[int], list[int]], reason: str, tmp_path: Path) -> None:
    model = QdqModel(unsigned=True, rng=np.random.default_rng(1))
    assert refused(model, kind, [model.input(list(shape)) for shape in shapes], tmp_path) == reason


def test_refuses_functions_of_two_maps(tmp_path: Path) -> None:
    model = QdqModel(unsigned=True, rng=np.random.default_rng(1))
    first, second = (model.node("Erf", [model.input([1, 4, 5])]) for _ in range(2))
    assert refused(model, "Mul", [first, second], tmp_path) == (
        "must have functions of one map as operands, or quantized ones"
    )


@pytest.mark.parametrize(("kind", "value"), [("Div", 0.0), ("Pow", 0.5)])
def test_refuses_results_that_are_no_numbers(kind: str, value: float, tmp_path: Path) -> None:
    model = QdqModel(unsigned=True, rng=np.random.default_rng(1))
    operands = [model.input([1, 4, 5], 0.05, 20), model.constant(np.float32(value))]
    assert refused(model, kind, operands, tmp_path) == "must have numbers as results for all integers of its map"


def test_refuses_a_bias_in_a_function(tmp_path: Path) -> None:
    model = QdqModel(unsigned=True, rng=np.random.default_rng(1), opset=20)
    operands = [model.input([1, 4, 5]), constant(model, (5,))]
    assert refused(model, "FastGelu", operands, tmp_path, domain="com.microsoft") == (
        "must have one operand: a bias is to be added before it"
    )


def test_refuses_keys_that_are_not_turned(tmp_path: Path) -> None:
    """The first operand's pixels must be rows."""
    model = QdqModel(unsigned=True, rng=np.random.default_rng(1))
    turned = model.moved("Transpose", model.input([1, 4, 5]), perm=(0, 2, 1))
    assert refused(model, "MatMul", [turned, model.input([1, 4, 5])], tmp_path) == (
        "must not have a first operand whose pixels are columns: it needs a copy"
    )


def beside_itself_turned(model: QdqModel, order: int) -> list[str]:
    """A map and itself turned; it has as many tokens as channels, so shapes do not show which is which."""
    source = model.input([1, 4, 4])
    return [source, model.moved("Transpose", source, perm=(0, 2, 1))][::order]


@pytest.mark.parametrize("kind", ["Mul", "Sub"])
@pytest.mark.parametrize("order", [1, -1])
def test_refuses_functions_of_a_map_and_of_itself_turned(kind: str, order: int, tmp_path: Path) -> None:
    model = QdqModel(unsigned=True, rng=np.random.default_rng(1))
    functions = [model.node("Tanh", [one]) for one in beside_itself_turned(model, order)]
    assert refused(model, kind, functions, tmp_path) == "must have functions of one map as operands, or quantized ones"


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("order", [1, -1])
def test_a_map_beside_itself_turned(axis: int, order: int, tmp_path: Path) -> None:
    model = QdqModel(unsigned=True, rng=np.random.default_rng(1))
    joined_rightly(model, beside_itself_turned(model, order), axis, tmp_path)


def test_tokens_of_a_batch_beside_others(tmp_path: Path) -> None:
    model = QdqModel(unsigned=True, rng=np.random.default_rng(1))
    joined_rightly(model, [model.input([2, 4, 5]), model.input([2, 3, 5])], 1, tmp_path)


def joined_rightly(model: QdqModel, operands: list[str], axis: int, tmp_path: Path) -> None:
    model.output(model.node("Concat", operands, axis=axis))
    path = model.save(tmp_path / "model.onnx")
    assert compare(path, np.random.default_rng(0)).differing == 0
    of = compiled_and_checked(path, CONFIGS["tiny"])
    assert largest_difference(of, path, np.random.default_rng(1)) == 0
