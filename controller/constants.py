"""An operator's constants: for each form the biases and scales of all blocks, then the forms' tables of either kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from controller.commands import Range
from controller.layout import pack_constants
from spec.isa import Role
from spec.timing import CONSTANTS_WORDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from controller.graph import Requantize
    from controller.layout import Buffer, Bytes
    from controller.operators import Operator


class Constants:
    """Where an operator's constants lie.

    Parameters
    ----------
    operator, rows
        The operator and the lanes of a word.
    """

    def __init__(self, operator: Operator, rows: int) -> None:
        self.operator, self.rows = operator, rows
        self._blocks = len(operator.result.lanes)
        #: For each table its words, where it begins, and whose it is.
        self._tables: dict[tuple[Role, int], tuple[Bytes, int]] = {}
        place = len(operator.forms) * self._blocks * CONSTANTS_WORDS
        for index, form in enumerate(operator.forms):
            for role, table in ((Role.TABLE, form.table), (Role.WEIGHTS, _weights(operator, form))):
                if table is not None:
                    words = table.view(np.int8).reshape(-1, rows)
                    self._tables[role, index] = words, place
                    place += len(words)
        #: Words of all of them.
        self.words = place

    def contents(self) -> Bytes:
        """The words, (words, rows)."""
        forms, lanes = self.operator.forms, self.operator.result.lanes
        biases = [pack_constants(form.bias, form.scale, lanes, self.rows) for form in forms]
        return np.concatenate([*biases, *(words for words, _ in self._tables.values())])

    def operands(self, buffer: Buffer, base: int, form: int, block: int) -> dict[Role, Range]:
        """What a command of a form and a block names of them, where they begin at word `base` of a buffer."""
        found = {Role.CONSTANTS: Range(buffer, base + (form * self._blocks + block) * CONSTANTS_WORDS, CONSTANTS_WORDS)}
        for role in (Role.TABLE, Role.WEIGHTS):
            if (role, form) in self._tables:
                words, place = self._tables[role, form]
                found[role] = Range(buffer, base + place, len(words))
        return found


def _weights(operator: Operator, form: Requantize) -> NDArray[Any] | None:
    """What the window engine has for WEIGHTS."""
    return form.average if operator.table is None else operator.table
