"""Small QDQ models, written as quantize_static writes them, with constants at will."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from controller.nodewise import node_gaps
from controller.quantized import as_onnx, evaluate, quantize_inputs
from controller.read import read
from controller.reference import Reference, saturates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from controller.graph import Graph
    from controller.quantized import Stored

#: The greatest weight that onnxruntime multiplies correctly on this processor.
WIDEST_WEIGHT = 63 if saturates() else 127


@dataclass
class QdqModel:
    """A model that grows node by node; methods return names of float values."""

    unsigned: bool
    rng: np.random.Generator
    opset: int = 17
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    outputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    scales: dict[str, tuple[np.float32, int]] = field(default_factory=dict)

    @property
    def kind(self) -> type[np.uint8 | np.int8]:
        """The type of activations."""
        return np.uint8 if self.unsigned else np.int8

    def zero_point(self) -> int:
        """Any zero point."""
        return int(self.rng.integers(0, 256)) - (0 if self.unsigned else 128)

    def constant(self, values: NDArray[Any] | np.generic) -> str:
        """An initializer."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def node(self, kind: str, inputs: list[str], **attributes: Any) -> str:  # noqa: ANN401 - as ONNX has them
        """The result of an operator."""
        name = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [f"{name}_out"], name=name, **attributes))
        return f"{name}_out"

    def quantized(self, real: str, scale: float, zero: int) -> str:
        """A value quantized and dequantized."""
        names = [self.constant(np.float32(scale)), self.constant(self.kind(zero))]
        integers = self.node("QuantizeLinear", [real, *names])
        dequantized = self.node("DequantizeLinear", [integers, *names])
        self.scales[dequantized] = np.float32(scale), zero
        return dequantized

    def moved(self, kind: str, source: str, *constants: Sequence[int], **attributes: Any) -> str:  # noqa: ANN401
        """The result of a layout operator, in its source's quantization."""
        inputs = [source, *(self.constant(np.array(one, np.int64)) for one in constants)]
        return self.quantized(self.node(kind, inputs, **attributes), *self.scales[source])

    def split(self, source: str, sizes: Sequence[int]) -> list[str]:
        """Some channels after the other."""
        name = f"Split{len(self.nodes)}"
        results = [f"{name}_{place}" for place in range(len(sizes))]
        parts = self.constant(np.array(sizes, np.int64))
        self.nodes.append(helper.make_node("Split", [source, parts], results, name=name, axis=1))
        return [self.quantized(one, *self.scales[source]) for one in results]

    def shuffled(self, source: str, shape: Sequence[int], groups: int) -> str:
        """Channels of so many groups in turn, of a map of some shape."""
        images, channels, height, width = shape
        apart = self.moved("Reshape", source, (images, groups, channels // groups, height, width))
        turned = self.moved("Transpose", apart, perm=[0, 2, 1, 3, 4])
        return self.moved("Reshape", turned, (0, -1, height, width))

    def input(self, shape: list[int | str], scale: float | None = None, zero: int | None = None) -> str:
        """An input, quantized."""
        name = f"x{len(self.inputs)}"
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        scale = float(self.rng.uniform(0.005, 0.05)) if scale is None else scale
        return self.quantized(name, scale, self.zero_point() if zero is None else zero)

    def dense(self, shape: tuple[int, ...], axis: int, source: str, *, per_channel: bool) -> list[str]:
        """Names of dequantized weights and bias."""
        outputs = shape[axis]
        scale = self.rng.uniform(0.001, 0.02, outputs if per_channel else 1).astype(np.float32)
        weights = self.rng.integers(-WIDEST_WEIGHT, WIDEST_WEIGHT + 1, shape).astype(np.int8)
        bias = self.rng.integers(-20000, 20001, outputs).astype(np.int32)
        form, along = (scale, {"axis": axis}) if per_channel else (scale[0], {})
        zeros = np.zeros(form.shape, np.int8)
        total = (form * self.scales[source][0]).astype(np.float32)
        weight_names = [self.constant(weights), self.constant(form), self.constant(zeros)]
        bias_names = [self.constant(bias), self.constant(total), self.constant(zeros.astype(np.int32))]
        bias_axis = {"axis": 0} if per_channel else {}
        return [
            self.node("DequantizeLinear", weight_names, **along),
            self.node("DequantizeLinear", bias_names, **bias_axis),
        ]

    def output(self, real: str, scale: float | None = None, zero: int | None = None) -> None:
        """Make a value, quantized, an output."""
        scale = float(self.rng.uniform(0.02, 0.2)) if scale is None else scale
        name = self.quantized(real, scale, self.zero_point() if zero is None else zero)
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))

    def save(self, path: Path) -> Path:
        """Write the model to a file."""
        graph = helper.make_graph(self.nodes, "model", self.inputs, self.outputs, self.constants)
        domains = {"": self.opset} | {node.domain: 1 for node in self.nodes if node.domain}
        imports = [helper.make_opsetid(domain, version) for domain, version in domains.items()]
        model = helper.make_model(graph, opset_imports=imports, ir_version=8)
        onnx.save(onnx.shape_inference.infer_shapes(model), path)
        return path


