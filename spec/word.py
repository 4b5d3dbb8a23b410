"""Bit layouts, written once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """A named run of bits.

    Parameters
    ----------
    name, width, doc
        What it is called, its bits, and its meaning in one line.
    signed
        Two's complement if true.
    optional
        0 where it is not given.
    """

    name: str
    width: int
    doc: str
    signed: bool = False
    optional: bool = False

    @property
    def range(self) -> tuple[int, int]:
        """Smallest and largest value."""
        if self.signed:
            return -(1 << self.width - 1), (1 << self.width - 1) - 1
        return 0, (1 << self.width) - 1


class Word:
    """A packed word: fields from bit 0 upwards."""

    def __init__(self, name: str, *fields: Field) -> None:
        self.name, self.fields = name, fields
        self.width = sum(f.width for f in fields)

    def encode(self, **values: int) -> int:
        """The raw bits of ``values``, one for each field; optional ones may be left out.

        Raises
        ------
        TypeError
            If a field is missing or unknown.
        ValueError
            If a value is outside its field.
        """
        names, needed = {f.name for f in self.fields}, {f.name for f in self.fields if not f.optional}
        if not needed <= values.keys() <= names:
            missing, extra = sorted(needed - values.keys()), sorted(values.keys() - names)
            raise TypeError(f"{self.name}: missing {missing}, unknown {extra}")
        raw = at = 0
        for f in self.fields:
            lo, hi = f.range
            value = values.get(f.name, 0)
            if not lo <= value <= hi:
                raise ValueError(f"{self.name}.{f.name} must be in {lo}..{hi}, not {value}")
            raw |= (value & ((1 << f.width) - 1)) << at
            at += f.width
        return raw

    def decode(self, raw: int) -> dict[str, int]:
        """The fields of ``raw``; bits above the word are ignored."""
        out, at = {}, 0
        for f in self.fields:
            value = raw >> at & (1 << f.width) - 1
            out[f.name] = value - (1 << f.width) if f.signed and value >> f.width - 1 else value
            at += f.width
        return out

    def table(self) -> str:
        """Markdown: bits, field, meaning."""
        rows, at = ["| bits | field | meaning |", "|---|---|---|"], 0
        for f in self.fields:
            rows.append(f"| {at + f.width - 1}:{at} | `{f.name}` | {f.doc} |")
            at += f.width
        return "\n".join(rows)
