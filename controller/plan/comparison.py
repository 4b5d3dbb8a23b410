"""What a paper printed beside what we measured: tables for the terminal and for the manual, and the figures as data."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from typing import TYPE_CHECKING, Any

from rich.table import Table as RichTable

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Table:
    """A table under a heading of its own; the name is unique among all papers."""

    name: str
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def rich(self) -> RichTable:
        """For a terminal."""
        table = RichTable(title=self.title, title_justify="left")
        for place, text in enumerate(self.head):
            table.add_column(text, justify="right" if place else "left")
        for row in self.rows:
            table.add_row(*row)
        return table


@dataclass(frozen=True)
class Comparison:
    """A paper's figures and ours.

    Parameters
    ----------
    paper
        Who wrote what, where.
    tables
        To be shown.
    data
        What the tables were made from.
    """

    paper: str
    tables: tuple[Table, ...]
    data: dict[str, Any]

    def described(self) -> dict[str, Any]:
        """Everything, as data."""
        tables = {one.name: {"title": one.title, "head": one.head, "rows": one.rows} for one in self.tables}
        return {"paper": self.paper, "tables": tables, "data": self.data}


def geometric_mean(values: Iterable[float]) -> float:
    """The mean of ratios."""
    logarithms = [log(value) for value in values]
    return exp(sum(logarithms) / len(logarithms))
