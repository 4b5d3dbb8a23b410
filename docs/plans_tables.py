"""The tables of docs/papers.md on our machines, from what `make plans` has kept."""

from __future__ import annotations

from functools import partial
from statistics import geometric_mean
from typing import TYPE_CHECKING, Any

from docs.joint_tables import FILE as JOINT
from docs.kept import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILE = "plans.jsonl"
NETWORKS = ("mobilenetv2", "mobilenetv1", "squeezenet", "resnet18", "resnet50")
MACHINES = ("edge", "onsram")
#: The papers' methods by the names of their plans.
METHODS = {
    "layer": "layer by layer", "onsram-static": "OnSRAM-Static", "pin": "pin", "fuse": "fuse",
    "pinfuse": "pin and fuse", "cosma": "COSMA",
}  # fmt: skip
Table = tuple[list[str], list[list[object]]]


def table(machine: str) -> Table:
    """Cycles, how many times fewer than under `none`, and MiB of data over the bus; a row for each method."""
    found = {row["network"]: row for row in _of(machine)}
    names = list(found)
    lines = {name: dict(_lines(found[name])) for name in names}
    return ["", *names], [
        [line, *(_cell(lines[name][line], found[name]) for name in names)] for line in lines[names[0]]
    ]


def _lines(row: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What each line of the table is called, and its figures."""
    policies = row["policies"]
    yield "`none`", policies["none"]
    yield "best policy", min(policies.values(), key=lambda one: one["cycles"])
    yield "`eager`, second inference", policies["eager"]
    for method, name in METHODS.items():
        yield name, row["methods"][method]["strict"]
    for method, name in METHODS.items():
        yield f"{name}, at best", row["methods"][method]["fastest"]
    yield "`joint`", row["joint"]


def _cell(one: dict[str, Any], row: dict[str, Any]) -> str:
    none = row["policies"]["none"]["cycles"]
    shown = f"{one['cycles']:,}, {none / one['cycles']:.2f}x"
    return f"{shown}, {(one['read_bytes'] + one['write_bytes']) / 2**20:.1f}" if "read_bytes" in one else shown


def headline() -> Table:
    """How many times fewer cycles than under `none` on `edge`, each paper's method as it is fastest."""
    groups = {
        "OnSRAM-Static": ("onsram-static",), "pin or fuse": ("pin", "fuse", "pinfuse"), "COSMA": ("cosma",)
    }  # fmt: skip
    found: list[list[object]] = []
    for row in _of("edge"):
        none = row["policies"]["none"]["cycles"]
        columns = [
            min(one["cycles"] for one in row["policies"].values()),
            *(min(row["methods"][name]["fastest"]["cycles"] for name in names) for names in groups.values()),
            row["joint"]["cycles"],
        ]
        found.append([row["network"], f"{none:,}", *(f"{none / cycles:.2f}x" for cycles in columns)])
    return ["network", "cycles without management", "best policy", *groups, "`joint`"], found


def margin() -> Table:
    """How many fewer cycles `joint` takes than the fastest other method, whatever that is."""
    found: list[list[object]] = []
    for machine in MACHINES:
        ratios = []
        for row in _of(machine):
            others = {name: one["cycles"] for name, one in _lines(row) if one is not row["joint"]}
            best = min(others, key=others.__getitem__)
            ratios.append(row["joint"]["cycles"] / others[best])
            found.append([
                f"`{machine}`", row["network"], best, f"{others[best]:,}", f"{row['joint']['cycles']:,}",
                f"{100 * (1 - ratios[-1]):.1f} %",
            ])  # fmt: skip
        mean = f"{100 * (1 - geometric_mean(ratios)):.1f} %"
        found.append([f"`{machine}`", "geometric mean", "", "", "", mean])
    return ["machine", "network", "fastest other", "its cycles", "`joint`", "fewer"], found


def pinning() -> Table:
    """What pins change beside fusing, as planned: bytes of maps that come back or leave, and cycles."""
    found: list[list[object]] = []
    for machine in MACHINES:
        for row in _of(machine):
            fuse, both = (row["methods"][name]["strict"] for name in ("fuse", "pinfuse"))
            found.append([
                f"`{machine}`", row["network"], f"{fuse['maps'] / 2**20:.2f}", f"{both['maps'] / 2**20:.2f}",
                f"{fuse['cycles']:,}", f"{both['cycles']:,}", f"{100 * (both['cycles'] / fuse['cycles'] - 1):+.1f} %",
            ])  # fmt: skip
    head = ["machine", "network", "maps, fuse, MiB", "maps, both, MiB", "cycles, fuse", "cycles, both", "change"]
    return head, found


def _of(machine: str) -> list[dict[str, Any]]:
    """The rows of a machine, with the figures of `make joint`."""
    ours = {row["key"]: {"cycles": row["cycles"]["joint"], **row["dram"]} for row in rows(JOINT)}
    return [row | {"joint": ours[row["key"]]} for row in rows(FILE) if row["config"] == machine and row["key"] in ours]


TABLES: dict[str, Callable[[], Table]] = {
    **{f"plans.{machine}": partial(table, machine) for machine in MACHINES},
    "plans.headline": headline,
    "plans.joint": margin,
    "plans.pinning": pinning,
}
