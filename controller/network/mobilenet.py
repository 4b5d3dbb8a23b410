"""MobileNetV1 and MobileNetV2, width 1.

V1: Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", arXiv
1704.04861, table 1; its last depthwise layer has stride 1, as the sizes in that table demand. V2: Sandler et al.,
"MobileNetV2: Inverted Residuals and Linear Bottlenecks", arXiv 1801.04381, table 2. BatchNorm is folded into weights
and biases.
"""

from __future__ import annotations

from controller.network.plain import INPUT, Activation, Plain

#: V1: outputs and stride of each pair of a depthwise and a 1x1 convolution.
_PAIRS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1),
)  # fmt: skip
#: V2: expansion, outputs, blocks and stride of each row of the table.
_ROWS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
#: An inverted residual adds a quarter of the variance of what it is added to.
_BRANCH_GAIN = 0.5


def mobilenetv1(side: int = 224) -> tuple[Plain, str]:
    """The network and its output; `side` is the image's."""
    net = Plain("mobilenetv1", side)
    here = net.mean("mean", pairs(net)[-1])
    return net, net.dense("dense", here, 1000)


def pairs(net: Plain) -> list[str]:
    """V1 without its classifier, as the first layers of a network: what each pair of convolutions results in."""
    results = []
    here = net.convolve("stem", INPUT, 32, 3, stride=2)
    for number, (outputs, stride) in enumerate(_PAIRS, 1):
        here = _depthwise(net, f"pair{number}_depthwise", here, stride, "relu")
        here = net.convolve(f"pair{number}_pointwise", here, outputs, 1)
        results.append(here)
    return results


def mobilenetv2(side: int = 224) -> tuple[Plain, str]:
    """The network and its output; `side` is the image's."""
    net = Plain("mobilenetv2", side)
    here = net.convolve("stem", INPUT, 32, 3, stride=2, activation="relu6")
    for row, (expansion, outputs, blocks, stride) in enumerate(_ROWS, 1):
        for block in range(blocks):
            here = _inverted(net, f"row{row}_{block + 1}", here, expansion, outputs, 1 if block else stride)
    here = net.convolve("head", here, 1280, 1, activation="relu6")
    here = net.mean("mean", here)
    return net, net.dense("dense", here, 1000)


def _inverted(net: Plain, label: str, source: str, expansion: int, outputs: int, stride: int) -> str:
    inputs = net.shapes[source][0]
    here = source
    if expansion > 1:
        here = net.convolve(f"{label}_expand", here, inputs * expansion, 1, activation="relu6")
    here = _depthwise(net, f"{label}_depthwise", here, stride, "relu6")
    kept = stride == 1 and inputs == outputs
    here = net.convolve(f"{label}_project", here, outputs, 1, activation=None, gain=_BRANCH_GAIN if kept else 1.0)
    return net.add(f"{label}_add", here, source, activation=None) if kept else here


def _depthwise(net: Plain, label: str, source: str, stride: int, activation: Activation) -> str:
    channels = net.shapes[source][0]
    return net.convolve(label, source, channels, 3, stride=stride, groups=channels, activation=activation)
