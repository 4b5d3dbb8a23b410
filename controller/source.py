"""An ONNX file opened and checked: its nodes, attributes, constants and input shapes, or one sentence why not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import TensorProto, numpy_helper

from controller.refusal import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

OLDEST_OPSET = 13
HOW_TO_QUANTIZE = (
    "quantize it with onnxruntime.quantization.quantize_static(..., quant_format=QuantFormat.QDQ, per_channel=True)"
)


@dataclass(frozen=True, eq=False)
class SourceNode:
    """An ONNX node whose attributes are Python values; missing optional inputs are empty names."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    @property
    def output(self) -> str:
        """The first of its outputs: the only one that counts, but for a Split."""
        return self.outputs[0]


@dataclass(frozen=True, eq=False)
class Source:
    """A checked ONNX model.

    `shapes` holds the float inputs, the batch filled in; `constants` the initializers and Constant nodes.
    """

    file: str
    nodes: tuple[SourceNode, ...]
    constants: Mapping[str, NDArray[Any]]
    shapes: Mapping[str, tuple[int, ...]]
    outputs: tuple[str, ...]

    def refuse(self, node: SourceNode | str, reason: str) -> ModelError:
        """The sentence that names file, node and reason."""
        where = node if isinstance(node, str) else f"{node.kind} '{node.name}'"
        return ModelError(f"{self.file}: {where} {reason}")


def load_model(path: Path | str) -> onnx.ModelProto:
    """The ONNX file, parsed and checked.

    Raises
    ------
    ModelError
        If there is no such file or it is not ONNX.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"{path}: there is no such file")
    try:
        model = onnx.load(path)
        onnx.checker.check_model(path)
    except (DecodeError, onnx.checker.ValidationError, ValueError, OSError, RuntimeError) as error:
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ModelError(f"{path}: this is not a valid ONNX model: {first.strip()}") from None
    if not model.graph.node:
        raise ModelError(f"{path}: this is not a valid ONNX model: it has no nodes")
    return model


def open_source(path: Path | str, batch: int | None = None) -> Source:
    """The model of an ONNX file, checked to be a quantized one of fixed shape.

    Parameters
    ----------
    path
        The file.
    batch
        The batch size where the model leaves its first dimension open; None means 1. Where the model fixes
        it, it must be None or the same.

    Raises
    ------
    ModelError
        If the file is missing or broken, its opset too old, its shapes open or its numbers float.
    """
    model = load_model(path)
    file = str(path)
    opset = max((entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}), default=0)
    if opset < OLDEST_OPSET:
        raise ModelError(f"{file}: opset must be {OLDEST_OPSET} or newer, not {opset}")
    if not any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        raise ModelError(f"{file}: this model is not quantized: {HOW_TO_QUANTIZE}")
    constants = {tensor.name: _array(tensor, file, tensor.name) for tensor in model.graph.initializer}
    nodes = []
    for index, proto in enumerate(model.graph.node):
        if not proto.output:
            raise ModelError(f"{file}: {proto.op_type} '{proto.name}' must have an output")
        attributes = {entry.name: onnx.helper.get_attribute_value(entry) for entry in proto.attribute}
        node = SourceNode(
            proto.name or f"{proto.op_type}_{index}", proto.op_type, tuple(proto.input), tuple(proto.output), attributes
        )
        if node.kind == "Constant" and "value" in attributes:
            constants[node.output] = _array(attributes["value"], file, node.output)
        else:
            nodes.append(node)
    shapes = {
        entry.name: _shape(entry, file, batch) for entry in model.graph.input if entry.name not in constants
    }
    return Source(file, tuple(nodes), constants, shapes, tuple(entry.name for entry in model.graph.output))


def _array(tensor: TensorProto, file: str, name: str) -> NDArray[Any]:
    try:
        return numpy_helper.to_array(tensor)
    except Exception as error:  # noqa: BLE001 (whatever its bytes, sizes, type and place make numpy and onnx raise)
        raise ModelError(f"{file}: constant '{name}' cannot be read: {error or type(error).__name__}") from None


def _shape(entry: onnx.ValueInfoProto, file: str, batch: int | None) -> tuple[int, ...]:
    kind = entry.type.tensor_type
    if kind.elem_type != TensorProto.FLOAT:
        known = {value: name.lower() for name, value in TensorProto.DataType.items()}
        name = known.get(kind.elem_type, f"type {kind.elem_type}")
        raise ModelError(f"{file}: input '{entry.name}' must be float, quantized by the model itself, not {name}")
    if not kind.HasField("shape"):
        raise ModelError(f"{file}: input '{entry.name}' must have a fixed shape, not an unknown one")
    sizes = [side.dim_value if side.HasField("dim_value") else None for side in kind.shape.dim]
    if sizes and sizes[0] is None:
        sizes[0] = 1 if batch is None else batch
    elif batch is not None and sizes and sizes[0] != batch:
        raise ModelError(f"{file}: input '{entry.name}' must have the model's batch size {sizes[0]}, not {batch}")
    for position, size in enumerate(sizes):
        if size is None or size < 1:
            side = kind.shape.dim[position].dim_param or size
            raise ModelError(
                f"{file}: input '{entry.name}' must have a fixed shape, not dimension {position} = '{side}'"
            )
    return tuple(int(np.int64(size or 0)) for size in sizes)
