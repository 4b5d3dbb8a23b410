"""ShuffleNetV2, width 1: Ma, Zhang, Zheng, Sun, "ShuffleNet V2", arXiv 1807.11164, table 5 and figure 3 (c) and (d).

A unit keeps one half of its channels and computes the other; then both halves' channels take turns. As frameworks
write it to ONNX that is a Split, a Concat, and a Reshape, a Transpose and a Reshape. BatchNorm is folded into weights
and biases. What units of a stage keep goes through all of its concatenations, so the maps of a stage have one scale,
as TensorFlow Lite demands of concatenations; else every unit would round what it keeps once more.
"""

from __future__ import annotations

from controller.network.plain import INPUT, Plain

#: Units and channels of each stage.
_STAGES = ((4, 116), (8, 232), (4, 464))


def shufflenetv2(side: int = 224) -> tuple[Plain, str]:
    """The network and its output; `side` is the image's."""
    net = Plain("shufflenetv2", side)
    here = net.convolve("stem", INPUT, 24, 3, stride=2)
    here = net.max_pool("stem_pool", here, 3, pad=1)
    for stage, (units, channels) in enumerate(_STAGES, 2):
        label, half = f"stage{stage}", channels // 2
        first = _depthwise(net, f"{label}_1_shortcut", here, 2)
        kept = net.convolve(f"{label}_1_shortcut_project", first, half, 1)
        made = [kept, _branch(net, f"{label}_1", here, half, 2)]
        here = _shuffled(net, f"{label}_1", *made)
        joined = [f"{label}_1_joined"]
        for unit in range(2, units + 1):
            kept, other = net.halves(f"{label}_{unit}_half", here)
            made.append(_branch(net, f"{label}_{unit}", other, half, 1))
            here = _shuffled(net, f"{label}_{unit}", kept, made[-1])
            joined.append(f"{label}_{unit}_joined")
        net.alike.append((*made, *joined))
    here = net.convolve("head", here, 1024, 1)
    here = net.mean("mean", here)
    return net, net.dense("dense", here, 1000)


def _branch(net: Plain, label: str, source: str, outputs: int, stride: int) -> str:
    here = net.convolve(f"{label}_expand", source, outputs, 1)
    return net.convolve(f"{label}_project", _depthwise(net, label, here, stride), outputs, 1)


def _depthwise(net: Plain, label: str, source: str, stride: int) -> str:
    channels = net.shapes[source][0]
    return net.convolve(f"{label}_depthwise", source, channels, 3, stride=stride, groups=channels, activation=None)


def _shuffled(net: Plain, label: str, first: str, second: str) -> str:
    return net.shuffle(f"{label}_shuffled", net.concatenate(f"{label}_joined", [first, second]), 2)
