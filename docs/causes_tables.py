"""What slows a policy down beyond no management, cause by cause, as docs.causes has kept it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docs.kept import rows

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = "causes.jsonl"
#: What is left out of the model, as the table heads it.
SAID = {
    "serial": "without serial mode", "ports": "without waits for ports", "frames": "without waits for frames",
    "front_end": "with a front end without cycles",
}  # fmt: skip


def _causes() -> tuple[list[str], list[list[object]]]:
    """Cycles of each policy against those of `none`, as they are and with the same left out of both."""
    head = ["network", "KiB", "bus B", "policy", "against `none`", *SAID.values(), "without all"]
    found: list[list[object]] = []
    for row in rows(FILE):
        none = row["policies"]["none"]
        for name, one in row["policies"].items():
            if one is not none:
                without = [_against(one["without"][cause], none["without"][cause]) for cause in SAID]
                whole = _against(one["cycles"], none["cycles"])
                every = _against(one["without_all"], none["without_all"])
                found.append([row["network"], row["kib"], row["bus"], f"`{name}`", whole, *without, every])
    return head, found


def _against(cycles: int, none: int) -> str:
    return f"{100 * (cycles / none - 1):+.1f} %"


TABLES: dict[str, Callable[[], tuple[list[str], list[list[Any]]]]] = {"causes": _causes}
