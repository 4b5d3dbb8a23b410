"""Damage to ONNX models that stay readable as protobuf: what a wrong exporter, or an adversary, writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from controller.read import supported

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

_INTEGERS = (-(2**63), -(2**31), -129, -2, -1, 0, 1, 2, 3, 255, 2**16, 2**31 - 1, 2**31, 2**63 - 1)
_NUMBERS = (0.0, -1.0, 1e-45, 1e-38, 3e38, float("inf"), float("-inf"), float("nan"))
_KINDS = (*supported(), "Constant", "Loop", "LSTM", "Softmax", "NoSuchOperator", "")
_ATTRIBUTES = (
    "axis", "group", "kernel_shape", "pads", "strides", "dilations", "auto_pad", "ceil_mode", "count_include_pad",
    "alpha", "transB", "value", "allowzero",
)  # fmt: skip


def _tensor(rng: random.Random) -> TensorProto:
    shape = [rng.randint(0, 3) for _ in range(rng.randint(0, 4))]
    kind = rng.choice((np.float32, np.float64, np.int8, np.uint8, np.int32, np.int64, np.bool_, np.float16))
    return numpy_helper.from_array((np.ones(shape) * rng.choice((0, 1, -1, 3))).astype(kind), "made")


_VALUES: tuple[Callable[[random.Random], object], ...] = (
    lambda rng: rng.choice(_INTEGERS),
    lambda rng: [rng.choice(_INTEGERS) for _ in range(rng.randint(1, 6))],
    lambda rng: [rng.randint(0, 9) for _ in range(rng.choice((2, 4)))],
    lambda rng: rng.choice(_NUMBERS),
    lambda rng: rng.choice(("SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET", "", "\ud7ff")),
    lambda rng: rng.randbytes(3),
    _tensor,
)


def _names(model: onnx.ModelProto) -> list[str]:
    graph = model.graph
    found = [name for node in graph.node for name in (*node.input, *node.output)]
    return [*found, *(entry.name for entry in (*graph.initializer, *graph.input, *graph.output)), "", "nowhere"]


def _node(rng: random.Random, model: onnx.ModelProto) -> None:
    nodes = model.graph.node
    at = rng.randrange(len(nodes))
    turn = rng.randrange(4)
    if turn == 0:
        del nodes[at]
    elif turn == 1:
        nodes.insert(rng.randrange(len(nodes) + 1), nodes[at])
    elif turn == 2:
        other = rng.randrange(len(nodes))
        one, two = onnx.NodeProto(), onnx.NodeProto()
        one.CopyFrom(nodes[at])
        two.CopyFrom(nodes[other])
        nodes[at].CopyFrom(two)
        nodes[other].CopyFrom(one)
    else:
        nodes[at].op_type = rng.choice(_KINDS)


def _edge(rng: random.Random, model: onnx.ModelProto) -> None:
    node = rng.choice(model.graph.node)
    side = rng.choice((node.input, node.output))
    turn = rng.randrange(4)
    if turn == 0 and side:
        del side[rng.randrange(len(side))]
    elif turn == 1:
        side.append(rng.choice(_names(model)))
    elif side:
        side[rng.randrange(len(side))] = rng.choice(_names(model))


def _attribute(rng: random.Random, model: onnx.ModelProto) -> None:
    node = rng.choice(model.graph.node)
    known = [entry.name for entry in node.attribute]
    name = rng.choice(known) if known and rng.random() < 0.7 else rng.choice(_ATTRIBUTES)
    at = known.index(name) if name in known else None
    if at is not None:
        del node.attribute[at]
    if at is None or rng.random() < 0.8:
        node.attribute.append(helper.make_attribute(name, rng.choice(_VALUES)(rng)))


def _constant(rng: random.Random, model: onnx.ModelProto) -> None:
    tensors = model.graph.initializer
    if not tensors:
        return
    tensor = rng.choice(tensors)
    turn = rng.randrange(7)
    if turn == 0:
        tensor.data_type = rng.choice((*TensorProto.DataType.values(), 99))
    elif turn == 1:
        tensor.dims[:] = [rng.choice((*_INTEGERS, *range(6))) for _ in range(rng.randint(0, 5))]
    elif turn == 2 and tensor.raw_data:
        tensor.raw_data = tensor.raw_data[: rng.randrange(len(tensor.raw_data))]
    elif turn == 3:
        values = numpy_helper.to_array(tensor).copy()
        extreme = rng.choice(_NUMBERS if values.dtype.kind == "f" else (-128, -1, 0, 1, 127))
        values.reshape(-1)[: rng.choice((1, values.size))] = np.array(extreme).astype(values.dtype)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    elif turn == 4:
        values = numpy_helper.to_array(tensor)
        shape = rng.choice([(1, *values.shape), (-1,), values.shape[::-1], (*values.shape, 1)])
        tensor.CopyFrom(numpy_helper.from_array(values.reshape(shape), tensor.name))
    elif turn == 5:
        tensor.name = rng.choice(_names(model))
    else:
        tensor.data_location = TensorProto.EXTERNAL
        tensor.ClearField("raw_data")
        tensor.external_data.add(key="location", value=rng.choice(("../../etc/passwd", "none", "/dev/zero", "")))


def _port(rng: random.Random, model: onnx.ModelProto) -> None:
    entry = rng.choice([*model.graph.input, *model.graph.output] or [model.graph.output.add()])
    tensor = entry.type.tensor_type
    turn = rng.randrange(5)
    if turn == 0:
        entry.name = rng.choice(_names(model))
    elif turn == 1:
        tensor.elem_type = rng.choice((*TensorProto.DataType.values(), 99))
    elif turn == 2:
        tensor.shape.dim.add().dim_value = rng.choice(_INTEGERS)
    elif turn == 3 and tensor.shape.dim:
        side = rng.choice(tensor.shape.dim)
        if rng.random() < 0.3:
            side.dim_param = "N"
        else:
            side.dim_value = rng.choice(_INTEGERS)
    elif turn == 4:
        entry.ClearField("type")


def _frame(rng: random.Random, model: onnx.ModelProto) -> None:
    turn = rng.randrange(6)
    if turn == 0:
        model.ir_version = rng.choice((0, 1, 3, 8, 99))
    elif turn == 1 and model.opset_import:
        model.opset_import[0].version = rng.choice((0, 1, 12, 13, 18, 21, 26, 999, -1))
    elif turn == 2 and model.opset_import:
        model.opset_import[0].domain = rng.choice(("ai.onnx", "com.microsoft", "x"))
    elif turn == 3:
        side = rng.choice((model.graph.input, model.graph.output, model.graph.initializer))
        if side:
            del side[rng.randrange(len(side))]
    elif turn == 4:
        model.graph.name = rng.choice(("", "a\0b", "../x"))
    else:
        model.graph.input.extend(model.graph.output)


CHANGES: tuple[Callable[[random.Random, onnx.ModelProto], None], ...] = (
    _node, _edge, _edge, _attribute, _attribute, _constant, _constant, _port, _frame
)  # fmt: skip
#: What onnx raises where an earlier change has left nothing that this one could read.
UNCHANGEABLE = (ValueError, TypeError, KeyError, OverflowError, onnx.checker.ValidationError)


def changed(rng: random.Random, data: bytes) -> bytes:
    """The model after one to three changes."""
    model = onnx.ModelProto.FromString(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if model.graph.node:
            try:
                rng.choice(CHANGES)(rng, model)
            except UNCHANGEABLE:
                continue
    return bytes(model.SerializeToString())
