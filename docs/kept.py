"""Measurements that are kept line by line, so that a run that was interrupted goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Rows = dict[str, dict[str, Any]]

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data"


def sources(packages: Iterable[str]) -> str:
    """A digest of everything in packages that a measurement may depend on."""
    found = hashlib.sha256()
    for package in packages:
        for path in sorted((ROOT / package).rglob("*")):
            if path.suffix in {".py", ".toml", ".sv"}:
                found.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return found.hexdigest()[:16]


def loaded() -> str:
    """A digest of the modules of machine, model and compiler that are imported by now, and of tables of figures.

    Where nothing is imported later, a measurement depends on no other source.
    """
    files = {Path(file) for one in list(sys.modules.values()) if (file := getattr(one, "__file__", None))}
    own = {ROOT / package for package in ("spec", "sim", "controller")}
    mine = {path.resolve() for path in files if own & set(path.resolve().parents)}
    found = hashlib.sha256()
    for path in sorted(mine | set((ROOT / "sim").rglob("*.toml"))):
        found.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return found.hexdigest()[:16]


class Kept:
    """Measurements by key, in a file of a JSON line each; those of other sources are measured anew.

    Parameters
    ----------
    file
        Its name in docs/data.
    digest
        See `sources`; the first line holds that of the last run. None: every measurement says itself what it is of.
    holding
        What of the measurements of other sources holds all the same. None: nothing.
    """

    def __init__(self, file: str, digest: str | None, holding: Callable[[Rows], Rows] | None = None) -> None:
        self._path = DATA / file
        self._head = {"sources": digest}
        lines = self.lines() if self._path.exists() else []
        self._rows: Rows = {row["key"]: row for row in lines[1:]}
        if lines and lines[0] != self._head:
            self._rows = {} if holding is None else holding(self._rows)

    def lines(self) -> list[dict[str, Any]]:
        """What the file holds, its head first."""
        return [json.loads(line) for line in self._path.read_text().splitlines()]

    def __contains__(self, key: str) -> bool:
        """Whether it has been measured."""
        return key in self._rows

    def get(self, key: str) -> dict[str, Any] | None:
        """What was measured, if it was."""
        return self._rows.get(key)

    def keep(self, key: str, row: dict[str, Any], order: Iterable[str]) -> None:
        """Add a measurement and write the file anew, in an order of keys."""
        self._rows[key] = {"key": key, **row}
        rows = [self._head, *(self._rows[one] for one in order if one in self._rows)]
        part = self._path.with_suffix(".part")
        part.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        part.rename(self._path)


def rows(file: str) -> list[dict[str, Any]]:
    """The measurements of a file in docs/data, without its head."""
    return [json.loads(line) for line in (DATA / file).read_text().splitlines()[1:]]
