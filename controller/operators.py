"""Operators as the machine runs them: a window over one view, a requantization, perhaps a second operand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spec.isa import Mode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from controller.graph import Pair, Requantize
    from controller.layout import Buffer, View
    from spec.isa import Statistic


@dataclass(frozen=True)
class Residual:
    """Another operand, added after requantization; constants as in SCALE and CLAMP."""

    view: View
    fixed: float
    first_ratio: float
    second_ratio: float
    zero: int
    low: int
    high: int
    unsigned_a: bool
    unsigned_b: bool
    swap: bool


@dataclass(frozen=True)
class Gathered:
    """Lines of pixels of a map that follow each other in the result: counts, and steps from one to the next.

    Parameters
    ----------
    source, form
        Of what map, all its images one below the other, and which requantization.
    first
        Row and column of the first pixel.
    lines, step
        How many lines there are, and rows and columns from one to the next.
    pixels, stride
        How many pixels are in each, and columns from one to the next; with a stride of 0 one pixel again and again.
    place, pitch
        The first pixel's place in the result, and from a line's to the next line's.
    """

    source: View
    form: int
    first: Pair
    lines: int
    step: Pair
    pixels: int
    stride: int
    place: int
    pitch: int


@dataclass(frozen=True, eq=False)
class Operator:
    """One operator.

    Parameters
    ----------
    name
        The ONNX node that it comes from.
    mode
        The engine: ARRAY or one of the window modes.
    source, result
        What it reads and writes.
    kernel, strides, dilations
        The window.
    pads
        Rows above and columns left of the map; those below and right follow from the result's size.
    pad
        The lane value outside the map.
    forms
        Requantizations, one entry for each channel of `result`.
    which
        The form of each output position, (height, width); None where there is one form.
    weights, groups
        (outputs, inputs / groups, kernel height, kernel width), or None.
    residual
        The second operand, if any.
    macs
        Multiplications by a weight, or of two activations in a sum, that the network asks for.
    other
        The second operand of a product: the map that the array takes for its weights, or the lanes to multiply by.
    turned
        Whether pixels of `other` are the array's columns, and its channels the rows; else pixels are the rows.
    zeros
        Zero points of `source` and `other` in a product.
    statistic, table
        Of each pixel, and the words that it and the factor are found with.
    gathered
        What `source` and other maps give a result that is put together of their pixels.
    """

    name: str
    mode: Mode
    source: View
    result: View
    kernel: Pair
    strides: Pair
    dilations: Pair
    pads: Pair
    pad: int
    forms: tuple[Requantize, ...]
    which: NDArray[np.int64] | None = None
    weights: NDArray[np.int8] | None = None
    groups: int = 1
    residual: Residual | None = None
    macs: int = 0
    other: View | None = None
    turned: bool = False
    zeros: Pair = (0, 0)
    statistic: Statistic | None = None
    table: NDArray[np.int8] | None = None
    gathered: tuple[Gathered, ...] = ()

    @property
    def looks_up(self) -> bool:
        """Whether any of its forms has a table."""
        return any(form.table is not None for form in self.forms)

    def mode_of(self, form: int) -> Mode:
        """The mode of the commands of a form."""
        return self.mode if self.forms[form].average is None else Mode.AVERAGE

    @property
    def views(self) -> tuple[View, ...]:
        """Every feature map that it touches."""
        return (
            self.source, self.result, *([self.residual.view] if self.residual else []),
            *([self.other] if self.other else []), *dict.fromkeys(one.source for one in self.gathered),
        )  # fmt: skip

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """The buffers of all of them."""
        return tuple(dict.fromkeys(buffer for view in self.views for buffer in view.buffers))
