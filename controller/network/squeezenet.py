"""SqueezeNet 1.1: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", arXiv 1602.07360.

Version 1.1 is that of the authors' repository, with a smaller stem and earlier pooling than the paper's 1.0; modules
are as in the paper's figure 2. Neither the stem nor a pooling has padding, and where the side is a multiple of 32 no
pooling has a partial window, so ceil mode makes no difference.
"""

from __future__ import annotations

from controller.network.plain import INPUT, Plain

#: Outputs of the squeeze, and of each of the two expansions beside each other; None is a pooling.
_FIRES = ((16, 64), (16, 64), None, (32, 128), (32, 128), None, (48, 192), (48, 192), (64, 256), (64, 256))


def squeezenet(side: int = 224) -> tuple[Plain, str]:
    """The network and its output; `side` is the image's, a multiple of 32."""
    net = Plain("squeezenet", side)
    here = net.convolve("stem", INPUT, 64, 3, stride=2, pad=0)
    here = net.max_pool("stem_pool", here, 3)
    number = 2
    for fire in _FIRES:
        if fire is None:
            here = net.max_pool(f"fire{number - 1}_pool", here, 3)
        else:
            here = _fire(net, f"fire{number}", here, *fire)
            number += 1
    here = net.convolve("classifier", here, 1000, 1)
    return net, net.flatten("vector", net.mean("mean", here))


def _fire(net: Plain, label: str, source: str, squeezed: int, expanded: int) -> str:
    here = net.convolve(f"{label}_squeeze", source, squeezed, 1)
    return net.concatenate(label, [net.convolve(f"{label}_expand{k}", here, expanded, k) for k in (1, 3)])
