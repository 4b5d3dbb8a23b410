"""Networks of the papers: as large as published, the same every time, computed exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

from controller.arrange import arrange
from controller.network.large import LARGE, write_large
from controller.read import read
from controller.reference import Reference
from controller.refusal import ModelError
from spec.config import CONFIGS
from tests.controller.machine import compiled_and_checked, largest_difference

if TYPE_CHECKING:
    from pathlib import Path

#: Parameters as frameworks count them, with scale and shift of BatchNorm: torchvision's tables of weights for all but
#: MobileNetV1, which is Keras' count of trainable ones. Millions of multiplications by a weight: He et al., table 1,
#: say 1.8 and 3.8 billion for the ResNets; Howard et al., table 8, 569 million; Sandler et al., table 4, 300 million;
#: torchvision 15.47 billion for VGG-16 and 0.35 for SqueezeNet 1.1. What they say is rounded; here are the
#: digits behind it.
_PUBLISHED = {
    "resnet18": (11_689_512, 1_814),
    "resnet50": (25_557_032, 3_858),
    "mobilenetv1": (4_231_976, 569),
    "mobilenetv2": (3_504_872, 301),
    "squeezenet": (1_235_496, 349),
    "vgg16": (138_357_544, 15_470),
}


@pytest.mark.parametrize("name", LARGE)
def test_parameters_and_multiplications_are_the_published_ones(name: str) -> None:
    net, output = LARGE[name][1](224)
    assert net.shapes[output] == (1000, 1, 1)
    # Folding turns a channel's scale and shift into one bias.
    has_none = name in {"vgg16", "squeezenet"}
    folded = 0 if has_none else sum(layer.shape[0] for layer in net.layers if layer.name != "dense")
    assert (net.parameters + folded, round(net.macs / 1e6)) == _PUBLISHED[name]


@pytest.mark.parametrize(("name", "side"), [
    ("resnet18", 32), ("mobilenetv2", 64), ("mobilenetv1", 32), ("squeezenet", 64),
])  # fmt: skip
def test_small_images_are_computed_exactly(name: str, side: int, tmp_path: Path) -> None:
    """The same topology on small images, on a machine so small that everything is cut: onnxruntime's integers."""
    path = write_large(name, tmp_path / f"{name}.onnx", side=side)
    compiled = compiled_and_checked(path, CONFIGS["edge"])
    assert compiled.macs == LARGE[name][1](side)[0].macs
    assert largest_difference(compiled, path, np.random.default_rng(1)) == 0


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
        "network must be one of resnet18, resnet50, mobilenetv1, mobilenetv2, squeezenet, vgg16, not 'lenet'",
    ),
    ("resnet18", 33, "side must be a multiple of 32, not 33"),
    ("resnet18", 0, "side must be a multiple of 32, not 0"),
])  # fmt: skip
def test_refuses(name: str, side: int, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"^{sentence}$"):
        write_large(name, tmp_path / "model.onnx", side=side)
