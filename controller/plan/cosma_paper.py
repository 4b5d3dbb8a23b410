"""COSMA beside ours: budgets, non-compulsory bytes against every baseline, time, and what pages do."""

from __future__ import annotations

from os import getloadavg
from typing import TYPE_CHECKING, Any

from controller.plan.comparison import Comparison, Table
from controller.plan.cosma_forms import FORMS, STANDARD
from controller.plan.cosma_runs import baselines, case, cosma, paged, reductions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

PAPER = "Li, Gupta, Malik, COSMA: combining operator scheduling, memory allocation and tensor replacement, 2023"
NETWORKS = (
    "resnet50", "densenet121", "resnext50", "r2plus1d", "s3d", "fcn", "lraspp", "deeplabv3", "transformer", "vit",
)  # fmt: skip
SEARCHED = ("pnasnet5", "amoebanetd", "nasneta", "darts")
#: M_R and M_P of int8 activations as printed, in KiB.
PUBLISHED = {
    "resnet50": (2352, 2352), "densenet121": (1596.25, 2058), "r2plus1d": (56448, 68992), "s3d": (29792, 29792),
    "fcn": (4704, 4704),
}  # fmt: skip
BASELINES = ("framework.belady", "framework.greedy", "peak.belady", "peak.greedy")
#: Seconds of processors for each plan, and for each plan of a searched network.
LIMIT, SEARCHED_LIMIT = 10.0, 120.0

Run = dict[str, Any]


def compare(say: Callable[[str], None]) -> Comparison:
    """All networks with and without parameters at all budgets, the searched ones with activations only."""
    runs: list[Run] = []
    for name in NETWORKS:
        for parameters in (False, True):
            say(f"COSMA: {name}{' with parameters' if parameters else ''}")
            runs += measured(name, "RP" if parameters else "RHP", LIMIT, parameters=parameters)
    for name in SEARCHED:
        say(f"COSMA: {name}")
        runs += measured(name, "RP", SEARCHED_LIMIT, parameters=False)
    forms = {STANDARD: [run for run in runs if run["network"] in SEARCHED and run["budget"] == "R"]}
    for form in [one for one in FORMS if one not in forms]:
        forms[form] = []
        for name in SEARCHED:
            say(f"COSMA: {name}, {form}")
            forms[form] += measured(name, "R", SEARCHED_LIMIT, parameters=False, form=form)
    return shown(runs, forms, getloadavg()[0])


def shown(runs: list[Run], forms: Mapping[str, list[Run]], load: float) -> Comparison:
    """The tables of what was measured, at this load of the computer."""
    plain = [run for run in runs if run["network"] in NETWORKS]
    searched = [run for run in runs if run["network"] in SEARCHED]
    tables = (
        _budgets(plain), _plans("cosma.plans", plain), _reductions("cosma.reductions", plain),
        _cases("cosma.least", plain), _plans("cosma.searched", searched),
        _reductions("cosma.searchedreductions", searched), _forms(forms), _seconds(plain, searched),
        _pages([*plain, *searched]),
    )  # fmt: skip
    return Comparison(PAPER, tables, {"load": round(load, 1), "runs": runs, "forms": dict(forms)})


def measured(name: str, budgets: str, limit: float, *, parameters: bool, form: str = STANDARD) -> list[Run]:
    """A network in one of its forms at some of its budgets."""
    one = case(name, parameters=parameters, form=form)
    found = []
    for budget in budgets:
        capacity = one.budgets[budget]
        found.append(
            {
                "network": name, "parameters": parameters, "steps": len(one.problem.steps), "budget": budget,
                "capacity": capacity, **cosma(one.problem, capacity, seconds=limit),
                "baselines": baselines(one, capacity), "paged": paged(one, capacity),
            }
        )  # fmt: skip
    return found


def _kib(number: float) -> str:
    return f"{number / 1024:,.2f}".rstrip("0").rstrip(".")


def _per_cent(part: float) -> str:
    return f"{100 * part:.1f} %"


def _chosen(runs: Iterable[Run], budget: str, *, parameters: bool) -> list[Run]:
    return [run for run in runs if run["budget"] == budget and run["parameters"] == parameters]


def _budgets(runs: list[Run]) -> Table:
    rows = []
    for name in NETWORKS:
        own = {(run["budget"], run["parameters"]): run["capacity"] for run in runs if run["network"] == name}
        printed = PUBLISHED.get(name)
        rows.append(
            (
                name, *(f"{size:,}" for size in printed or ()), *([""] * (0 if printed else 2)),
                *(_kib(own[budget, parameters]) for parameters in (False, True) for budget in "RP"),
            )
        )  # fmt: skip
    head = ("network", "paper, M_R", "paper, M_P", "M_R", "M_P", "with parameters, M_R", "with parameters, M_P")
    return Table("cosma.budgets", "Budgets in KiB", head, tuple(rows))


