"""SSD300 on MobileNetV1: boxes and classes at six sizes.

Liu et al., "SSD: Single Shot MultiBox Detector", arXiv 1512.02325, with the layers behind MobileNetV1, the 1x1 heads
and the priors of github.com/chuanqi305/MobileNet-SSD (MobileNetSSD_deploy.prototxt) for Pascal VOC. BatchNorm is folded
into weights and biases.

As there, channels become last, and all sizes one list of boxes and one of scores: (batch, priors, 4) and (batch,
priors, classes). These are layout operators, which are left float, so that each head keeps a scale of its own; the host
does them as it reads the heads' maps, and the machine spends no cycle. Behind them come softmax, the decoding of boxes
against priors and non-maximum suppression, which are not part of this network: no accelerator's matter.
"""

from __future__ import annotations

from controller.network.mobilenet import pairs
from controller.network.plain import Plain

#: Backbone's pairs of convolutions that have heads, counted from one.
_HEADED = (11, 13)
#: Behind it, a 1x1 convolution, then 3x3 at stride 2: outputs of both.
_BEHIND = ((256, 512), (128, 256), (128, 256), (64, 128))
#: Boxes that are tried at each pixel of each size.
_PRIORS = (3, 6, 6, 6, 6, 6)
#: Of each prior: the values of a box, and the classes of Pascal VOC with its background.
_VALUES = {"boxes": 4, "classes": 21}


def ssd300(side: int = 300) -> tuple[Plain, list[str]]:
    """The network and its outputs, boxes and scores of all sizes; `side` is the image's."""
    net = Plain("ssd300", side)
    made = pairs(net)
    maps = {f"conv{number}": made[number - 1] for number in _HEADED}
    here = made[-1]
    for number, (narrow, wide) in enumerate(_BEHIND, len(made) + 1):
        here = net.convolve(f"conv{number}_1", here, narrow, 1)
        here = net.convolve(f"conv{number}_2", here, wide, 3, stride=2)
        maps[here] = here
    heads = [
        (net.convolve(f"{label}_{head}", source, priors * values, 1, activation=None), head)
        for (label, source), priors in zip(maps.items(), _PRIORS, strict=True)
        for head, values in _VALUES.items()
    ]
    return net, [
        net.listed(head, [name for name, kind in heads if kind == head], values) for head, values in _VALUES.items()
    ]
