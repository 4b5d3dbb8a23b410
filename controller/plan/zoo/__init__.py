"""The networks that the papers name, as layer graphs: shapes and work, no weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.plan.builder import FOLDED, Builder, Granularity
from controller.plan.zoo import (
    attention,
    cells,
    dense,
    detection,
    inception,
    mobile,
    plain,
    recurrent,
    resnet,
    segmentation,
    video,
    wavenet,
    yolo,
)  # fmt: skip
from controller.refusal import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.plan.network import Network

#: Writes a network for images (or tokens, or features) of a size, its own if left out; returns its results.
_WRITERS: dict[str, Callable[..., tuple[str, ...]]] = {
    "alexnet": plain.alexnet,
    "vgg16": plain.vgg16,
    "googlenet": inception.googlenet,
    "googlenetoriginal": inception.googlenet_original,
    "inceptionv3": inception.inceptionv3,
    "inceptionv4": inception.inceptionv4,
    "resnet18": resnet.resnet18,
    "resnet50": resnet.resnet50,
    "resnext50": resnet.resnext50,
    "resnext50slices": resnet.resnext50_slices,
    "squeezenet": plain.squeezenet,
    "squeezenet10": plain.squeezenet10,
    "mobilenetv1": mobile.mobilenetv1,
    "mobilenetv2": mobile.mobilenetv2,
    "shufflenetv2": mobile.shufflenetv2,
    "ssd300": detection.ssd300,
    "ssd300resnet34": detection.ssd300_resnet34,
    "densenet121": dense.densenet121,
    "fcn": segmentation.fcn,
    "lraspp": segmentation.lraspp,
    "deeplabv3": segmentation.deeplabv3,
    "r2plus1d": video.r2plus1d,
    "s3d": video.s3d,
    "transformer": attention.transformer,
    "vit": attention.vit,
    "attention": attention.attention,
    "multihead": attention.multihead,
    "vittiny": attention.vittiny,
    "wavenet": wavenet.wavenet,
    "yolov5s": yolo.yolov5s,
    "lstm": recurrent.lstm,
    "pnasnet5": cells.pnasnet5,
    "amoebanetd": cells.amoebanetd,
    "nasneta": cells.nasneta,
    "darts": cells.darts,
}
NAMES = tuple(_WRITERS)


def network(name: str, *, granularity: Granularity = FOLDED, width: int = 1, size: int | None = None) -> Network:
    """A network by name; `width` is the bytes of an element, `size` that of the input.

    Raises
    ------
    ModelError
        If there is no network of that name.
    """
    if name not in _WRITERS:
        raise ModelError(f"network must be one of {', '.join(NAMES)}, not '{name}'")
    net = Builder(granularity, width)
    outputs = _WRITERS[name](net) if size is None else _WRITERS[name](net, size)
    return net.finish(name, outputs)
