"""Float networks in ONNX, put together layer by layer; weights are drawn when the model is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from controller.network.layers import Array

INPUT = "image"
OUTPUT = "classes"
_OPSET = 17
#: Standard deviations of the logarithm of a channel's scale, as folded BatchNorm leaves it, and of biases.
_CHANNEL_SPREAD = 0.25
_BIAS_SPREAD = 0.1

Activation = Literal["relu", "relu6"] | None


@dataclass(frozen=True)
class Parameters:
    """A layer's weights, (outputs, inputs / groups, kernel, kernel) or (outputs, inputs), and how large they are.

    `gain` multiplies the standard deviation of He's initialization.
    """

    name: str
    shape: tuple[int, ...]
    activation: Activation
    gain: float

    def draw(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Weights and biases.

        He et al., "Delving Deep into Rectifiers", arXiv 1502.01852: variance 2 / inputs before a Relu, 1 / inputs
        where the sums stay as they are, so that activations keep their size from layer to layer.
        """
        spread = self.gain * np.sqrt((2 if self.activation else 1) / prod(self.shape[1:]))
        weights = rng.standard_normal(self.shape, np.float32)
        channels = np.exp(rng.normal(-(_CHANNEL_SPREAD**2), _CHANNEL_SPREAD, self.shape[0])) * spread
        weights *= channels.astype(np.float32).reshape(-1, *[1] * (len(self.shape) - 1))
        return weights, rng.normal(0, _BIAS_SPREAD * self.gain, self.shape[0]).astype(np.float32)


