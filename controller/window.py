"""Kernel, strides, pads and dilations of an ONNX operator, resolved against its input's height and width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.attributes import pair, whole, wholes, word
from controller.size import check_size

if TYPE_CHECKING:
    from controller.graph import Pair, Shape, Tensor
    from controller.source import Source, SourceNode


@dataclass(frozen=True)
class Window:
    """A kernel that slides over a map: `pads` are top, left, bottom, right, `size` the output's height and width."""

    kernel: Pair
    strides: Pair
    pads: Shape
    dilations: Pair
    size: Pair


def window_of(source: Source, node: SourceNode, tensor: Tensor, kernel: Pair | None = None) -> Window:
    """The window of a Conv or pooling node.

    Raises
    ------
    ModelError
        If it is not two-dimensional or does not fit the map.
    """
    shape = pair(source, node, "kernel_shape") if kernel is None or "kernel_shape" in node.attributes else kernel
    size = kernel or shape
    if shape != size:
        raise source.refuse(node, f"must have a kernel of its weights' shape {size}, not {shape}")
    strides, dilations = pair(source, node, "strides"), pair(source, node, "dilations")
    given = wholes(source, node, "pads", (0, 0, 0, 0), least=0)
    automatic = word(source, node, "auto_pad", ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"))
    rounds_up = bool(whole(source, node, "ceil_mode", 0))
    before, after, outputs = [], [], []
    for axis in (0, 1):
        length = tensor.shape[2 + axis]
        reach = (size[axis] - 1) * dilations[axis] + 1
        if automatic in {"SAME_UPPER", "SAME_LOWER"}:
            total = max((-(-length // strides[axis]) - 1) * strides[axis] + reach - length, 0)
            first = total // 2 if automatic == "SAME_UPPER" else total - total // 2
            last = total - first
        elif automatic == "VALID":
            first = last = 0
        else:
            first, last = given[axis], given[axis + 2]
        room = length + first + last - reach
        if room < 0:
            raise source.refuse(node, f"must have a kernel that fits its padded map, not {reach} in {room + reach}")
        count = (-(-room // strides[axis]) if rounds_up else room // strides[axis]) + 1
        if rounds_up and (count - 1) * strides[axis] >= length + first:
            count -= 1
        before.append(first)
        after.append(max(last, (count - 1) * strides[axis] + reach - length - first))
        outputs.append(count)
    check_size(source, node, (tensor.shape[0], tensor.shape[1], *outputs))
    pads = (before[0], before[1], after[0], after[1])
    return Window(size, strides, pads, dilations, (outputs[0], outputs[1]))
