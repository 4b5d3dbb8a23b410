"""Each operator alone on the RTL: as the golden model says in everything, as onnxruntime says in its outputs."""

from __future__ import annotations

import numpy as np
import pytest

from controller.compiler import compile_graph
from spec.config import CONFIGS
from spec.memory import PROFILES, Memory
from tb.networks import Case, expected_of, run
from tests.controller.layouts import LAYOUTS
from tests.controller.models import QdqModel
from tests.controller.networks import NETWORKS
from tests.controller.operators import OPERATORS

MACHINES = ("tiny", "default")
#: Zero points that are not 0, as stored; what each operator adds up over its padding depends on them.
ZEROS = {True: 131, False: -7}


def _convolution(model, channels, outputs, groups, *, dilations=(2, 1), kernel=(3, 2), relu=False):
    source = model.input([2, channels, 9, 7], zero=ZEROS[model.unsigned])
    dense = model.dense((outputs, channels // groups, *kernel), 0, source, per_channel=True)
    real = model.node(
        "Conv", [source, *dense], group=groups, pads=[1, 2, 0, 1], strides=[2, 1], dilations=list(dilations)
    )  # fmt: skip
    if relu:
        return model.output(model.node("Relu", [real]), zero=0 if model.unsigned else -128)
    return model.output(real, zero=ZEROS[model.unsigned] - 5)


def convolution_of_everything(model):
    _convolution(model, 5, 7, 1)


def pointwise_of_many_channels(model):
    _convolution(model, 37, 19, 1, kernel=(1, 1), dilations=(1, 1))


def grouped_of_everything(model):
    _convolution(model, 9, 15, 3)


def depthwise_of_everything(model):
    _convolution(model, 19, 19, 19)


def depthwise_of_five_by_five(model):
    _convolution(model, 3, 3, 3, kernel=(5, 5), dilations=(1, 1), relu=True)


def depthwise_of_large_kernels(model):
    for kernel, stride in ((5, 1), (5, 2), (7, 1), (7, 2)):
        _depthwise(model, 6, (9, 10), kernel, stride)


def depthwise_wider_than_the_line_buffer(model):
    widest = max(CONFIGS[name].line_columns for name in MACHINES)
    for kernel, stride in ((3, 1), (3, 2), (5, 1)):
        _depthwise(model, 3, (4, 2 * widest + 9), kernel, stride)


def _depthwise(model, channels, size, kernel, stride):
    source = model.input([1, channels, *size], zero=ZEROS[model.unsigned])
    dense = model.dense((channels, 1, kernel, kernel), 0, source, per_channel=True)
    real = model.node(
        "Conv", [source, *dense], group=channels, pads=[kernel // 2] * 4, strides=[stride] * 2
    )  # fmt: skip
    model.output(real, zero=ZEROS[model.unsigned] - 5)


def pools_of_everything(model):
    own = (("MaxPool", {"dilations": [2, 1]}), ("AveragePool", {"count_include_pad": 1}), ("AveragePool", {}))
    for kind, more in own:
        source = model.input([2, 7, 9, 8], zero=ZEROS[model.unsigned])
        real = model.node(kind, [source], kernel_shape=[3, 2], pads=[1, 0, 2, 1], strides=[2, 1], **more)
        model.output(real, *model.scales[source])


def concatenation_of_equal_scales(model):
    operands = [model.input([2, channels, 5, 7], scale=0.02, zero=ZEROS[model.unsigned]) for channels in (17, 5)]
    model.output(model.node("Concat", operands, axis=1), 0.02, ZEROS[model.unsigned])


def concatenation_of_different_scales(model):
    operands = [model.input([2, channels, 5, 7], scale=0.02 * channels) for channels in (17, 5)]
    model.output(model.node("Concat", operands, axis=1), 0.15, ZEROS[model.unsigned])


def addition_of_different_scales(model):
    operands = [model.input([2, 19, 5, 7], scale=scale) for scale in (0.02, 0.0313)]
    model.output(model.node("Add", operands), 0.041, ZEROS[model.unsigned])


EVERYTHING = (
    convolution_of_everything, pointwise_of_many_channels, grouped_of_everything, depthwise_of_everything,
    depthwise_of_five_by_five, depthwise_of_large_kernels, depthwise_wider_than_the_line_buffer, pools_of_everything,
    concatenation_of_equal_scales, concatenation_of_different_scales, addition_of_different_scales,
)  # fmt: skip


def cases(config, folder, seed):
    """Every operator and small network, unsigned and signed, its numbers from the seed; profiles take turns."""
    for index, build in enumerate((*EVERYTHING, *OPERATORS, *NETWORKS, *LAYOUTS)):
        for unsigned in (True, False):
            name = f"{build.__name__}-{'uint8' if unsigned else 'int8'}"
            model = QdqModel(unsigned, np.random.default_rng([seed, index]))
            build(model)
            path = model.save(folder / f"{name}.onnx")
            graph, inputs, outputs = expected_of(path, seed)
            memory = Memory(profile=PROFILES[(2 * index + unsigned) % len(PROFILES)])
            case = Case(f"{name} on {config.name}", compile_graph(graph, config), inputs, outputs, memory)
            assert len(case.job.image) <= 1 << 20
            yield case


@pytest.mark.parametrize("name", MACHINES)
def test_operators(name, tmp_path, seed):
    config = CONFIGS[name]
    made = list(cases(config, tmp_path, seed))
    run(config, made, seed)
    print(f"{name}: {len(made)} models")
