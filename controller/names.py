"""The values of all names of an ONNX graph that is read, and what may be asked of a node's inputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from controller.attributes import whole
from controller.values import Map, Quantization, QuantizedConstant, Stack, Value

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    from controller.numerics import Floats
    from controller.source import Source, SourceNode


@dataclass
class Names:
    """The values of all names seen so far, over one source."""

    source: Source
    values: dict[str, Value] = field(default_factory=dict)
    weights: dict[Hashable, NDArray[np.int8]] = field(default_factory=dict)

    def map_of(self, node: SourceNode, index: int = 0, *, flat: bool = False, tokens: bool = False) -> Map:
        """The feature map that a node reads at an input; `flat` and `tokens` say how it may be seen.

        Raises
        ------
        ModelError
            If the input is a constant, is not quantized, or is flattened where that would move data.
        """
        name = node.inputs[index] if index < len(node.inputs) else ""
        value = self.values.get(name)
        if isinstance(value, Map) and not value.quantized:
            if value.flat and not flat:
                raise self.source.refuse(node, "must not read a flattened map: only Gemm and MatMul can")
            if value.tokens and not tokens:
                raise self.source.refuse(node, "must not read tokens, whose channels are the last dimension")
            return value
        if isinstance(value, Stack):
            raise self.source.refuse(node, f"must read one feature map, not '{name}', which is {len(value.tensors)}")
        if isinstance(value, QuantizedConstant) or name in self.source.constants:
            raise self.source.refuse(node, f"must have an activation, not a constant, as input {index}")
        raise self.source.refuse(
            node, f"must read a quantized tensor, not '{name}': there is no QuantizeLinear and DequantizeLinear before"
        )

    def number(self, node: SourceNode, index: int) -> NDArray[Any] | None:
        """A constant input, or None where it is left out."""
        if index >= len(node.inputs) or not node.inputs[index]:
            return None
        if node.inputs[index] not in self.source.constants:
            raise self.source.refuse(node, f"must have a constant as input {index}")
        return self.source.constants[node.inputs[index]]

    def quantized_constant(self, node: SourceNode, index: int) -> QuantizedConstant | None:
        """A constant behind a DequantizeLinear, or None where it is left out."""
        if index >= len(node.inputs) or not node.inputs[index]:
            return None
        value = self.values.get(node.inputs[index])
        if not isinstance(value, QuantizedConstant):
            raise self.source.refuse(node, f"must have a quantized constant as input {index}")
        return value

    def real(self, node: SourceNode, index: int) -> Floats | None:
        """A constant input as float numbers, quantized or not; None if it is no constant."""
        name = node.inputs[index] if index < len(node.inputs) else ""
        value = self.values.get(name)
        if isinstance(value, QuantizedConstant):
            return value.real()
        constant = self.source.constants.get(name)
        return None if constant is None or constant.dtype.kind != "f" else constant.astype(np.float32)

    def quantization(self, node: SourceNode) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """Scales and zero points of a QuantizeLinear or DequantizeLinear.

        Raises
        ------
        ModelError
            If they are not constant, not positive, or not of 8 (for constants: 32) bits.
        """
        scale = self.number(node, 1)
        zero = self.number(node, 2)
        if scale is None or scale.dtype != np.float32 or not np.all(np.isfinite(scale)) or not np.all(scale > 0):
            raise self.source.refuse(node, "must have a positive float32 scale")
        if zero is None:
            zero = np.zeros(scale.shape, np.uint8)
        if zero.dtype not in {np.dtype(np.uint8), np.dtype(np.int8), np.dtype(np.int32)}:
            raise self.source.refuse(node, f"must have integers of 8 bits, not {zero.dtype}")
        if zero.size != scale.size:
            raise self.source.refuse(node, f"must have as many zero points as scales, not {zero.size} and {scale.size}")
        return scale, zero

    def axis(self, node: SourceNode, values: NDArray[Any], scale: NDArray[np.float32]) -> int:
        """The axis of a constant along which its scales lie.

        Raises
        ------
        ModelError
            If they are neither one nor as many as the constant is long there.
        """
        axis = whole(self.source, node, "axis", 1) % max(values.ndim, 1)
        if scale.size not in {1, values.shape[axis] if values.ndim else 1}:
            raise self.source.refuse(
                node, f"must have one scale, or one for each slice along axis {axis}, not {scale.size}"
            )
        return axis

    def quantization_of_map(self, node: SourceNode) -> Quantization:
        """The one scale and zero point of an activation's QuantizeLinear."""
        scale, zero = self.quantization(node)
        if scale.size != 1 or zero.size != 1 or zero.dtype == np.int32:
            raise self.source.refuse(node, "must have one scale and one 8-bit zero point for the whole activation")
        return Quantization(float(scale.reshape(-1)[0]), int(zero.reshape(-1)[0]), zero.dtype == np.uint8)

    def fold(self, node: SourceNode, real: NDArray[Any]) -> QuantizedConstant:
        """A float constant quantized by a QuantizeLinear, as quantize_static leaves weights on request."""
        scale, zero = self.quantization(node)
        if real.dtype.kind != "f":
            raise self.source.refuse(node, f"must read float numbers, not {real.dtype}")
        axis = self.axis(node, real, scale)
        around = [-1 if side == axis and scale.size > 1 else 1 for side in range(real.ndim)]
        low, high = (0, 255) if zero.dtype == np.uint8 else (-128, 127)
        steps = real.astype(np.float32) / scale.reshape(around)
        centre = zero.astype(np.int64).reshape(around)
        whole = np.clip(np.rint(steps), np.float32(low) - centre, np.float32(high) - centre).astype(np.int64) + centre
        return QuantizedConstant(whole, scale.reshape(-1), zero.astype(np.int64).reshape(-1), axis)
