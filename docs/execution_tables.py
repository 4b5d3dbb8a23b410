"""The tables of docs/policies.md on eager execution, from what `make execution` has kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docs.kept import rows

if TYPE_CHECKING:
    from collections.abc import Callable

FILE, CONFIG = "execution.jsonl", "edge"
NETWORKS = ("attention", "bert", "lstm_step", "mobilenetv2", "squeezenet", "resnet18", "vit")
#: Programs of a network by what they are called in the table.
PROGRAMS = {
    "graph": "graph", "foreseen": "called one by one, foreseen", "eager": "eager, told of ends",
    "eager-untold": "eager, never told",
}  # fmt: skip
Table = tuple[list[str], list[list[object]]]


def table() -> Table:
    """Cycles and MiB over the bus; a row for each network and program, a column for each policy."""
    found = rows(FILE)
    policies = list(found[0]["programs"]["graph"]["policies"])
    return ["network", "operators come", "operators", *(f"`{one}`" for one in policies)], [
        [
            row["network"], said, one["operators"],
            *(f"{it['cycles']:,}, {_mebibytes(it):.2f}" for it in one["policies"].values()),
        ]
        for row in found
        for what, said in PROGRAMS.items()
        for one in [row["programs"][what]]
    ]  # fmt: skip


def _mebibytes(one: dict[str, int]) -> float:
    return (one["read_bytes"] + one["write_bytes"]) / 2**20


TABLES: dict[str, Callable[[], Table]] = {"execution": table}
