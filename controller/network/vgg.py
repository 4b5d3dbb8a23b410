"""VGG-16: Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", arXiv 1409.1556.

Configuration D of its table 1.
"""

from __future__ import annotations

from controller.network.plain import INPUT, Plain

#: Outputs and convolutions of each stage.
_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


def vgg16(side: int = 224) -> tuple[Plain, str]:
    """The network and its output; `side` is the image's, a multiple of 32."""
    net = Plain("vgg16", side)
    here = INPUT
    for stage, (outputs, count) in enumerate(_STAGES, 1):
        for number in range(count):
            here = net.convolve(f"stage{stage}_{number + 1}", here, outputs, 3)
        here = net.max_pool(f"stage{stage}_pool", here, 2)
    here = net.dense("dense1", here, 4096, activation="relu")
    here = net.dense("dense2", here, 4096, activation="relu")
    return net, net.dense("dense3", here, 1000)
