"""Tables of what was measured, proved and noticed, as the commands that did it have kept it in docs/data."""

from __future__ import annotations

import json
import tomllib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from docs.markdown import table

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]


def _energy() -> str:
    """The figures of sim/energy.toml with their nodes and sources."""
    content = tomllib.loads((ROOT / "sim/energy.toml").read_text())
    rows = [[f"`{name}`", one["pj"], one["node"], one["source"]] for name, one in content["event"].items()]
    memory = content["memory"]
    for kind in ("read", "write"):
        for size, cost in zip(memory["bytes"], memory[f"{kind}_pj"], strict=True):
            what = f"{kind} of {memory['width_bits']} bits in {size // 1024} KiB"
            rows.append([what, cost, memory["node"], memory["source"]])
    return table(["event", "pJ", "of", "source"], rows)


def _mutants(kind: str) -> str:
    """What noticed each mutant, as tb.mutants has kept it."""
    rows = json.loads((ROOT / "docs/data/mutants.json").read_text())[kind]
    if kind == "model":
        return table(["larger by one", "noticed by"], ([f"`{row['term']}`", row["noticed"]] for row in rows))
    return table(
        ["dropped", "in", "noticed by"],
        ([row["rule"], f"`{row['file']}`", row["noticed"] or f"nothing: {row['proof']}"] for row in rows),
    )


def _proofs() -> str:
    """What was proved, as tb.prove has kept it."""
    rows = json.loads((ROOT / "docs/data/proofs.json").read_text())
    head = ["proof", "claims", "assumes", "for", "reaches", "planted bug, found in cycle"]
    return table(
        head,
        (
            [f"`{row['name']}`", row["claims"], row["assumed"] or "nothing",
             f"all time, by induction over {row['depth']} cycles" if row["inductive"] else f"{row['depth']} cycles",
             f"{row['reached']}, in cycle {row['cover_cycle']}", f"{row['bug']} (`{row['file']}`), {row['bug_cycle']}"]
            for row in rows
        ),
    )  # fmt: skip


def _coverage(kind: str) -> str:
    """How often random programs did each thing, as docs.coverage has kept it."""
    rows = json.loads((ROOT / "docs/data/coverage.json").read_text())[kind]
    policies = [name for name in rows[0] if name != "name"]
    return table(
        ["", *(f"`{name}`" for name in policies)],
        ([row["name"], *(f"{row[policy]:,}" if row[policy] else "**0**" for policy in policies)] for row in rows),
    )


def _digits() -> str:
    """What RTL and golden model showed of the digits network, as docs.results has kept it."""
    rows = json.loads((ROOT / "docs/data/digits.json").read_text())
    return table(
        ["machine", "memory", "cycles by golden model", "cycles by RTL", "bursts by golden model", "bursts by RTL",
         "utilization", "outputs that differ from onnxruntime's"],
        (
            [f"`{row['config']}`", f"`{row['profile']}`", *(f"{row[what][engine]:,}" for what in ("cycles", "bursts")
             for engine in ("golden", "rtl")), f"{100 * row['utilization']:.1f} %", row["differing"]]
            for row in rows
        ),
    )  # fmt: skip


def _policies() -> str:
    """Every network, size and bus that `make policies` has kept: speed-ups over ``none``, and the bound."""
    lines = (ROOT / "docs/data/policies.jsonl").read_text().splitlines()[1:]
    measured = [json.loads(line) for line in lines]
    names = [name for name in measured[0]["policies"] if name != "none"]
    head = ["network", "KiB", "bus B", "cycles under `none`", "infinite", *(f"`{name}`" for name in names),
            "gap closed by `directed`", "energy of `directed`"]  # fmt: skip
    found: list[list[object]] = []
    for row in measured:
        none, directed = row["policies"]["none"], row["policies"]["directed"]
        found.append([
            row["network"], row["kib"], row["bus"], f"{none['cycles']:,}",
            f"{none['cycles'] / row['infinite']['cycles']:.2f}" if row["infinite"] else "",
            *(f"{none['cycles'] / row['policies'][name]['cycles']:.2f}" for name in names),
            "" if directed["gap_closed"] is None else f"{100 * directed['gap_closed']:.0f} %",
            f"{100 * (directed['energy_pj'] / none['energy_pj'] - 1):+.0f} %",
        ])  # fmt: skip
    return table(head, found)


def _front_end() -> str:
    """Cycles of the front end by instruction under each policy, and what they delay; see docs.front_end."""
    lines = (ROOT / "docs/data/front_end.jsonl").read_text().splitlines()[1:]
    found: list[list[object]] = []
    for row in map(json.loads, lines):
        for policy, one in row["policies"].items():
            spent, many, cycles = one["spent"], one["instructions"], one["cycles"]
            each = [f"{spent[name] / many[name]:.0f}" for name in ("COMPUTE", "BIND", "RELEASE", "STORE")]
            shares = (sum(spent.values()), one["array_empty"], cycles - one["instant_cycles"])
            found.append([row["network"], f"`{policy}`", *each, *(f"{100 * share / cycles:.1f} %" for share in shares)])
    head = ["network", "policy", "cycles of a COMPUTE", "BIND", "RELEASE", "STORE", "front end at work",
            "array without a command", "saved by a front end without cycles"]  # fmt: skip
    return table(head, found)


def _papers() -> dict[str, Callable[[], str]]:
    """Tables that `pinfold papers` has kept."""
    kept = [json.loads(path.read_text())["tables"] for path in sorted((ROOT / "docs/data").glob("papers-*.json"))]
    return {name: partial(table, one["head"], one["rows"]) for some in kept for name, one in some.items()}


TABLES: dict[str, Callable[[], str]] = {
    "policies-measured": _policies,
    "front-end": _front_end,
    "digits": _digits,
    "energy": _energy,
    "proofs": _proofs,
    "coverage.waits": partial(_coverage, "waits"),
    "coverage.events": partial(_coverage, "events"),
    "mutants.model": partial(_mutants, "model"),
    "mutants.hardware": partial(_mutants, "hardware"),
    **_papers(),
}
