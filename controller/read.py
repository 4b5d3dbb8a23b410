"""ONNX in QDQ form to the quantized graph: every QuantizeLinear ends the operator before it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from controller.absorbed import absorbed
from controller.activation import activation_bounds, check_absorbed
from controller.chosen import chosen
from controller.factors import check_factors
from controller.functions import finished, sides
from controller.graph import Gather, Graph, Node, Port, Tensor
from controller.join import joint, lower_concat
from controller.lower import LOWERINGS, STACKED
from controller.moves import MOVES, exchanged, joined, laid, moved, origins_of
from controller.names import Names
from controller.ports import arranged, free, input_shape, only_input, output_port, read_ports
from controller.refusal import ModelError
from controller.rescale import rescale, rescaled
from controller.source import Source, SourceNode, open_source
from controller.values import (
    Function,
    Joined,
    Later,
    Map,
    Moved,
    Quantization,
    QuantizedConstant,
    Several,
    Stack,
    Unfinished,
    Waiting,
    quantization_of,
    stored,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: What a QuantizeLinear ends.
Ending = Unfinished | Several | Function | Waiting | Joined
_PASSED_THROUGH = ("Identity", "Dropout")


def read(path: Path | str, batch: int | None = None) -> Graph:
    """The quantized graph of an ONNX file.

    Parameters
    ----------
    path
        A model in QDQ form, opset 13 or newer, as onnxruntime's quantize_static writes it.
    batch
        The batch size where the model leaves it open; 1 if None.

    Raises
    ------
    ModelError
        One sentence that names the file, the node and the reason.
    """
    return _Reader(open_source(path, batch)).graph()


class _Reader:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.names = Names(source, {name: Waiting(name, shape) for name, shape in source.shapes.items()})
        self.nodes: list[Node] = []
        self.inputs: list[Port] = []
        self.ended: dict[tuple[Ending, Quantization], Map | Stack | Moved] = {}
        self.rescaled: dict[tuple[str, Quantization], Tensor] = {}

    def graph(self) -> Graph:
        for node in self.source.nodes:
            try:
                with np.errstate(over="raise", divide="raise", invalid="raise"):
                    self._take(node)
            except FloatingPointError:
                raise self.source.refuse(node, "must have scales whose products and ratios float32 can hold") from None
        outputs = []
        for name in self.source.outputs:
            port, nodes = output_port(self.names, name)
            outputs.append(port)
            self.nodes += nodes
        inputs = read_ports(self.inputs, self.nodes, outputs)
        return Graph(Path(self.source.file).stem, tuple(self.nodes), inputs, tuple(outputs))

    def _take(self, node: SourceNode) -> None:
        values = self.names.values
        value = values.get(node.inputs[0]) if node.inputs else None
        if node.kind == "QuantizeLinear":
            self._quantize(node)
        elif node.kind == "DequantizeLinear":
            self._dequantize(node)
        elif node.kind in _PASSED_THROUGH and value is not None:
            values[node.output] = value
        elif node.kind in MOVES:
            values |= zip(node.outputs, moved(self.names, node), strict=True)
        elif node.kind == "Concat":
            values[node.output] = self._joined(node)
        elif node.kind in {"Relu", "Clip"} and isinstance(value, Unfinished):
            low, high = activation_bounds(self.names, node)
            values[node.output] = replace(value, low=max(value.low, low), high=min(value.high, high))
        elif node.kind in LOWERINGS:
            node = absorbed(self.names, node)
            self._choose(node, node.inputs)
            values[node.output] = LOWERINGS[node.kind](self.names, node)
        elif node.kind in {"Relu", "Clip"}:
            self._choose(node, node.inputs)
            values[node.output] = self._clamped(node)
        else:
            raise self.source.refuse(node, f"is not supported: the operators are {', '.join(supported())}")

    def _joined(self, node: SourceNode) -> Unfinished | Joined:
        """A Concat: of channels or of tokens where it is one, else of elements wherever they lie."""
        values, count = dict(self.names.values), len(self.nodes)
        try:
            self._choose(node, node.inputs, arranging=False)
            made = lower_concat(self.names, node)
        except ModelError:
            found = joint(self.names, node, values)
            if found is None:
                raise
        else:
            copied = any(isinstance(one, Gather) for one in self.nodes[count:])
            found = joint(self.names, node, values) if copied else None
            if found is None:
                return made
        self.names.values |= values
        del self.nodes[count:]
        return found

    def _clamped(self, node: SourceNode) -> Unfinished | Function:
        """A Relu or Clip that follows no operator which does it on its way."""
        low, high = activation_bounds(self.names, node)
        value = self.names.values.get(node.inputs[0])
        if isinstance(value, Function | Stack):
            source, real = sides(self.names, node, 0)
            return Function(node, source, np.clip(real, np.float32(low), np.float32(high)))
        here = self.names.map_of(node, flat=True, tokens=True)
        build = _rescaling(node, here.tensor)
        return Unfinished(
            node, here.tensor.shape, here.rank, build, low, high, clamps=True, tokens=here.tokens
        )

    def _quantize(self, node: SourceNode) -> None:
        values = self.names.values
        name = node.inputs[0]
        if name in self.source.constants:
            values[node.output] = self.names.fold(node, self.source.constants[name])
            return
        form = self.names.quantization_of_map(node)
        value = values.get(name)
        if isinstance(value, Moved) and quantization_of(value.tensor) != form:
            made = free(self.source, node, name, value, stacked=True)
            if made is None:
                values[node.output] = replace(self._in(node, node.output, value, form), quantized=True)
                return
            value, nodes = made
            self.nodes += nodes
        if isinstance(value, Later):
            values[node.output] = self._later(value, node.output, form)
        elif isinstance(value, Unfinished | Several | Function | Waiting | Joined):
            values[node.output] = self._ended(value, node.output, form)
        elif isinstance(value, Map | Stack | Moved) and quantization_of(value.tensor) == form:
            values[node.output] = replace(value, quantized=True)
        elif isinstance(value, Map):
            tensor = self._rescale(node, value.tensor, node.output, form)
            values[node.output] = replace(value, tensor=tensor, quantized=True)
        elif isinstance(value, Stack):
            names = [f"{node.output}, {place}" for place in range(len(value.tensors))]
            pairs = zip(value.tensors, names, strict=True)
            tensors = [self._rescale(node, tensor, each, form) for tensor, each in pairs]
            values[node.output] = replace(value, tensors=tuple(tensors), quantized=True)
        else:
            raise self.source.refuse(node, f"must read an activation or a constant, not '{name}'")

    def _later(self, later: Later, name: str, form: Quantization) -> Moved:
        """What layout operators make of a value that is quantized only now."""
        here = origins_of(self._ended(later.value, f"{name}, before", form))
        for node, place in later.moves:
            here = laid(self.names, node, here)[place]
        return replace(here, quantized=True)

    def _ended(self, value: Ending, name: str, form: Quantization) -> Map | Stack | Moved:
        """A value in its quantization; once, if it is so quantized in several places."""
        key = value, form
        if key not in self.ended:
            self.ended[key] = self._end(finished(value) if isinstance(value, Function) else value, name, form)
        return self.ended[key]

    def _end(
        self, value: Unfinished | Several | Waiting | Joined, name: str, form: Quantization
    ) -> Map | Stack | Moved:
        if isinstance(value, Joined):
            parts = [self._in(value.node, name, part, form) for part in value.parts]
            return replace(joined(parts, value.axis), quantized=True)
        if isinstance(value, Waiting):
            if value.name in {port.name for port in self.inputs}:
                raise self.source.refuse(f"input '{value.name}'", "must have one quantization, not several")
            shape, tokens = input_shape(self.source, value)
            tensor = stored(name, shape, form)
            self.inputs.append(Port(value.name, value.shape, tensor, tokens))
            return Map(tensor, len(value.shape), tokens=tokens)
        if isinstance(value, Several):
            tensors = [self._finish(part, f"{name}, {place}", form) for place, part in enumerate(value.parts)]
            return Stack(tuple(tensors), value.leading, value.turned)
        return Map(self._finish(value, name, form), value.rank, tokens=value.tokens)

    def _in(self, node: SourceNode, name: str, moved: Moved, form: Quantization) -> Moved:
        """What layout operators made, of maps in some quantization."""
        tensors = []
        for one in moved.tensors:
            key = one.name, form
            if quantization_of(one) == form:
                self.rescaled[key] = one
            elif key not in self.rescaled:
                self.rescaled[key] = self._rescale(node, one, f"{one.name}, scale of {name}", form)
            tensors.append(self.rescaled[key])
        return exchanged(moved, tensors, lambda integer: rescaled(integer, moved.tensor, tensors[0]))

    def _choose(
        self, where: SourceNode | str, names: Iterable[str], *, stacked: bool = False, arranging: bool = True
    ) -> None:
        """Have what layout operators made and something reads be feature maps."""
        kind = where.kind if isinstance(where, SourceNode) else ""
        stacked, matrices = stacked or kind in STACKED, kind == "MatMul"
        for name in names:
            value = self.names.values.get(name)
            if matrices and isinstance(value, Map) and value.rank == 4 and not value.quantized:
                value = origins_of(value)
            if isinstance(value, Moved):
                port = only_input(self.inputs, value) if arranging and kind != "MatMul" else None
                made = port and free(self.source, where, name, value, stacked=stacked)
                here = None if made or port is None else arranged(port, name, value)
                if here is not None:
                    self.inputs.append(here[1])
                    made = here[0], []
                self.names.values[name], nodes = made or chosen(
                    self.source, where, name, value, stacked=stacked, matrices=matrices
                )
                self.nodes += nodes

    def _finish(self, value: Unfinished, name: str, form: Quantization) -> Tensor:
        """The result of an operator in its quantization."""
        tensor = stored(name, value.shape, form)
        check_absorbed(self.source, value, form)
        self.nodes += value.before
        self._add(value.node, value.build(tensor, value.low, value.high))
        return tensor

    def _rescale(self, node: SourceNode, source: Tensor, name: str, form: Quantization) -> Tensor:
        """A map in another quantization."""
        tensor = stored(name, source.shape, form)
        self._add(node, _rescaling(node, source)(tensor, -np.inf, np.inf))
        return tensor

    def _add(self, origin: SourceNode, node: Node) -> None:
        check_factors(self.source, origin, node)
        self.nodes.append(node)

    def _dequantize(self, node: SourceNode) -> None:
        values = self.names.values
        scale, zero = self.names.quantization(node)
        name = node.inputs[0]
        if name in self.source.constants:
            integers = self.source.constants[name]
            if integers.dtype.kind not in "iu":
                raise self.source.refuse(node, f"must read integers, not {integers.dtype}")
            axis = self.names.axis(node, integers, scale)
            centre = zero.astype(np.int64).reshape(-1)
            values[node.output] = QuantizedConstant(integers, scale.reshape(-1), centre, axis)
            return
        value = values.get(name)
        if isinstance(value, QuantizedConstant):
            values[node.output] = value
            return
        if not isinstance(value, Map | Stack | Moved) or not value.quantized:
            raise self.source.refuse(node, f"must read a quantized tensor, not '{name}'")
        if self.names.quantization_of_map(node) != quantization_of(value.tensor):
            raise self.source.refuse(node, "must have the scale and zero point of the QuantizeLinear before it")
        values[node.output] = replace(value, quantized=False)


def supported() -> tuple[str, ...]:
    """The ONNX operators that are read, in alphabetical order."""
    return tuple(sorted({*LOWERINGS, *MOVES, *_PASSED_THROUGH, "Relu", "Clip", "QuantizeLinear", "DequantizeLinear"}))


def _rescaling(node: SourceNode, source: Tensor) -> Callable[[Tensor, float, float], Node]:
    return lambda result, low, high: rescale(node.name, source, result, low, high)