def random_inputs(graph: Graph, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Floats that quantize to every integer of an input, ends included."""
    inputs = {}
    for port in graph.inputs:
        integers = rng.integers(-128, 128, port.shape) - port.tensor.zero
        inputs[port.name] = integers.astype(np.float32) * np.float32(port.tensor.scale)
    return inputs


@dataclass(frozen=True)
class Comparison:
    """Elements that differ from onnxruntime, elements compared, onnxruntime's operators."""

    differing: int
    elements: int
    operators: frozenset[str]


def compare(path: Path, rng: np.random.Generator, batch: int | None = None) -> Comparison:
    """A model's outputs and every quantized tensor in between against onnxruntime's, on random inputs."""
    graph = read(path, batch)
    reference = Reference(path)
    inputs = random_inputs(graph, rng)
    maps = evaluate(graph, quantize_inputs(graph, inputs))
    wrong = elements = 0
    for port, wanted in zip(graph.outputs, reference.run(inputs).values(), strict=True):
        got = as_onnx(port, maps)
        assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
        wrong += int(np.count_nonzero(got != wanted))
        elements += got.size
    for name, wanted in Reference(path, every=True).run(inputs).items():
        found = seen(maps, name, wanted.shape)
        if found is not None:
            offset = 128 if wanted.dtype == np.uint8 else 0
            assert np.array_equal(found.astype(np.int64) + offset, wanted.astype(np.int64)), name
    return Comparison(wrong, elements, frozenset(reference.operators))


def seen(maps: Mapping[str, Stored], name: str, shape: tuple[int, ...]) -> Stored | None:
    """A map, or those of all heads, as ONNX sees it, channels last if they are tokens; None if there is none."""
    heads = [maps[part] for part in parts_of(maps, name)]
    if heads:
        if shape[-2] == shape[-1] > 1:
            return None  # It does not show whether they are turned.
        turned = heads[0].shape[1] == shape[-2]
        return np.stack([head[0, :, 0] if turned else head[0, :, 0].T for head in heads]).reshape(shape)
    found = maps.get(name)
    if found is None:
        return None
    batch, channels, height, width = found.shape
    if height == 1 and shape in {(batch, width, channels), (width, channels)}:
        return found[:, :, 0].transpose(0, 2, 1).reshape(shape)
    return found.reshape(shape)


def parts_of(maps: Mapping[str, Stored], name: str) -> list[str]:
    """The names of a tensor's heads, if it has some."""
    return list(takewhile(lambda part: part in maps, (f"{name}, {place}" for place in count())))


@dataclass(frozen=True)
class Gap:
    """Elements that differ from onnxruntime's, elements compared, the largest difference."""

    differing: int = 0
    elements: int = 0
    largest: int = 0

    def __add__(self, other: Gap) -> Gap:
        """Both together."""
        return Gap(
            self.differing + other.differing, self.elements + other.elements, max(self.largest, other.largest)
        )


def gaps(path: Path, rng: np.random.Generator) -> dict[str, Gap]:
    """For each kind of node the differences from onnxruntime where it has what onnxruntime has: none is handed on."""
    graph = read(path)
    inputs = {
        port.name: np.asarray(rng.standard_normal(port.shape), np.float32) * np.float32(port.tensor.scale * 40)
        for port in graph.inputs
    }
    found: dict[str, Gap] = {}
    for node, apart in node_gaps(graph, path, inputs):
        kind = type(node).__name__
        found[kind] = found.get(kind, Gap()) + Gap(int(np.count_nonzero(apart)), apart.size, int(apart.max()))
    return found