def _plans(name: str, runs: list[Run]) -> Table:
    rows = []
    for run in runs:
        gap = 1 - run["bound"] / run["bytes"] if run["bytes"] else 0.0
        rows.append(
            (
                run["network"], "with" if run["parameters"] else "without", f"M_{run['budget']}", _kib(run["capacity"]),
                _kib(run["bytes"]), "proven" if not gap else f"at least {_kib(run['bound'])}", f"{run['seconds']:.2f}",
            )
        )  # fmt: skip
    head = ("network", "parameters", "budget", "KiB", "non-compulsory KiB", "least", "seconds")
    return Table(name, "COSMA's plans", head, tuple(rows))


def _reductions(name: str, runs: list[Run]) -> Table:
    """Mean reductions against each baseline, and the cases that have none."""
    rows = []
    for budget in "RHP":
        for parameters in (False, True):
            some = _chosen(runs, budget, parameters=parameters)
            if not some:
                continue
            cells = [_mean(some, baseline, kind) for kind in ("linear", "counted") for baseline in BASELINES]
            rows.append((f"M_{budget}", "with" if parameters else "without", *cells))
    head = (
        "budget",
        "parameters",
        *(f"on line, {one}" for one in BASELINES),
        *(f"by bytes, {one}" for one in BASELINES),
    )
    return Table(name, "Mean reduction against each baseline", head, tuple(rows))


def _mean(runs: list[Run], baseline: str, kind: str) -> str:
    """The mean reduction against a baseline, of how many cases, and how many have none."""
    theirs = [run["baselines"][baseline][kind] for run in runs]
    found, excluded = reductions([run["bytes"] for run in runs], theirs)
    mean = _per_cent(sum(found) / len(found)) if found else "none"
    return f"{mean} ({len(found)}, {excluded} zero)"


def _forms(forms: Mapping[str, list[Run]]) -> Table:
    """The searched networks at M_R as several graphs: what they must move, and the reductions."""
    rows = []
    for form, runs in forms.items():
        moved = [_kib(run["bytes"]) + ("" if run["bytes"] == run["bound"] else " *") for run in runs]
        rows.append((form, *moved, *(_mean(runs, one, "linear") for one in BASELINES)))
    head = ("graph", *SEARCHED, *(f"on line, {one}" for one in BASELINES))
    return Table("cosma.forms", "Non-compulsory KiB at M_R by graph, and mean reductions", head, tuple(rows))


def _cases(name: str, runs: list[Run]) -> Table:
    """Each network at M_R: bytes of every method."""
    rows = []
    for run in runs:
        if run["budget"] != "R":
            continue
        cells = [_kib(run["baselines"][one]["linear"]) for one in BASELINES]
        for one in BASELINES:
            other = run["baselines"][one]
            cells.append(_kib(other["counted"]) + ("" if other["packed"] else " *"))
        rows.append((run["network"], "with" if run["parameters"] else "without", _kib(run["bytes"]), *cells))
    head = (
        "network",
        "parameters",
        "COSMA",
        *(f"on line, {one}" for one in BASELINES),
        *(f"by bytes, {one}" for one in BASELINES),
    )
    return Table(name, "Non-compulsory KiB at M_R", head, tuple(rows))


def _seconds(plain: list[Run], searched: list[Run]) -> Table:
    rows = []
    for budget in "RHP":
        cells = []
        for parameters in (False, True):
            some = [run["seconds"] for run in _chosen(plain, budget, parameters=parameters)]
            cells += [f"{sum(some) / len(some):.2f}", f"{max(some):.2f}"] if some else ["", ""]
        longest = max((run["seconds"] for run in searched if run["budget"] == budget), default=None)
        rows.append((f"M_{budget}", *cells, "" if longest is None else f"{longest:.1f}"))
    head = ("budget", "mean", "longest", "with parameters, mean", "with parameters, longest", "searched, longest")
    return Table("cosma.seconds", "Seconds for a plan", head, tuple(rows))


def _pages(runs: list[Run]) -> Table:
    """Belady in the framework's order at M_R: linear, by bytes, in pages."""
    rows = []
    for run in _chosen(runs, "R", parameters=False):
        own, pages = run["baselines"]["framework.belady"], run["paged"]
        more = pages["capacity"] - run["capacity"]
        rows.append(
            (
                run["network"], _kib(own["linear"]), _kib(own["counted"]), _kib(pages["online"]),
                f"{'+' if more >= 0 else '-'}{_kib(abs(more))}", _kib(run["bytes"]),
            )
        )  # fmt: skip
    head = ("network", "linear", "by bytes", "pages of 2 KiB", "room in pages against M_R", "COSMA")
    return Table("cosma.pages", "What pages alone are worth, non-compulsory KiB at M_R", head, tuple(rows))
