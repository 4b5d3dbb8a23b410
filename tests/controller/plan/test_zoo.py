"""Layer graphs have the parameters and the work that are published for their networks."""

from __future__ import annotations

import pytest

from controller.plan.builder import FOLDED, FOUR_STEPS, SEPARATE, Granularity
from controller.plan.network import Kind
from controller.plan.zoo import NAMES, network
from controller.refusal import ModelError

# Parameters and millions of multiplications as torchvision's model pages list them (num_params, GFLOPS), but:
# MobileNetV1 of its paper, table 6, exactly as Keras counts what it trains; Inception-v4 as timm counts it; FCN and
# DeepLabV3 without the auxiliary classifier's 2,365,205; the Transformer is torch.nn.Transformer() as it comes.
# GoogLeNet as it was trained has the parameters of Caffe's bvlc_googlenet. What has no millions is published for
# another input. One multi-head attention is torch.nn.MultiheadAttention(512, 8), ViT-Ti/16 is timm's
# vit_tiny_patch16_224, YOLOv5s is what its own v6.0 prints when it begins to train. The stack of dilated convolutions
# has widths of our own, so nothing is published of it.
PUBLISHED = {
    "alexnet": (61_100_840, 714),
    "vgg16": (138_357_544, 15_470),
    "googlenet": (6_624_904, 1_498),
    "googlenetoriginal": (6_998_552, None),
    "inceptionv3": (27_161_264 - 3_326_696, 5_713),
    "inceptionv4": (42_679_816, 12_280),
    "resnet18": (11_689_512, 1_814),
    "resnet50": (25_557_032, 4_089),
    "resnext50": (25_028_904, 4_230),
    "squeezenet": (1_235_496, 349),
    "squeezenet10": (1_248_424, 819),
    "mobilenetv1": (4_231_976, 569),
    "mobilenetv2": (3_504_872, 301),
    "shufflenetv2": (2_278_604, 145),
    "ssd300": (35_641_826, 34_858),
    "densenet121": (7_978_856, 2_834),
    "fcn": (35_322_218 - 2_365_205, None),
    "lraspp": (3_221_538, None),
    "deeplabv3": (42_004_074 - 2_365_205, None),
    "r2plus1d": (31_505_325, None),
    "s3d": (8_320_048, 17_979),
    "vit": (86_567_656, 17_564),
    "transformer": (44_140_544, None),
    "multihead": (1_050_624, None),
    "vittiny": (5_717_416, None),
    "yolov5s": (7_235_389, None),
}
# Millions of multiplications for the input that torchvision measures: 520 pixels for segmentation, 112 for R(2+1)D.
# The auxiliary classifier's 9,991 millions are taken off.
AT_SIZE = {
    "fcn": (520, 152_717 - 9_991),
    "deeplabv3": (520, 178_722 - 9_991),
    "lraspp": (520, 2_086),
    "r2plus1d": (112, 40_519),
}
# Searched networks in millions, as their papers say them: NASNet table 2, PNASNet table 3, DARTS table 3, Zaremba's
# medium and large models section 4.1. The stem is NASNet's for all, so the work differs by up to an eighth.
ROUNDED = {"nasneta": (5.3, 564), "pnasnet5": (5.1, 588), "darts": (4.7, 574)}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_the_published_ones(name: str) -> None:
    assert network(name, granularity=SEPARATE).parameters == PUBLISHED[name][0]


@pytest.mark.parametrize("name", [name for name, (_, millions) in PUBLISHED.items() if millions])
def test_work_is_the_published_one(name: str) -> None:
    assert network(name).macs / 1e6 == pytest.approx(PUBLISHED[name][1], rel=0.003)


@pytest.mark.parametrize("name", AT_SIZE)
def test_work_at_other_sizes_is_the_published_one(name: str) -> None:
    size, millions = AT_SIZE[name]
    assert network(name, size=size).macs / 1e6 == pytest.approx(millions, rel=0.003)


@pytest.mark.parametrize("name", ROUNDED)
def test_searched_networks_are_as_large_as_their_papers_say(name: str) -> None:
    parameters, macs = ROUNDED[name]
    graph = network(name, granularity=SEPARATE)
    assert graph.parameters / 1e6 == pytest.approx(parameters, rel=0.03)
    assert graph.macs / 1e6 == pytest.approx(macs, rel=0.125)


@pytest.mark.parametrize(("units", "millions"), [(650, 20), (1500, 66)])
def test_language_models_are_as_large_as_their_paper_says(units: int, millions: float) -> None:
    assert network("lstm", size=units).parameters / 1e6 == pytest.approx(millions, rel=0.015)


def test_the_detector_is_as_its_own_summary_says_when_layers_are_fused() -> None:
    graph = network("yolov5s")
    assert graph.parameters == 7_225_885
    assert 2 * graph.macs / 1e9 == pytest.approx(16.5, rel=0.005)
    assert [graph.tensor[name].shape for name in graph.outputs] == [(1, 25200, 85)]


def test_the_small_transformer_does_the_work_that_its_paper_says() -> None:
    assert network("vittiny").macs / 1e9 == pytest.approx(1.3, rel=0.04)


def test_a_stack_of_thirty_dilated_convolutions_sees_three_thousand_samples() -> None:
    windows = [one.window for one in network("wavenet").operators if one.window and one.window.taps == 2]
    assert len(windows) == 31
    assert 1 + sum(window.dilation[1] for window in windows) == 1 + 1 + 3 * 1023


@pytest.mark.parametrize("name", NAMES)
def test_folding_keeps_work_and_removes_operators(name: str) -> None:
    folded, separate = network(name, granularity=FOLDED), network(name, granularity=SEPARATE)
    assert folded.macs == separate.macs
    assert len(folded.operators) < len(separate.operators)
    assert not any(one.kind is Kind.BIAS for one in folded.operators)


@pytest.mark.parametrize("name", NAMES)
def test_every_map_is_read_or_leaves(name: str) -> None:
    graph = network(name)
    unread = {tensor for tensor, places in graph.consumers.items() if not places} - set(graph.outputs)
    assert not unread


@pytest.mark.parametrize("width", [1, 2, 4])
def test_bytes_follow_the_width(width: int) -> None:
    graph = network("resnet50", width=width)
    largest = max(sum(graph.tensor[name].bytes for name in (*o.inputs, *o.outputs)) for o in graph.operators)
    assert largest == 2_408_448 * width


@pytest.mark.parametrize("name", ["ssd300", "ssd300resnet34"])
def test_detectors_have_the_paper_s_8732_boxes(name: str) -> None:
    graph = network(name)
    boxes = [graph.tensor[name] for name in graph.outputs[::2]]
    assert [one.shape[2] for one in boxes] == [38, 19, 10, 5, 3, 1]
    assert sum(one.elements for one in boxes) // 4 == 8732


@pytest.mark.parametrize("granularity", [FOLDED, SEPARATE])
def test_slices_do_the_work_of_groups(granularity: Granularity) -> None:
    grouped, split = (network(name, granularity=granularity) for name in ("resnext50", "resnext50slices"))
    assert (split.macs, split.parameters) == (grouped.macs, grouped.parameters)
    assert sum(one.kind is Kind.CONVOLUTION for one in split.operators) == 16 * (32 + 2) + 5


def test_a_normalization_may_be_two_steps() -> None:
    one, two = (network("mobilenetv1", granularity=granularity) for granularity in (SEPARATE, FOUR_STEPS))
    assert one.parameters == two.parameters
    assert len(two.operators) - len(one.operators) == 27


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(ModelError, match=r"network must be one of alexnet, .*, darts, not 'lenet'"):
        network("lenet")
