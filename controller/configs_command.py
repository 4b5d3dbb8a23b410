"""`pinfold configs`: the named machines, field by field."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from controller.options import Json, write_json
from spec.config import CONFIGS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["configs_command"]


def configs_command(
    json_file: Json = None,
) -> None:
    """Show the named configurations, every field."""
    fields = {name: _fields(name) for name in CONFIGS}
    write_json(json_file, fields)
    if json_file is None:
        sys.stdout.writelines(f"{line}\n" for line in _columns(fields))


def _columns(fields: dict[str, dict[str, Any]]) -> Iterator[str]:
    rows = [["field", *fields]]
    rows += [[key, *(str(table[key]) for table in fields.values())] for key in next(iter(fields.values()))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for name, *values in rows:
        cells = [value.rjust(width) for value, width in zip(values, widths[1:], strict=True)]
        yield "  ".join([name.ljust(widths[0]), *cells])


def _fields(name: str) -> dict[str, Any]:
    config = CONFIGS[name]
    own = {key: value for key, value in asdict(config).items() if key not in {"name", "memory"}}
    memory = {f"memory.{key}": value for key, value in asdict(config.memory).items()}
    return {**own, **memory, "hash": f"{config.hash:016x}"}
