"""The registers of a COMPUTE as fields: the window, the bounds of its input, requantization, residual add."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from controller.geometry import Axis, Interval, Tile

if TYPE_CHECKING:
    from controller.graph import Requantize
    from controller.operators import Operator

Fields = dict[str, int]
_WHOLE = (-128, 127)


def bits(value: float) -> int:
    """The bits of a float32.

    >>> hex(bits(1.0))
    '0x3f800000'
    """
    return int(np.float32(value).view(np.uint32))


def axes(operator: Operator, rows: Interval | None = None, columns: Interval | None = None) -> tuple[Axis, Axis]:
    """The window of an operator along rows and columns, all of its taps or some."""
    kernel, source = operator.kernel, operator.source
    return (
        Axis(source.height, rows or (0, kernel[0]), operator.strides[0], operator.dilations[0], operator.pads[0]),
        Axis(source.width, columns or (0, kernel[1]), operator.strides[1], operator.dilations[1], operator.pads[1]),
    )


def kernel_fields(vertical: Axis, horizontal: Axis, tile: Tile, blocks: int, operator: Operator) -> Fields:
    """KERNEL. A stride that is never taken, or a dilation of one tap, is 1."""
    taps = [axis.taps[1] - axis.taps[0] for axis in (vertical, horizontal)]
    zeros = {} if operator.other is None else dict(zip(("zero", "other_zero"), operator.zeros, strict=True))
    return {
        "kernel_h": taps[0],
        "kernel_w": taps[1],
        "stride_h": vertical.stride if tile.height > 1 else 1,
        "stride_w": horizontal.stride if tile.width > 1 else 1,
        "dilation_h": vertical.dilation if taps[0] > 1 else 1,
        "dilation_w": horizontal.dilation if taps[1] > 1 else 1,
        "blocks": blocks,
        "pad": operator.pad,
        **zeros,
    }


def scale_fields(operator: Operator) -> Fields:
    """SCALE: of no meaning without a residual."""
    if operator.residual is None:
        return {"first_ratio": 0, "second_ratio": 0, "fixed": 0}
    one = operator.residual
    return {"first_ratio": bits(one.first_ratio), "second_ratio": bits(one.second_ratio), "fixed": bits(one.fixed)}


def clamp_fields(operator: Operator, form: Requantize) -> Fields:
    """CLAMP."""
    one = operator.residual
    return {
        "zero_a": form.zero,
        "low_a": form.low,
        "high_a": form.high,
        "zero_b": one.zero if one else 0,
        "low_b": one.low if one else _WHOLE[0],
        "high_b": one.high if one else _WHOLE[1],
        "unsigned_a": int(one.unsigned_a) if one else 0,
        "unsigned_b": int(one.unsigned_b) if one else 0,
        "swap": int(one.swap) if one else 0,
    }