class Plain:
    """A float network of one input image, and of one vector of classes or of several maps.

    Parameters
    ----------
    name
        Of the graph.
    side
        Height and width of the image, which has 3 channels.

    Members
    -------
    shapes
        Channels, height and width of every feature map, by name; of a list of pixels, how many and their values.
    layers
        Every layer with weights, in order.
    macs
        Multiplications by a weight for one image, padding included.
    alike
        Sets of maps that are to be quantized with one scale.
    floats
        Nodes that are not to be quantized.
    """

    def __init__(self, name: str, side: int) -> None:
        self.name = name
        self.shapes: dict[str, tuple[int, ...]] = {INPUT: (3, side, side)}
        self.layers: list[Parameters] = []
        self.macs = 0
        self.alike: list[tuple[str, ...]] = []
        self.floats: list[str] = []
        self._constants: dict[str, list[int]] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._vectors: set[str] = set()

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return sum(prod(layer.shape) + layer.shape[0] for layer in self.layers)

    def convolve(
        self, name: str, source: str, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1,
        pad: int | None = None, activation: Activation = "relu", gain: float = 1.0,
    ) -> str:  # fmt: skip
        """An odd square kernel, padded by half of it unless it is said by how much."""
        pad = kernel // 2 if pad is None else pad
        channels, height, width = self.shapes[source]
        shape = (outputs, channels // groups, kernel, kernel)
        size = (outputs, *_windows((height, width), kernel, pad, stride))
        self.layers.append(Parameters(name, shape, activation, gain))
        self.macs += prod(size) * prod(shape[1:])
        return self._node(
            "Conv", name, [source, f"{name}.weights", f"{name}.bias"], size, activation,
            kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4, group=groups,
        )  # fmt: skip

    def dense(self, name: str, source: str, outputs: int, *, activation: Activation = None) -> str:
        """Every output reads the whole map."""
        inputs = prod(self.shapes[source])
        if source not in self._vectors:
            source = self.flatten(f"{name}_flat", source)
        self.layers.append(Parameters(name, (outputs, inputs), activation, 1.0))
        self.macs += outputs * inputs
        self._vectors.add(name)
        operands = [source, f"{name}.weights", f"{name}.bias"]
        return self._node("Gemm", name, operands, (outputs, 1, 1), activation, transB=1)

    def flatten(self, name: str, source: str) -> str:
        """A map as a vector."""
        return self._node("Flatten", name, [source], (prod(self.shapes[source]), 1, 1))

    def concatenate(self, name: str, operands: list[str]) -> str:
        """Maps of one size side by side along channels."""
        channels = sum(self.shapes[one][0] for one in operands)
        return self._node("Concat", name, operands, (channels, *self.shapes[operands[0]][1:]), axis=1)

    def listed(self, name: str, maps: list[str], values: int) -> str:
        """The values of all pixels of some maps, one pixel after the other: layout operators, which stay float."""
        self._constants[f"{name}.values"] = [0, -1, values]
        for one in maps:
            self._nodes += [
                helper.make_node("Transpose", [one], [f"{one}_turned"], name=f"{one}_turned", perm=[0, 2, 3, 1]),
                helper.make_node("Reshape", [f"{one}_turned", f"{name}.values"], [f"{one}_list"], name=f"{one}_list"),
            ]
            self.floats += [f"{one}_turned", f"{one}_list"]
        self.floats.append(name)
        count = sum(prod(self.shapes[one]) for one in maps) // values
        return self._node("Concat", name, [f"{one}_list" for one in maps], (count, values), axis=1)

    def halves(self, name: str, source: str) -> tuple[str, str]:
        """The first and the second half of a map's channels."""
        channels, height, width = self.shapes[source]
        results = f"{name}1", f"{name}2"
        self._nodes.append(helper.make_node("Split", [source], results, name=name, axis=1))
        self.shapes |= dict.fromkeys(results, (channels // 2, height, width))
        return results

    def shuffle(self, name: str, source: str, groups: int) -> str:
        """The channels of so many groups in turn."""
        channels, *size = self.shapes[source]
        sides = {"groups": [0, groups, channels // groups, *size], "whole": [0, channels, *size]}
        self._constants |= {f"{name}.{label}": some for label, some in sides.items()}
        self._nodes += [
            helper.make_node("Reshape", [source, f"{name}.groups"], [f"{name}_groups"], name=f"{name}_groups"),
            helper.make_node(
                "Transpose", [f"{name}_groups"], [f"{name}_turned"], name=f"{name}_turned", perm=[0, 2, 1, 3, 4]
            ),
        ]
        return self._node("Reshape", name, [f"{name}_turned", f"{name}.whole"], self.shapes[source])

    def add(self, name: str, first: str, second: str, *, activation: Activation = "relu") -> str:
        """Two maps of one shape."""
        return self._node("Add", name, [first, second], self.shapes[first], activation)

    def max_pool(self, name: str, source: str, kernel: int, *, pad: int = 0) -> str:
        """The largest of each window, at stride 2."""
        channels, height, width = self.shapes[source]
        return self._node(
            "MaxPool", name, [source], (channels, *_windows((height, width), kernel, pad, 2)),
            kernel_shape=[kernel] * 2, strides=[2, 2], pads=[pad] * 4,
        )  # fmt: skip

    def mean(self, name: str, source: str) -> str:
        """The mean of each channel."""
        return self._node("GlobalAveragePool", name, [source], (self.shapes[source][0], 1, 1))

    def model(self, output: str | list[str], seed: int) -> onnx.ModelProto:
        """The network in ONNX, its weights drawn; the number of images is left open.

        A single output is the last node's vector, of the name `OUTPUT`; maps keep their names.
        """
        rng = np.random.default_rng(seed)
        arrays = [numpy_helper.from_array(array, name) for name, array in self._draw(rng)]
        if isinstance(output, str):
            self._nodes[-1].output[0] = OUTPUT
            shapes: dict[str, tuple[int, ...]] = {OUTPUT: self.shapes[output][:1]}
        else:
            shapes = {name: self.shapes[name] for name in output}
        graph = helper.make_graph(
            self._nodes,
            self.name,
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", *self.shapes[INPUT]])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *one]) for name, one in shapes.items()],
            arrays,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)

    def _draw(self, rng: np.random.Generator) -> Iterator[tuple[str, NDArray[Any]]]:
        for layer in self.layers:
            weights, bias = layer.draw(rng)
            yield f"{layer.name}.weights", weights
            yield f"{layer.name}.bias", bias
        for name, sides in self._constants.items():
            yield name, np.array(sides, np.int64)
        if any(layer.activation == "relu6" for layer in self.layers):
            yield "zero", np.array(0, np.float32)
            yield "six", np.array(6, np.float32)

    def _node(
        self, kind: str, name: str, operands: list[str], shape: tuple[int, ...], activation: Activation = None,
        **attributes: Any,  # noqa: ANN401 - as ONNX has them
    ) -> str:  # fmt: skip
        result = f"{name}_sums" if activation else name
        self._nodes.append(helper.make_node(kind, operands, [result], name=name, **attributes))
        if activation == "relu":
            self._nodes.append(helper.make_node("Relu", [result], [name], name=f"{name}_relu"))
        elif activation == "relu6":
            self._nodes.append(helper.make_node("Clip", [result, "zero", "six"], [name], name=f"{name}_relu6"))
        self.shapes[name] = shape
        return name


def _windows(size: tuple[int, int], kernel: int, pad: int, stride: int) -> tuple[int, int]:
    """Rows and columns of a square kernel's windows."""
    height, width = size
    return (height + 2 * pad - kernel) // stride + 1, (width + 2 * pad - kernel) // stride + 1
