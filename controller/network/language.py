"""Float networks of tokens in ONNX, as exporters write them; weights are drawn when the model is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.network.layers import Array

#: The first that has Gelu.
_OPSET = 20
#: How far scales of a normalization are from 1, and biases from 0.
_SPREAD = 0.1


@dataclass(frozen=True)
class Drawn:
    """Constants that are drawn: of a mean, and of a standard deviation."""

    name: str
    shape: tuple[int, ...]
    mean: float
    spread: float

    def draw(self, rng: np.random.Generator) -> Array:
        """The numbers."""
        return rng.standard_normal(self.shape, np.float32) * np.float32(self.spread) + np.float32(self.mean)


class Language:
    """A float network whose maps are (1, tokens, channels), or vectors (1, channels).

    Parameters
    ----------
    name
        Of the graph.

    Members
    -------
    shapes
        Of every map, by name.
    inputs
        Names of the inputs.
    drawn
        All parameters.
    macs
        Multiplications by a weight, and of two activations in a sum.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.inputs: list[str] = []
        self.drawn: dict[str, Drawn] = {}
        self.macs = 0
        self._constants: dict[str, np.ndarray[Any, Any]] = {}
        self._nodes: list[onnx.NodeProto] = []

    @property
    def parameters(self) -> int:
        """Numbers that training would find."""
        return sum(prod(one.shape) for one in self.drawn.values())

    def input(self, name: str, shape: tuple[int, ...]) -> str:
        """An input of mean 0 and variance 1."""
        self.inputs.append(name)
        self.shapes[name] = shape
        return name

    def node(self, kind: str, name: str, operands: Sequence[str], shape: tuple[int, ...], **attributes: Any) -> str:  # noqa: ANN401 - as ONNX has them
        """Any operator of one result."""
        self._nodes.append(helper.make_node(kind, list(operands), [name], name=name, **attributes))
        self.shapes[name] = shape
        return name

    def split(self, name: str, source: str, count: int, axis: int) -> list[str]:
        """Equal parts along an axis."""
        results, shape = [f"{name}_{place}" for place in range(count)], list(self.shapes[source])
        shape[axis] //= count
        self._nodes.append(helper.make_node("Split", [source], results, name=name, axis=axis, num_outputs=count))
        self.shapes |= dict.fromkeys(results, tuple(shape))
        return results

    def parameter(self, name: str, shape: tuple[int, ...], *, mean: float = 0.0, spread: float = _SPREAD) -> str:
        """A parameter; another use of its name is the same one."""
        self.drawn[name] = Drawn(name, shape, mean, spread)
        return name

    def whole(self, name: str, values: Sequence[int] | int) -> str:
        """Whole numbers that some operators have as operands."""
        self._constants[name] = np.array(values, np.int64)
        return name

    def dense(self, name: str, source: str, outputs: int, *, gain: float = 1.0, weights: str | None = None) -> str:
        """A linear layer, as a product and an addition; of weights of another name if they are shared."""
        *rest, inputs = self.shapes[source]
        label = weights or name
        table = self.parameter(f"{label}.weight", (inputs, outputs), spread=gain / inputs**0.5)
        bias = self.parameter(f"{label}.bias", (outputs,))
        self.macs += prod(rest) * inputs * outputs
        sums = self.node("MatMul", f"{name}_product", [source, table], (*rest, outputs))
        return self.node("Add", name, [bias, sums], (*rest, outputs))

    def vector(self, name: str, source: str, outputs: int, *, gain: float = 1.0, weights: str | None = None) -> str:
        """A linear layer of a vector."""
        inputs, label = self.shapes[source][1], weights or name
        table = self.parameter(f"{label}.weight", (outputs, inputs), spread=gain / inputs**0.5)
        bias = self.parameter(f"{label}.bias", (outputs,))
        self.macs += inputs * outputs
        return self.node("Gemm", name, [source, table, bias], (1, outputs), transB=1)

    def normalize(self, name: str, source: str, epsilon: float) -> str:
        """Layer normalization."""
        channels = self.shapes[source][-1:]
        scale, bias = self.parameter(f"{name}.weight", channels, mean=1.0), self.parameter(f"{name}.bias", channels)
        return self.node("LayerNormalization", name, [source, scale, bias], self.shapes[source], epsilon=epsilon)

    def reshape(self, name: str, source: str, shape: tuple[int, ...]) -> str:
        """The same numbers in another shape."""
        return self.node("Reshape", name, [source, self.whole(f"{name}.shape", shape)], shape)

    def transpose(self, name: str, source: str, order: tuple[int, ...]) -> str:
        """Axes in another order."""
        shape = tuple(self.shapes[source][axis] for axis in order)
        return self.node("Transpose", name, [source], shape, perm=order)

    def number(self, kind: str, name: str, source: str, value: float) -> str:
        """An operator between a map and a number."""
        self._constants[f"{name}.number"] = np.array(value, np.float32)
        return self.node(kind, name, [source, f"{name}.number"], self.shapes[source])

    def product(self, name: str, first: str, second: str) -> str:
        """The product of each head's matrices."""
        *rest, inner = self.shapes[first]
        shape = (*rest, self.shapes[second][-1])
        self.macs += prod(shape) * inner
        return self.node("MatMul", name, [first, second], shape)

    def heads(self, label: str, queries: str, keys: str, values: str) -> str:
        """Attention of (1, heads, tokens, channels), queries or scores scaled before; keys turned."""
        scores = self.product(f"{label}_scores", queries, keys)
        return self._weighed(label, scores, values)

    def scaled_heads(self, label: str, queries: str, keys: str, values: str) -> str:
        """Attention whose scores are divided by the root of a head's channels."""
        width = self.shapes[queries][-1]
        scores = self.product(f"{label}_scores", queries, keys)
        return self._weighed(label, self.number("Div", f"{label}_scaled", scores, width**0.5), values)

    def _weighed(self, label: str, scores: str, values: str) -> str:
        """What scores choose of the values, heads side by side."""
        chances = self.node("Softmax", f"{label}_chances", [scores], self.shapes[scores], axis=-1)
        mixed = self.product(f"{label}_mixed", chances, values)
        turned = self.transpose(f"{label}_turned", mixed, (0, 2, 1, 3))
        _, tokens, heads, width = self.shapes[turned]
        return self.reshape(f"{label}_joined", turned, (1, tokens, heads * width))

    def model(self, outputs: Sequence[str], seed: int) -> onnx.ModelProto:
        """The network in ONNX, its parameters drawn."""
        rng = np.random.default_rng(seed)
        arrays = {name: one.draw(rng) for name, one in self.drawn.items()} | self._constants
        first, last = (
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, self.shapes[name]) for name in some]
            for some in (self.inputs, outputs)
        )
        constants = [numpy_helper.from_array(one, name) for name, one in arrays.items()]
        graph = helper.make_graph(self._nodes, self.name, first, last, constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=9)
