"""Cuts every operator into COMPUTE commands: tries tiles and orders, takes the fastest whose commands all fit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from controller.array_choice import tile_array
from controller.choice import LARGEST_STRIDE, DoesNotFitError, Tiled
from controller.gather_tiles import tile_gather
from controller.window_choice import tile_window
from spec.isa import Mode

if TYPE_CHECKING:
    from controller.layout import Buffer
    from controller.operators import Operator
    from controller.trial import Trials


def tile(operator: Operator, index: int, trials: Trials, constants: Buffer, base: int) -> Tiled:
    """The fastest commands of an operator.

    Parameters
    ----------
    operator, index
        The operator and its number in the program.
    trials
        Of the machine.
    constants, base
        The buffer with all tables of constants, and the word where this operator's begin.

    Raises
    ------
    DoesNotFitError
        One sentence with the inequality and what would help.
    """
    if operator.gathered:
        return tile_gather(operator, index, trials, constants, base)
    operator = _folded(operator)
    if operator.mode is Mode.ARRAY:
        return tile_array(operator, index, trials, constants, base)
    try:
        return tile_window(operator, index, trials, constants, base)
    except DoesNotFitError:
        if operator.mode is Mode.MAX or len(operator.forms) > 1 or operator.mode_of(0) is Mode.AVERAGE:
            raise
        ones = np.ones((operator.source.channels, 1, *operator.kernel), np.int8)
        weights = operator.weights if operator.weights is not None else ones
        moved = replace(operator, mode=Mode.ARRAY, weights=weights, groups=operator.source.channels)
        return tile_array(moved, index, trials, constants, base)


def _folded(operator: Operator) -> Operator:
    """All images as one, where no window reaches from one row of outputs into another's inputs."""
    source, result = operator.source, operator.result
    if source.batch == 1 or operator.which is not None or (operator.other and operator.mode is Mode.ARRAY):
        return operator
    pointwise = operator.kernel == operator.strides == (1, 1) and operator.pads == (0, 0)
    pointwise = pointwise and (source.height, source.width) == (result.height, result.width)
    whole = operator.kernel == (source.height, source.width) and (result.height, result.width) == (1, 1)
    whole = whole and operator.pads == (0, 0) and operator.dilations == (1, 1) and source.height <= LARGEST_STRIDE
    if not pointwise and not whole:
        return operator
    return replace(
        operator,
        source=source.folded(),
        result=result.folded(),
        strides=(source.height, 1) if whole else (1, 1),
        other=operator.other.folded() if operator.other else None,
        residual=replace(operator.residual, view=operator.residual.view.folded()) if operator.residual else None,
    )


