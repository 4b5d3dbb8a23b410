"""Buffers as CSV, in MiniMalloc's form: id, lower, upper, size; a packing adds offset."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING

from controller.plan.pack_problem import Buffer
from controller.refusal import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_COLUMNS = ("id", "lower", "upper", "size")
#: Columns of the form that would change what a packing is, and the values that change nothing.
_PLAIN = {"alignment": {"", "1"}, "gaps": {""}}


def read_buffers(path: Path) -> list[Buffer]:
    """The buffers of a file, in its order.

    Raises
    ------
    ModelError
        If it cannot be read, is no such file, or has a buffer that cannot be.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    try:
        rows = list(csv.DictReader(StringIO(text), strict=True))
    except csv.Error as error:
        raise ModelError(f"{path}: is no CSV: {error}") from None
    header = next(csv.reader(StringIO(text)), [])
    for column in _COLUMNS:
        if header.count(column) != 1:
            raise ModelError(f"{path}: must have one column {column}, not {header.count(column)}")
    if not rows:
        raise ModelError(f"{path}: must have at least one buffer")
    return _checked(path, rows)


def _checked(path: Path, rows: Sequence[dict[str, str | None]]) -> list[Buffer]:
    found: dict[str, Buffer] = {}
    for number, row in enumerate(rows, 1):
        where = f"{path}: buffer {row['id'] or number}"
        for column, plain in _PLAIN.items():
            if (row.get(column) or "").strip() not in plain:
                raise ModelError(f"{where}: {column} must be left out, not '{row[column]}': it is not supported")
        lower, upper, size = (_number(where, column, row[column]) for column in _COLUMNS[1:])
        one = Buffer(row["id"] or str(number), lower, upper, size)
        if one.upper <= one.lower:
            raise ModelError(f"{where}: upper must be above lower, not {upper} with {lower}")
        if one.size < 1:
            raise ModelError(f"{where}: size must be at least 1, not {size}")
        if one.name in found:
            raise ModelError(f"{where}: id must be given once")
        found[one.name] = one
    return list(found.values())


def _number(where: str, column: str, text: str | None) -> int:
    try:
        return int(text or "")
    except ValueError:
        raise ModelError(f"{where}: {column} must be a whole number, not '{text or ''}'") from None


def packed_csv(buffers: Sequence[Buffer], offsets: Sequence[int]) -> str:
    """The text of a file with offsets."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*_COLUMNS, "offset"))
    for one, offset in zip(buffers, offsets, strict=True):
        writer.writerow((one.name, one.lower, one.upper, one.size, offset))
    return text.getvalue()
