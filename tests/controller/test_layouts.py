"""Layout operators that move pixels: free next to inputs and outputs, copied by window commands in the middle."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.access.operators import Concat
from controller.access.sets import elements
from controller.elements import Elements, joined, whole
from controller.graph import Convolution, Gather, Tensor
from controller.quantized import as_onnx, evaluate, integers_of, quantize_inputs
from controller.read import read
from controller.reference import Reference
from controller.refusal import ModelError
from controller.values import quantization_of
from spec.config import CONFIGS
from tests.controller.access.chains import Chain, chains, composed
from tests.controller.layouts import LAYOUTS, convolved, listed
from tests.controller.machine import compiled_and_checked, largest_difference
from tests.controller.models import QdqModel, compare, random_inputs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from controller.graph import Graph


@pytest.mark.parametrize("unsigned", [True, False])
@pytest.mark.parametrize("build", LAYOUTS)
def test_outputs_are_those_of_onnxruntime(build: Callable[[QdqModel], None], unsigned: bool, tmp_path: Path) -> None:
    model = QdqModel(unsigned, np.random.default_rng(4))
    build(model)
    path = model.save(tmp_path / "model.onnx")
    assert compare(path, np.random.default_rng(0)).differing == 0
    for machine in ("tiny", "default"):
        assert largest_difference(compiled_and_checked(path, CONFIGS[machine]), path, np.random.default_rng(1)) == 0


class Draws:
    """A random graph of convolutions and of layout operators that move pixels of maps of four dimensions."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.model = QdqModel(draw(st.booleans()), np.random.default_rng(draw(st.integers(0, 2**32))))
        self.zero = self.model.zero_point()
        shape = (draw(st.integers(1, 2)), draw(st.integers(1, 6)), draw(st.integers(1, 5)), draw(st.integers(1, 5)))
        self.here = self.model.input(list(shape), 0.05, self.zero)
        self.shape: tuple[int, ...] = shape
        self.maps = [(self.here, shape)]
        moves = self.crop, self.pad, self.enlarge, self.turn, self.deepen, self.spread, self.join
        for _ in range(draw(st.integers(1, 4))):
            if draw(st.booleans()):
                self.convolve()
            draw(st.sampled_from(moves))()
        if draw(st.booleans()):
            self.convolve()

    def take(self, name: str, shape: tuple[int, ...]) -> None:
        if prod(shape) <= 1200:
            self.here, self.shape = name, shape
            self.maps.append((name, shape))

    def same(self, kind: str, *inputs: str, **attributes: object) -> str:
        real = self.model.node(kind, [self.here, *inputs], **attributes)
        return self.model.quantized(real, 0.05, self.zero)

    def convolve(self) -> None:
        images, channels, height, width = self.shape
        outputs, kernel = self.draw(st.integers(1, 9)), self.draw(st.sampled_from((1, 3)))
        dense = self.model.dense((outputs, channels, kernel, kernel), 0, self.here, per_channel=True)
        self.take(self.same("Conv", *dense, pads=[kernel // 2] * 4), (images, outputs, height, width))

    def crop(self) -> None:
        starts, ends, steps, shape = [], [], [], list(self.shape)
        for axis in (1, 2, 3):
            start = self.draw(st.integers(0, shape[axis] - 1))
            step = self.draw(st.sampled_from((1, 1, 2, -1)))
            taken = range(shape[axis])[start::step]
            starts, ends, steps = [*starts, start], [*ends, shape[axis] if step > 0 else -99], [*steps, step]
            shape[axis] = len(taken)
        self.take(self.model.moved("Slice", self.here, starts, ends, [1, 2, 3], steps), tuple(shape))

    def pad(self) -> None:
        sides = [self.draw(st.integers(0, 2)) if place % 4 else 0 for place in range(8)]
        value = self.model.constant(np.float32(self.draw(st.sampled_from((0, 0, 0.27)))))
        shape = tuple(size + sides[axis] + sides[axis + 4] for axis, size in enumerate(self.shape))
        self.take(self.same("Pad", self.model.constant(np.array(sides)), value), shape)

    def enlarge(self) -> None:
        rows, columns = self.draw(st.integers(1, 3)), self.draw(st.integers(1, 3))
        images, channels, height, width = self.shape
        scales = self.model.constant(np.array([1, 1, rows, columns], np.float32))
        enlarged = self.same(
            "Resize", "", scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )  # fmt: skip
        self.take(enlarged, (images, channels, height * rows, width * columns))

    def turn(self) -> None:
        order = self.draw(st.permutations(range(4)))
        if order[0] == 0:
            turned = self.model.moved("Transpose", self.here, perm=list(order))
            self.take(turned, tuple(self.shape[axis] for axis in order))

    def deepen(self) -> None:
        images, channels, height, width = self.shape
        if height % 2 == width % 2 == 0:
            self.take(self.same("SpaceToDepth", blocksize=2), (images, channels * 4, height // 2, width // 2))

    def spread(self) -> None:
        images, channels, height, width = self.shape
        if channels % 4 == 0:
            mode = self.draw(st.sampled_from(("DCR", "CRD")))
            spread = self.same("DepthToSpace", blocksize=2, mode=mode)
            self.take(spread, (images, channels // 4, height * 2, width * 2))

    def join(self) -> None:
        axis = self.draw(st.integers(1, 3))
        rest = [*self.shape[:axis], *self.shape[axis + 1 :]]
        some = [(name, shape) for name, shape in self.maps if [*shape[:axis], *shape[axis + 1 :]] == rest]
        other, shape = self.draw(st.sampled_from(some))
        whole_shape = [*self.shape]
        whole_shape[axis] += shape[axis]
        self.take(self.same("Concat", other, axis=axis), tuple(whole_shape))


def _read(path: Path) -> tuple[Graph | None, str]:
    try:
        return read(path), ""
    except ModelError as error:
        return None, str(error)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_random_graphs_equal_onnxruntime(tmp_path: Path, data: st.DataObject) -> None:
    """What is refused is refused for the one reason that there may be."""
    made = Draws(data.draw)
    made.model.output(made.model.node("Identity", [made.here]), 0.05, made.zero)
    path = made.model.save(tmp_path / "model.onnx")
    graph, refusal = _read(path)
    if graph is None:
        assert "its values change places and lanes in " in refusal
        return
    assert compare(path, np.random.default_rng(0)).differing == 0
    if any(isinstance(node, Convolution | Gather) for node in graph.nodes):
        compiled = compiled_and_checked(path, CONFIGS["tiny"])
        assert largest_difference(compiled, path, np.random.default_rng(0)) == 0


def _elements(chain: Chain) -> Elements:
    """The last tensor, as a table."""
    found = {
        name: whole(Tensor(name, (1, prod(shape), 1, 1), 1.0, 0, unsigned=False))
        for name, shape in chain.inputs.items()
    }
    found = {name: Elements(one.tensors, one.numbers.reshape(chain.inputs[name])) for name, one in found.items()}
    for copy in chain.copies:
        parts = [found[name] for name in copy.sources]
        one = joined(copy.layout, parts) if isinstance(copy.layout, Concat) else None
        found[copy.result] = one or parts[0].through(copy.layout, int(getattr(copy.layout, "value", 0)))
    return found[chain.copies[-1].result]


@settings(max_examples=200, deadline=None)
@given(chains())
def test_tables_are_the_access_functions(chain: Chain) -> None:
    """Of every element of a random graph of layout operators, which element of which input it is, or which constant."""
    table, sets = _elements(chain), composed(chain)
    which, places = table.parts()
    assert which.shape == sets.shape
    known = np.zeros(sets.shape, np.int64)
    for name, access in sets.maps.items():
        pairs = elements(access)
        to, source = tuple(pairs[:, : which.ndim].T), pairs[:, which.ndim :]
        known[to] += 1
        flat = np.ravel_multi_index(tuple(source.T), chain.inputs[name]) if source.shape[1] else 0
        assert {table.tensors[place].name for place in which[to].tolist()} <= {name}
        assert np.array_equal(places[to], np.broadcast_to(flat, places[to].shape))
    for value, some in sets.constants.items():
        to = tuple(elements(some.identity())[:, : which.ndim].T)
        known[to] += 1
        assert set(table.numbers[to].tolist()) <= {-1 - int(value) % 256}
    assert np.all(known == 1)


def test_a_float_end_keeps_the_scales_of_its_parts(tmp_path: Path) -> None:
    """Lists of two heads whose scales differ, joined in float: the machine has two operators, the host the rest."""
    model = QdqModel(unsigned=True, rng=np.random.default_rng(5))
    source = model.input([2, 5, 4, 3])
    lists = []
    for scale in (0.1, 0.031):
        dense = model.dense((6, 5, 1, 1), 0, source, per_channel=True)
        head = model.quantized(model.node("Conv", [source, *dense]), scale, 7)
        turned = model.node("Transpose", [head], perm=[0, 2, 3, 1])
        lists.append(model.node("Reshape", [turned, model.constant(np.array([0, -1, 3]))]))
    whole_list = model.node("Concat", lists, axis=1)
    model.output(whole_list)
    # Without the quantization behind it.
    del model.nodes[-2:]
    model.outputs[0].name = whole_list
    path = model.save(tmp_path / "model.onnx")
    graph = read(path)
    [port] = graph.outputs
    assert (len(graph.nodes), port.shape, len(port.tensors)) == (2, (2, 48, 3), 2)
    assert largest_difference(compiled_and_checked(path, CONFIGS["tiny"]), path, np.random.default_rng(1)) == 0
    inputs = random_inputs(graph, np.random.default_rng(2))
    [real] = Reference(path).run(inputs).values()
    integers = as_onnx(port, evaluate(graph, quantize_inputs(graph, inputs)))
    assert np.array_equal(integers_of(port, real), integers)
    which, _ = port.elements.parts() if port.elements else (np.zeros(0), None)
    scales = np.array([quantization_of(tensor).scale for tensor in port.tensors], np.float32)
    assert np.array_equal((integers.astype(np.float32) - 7) * scales[which], real), "the floats are the network's own"


def test_lists_of_heads_cost_no_cycle(tmp_path: Path) -> None:
    """The same program with the heads' maps as outputs."""
    programs = []
    for end in (listed, lambda model, head, _: model.node("Identity", [head])):
        model = QdqModel(unsigned=True, rng=np.random.default_rng(6))
        source = model.input([1, 5, 4, 3], 0.05, 3)
        head = convolved(model, source, 5, 6)
        model.output(end(model, head, 3), *model.scales[head])
        path = model.save(tmp_path / "model.onnx")
        programs.append(compiled_and_checked(path, CONFIGS["tiny"]).program)
    assert programs[0] == programs[1]


def test_refuses_what_is_too_many_copies(tmp_path: Path) -> None:
    """One sentence that names file, node and reason."""
    model = QdqModel(unsigned=True, rng=np.random.default_rng(2))
    source = convolved(model, model.input([1, 4, 9, 9]), 4, 12)
    mixed = model.moved("Reshape", model.moved("Transpose", source, perm=[0, 2, 3, 1]), [1, 12, 9, 9])
    model.output(convolved(model, mixed, 12, 2))
    path = model.save(tmp_path / "model.onnx")
    with pytest.raises(ModelError) as raised:
        read(path)
    assert str(raised.value).startswith(f"{path}: Conv 'Conv")
    assert str(raised.value).endswith("ways, and at most 64 are copied")
