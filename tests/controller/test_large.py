"""Networks of the papers: as large as published, the same every time, computed exactly."""

from __future__ import annotations

import json
from collections import Counter
from math import prod
from pathlib import Path

import numpy as np
import onnx
import pytest

from controller import stored
from controller.arrange import arrange
from controller.graph import Concatenation, Graph, Selection
from controller.layout import full_blocks
from controller.network.large import LARGE, write_large
from controller.network.ssd import ssd300
from controller.read import read
from controller.reference import Reference
from controller.refusal import ModelError
from spec.config import CONFIGS
from spec.isa import Mode
from tests.controller.machine import compiled_and_checked, largest_difference

#: Parameters as frameworks count them, with scale and shift of BatchNorm: torchvision's tables of weights for all but
#: MobileNetV1, which is Keras' count of trainable ones. Millions of multiplications by a weight: He et al., table 1,
#: say 1.8 and 3.8 billion for the ResNets; Howard et al., table 8, 569 million; Sandler et al., table 4, 300 million;
#: torchvision 15.47 billion for VGG-16, 0.35 for SqueezeNet 1.1 and 0.14 for ShuffleNetV2, for which Ma et al. say
#: 146 million. What they say is rounded; here are the digits behind it.
_PUBLISHED = {
    "resnet18": (11_689_512, 1_814),
    "resnet50": (25_557_032, 3_858),
    "mobilenetv1": (4_231_976, 569),
    "mobilenetv2": (3_504_872, 301),
    "shufflenetv2": (2_278_604, 145),
    "squeezenet": (1_235_496, 349),
    "vgg16": (138_357_544, 15_470),
}


@pytest.mark.parametrize("name", [name for name in LARGE if name != "ssd300"])
def test_parameters_and_multiplications_are_the_published_ones(name: str) -> None:
    net, output = LARGE[name][1](224)
    assert isinstance(output, str)
    assert net.shapes[output] == (1000, 1, 1)
    # Folding turns a channel's scale and shift into one bias.
    has_none = name in {"vgg16", "squeezenet"}
    folded = 0 if has_none else sum(layer.shape[0] for layer in net.layers if layer.name != "dense")
    assert (net.parameters + folded, round(net.macs / 1e6)) == _PUBLISHED[name]


def test_the_detector_has_the_published_parameters_and_boxes() -> None:
    """Open Model Zoo, mobilenet-ssd: 5.783 million, 2.316 billion operations: two a multiplication, and what is behind.

    Behind are an addition of each bias and each Relu; half a million more are of the softmax, which is not here.
    """
    net, outputs = ssd300()
    assert round(net.parameters / 1e6, 3) == 5.783
    behind = sum(prod(net.shapes[layer.name]) * (2 if layer.activation else 1) for layer in net.layers)
    assert 2 * net.macs + behind == pytest.approx(2.316e9, abs=1e6)
    labels = "11", "13", *(f"{number}_2" for number in range(14, 18))
    sizes = [net.shapes[f"conv{label}_boxes"] for label in labels]
    assert [height for _, height, _ in sizes] == [19, 10, 5, 3, 2, 1]
    assert [net.shapes[name] for name in outputs] == [(1917, 4), (1917, 21)]


@pytest.mark.parametrize(("name", "side"), [
    ("resnet18", 32), ("mobilenetv2", 64), ("mobilenetv1", 32), ("squeezenet", 64), ("shufflenetv2", 64),
    ("ssd300", 96),
])  # fmt: skip
def test_small_images_are_computed_exactly(name: str, side: int, tmp_path: Path) -> None:
    """The same topology on small images, on a machine so small that everything is cut: onnxruntime's integers."""
    path = write_large(name, tmp_path / f"{name}.onnx", side=side)
    compiled = compiled_and_checked(path, CONFIGS["edge"])
    assert compiled.macs == LARGE[name][1](side)[0].macs
    assert largest_difference(compiled, path, np.random.default_rng(1)) == 0


def test_heads_of_the_detector_are_lists(tmp_path: Path) -> None:
    """Boxes and scores of all sizes, each head in its own scale, in integers throughout; the host makes the lists."""
    path = write_large("ssd300", tmp_path / "model.onnx", side=32)
    labels = ("conv11", "conv13", *(f"conv{number}_2" for number in range(14, 18)))
    outputs = read(path).outputs
    for port, head in zip(outputs, ("boxes", "classes"), strict=True):
        assert port.name == head
        wanted = [f"{label}_{head}_QuantizeLinear_Output" for label in labels]
        assert [tensor.name for tensor in port.tensors] == wanted
        assert len({tensor.scale for tensor in port.tensors}) == len(labels)
        assert all(tensor.zero > -128 for tensor in port.tensors), "heads have no Relu"
    operators = Counter(Reference(path).operators)
    assert operators["QLinearConv"] == 27 + 8 + 12
    assert not {"Conv", "FusedConv", "Relu"} & set(operators)


