"""Pin or fuse beside ours: traffic of maps, latency and added work of four variants over five scratchpads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from controller.plan.comparison import Comparison, Table, geometric_mean
from controller.plan.pinfuse import EDGE, Planner
from controller.plan.validate import replay
from controller.plan.zoo import network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from controller.plan.network import Network
    from controller.plan.solution import Plan

PAPER = "Jeong, Yeo, Bahk, Park, Pin or fuse? Exploiting scratchpad memory to reduce off-chip data transfer, CGO 2023"
NETWORKS = ("mobilenetv1", "mobilenetv2", "squeezenet", "resnet18")
CAPACITIES = tuple(256 << step for step in range(5))
#: Whether layers are fused, whether maps are pinned.
VARIANTS = {"layer": (False, False), "fuse": (True, False), "pin": (False, True), "pinfuse": (True, True)}
HALOS = {"computed again": False, "kept": True}
#: How many operators a group may have: at most so many, or any number.
DEPTHS = (2, 3, 4, None)
#: Traffic and latency of pin and fuse against fusion only: -50 % and -15 % on average.
PUBLISHED = (0.50, 0.85)

Figures = dict[str, float]


def compare(say: Callable[[str], None]) -> Comparison:
    """All variants with both ways to treat halos, and the gain over fusion for groups of limited length."""
    runs: list[dict[str, object]] = []
    ratios: list[dict[str, float | int | str | None]] = []
    for name in NETWORKS:
        graph = network(name)
        for halos, cached in HALOS.items():
            say(f"pin or fuse: {name}, halos {halos}")
            planner = Planner(graph, EDGE, cached=cached)
            for kib in CAPACITIES:
                found = {
                    variant: figures(graph, planner.plan(kib << 10, fuse=fuse, pin=pin))
                    for variant, (fuse, pin) in VARIANTS.items()
                }
                runs.append({"network": name, "halos": halos, "kib": kib, **found})
                for depth in DEPTHS:
                    both, fused = (
                        figures(graph, planner.plan(kib << 10, fuse=True, pin=pin, longest=depth))
                        for pin in (True, False)
                    )
                    ratio = {key: both[key] / fused[key] for key in ("bytes", "cycles")}
                    ratios.append({"network": name, "halos": halos, "kib": kib, "depth": depth, **ratio})
    tables = (*(_variants(runs, halos) for halos in HALOS), _gain(ratios), _sizes(ratios))
    return Comparison(PAPER, tables, {"runs": runs, "ratios": ratios})


def figures(graph: Network, plan: Plan | None) -> Figures:
    """Bytes of maps, cycles, and multiplications beyond the network's, as the replay counts them.

    Raises
    ------
    ValueError
        If there is no plan.
    """
    if plan is None:
        raise ValueError(f"{graph.name} has no plan")
    machine = replace(EDGE, capacity=plan.capacity)
    work = replay(graph, plan, machine)
    return {
        "bytes": sum(one.read + one.written for one in work),
        "cycles": sum(machine.time(one) for one in work),
        "extra": sum(one.macs for one in work) / graph.macs - 1,
        "groups": len(work),
    }


def _variants(runs: list[dict[str, object]], halos: str) -> Table:
    rows = []
    for run in runs:
        if run["halos"] == halos:
            cells = [_cell(run[variant]) for variant in VARIANTS]  # type: ignore[arg-type]
            rows.append((f"{run['network']}", f"{run['kib']:,}", *cells))
    name = f"pinfuse.{'kept' if HALOS[halos] else 'again'}"
    title = f"Pin or fuse, halos {halos}: MB of maps, million cycles, added multiplications"
    return Table(name, title, ("network", "KiB", "layer by layer", "fusion only", "pins only", "both"), tuple(rows))


def _cell(found: Figures) -> str:
    return f"{found['bytes'] / 1e6:.2f}, {found['cycles'] / 1e6:.3f}, {100 * found['extra']:.1f} %"


def _gain(ratios: list[dict[str, float | int | str | None]]) -> Table:
    """Pin and fuse against fusion only, means over networks and sizes, by how long groups may be."""
    rows = [("paper", "", f"{100 * (PUBLISHED[0] - 1):+.0f} %", f"{100 * (PUBLISHED[1] - 1):+.0f} %")]
    for halos in HALOS:
        for depth in DEPTHS:
            some = [one for one in ratios if one["halos"] == halos and one["depth"] == depth]
            length = f"at most {depth}" if depth else "any"
            rows.append((f"ours, halos {halos}", length, *_means(some)))
    title = "Pin and fuse against fusion only, geometric mean over four networks and five sizes"
    return Table("pinfuse.gain", title, ("", "operators in a group", "bytes of maps", "cycles"), tuple(rows))


def _sizes(ratios: list[dict[str, float | int | str | None]]) -> Table:
    """The same by size, with halos computed again and groups of any length."""
    rows = []
    for kib in CAPACITIES:
        chosen = (kib, None, "computed again")
        some = [one for one in ratios if (one["kib"], one["depth"], one["halos"]) == chosen]
        rows.append((f"{kib:,}", *_means(some)))
    title = "Pin and fuse against fusion only by size, halos computed again, groups of any length"
    return Table("pinfuse.sizes", title, ("KiB", "bytes of maps", "cycles"), tuple(rows))


def _means(some: Iterable[dict[str, float | int | str | None]]) -> tuple[str, str]:
    chosen = list(some)
    bytes_, cycles = (geometric_mean(one[key] for one in chosen) for key in ("bytes", "cycles"))  # type: ignore[misc]
    return f"{100 * (bytes_ - 1):+.1f} %", f"{100 * (cycles - 1):+.1f} %"
