"""Operators on one lane at a time: requantized, as they are, or moved to other lanes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from controller import numerics
from controller.graph import Requantize
from controller.layout import Buffer, Lanes, View, blocks_of
from controller.operators import Operator
from controller.products import rounded
from spec.isa import Mode, TensorClass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from controller.graph import Tensor


def lanewise(name: str, tensor: Tensor, source: View, result: View, form: Requantize | None) -> Operator:
    """Each integer on its own: requantized, or as it is."""
    form = form or unchanged(source.channels)
    return Operator(name, Mode.SUM, source, result, (1, 1), (1, 1), (1, 1), (0, 0), tensor.zero, (form,))


def unchanged(channels: int) -> Requantize:
    """Each integer as it is."""
    return Requantize(np.zeros(channels, np.int32), np.ones(channels, np.float32), 0, -128, 127)


def moved(name: str, tensor: Tensor, view: View, lanes: Lanes, form: Requantize | None = None) -> Operator:
    """A copy of a tensor whose channels lie in other lanes: a sum on the array with a permutation for weights."""
    words = view.batch * view.height * view.width * len(lanes)
    buffer = Buffer(f"{tensor.name} for {name}", TensorClass.ACTIVATION, words)
    copy = replace(view, blocks=blocks_of(buffer, 0, lanes, len(lanes)), lanes=lanes)
    identity = np.eye(view.channels, dtype=np.int8).reshape(view.channels, view.channels, 1, 1)
    return replace(lanewise(name, tensor, view, copy, form), mode=Mode.ARRAY, weights=identity)


def factor(name: str, tensor: Tensor, view: View, lanes: Lanes, rows: int) -> Operator:
    """A copy that can be either map of a product: all other lanes hold the zero point, tiles end within the pitch."""
    resting = Requantize(
        np.full(view.channels, -tensor.zero, np.int32), np.ones(view.channels, np.float32), tensor.zero, -128, 127
    )
    operator = moved(name, tensor, view, lanes, resting)
    pitch = rounded(view.width, rows)
    if pitch == view.width:
        return operator
    buffer = Buffer(
        operator.result.buffer.name, TensorClass.ACTIVATION, view.batch * view.height * pitch * len(lanes),
        pitch, view.width,
    )  # fmt: skip
    return replace(operator, result=replace(operator.result, blocks=blocks_of(buffer, 0, lanes, len(lanes))))

def table_of_bytes(form: Requantize) -> NDArray[np.int8]:
    """What a requantization that is the same for all channels makes of each byte: 0 to 127, then -128 to -1."""
    entries = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int64) + int(form.bias[0])
    made = numerics.requantize(entries, form.scale[0], form.zero, form.low, form.high).astype(np.int8)
    return made if form.table is None else form.table[made.view(np.uint8)]
