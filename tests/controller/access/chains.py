"""Random graphs of layout operators: as access functions, and as ONNX models that onnxruntime runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from controller.access.compose import Copy, Origins, stored, through
from controller.access.operators import (
    Concat,
    DepthToSpace,
    Expand,
    Layout,
    Pad,
    Repeat,
    Reshape,
    Slice,
    SpaceToDepth,
    Tile,
    Transpose,
)
from controller.access.sets import Shape, elements

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Tensors stay this small, so that thousands of graphs are run in a minute.
_MOST = 96


@dataclass
class Chain:
    """Layout operators in order, each reading what was made before it."""

    inputs: dict[str, Shape] = field(default_factory=dict)
    copies: list[Copy] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)

    def add(self, layout: Layout, *sources: str) -> str:
        name = f"t{len(self.copies)}"
        self.shapes[name] = layout.result(*(self.shapes[source] for source in sources))
        self.copies.append(Copy(layout, sources, name))
        return name

    def input(self, shape: Shape) -> str:
        name = f"x{len(self.inputs)}"
        self.inputs[name] = self.shapes[name] = shape
        return name


@st.composite
def chains(draw: st.DrawFn, longest: int = 7) -> Chain:
    """A graph of up to `longest` operators over one or two inputs."""
    chain = Chain()
    for _ in range(draw(st.integers(1, 2))):
        chain.input(tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))))
    for _ in range(draw(st.integers(1, longest))):
        recent = list(chain.shapes)[-3:]
        source = draw(st.sampled_from(recent))
        layout = draw(_layouts(chain.shapes[source]))
        others: list[str] = []
        if isinstance(layout, Concat):
            fitting = [name for name, shape in chain.shapes.items() if _fit(shape, chain.shapes[source], layout.axis)]
            others = draw(st.lists(st.sampled_from(fitting), max_size=2))
        shapes = [chain.shapes[name] for name in (source, *others)]
        if prod(layout.result(*shapes)) <= _MOST:
            chain.add(layout, source, *others)
    if not chain.copies:
        source = next(iter(chain.shapes))
        chain.add(Reshape(chain.shapes[source]), source)
    return chain


@st.composite
def _layouts(draw: st.DrawFn, shape: Shape) -> Layout:
    """Any layout operator on a tensor of a shape."""
    rank, size = len(shape), prod(shape)
    any_rank = ["transpose", "reshape", "slice", "concat", "pad", "tile", "repeat"]
    some = [*any_rank, *(["depth", "space"] if rank == 4 else []), *(["expand"] if 1 in shape else [])]
    match draw(st.sampled_from(some)):
        case "transpose":
            return Transpose(tuple(draw(st.permutations(range(rank)))))
        case "reshape":
            return Reshape(draw(_factors(size)))
        case "slice":
            return draw(_slices(shape))
        case "concat":
            return Concat(draw(st.integers(0, rank - 1)))
        case "pad":
            sides = st.tuples(*[st.integers(0, 2)] * rank)
            return Pad(draw(sides), draw(sides), draw(st.sampled_from([0.0, -1.0])))
        case "tile":
            return Tile(draw(st.tuples(*[st.integers(1, 2)] * rank)))
        case "repeat":
            return Repeat(draw(st.tuples(*[st.integers(1, 2)] * rank)))
        case "expand":
            return Expand(tuple(draw(st.integers(1, 3)) if one == 1 else one for one in shape))
        case "depth":
            side = 2 if shape[1] % 4 == 0 else 1
            return DepthToSpace(side, draw(st.booleans()))
    return SpaceToDepth(2 if shape[2] % 2 == shape[3] % 2 == 0 else 1)


@st.composite
def _factors(draw: st.DrawFn, size: int) -> Shape:
    shape = []
    for _ in range(draw(st.integers(0, 3))):
        factor = draw(st.sampled_from([one for one in range(1, size + 1) if size % one == 0]))
        shape.append(factor)
        size //= factor
    return (*shape, size)


@st.composite
def _slices(draw: st.DrawFn, shape: Shape) -> Slice:
    starts, counts, steps = [], [], []
    for size in shape:
        first, last = draw(st.integers(0, size - 1)), draw(st.integers(0, size - 1))
        step = draw(st.integers(1, 2)) * (1 if last >= first else -1)
        starts.append(first)
        counts.append((last - first) // step + 1)
        steps.append(step)
    return Slice(tuple(starts), tuple(counts), tuple(steps))


def _fit(one: Shape, other: Shape, axis: int) -> bool:
    return len(one) == len(other) and (*one[:axis], *one[axis + 1 :]) == (*other[:axis], *other[axis + 1 :])


def composed(chain: Chain) -> Origins:
    """The origins of the last tensor in the inputs, however long its access is."""
    found = {name: stored(name, shape) for name, shape in chain.inputs.items()}
    for copy in chain.copies:
        found[copy.result] = through(copy.layout, [found[name] for name in copy.sources])
    return found[chain.copies[-1].result]


def gather(origins: Origins, values: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """The last tensor, element by element from the stored tensors that its origins name."""
    result = np.full(origins.shape, np.nan, np.float32)
    for name, access in origins.maps.items():
        pairs = elements(access)
        to, source = np.split(pairs, [len(origins.shape)], axis=1)
        result[tuple(to.T)] = values[name][tuple(source.T)]
    for value, some in origins.constants.items():
        result[tuple(elements(some.identity())[:, : len(origins.shape)].T)] = value
    return result


def reference(chain: Chain, values: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """The last tensor by onnxruntime."""
    model = _Model()
    for copy in chain.copies:
        model.add(copy, chain.shapes)
    return model.run(chain, values)


class _Model:
    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, values: Any, kind: type = np.int64) -> str:  # noqa: ANN401 - whatever numpy takes
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def add(self, copy: Copy, shapes: dict[str, Shape]) -> None:  # noqa: C901 - a case for each operator
        layout, (source, *others) = copy.layout, copy.sources
        match layout:
            case Transpose():
                self.node("Transpose", [source], copy.result, perm=layout.order)
            case Reshape():
                self.node("Reshape", [source, self.constant(layout.shape)], copy.result)
            case Slice():
                ends = [
                    first + (count - 1) * step + (1 if step > 0 else -1)
                    for first, count, step in zip(layout.starts, layout.shape, layout.steps, strict=True)
                ]
                # An end below the first index would count from the back.
                ends = [end if end >= 0 else -(2**31) for end in ends]
                rest = (layout.starts, ends, range(len(ends)), layout.steps)
                self.node("Slice", [source, *map(self.constant, rest)], copy.result)
            case Concat():
                self.node("Concat", [source, *others], copy.result, axis=layout.axis)
            case Pad():
                sides = self.constant([*layout.before, *layout.after])
                self.node("Pad", [source, sides, self.constant(layout.value, np.float32)], copy.result)
            case Tile():
                self.node("Tile", [source, self.constant(layout.repeats)], copy.result)
            case Expand():
                self.node("Expand", [source, self.constant(layout.shape)], copy.result)
            case Repeat():
                nearest = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
                sizes = self.constant(shapes[copy.result])
                self.node("Resize", [source, "", "", sizes], copy.result, **nearest)
            case DepthToSpace():
                mode = "CRD" if layout.innermost else "DCR"
                self.node("DepthToSpace", [source], copy.result, blocksize=layout.block, mode=mode)
            case SpaceToDepth():
                self.node("SpaceToDepth", [source], copy.result, blocksize=layout.block)

    def node(self, kind: str, inputs: list[str], result: str, **attributes: Any) -> None:  # noqa: ANN401 - as ONNX has them
        self.nodes.append(helper.make_node(kind, inputs, [result], **attributes))

    def run(self, chain: Chain, values: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        result = chain.copies[-1].result
        ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in chain.inputs.items()]
        out = helper.make_tensor_value_info(result, TensorProto.FLOAT, chain.shapes[result])
        graph = helper.make_graph(self.nodes, "chain", ports, [out], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(model.SerializeToString(), options)
        wanted = {port.name for port in session.get_inputs()}
        [found] = session.run([result], {name: some for name, some in values.items() if name in wanted})
        return np.asarray(found)
