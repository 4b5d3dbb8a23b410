"""Measures every policy on five networks, over sizes of scratchpad and widths of bus, and draws it.

``make policies`` writes docs/data/policies.jsonl and docs/policies.svg, then the tables. The machine is `edge` with
other banks and another bus, and with virtual pages for four times the largest scratchpad, so that only these two vary.

When the sources have changed, a cell of each network is measured anew. If all come out as they were,
the others are taken to hold as well; if not, none is kept.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from controller.compare import compare
from controller.compiler import compile_graph
from controller.read import read
from docs.grid_picture import grid_picture
from docs.kept import DATA, Kept, rows, sources
from docs.networks import NAMES, network
from sim.energy import load_table
from spec.config import CONFIGS
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from docs.kept import Rows
    from spec.config import Config

KIB = (128, 256, 512, 1024, 2048)
BUSES = (4, 8, 16)
_WORKERS = 2
FILE = "policies.jsonl"


def machine(kib: int, bus: int) -> Config:
    """`edge` with a scratchpad of so many KiB and a bus of so many bytes."""
    base = CONFIGS["edge"]
    pages = max(base.virtual_pages, 4 * KIB[-1] * 1024 // base.page_bytes)
    return replace(base, bank_bytes=kib * 1024 // base.banks, bus_bytes=bus, virtual_pages=pages)


def cells() -> dict[str, tuple[str, int, int]]:
    """Network, KiB and bus of every cell by its key: narrow buses first, where residency decides."""
    return {f"{name} {kib} {bus}": (name, kib, bus) for bus in BUSES for name in NAMES for kib in KIB}


def measure(name: str, kib: int, bus: int) -> dict[str, Any]:
    """A cell: each policy's cycles, bytes by class, energy, and the fraction of the gap that it closes."""
    compiled = compile_graph(read(network(name)), machine(kib, bus))
    found = compare(name, compiled, list(Policy), load_table(), lambda _: None).data()
    shown = {
        f"{one['policy']} {one['inference']}" if one["inference"] else one["policy"]: _figures(one)
        for one in found["policies"]
    }
    bound = found["infinite_scratchpad"]
    return {
        "network": name, "kib": kib, "bus": bus, "config_hash": found["config_hash"], "bounds": found["bounds"],
        "policies": shown, "infinite": None if bound is None else _figures(bound),
    }  # fmt: skip


def _figures(one: Mapping[str, Any]) -> dict[str, Any]:
    closed = one.get("gap_closed")
    return {
        "cycles": one["cycles"], "energy_pj": round(one["energy_pj"]["total"]), "by_class": one["dram"]["by_class"],
        "front_end": round(one["usage"]["shares"]["front_end"], 4),
        "array_empty": round(one["usage"]["array_waits"]["empty"], 4),
        "gap_closed": None if closed is None else round(closed, 4),
    }  # fmt: skip


def holding(measured: Rows) -> Rows:
    """All cells if nothing has changed in the first that there is of each network, else none."""
    hashes = {key: f"{machine(row['kib'], row['bus']).hash:016x}" for key, row in measured.items()}
    held = {key: {**row, "config_hash": hashes[key]} for key, row in measured.items()}
    first = {row["network"]: key for key, row in reversed(held.items())}
    for key in first.values():
        print(f"again: {key}", flush=True)
        if {"key": key, **measure(*cells()[key])} != held[key]:
            return {}
    return held


def _missing(kept: Kept) -> Iterator[str]:
    return (key for key in cells() if key not in kept)


def main() -> int:
    """Measure what is not kept, then draw what is."""
    for name in NAMES:
        network(name)
    kept = Kept(FILE, sources(("spec", "sim", "controller")), holding)
    with ProcessPoolExecutor(_WORKERS) as pool:
        running = {pool.submit(measure, *cells()[key]): key for key in _missing(kept)}
        for number, done in enumerate(as_completed(running), 1):
            kept.keep(running[done], done.result(), cells())
            print(f"{number} of {len(running)}: {running[done]}", flush=True)
    draw()
    return 0


def draw() -> None:
    """Draw what has been measured, finished or not."""
    measured = rows(FILE)
    names = [name for name in NAMES if any(row["network"] == name for row in measured)]
    buses = [bus for bus in BUSES if any(row["bus"] == bus for row in measured)]
    (DATA.parent / "policies.svg").write_bytes(grid_picture(measured, names, KIB, buses))


if __name__ == "__main__":
    sys.exit(main())
