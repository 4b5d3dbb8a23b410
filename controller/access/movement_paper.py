"""Elimination of data movement beside ours: pairs, bytes and copies that are left on seven networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controller.access.eliminate import eliminate
from controller.access.moved import as_left, as_written
from controller.plan.comparison import Comparison, Table
from controller.plan.zoo import network
from spec.config import CONFIGS

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.access.outcome import Outcome

PAPER = "Zheng et al., Optimizing memory-access patterns for deep learning accelerators, arXiv 2002.12798 (2020)"
NETWORKS = ("shufflenetv2", "densenet121", "inceptionv3", "wavenet", "multihead", "vittiny", "yolov5s")
#: The paper's pairs and how many it removed, and the copies on chip and off chip that its global mapping saved.
PUBLISHED = (124, 123, 0.10, 0.11)
_MACHINE = CONFIGS["default"]
_CAPACITY = _MACHINE.banks * _MACHINE.bank_bytes

Figures = dict[str, Any]


def compare(say: Callable[[str], None]) -> Comparison:
    """All networks with layouts chosen operator by operator, and for the network together."""
    runs = []
    for name in NETWORKS:
        say(f"data movement: {name}")
        runs.append(figures(name))
    return Comparison(PAPER, (_pairs(runs), _bytes(runs), _copies(runs)), {"runs": runs})


def figures(name: str) -> Figures:
    """One network: what its layout operators move as written, and what is left of that with either choice."""
    graph = network(name)
    local, everywhere = (eliminate(graph, _MACHINE.rows, everywhere=both) for both in (False, True))
    return {
        "network": name,
        "operators": sum(one.layout is not None for one in graph.operators),
        "written": vars(as_written(graph, _CAPACITY)),
        "local": _left(local),
        "global": _left(everywhere),
    }


def _left(outcome: Outcome) -> Figures:
    return {
        **vars(as_left(outcome, _CAPACITY)),
        "words": outcome.words_read / outcome.words_needed,
        "copies": [vars(one) for one in outcome.copies],
    }


def _pairs(runs: list[Figures]) -> Table:
    pairs, removed, *_ = PUBLISHED
    rows: list[tuple[str, ...]] = [("paper, unknown models", "", str(pairs), "", str(pairs - removed), "", "")]
    for run in runs:
        written, local, everywhere = run["written"], run["local"], run["global"]
        rows.append((
            run["network"], str(run["operators"]), str(written["pairs"]), str(local["pairs"]),
            str(everywhere["pairs"]), *(f"{one['intermediates'] / 1e6:.2f}" for one in (written, everywhere)),
        ))  # fmt: skip
    total = [sum(run[way]["pairs"] for run in runs) for way in ("written", "local", "global")]
    rows.append(("all seven", str(sum(run["operators"] for run in runs)), *map(str, total), "", ""))
    head = ("network", "layout operators", "load-store pairs", "left, mapping by operator", "left, global mapping",
            "MB of intermediates", "MB left")  # fmt: skip
    return Table("movement.pairs", "Load-store pairs of layout operators, and what is left of them", head, tuple(rows))


def _bytes(runs: list[Figures]) -> Table:
    *_, inside, outside = PUBLISHED
    rows = [("paper, unknown models", "", "", f"-{100 * inside:.0f} %", "", "", f"-{100 * outside:.0f} %", "")]
    for run in runs:
        cells = [f"{run[way][where] / 1e6:.2f}" for where in ("on_chip", "off_chip")
                 for way in ("written", "local", "global")]  # fmt: skip
        rows.append((run["network"], *cells, f"{100 * (run['global']['words'] - 1):+.1f} %"))
    head = ("network", "on chip as written", "mapping by operator", "global mapping", "off chip as written",
            "mapping by operator", "global mapping", "words read, global mapping")  # fmt: skip
    return Table("movement.bytes", "MB that copies load and store", head, tuple(rows))


def _copies(runs: list[Figures]) -> Table:
    """Every copy that the global mapping leaves; those of one size and reason together."""
    rows: list[tuple[str, ...]] = []
    for run in runs:
        alike: dict[tuple[int, str], list[str]] = {}
        for one in run["global"]["copies"]:
            reason = one["reason"].partition(" (")[0]
            for name in (one["source"], one["result"]):
                reason = reason.replace(name, "it")
            alike.setdefault((one["elements"], reason), []).append(f"{one['source']} to {one['result']}")
        rows += [(run["network"], ", ".join(some), f"{size:,}", why) for (size, why), some in alike.items()]
    head = ("network", "copies", "elements of each", "reason")
    return Table("movement.copies", "Copies that are left with the global mapping", head, tuple(rows))
