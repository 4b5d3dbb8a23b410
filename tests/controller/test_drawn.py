"""Networks of tokens: as large as published, the same every time, and what of them differs from onnxruntime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from controller.display import Display
from controller.graph import Gather, Product, Softmax
from controller.inference import infer
from controller.inputs import random_inputs
from controller.network.drawn import LANGUAGE, write_language
from controller.read import read
from controller.reference import Reference, saturates
from controller.refusal import ModelError
from spec.config import CONFIGS
from tests.controller.machine import compiled_and_checked, largest_difference
from tests.controller.models import gaps

if TYPE_CHECKING:
    from pathlib import Path

#: Parameters: of `torch.nn.MultiheadAttention(512, 8)`, of a layer of Hugging Face's `bert-base-uncased`, of timm's
#: `vit_tiny_patch16_224` (Touvron et al., table 1, say 5 million), of `torch.nn.LSTM(650, 650, 2)`. Millions of
#: multiplications, of which DeiT's paper says 1.3 thousand.
_PUBLISHED = {
    "attention": (1_050_624, 151),
    "bert": (7_087_872, 931),
    "vit": (5_717_416, 1_254),
    "lstm": (6_770_400, 237),
}
SMALL = {
    "attention": {"tokens": 16, "width": 32, "heads": 2},
    "bert": {"tokens": 16, "width": 32, "heads": 2, "inner": 64},
    "vit": {"side": 64, "layers": 2, "width": 32, "heads": 2, "classes": 10},
    "lstm": {"steps": 3, "width": 20},
}
#: Nodes that are integer arithmetic of our own, where onnxruntime's kernels compute in float.
_OURS = {"Softmax", "Normalization"}


@pytest.mark.parametrize("name", LANGUAGE)
def test_parameters_and_multiplications_are_the_published_ones(name: str) -> None:
    net, _ = LANGUAGE[name][1]()
    assert (net.parameters, round(net.macs / 1e6)) == _PUBLISHED[name]


@pytest.mark.parametrize("name", LANGUAGE)
def test_what_is_not_float_equals_onnxruntime(name: str, tmp_path: Path) -> None:
    """Node by node, each from onnxruntime's operands; softmax and normalization differ by one, in few elements."""
    path = write_language(name, tmp_path / "model.onnx", **SMALL[name])
    found = gaps(path, np.random.default_rng(1))
    assert found["Convolution"].elements > 0
    assert {kind for kind, gap in found.items() if gap.differing} <= _OURS
    for kind in _OURS & found.keys():
        assert found[kind].largest <= 1
        assert found[kind].differing <= found[kind].elements / 200
    assert read(path).macs == LANGUAGE[name][1](**SMALL[name])[0].macs


@pytest.mark.parametrize("config", ["tiny", "default"])
@pytest.mark.parametrize("name", LANGUAGE)
def test_small_networks_are_computed_exactly(name: str, config: str, tmp_path: Path) -> None:
    """On the golden model: the graph's integers, in every byte."""
    path = write_language(name, tmp_path / "model.onnx", **SMALL[name])
    compiled = compiled_and_checked(path, CONFIGS[config])
    assert largest_difference(compiled, path, np.random.default_rng(1), equal=False) == 0


def test_a_run_tells_differences_that_are_no_mistake(tmp_path: Path) -> None:
    """The machine is to have the graph's integers; onnxruntime's may lie beside them."""
    path = write_language("bert", tmp_path / "model.onnx", tokens=64, width=64, heads=4, inner=128)
    compiled = compiled_and_checked(path, CONFIGS["default"])
    assert not compiled.graph.equal
    inputs = [random_inputs(compiled.graph, 1)]
    [one] = infer(compiled, inputs, Reference(path), golden=True, runner=None, display=Display())
    assert one.reference.differing > 0
    assert one.reference.max_abs_diff <= 2
    assert one.checked == (None if saturates() else "nodes")
    assert not one.differences


def test_attention_is_a_product_for_each_head_and_no_copy(tmp_path: Path) -> None:
    graph = read(write_language("attention", tmp_path / "model.onnx", **SMALL["attention"]))
    products = [node for node in graph.nodes if isinstance(node, Product)]
    assert [(one.turned, one.first.shape, one.second.shape, one.result.shape) for one in products] == [
        (True, (1, 16, 1, 16), (1, 16, 1, 16), (1, 16, 1, 16)),
        (True, (1, 16, 1, 16), (1, 16, 1, 16), (1, 16, 1, 16)),
        (False, (1, 16, 1, 16), (1, 16, 1, 16), (1, 16, 1, 16)),
        (False, (1, 16, 1, 16), (1, 16, 1, 16), (1, 16, 1, 16)),
    ]
    assert sum(isinstance(node, Softmax) for node in graph.nodes) == 2
    assert not any(isinstance(node, Gather) for node in graph.nodes)
    assert graph.inputs[0].shape == (1, 16, 32)
    assert graph.inputs[0].tensor.shape == (1, 32, 1, 16)
    assert graph.inputs[0].tokens


def test_patches_and_class_token_are_the_only_copies_of_vit(tmp_path: Path) -> None:
    """Rows of patches to one row, the class token before them; and at last the class token alone."""
    graph = read(write_language("vit", tmp_path / "model.onnx", **SMALL["vit"]))
    copies = [node for node in graph.nodes if isinstance(node, Gather)]
    assert [len(node.pixels) for node in copies] == [16, 17, 1]
    assert copies[0].pixels == tuple((0, pixel) for pixel in range(16))
    assert copies[1].pixels == ((0, 0), *((1, pixel) for pixel in range(16)))
    assert copies[2].pixels == ((0, 0),)


def test_steps_of_an_lstm_share_their_weights(tmp_path: Path) -> None:
    graph = read(write_language("lstm", tmp_path / "model.onnx", **SMALL["lstm"]))
    weights = [node.weights for node in graph.nodes if hasattr(node, "weights")]
    assert len(weights) == 3 * 2 * 2
    assert len({id(one) for one in weights}) == 2 * 2


def test_products_softmax_and_sums_are_onnxruntimes_integer_kernels(tmp_path: Path) -> None:
    path = write_language("bert", tmp_path / "model.onnx", **SMALL["bert"])
    operators = set(Reference(path).operators)
    assert {"QLinearMatMul", "QLinearSoftmax", "QLinearAdd", "QGemm", "LayerNormalization", "Gelu"} <= operators
    assert not {"MatMul", "Gemm", "Softmax", "Add", "FusedMatMul"} & operators


def test_a_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first, again, other = (
        write_language("bert", tmp_path / f"{number}.onnx", seed=seed, **SMALL["bert"]).read_bytes()
        for number, seed in enumerate((3, 3, 4))
    )
    assert first == again
    assert first != other


def test_refuses(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"^network must be one of attention, bert, vit, lstm, not 'gpt'$"):
        write_language("gpt", tmp_path / "model.onnx")