def test_a_network_has_a_side_of_its_own(tmp_path: Path) -> None:
    path = write_large("ssd300", tmp_path / "model.onnx")
    assert [one.dim_value for one in onnx.load(path).graph.input[0].type.tensor_type.shape.dim[1:]] == [3, 300, 300]


def test_a_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first, again, other = (
        write_large("mobilenetv1", tmp_path / f"{number}.onnx", side=32, seed=seed).read_bytes()
        for number, seed in enumerate((3, 3, 4))
    )
    assert first == again
    assert first != other
    assert not list(tmp_path.glob("tmp*"))


def test_parts_of_a_concatenation_are_computed_where_it_lies(tmp_path: Path) -> None:
    """Of each module's two parts the one that has the concatenation's scale needs no copy; the other is looked up."""
    path = write_large("squeezenet", tmp_path / "model.onnx", side=32)
    assert set(Reference(path).operators) >= {"QLinearConv", "QLinearConcat", "QLinearGlobalAveragePool"}
    copies = [
        operator.name for operator in arrange(read(path), CONFIGS["edge"]).operators if operator.name.startswith("fire")
        and operator.name[4:].isdigit()
    ]  # fmt: skip
    assert copies == [f"fire{number}" for number in range(2, 10)]


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    """ShuffleNetV2 at full size."""
    return read(write_large("shufflenetv2", tmp_path_factory.mktemp("zoo") / "model.onnx"))


def test_halves_and_shuffles_are_not_copied(shuffled: Graph) -> None:
    """An operator for each layer that computes, and nothing between them: 56 convolutions, 2 pools, a dense layer."""
    assert sum(isinstance(node, Concatenation | Selection) for node in shuffled.nodes) == 16 + 13 + 16
    operators = arrange(shuffled, CONFIGS["default"]).operators
    assert Counter(one.mode for one in operators) == {Mode.ARRAY: 38, Mode.DEPTHWISE: 19, Mode.MAX: 1, Mode.SUM: 1}


def test_programs_read_the_words_that_the_analysis_counts(shuffled: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """With channels as they are numbered exactly those; what is read together, laid together, takes fewer."""
    kept = json.loads((Path(__file__).parents[2] / "docs/data/papers-movement.json").read_text())
    [counted] = [run["global"]["words"] for run in kept["data"]["runs"] if run["network"] == "shufflenetv2"]

    def read_words() -> tuple[int, int]:
        sources = [one.source for one in arrange(shuffled, CONFIGS["default"]).operators]
        pixels = [view.batch * view.height * view.width for view in sources]
        full = [-(-view.channels // CONFIGS["default"].rows) for view in sources]
        return (
            sum(len(view.blocks) * one for view, one in zip(sources, pixels, strict=True)),
            sum(blocks * one for blocks, one in zip(full, pixels, strict=True)),
        )

    words, needed = read_words()
    assert (words, needed) == (216_644, 209_686)
    monkeypatch.setattr(stored, "together", lambda readers, rows, *_: full_blocks(len(readers), rows))
    words, needed = read_words()
    assert words / needed == counted
    assert words == 226_493


def test_maps_that_are_joined_have_one_scale(shuffled: Graph) -> None:
    """Then nothing that a unit keeps is rounded again; maps in between have scales of their own."""
    joined = [node for node in shuffled.nodes if isinstance(node, Concatenation)]
    assert all(form is None for node in joined for form in node.requantizes)
    assert len({node.result.scale for node in joined}) == 3
    assert len({node.result.scale for node in shuffled.nodes}) > 30


def test_it_is_quantized_in_integers_throughout(tmp_path: Path) -> None:
    path = write_large("mobilenetv2", tmp_path / "model.onnx", side=32)
    operators = set(Reference(path).operators)
    assert {"QLinearConv", "QLinearAdd", "QLinearGlobalAveragePool", "QGemm"} <= operators
    assert not {"Conv", "FusedConv", "Gemm", "MatMul", "Add", "Clip"} & operators
    weights = {one.name: one for one in onnx.load(path).graph.initializer}
    assert weights["head.weights_quantized"].data_type == onnx.TensorProto.INT8
    assert len(weights["head.weights_scale"].dims) == 1
    assert {node.result.unsigned for node in read(path).nodes} == {True}


@pytest.mark.parametrize(("name", "side", "sentence"), [
    (
        "lenet", 32,
        f"network must be one of {', '.join(LARGE)}, not 'lenet'",
    ),
    ("resnet18", 33, "side must be a multiple of 32, not 33"),
    ("resnet18", 0, "side must be a multiple of 32, not 0"),
    ("resnet18", 300, "side must be a multiple of 32, not 300"),
])  # fmt: skip
def test_refuses(name: str, side: int, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"^{sentence}$"):
        write_large(name, tmp_path / "model.onnx", side=side)
