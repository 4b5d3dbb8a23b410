"""Contract words as Amaranth layouts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amaranth import Shape, signed, unsigned
from amaranth.lib import data

if TYPE_CHECKING:
    from spec.word import Word


def layout(word: Word) -> data.StructLayout:
    """The struct of ``word``'s fields, from bit 0 upwards."""
    shapes: dict[str, Shape] = {f.name: signed(f.width) if f.signed else unsigned(f.width) for f in word.fields}
    return data.StructLayout(shapes)
