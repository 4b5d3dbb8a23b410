"""An operator's constants: for each form the biases and scales of all blocks, then the forms' tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from controller.commands import Range
from controller.layout import pack_constants
from spec.isa import Role
from spec.timing import CONSTANTS_WORDS

if TYPE_CHECKING:
    from controller.layout import Buffer, Bytes
    from controller.operators import Operator

_ENTRIES = 256


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
        self._looked_up = [index for index, form in enumerate(operator.forms) if form.table is not None]

    @property
    def words(self) -> int:
        """Words of all of them."""
        biases = len(self.operator.forms) * self._blocks * CONSTANTS_WORDS
        return biases + len(self._looked_up) * _ENTRIES // self.rows

    def contents(self) -> Bytes:
        """The words, (words, rows)."""
        forms, lanes = self.operator.forms, self.operator.result.lanes
        biases = [pack_constants(form.bias, form.scale, lanes, self.rows) for form in forms]
        tables = [form.table.reshape(-1, self.rows) for form in forms if form.table is not None]
        return np.concatenate([*biases, *tables])

    def operands(self, buffer: Buffer, base: int, form: int, block: int) -> dict[Role, Range]:
        """What a command of a form and a block names of them, where they begin at word `base` of a buffer."""
        found = {Role.CONSTANTS: Range(buffer, base + (form * self._blocks + block) * CONSTANTS_WORDS, CONSTANTS_WORDS)}
        if self.operator.forms[form].table is not None:
            tables = base + len(self.operator.forms) * self._blocks * CONSTANTS_WORDS
            words = _ENTRIES // self.rows
            found[Role.TABLE] = Range(buffer, tables + self._looked_up.index(form) * words, words)
        return found
