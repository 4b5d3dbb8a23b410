"""The networks of the papers by name: true topologies, drawn weights, quantized and calibrated by onnxruntime."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from controller.network.calibrate import draw_images, write_quantized
from controller.network.mobilenet import mobilenetv1, mobilenetv2
from controller.network.plain import INPUT
from controller.network.resnet import resnet18, resnet50
from controller.network.shufflenet import shufflenetv2
from controller.network.squeezenet import squeezenet
from controller.network.ssd import ssd300
from controller.network.vgg import vgg16
from controller.refusal import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from controller.network.plain import Plain

#: Images of the calibration.
_IMAGES = 4
#: Classifiers halve their image five times.
_GRANULE = 32
#: Height and width of images as published; of any network that is not named here, 224.
_SIDES = {"ssd300": 300}

#: Of each network what it is, and a function that builds it for images of a side: with a vector, or with maps.
LARGE: Mapping[str, tuple[str, Callable[[int], tuple[Plain, str | list[str]]]]] = MappingProxyType({
    "resnet18": ("ResNet-18, 224 x 224, drawn weights", resnet18),
    "resnet50": ("ResNet-50, 224 x 224, drawn weights", resnet50),
    "mobilenetv1": ("MobileNetV1, 224 x 224, drawn weights", mobilenetv1),
    "mobilenetv2": ("MobileNetV2, 224 x 224, drawn weights", mobilenetv2),
    "shufflenetv2": ("ShuffleNetV2, 224 x 224, drawn weights", shufflenetv2),
    "squeezenet": ("SqueezeNet 1.1, 224 x 224, drawn weights", squeezenet),
    "vgg16": ("VGG-16, 224 x 224, drawn weights; 138 million of them", vgg16),
    "ssd300": ("SSD300 on MobileNetV1, 300 x 300, drawn weights; to its lists of boxes and scores", ssd300),
})


def own_side(name: str) -> int:
    """Height and width of a network's images as published."""
    return _SIDES.get(name, 224)


def write_large(name: str, path: Path | str, *, side: int | None = None, seed: int = 1) -> Path:
    """Draw, quantize and write a network; the same bytes for the same seed on one kind of machine.

    Parameters
    ----------
    name
        A key of `LARGE`.
    path
        The file, which appears whole.
    side
        Height and width of its images, a multiple of 32; its own unless it is said otherwise.
    seed
        Of weights and calibration images.

    Raises
    ------
    ModelError
        If there is no such network, or none of that side.
    """
    if name not in LARGE:
        raise ModelError(f"network must be one of {', '.join(LARGE)}, not '{name}'")
    side = own_side(name) if side is None else side
    if side != own_side(name) and (side < _GRANULE or side % _GRANULE):
        raise ModelError(f"side must be a multiple of {_GRANULE}, not {side}")
    _, build = LARGE[name]
    net, output = build(side)
    images = draw_images(np.random.default_rng((seed, 1)), _IMAGES, side)
    batches = [{INPUT: batch} for batch in np.split(images, _IMAGES)]
    return write_quantized(Path(path), net.model(output, seed), batches, net.alike, floats=net.floats)
