"""ResNet-18 and ResNet-50: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", arXiv 1512.03385.

Table 1 of the paper. A shortcut is a 1x1 convolution where the shape changes (its option B). As in the paper, the first
convolution of a stage has its stride: in bottlenecks that is the 1x1. BatchNorm is folded into weights and biases.
"""

from __future__ import annotations

from controller.network.plain import INPUT, Plain

_WIDTHS = (64, 128, 256, 512)
_EXPANSION = 4
#: A branch adds a quarter of the variance of what it is added to.
_BRANCH_GAIN = 0.5


def resnet18(side: int = 224) -> tuple[Plain, str]:
    """The network and its output; `side` is the image's."""
    return _resnet("resnet18", side, (2, 2, 2, 2), bottleneck=False)


def resnet50(side: int = 224) -> tuple[Plain, str]:
    """The network and its output; `side` is the image's."""
    return _resnet("resnet50", side, (3, 4, 6, 3), bottleneck=True)


def _resnet(name: str, side: int, depths: tuple[int, ...], *, bottleneck: bool) -> tuple[Plain, str]:
    net = Plain(name, side)
    here = net.convolve("stem", INPUT, 64, 7, stride=2)
    here = net.max_pool("stem_pool", here, 3, pad=1)
    for stage, (width, depth) in enumerate(zip(_WIDTHS, depths, strict=True), 2):
        for block in range(depth):
            stride = 2 if stage > 2 and not block else 1
            label = f"stage{stage}_{block + 1}"
            here = (_bottleneck if bottleneck else _basic)(net, label, here, width, stride)
    here = net.mean("mean", here)
    return net, net.dense("dense", here, 1000)


def _basic(net: Plain, label: str, source: str, width: int, stride: int) -> str:
    here = net.convolve(f"{label}_first", source, width, 3, stride=stride)
    here = net.convolve(f"{label}_second", here, width, 3, activation=None, gain=_BRANCH_GAIN)
    return net.add(f"{label}_add", here, _shortcut(net, label, source, width, stride))


def _bottleneck(net: Plain, label: str, source: str, width: int, stride: int) -> str:
    here = net.convolve(f"{label}_reduce", source, width, 1, stride=stride)
    here = net.convolve(f"{label}_middle", here, width, 3)
    here = net.convolve(f"{label}_expand", here, width * _EXPANSION, 1, activation=None, gain=_BRANCH_GAIN)
    return net.add(f"{label}_add", here, _shortcut(net, label, source, width * _EXPANSION, stride))


def _shortcut(net: Plain, label: str, source: str, outputs: int, stride: int) -> str:
    if net.shapes[source][0] == outputs and stride == 1:
        return source
    return net.convolve(f"{label}_shortcut", source, outputs, 1, stride=stride, activation=None)
