"""Small networks whose layout operators move pixels: next to inputs and outputs, and in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tests.controller.models import QdqModel

_SCALE = 0.1


def convolved(model: QdqModel, source: str, channels: int, outputs: int, kernel: int = 1, stride: int = 1) -> str:
    """A convolution, padded by half of its kernel, quantized."""
    dense = model.dense((outputs, channels, kernel, kernel), 0, source, per_channel=True)
    real = model.node("Conv", [source, *dense], pads=[kernel // 2] * 4, strides=[stride] * 2)
    return model.quantized(real, _SCALE, model.zero_point())


def enlarged(
    model: QdqModel, source: str, rows: int, columns: int, seen: str = "asymmetric", how: str = "floor"
) -> str:
    """A Resize to the nearest pixel."""
    scales = model.constant(np.array([1, 1, rows, columns], np.float32))
    real = model.node(
        "Resize", [source, "", scales], mode="nearest", coordinate_transformation_mode=seen, nearest_mode=how
    )  # fmt: skip
    return model.quantized(real, *model.scales[source])


def listed(model: QdqModel, source: str, values: int) -> str:
    """All pixels' values one after the other, as detectors end."""
    return model.moved("Reshape", model.moved("Transpose", source, perm=[0, 2, 3, 1]), [0, -1, values])


def yolo_head(model: QdqModel) -> None:
    """Two sizes: the coarse map, enlarged, beside the fine one; anchors of both in one list of one scale."""
    image = model.input([1, 6, 8, 6])
    fine = convolved(model, image, 6, 9, 3)
    coarse = convolved(model, fine, 9, 7, 3, 2)
    large = enlarged(model, convolved(model, coarse, 7, 5), 2, 2)
    joined = model.quantized(model.node("Concat", [large, fine], axis=1), _SCALE, model.zero_point())
    lists = [listed(model, convolved(model, joined, 14, 10, 3), 5), listed(model, convolved(model, coarse, 7, 10), 5)]
    model.output(model.node("Concat", lists, axis=1), _SCALE)


def channels_last(model: QdqModel) -> None:
    """An image whose channels are last; the output too."""
    image = model.moved("Transpose", model.input([2, 6, 7, 3]), perm=[0, 3, 1, 2])
    model.output(model.moved("Transpose", convolved(model, image, 3, 19, 3), perm=[0, 2, 3, 1]), _SCALE)


def in_two_ways(model: QdqModel) -> None:
    """An input that is read as it is and turned, so that the host stores both; a part of it is an output."""
    image = model.input([1, 4, 4, 4])
    turned = model.moved("Transpose", image, perm=[0, 3, 1, 2])
    model.output(model.node("Add", [convolved(model, turned, 4, 4), convolved(model, image, 4, 4)]))
    model.output(model.moved("Slice", image, [1, 2], [3, 4], [2, 3]), *model.scales[image])


def cropped(model: QdqModel) -> None:
    """Rows and columns left out, at steps, of two images."""
    source = convolved(model, model.input([2, 5, 7, 9]), 5, 18)
    part = model.moved("Slice", source, [1, 2], [7, 9], [2, 3], [2, 3])
    model.output(convolved(model, part, 18, 4))


def padded(model: QdqModel) -> None:
    """Zeros around a map: a convolution pads by itself, a pool reads a copy, an output is padded by the host."""
    source = convolved(model, model.input([1, 5, 3, 4]), 5, 6)
    around = model.moved("Pad", source, [0, 0, 1, 2, 0, 0, 0, 1])
    model.output(convolved(model, around, 6, 4, 3))
    model.output(model.node("MaxPool", [around], kernel_shape=[2, 2]), *model.scales[source])
    sides, value = model.constant(np.array([0, 1, 0, 2, 0, 0, 3, 0])), model.constant(np.float32(0.31))
    model.output(model.node("Pad", [source, sides, value]), *model.scales[source])


def blocks(model: QdqModel) -> None:
    """Blocks of pixels to channels and back, depth innermost or outermost."""
    source = convolved(model, model.input([1, 5, 4, 6]), 5, 12)
    deep = model.quantized(model.node("SpaceToDepth", [source], blocksize=2), *model.scales[source])
    model.output(convolved(model, deep, 48, 4))
    for mode in ("DCR", "CRD"):
        wide = model.quantized(model.node("DepthToSpace", [source], blocksize=2, mode=mode), *model.scales[source])
        model.output(convolved(model, wide, 3, 4))


def turned(model: QdqModel) -> None:
    """Rows and columns exchanged, columns backwards, and channels that become rows."""
    source = convolved(model, model.input([1, 5, 4, 6]), 5, 8)
    model.output(convolved(model, model.moved("Transpose", source, perm=[0, 1, 3, 2]), 8, 4))
    model.output(convolved(model, model.moved("Slice", source, [-1], [-100], [3], [-1]), 8, 4))
    model.output(convolved(model, model.moved("Reshape", source, [0, 4, 8, 6]), 4, 5))


def one_below_the_other(model: QdqModel) -> None:
    """Maps of different scales joined along rows, a Resize by other factors, and a dense layer of channels last."""
    source = model.input([1, 5, 4, 6])
    first, second = (convolved(model, source, 5, 6) for _ in range(2))
    tall = model.quantized(model.node("Concat", [first, second], axis=2), 0.07, model.zero_point())
    model.output(convolved(model, enlarged(model, tall, 1, 3, "half_pixel", "round_prefer_floor"), 6, 4))
    model.output(convolved(model, enlarged(model, tall, 2, 1), 6, 4))
    flat = model.moved("Reshape", model.moved("Transpose", first, perm=[0, 2, 3, 1]), [0, -1])
    model.output(model.node("Gemm", [flat, *model.dense((7, 144), 0, flat, per_channel=True)], transB=1))


LAYOUTS = (
    yolo_head, channels_last, in_two_ways, cropped, padded, blocks, turned, one_below_the_other,
)  # fmt: skip
