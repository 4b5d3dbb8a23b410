"""OnSRAM's table beside ours: speed-ups over no management on its machine, in FP16, batch 1."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from controller.plan import onsram
from controller.plan.builder import ACTIVATIONS, FOLDED, FOUR_STEPS, SEPARATE
from controller.plan.comparison import Comparison, Table, geometric_mean
from controller.plan.machine import ONSRAM
from controller.plan.order import breadth_first
from controller.plan.validate import replay
from controller.plan.zoo import network

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.plan.network import Network
    from controller.plan.solution import Plan

PAPER = "Pal, Venkataramani, Srinivasan, Gopalakrishnan, OnSRAM, ISPASS 2021 and ACM TECS 2022, table I and figure"
#: Infinite scratchpad, kept for one step, Static; the last is read off the figure, +-0.02.
PUBLISHED = {
    "alexnet": (1.04, 1.04, 1.02),
    "vgg16": (1.19, 1.03, 1.02),
    "googlenet": (1.94, 1.01, 1.83),
    "inceptionv3": (1.64, 1.10, 1.29),
    "inceptionv4": (1.58, 1.11, 1.31),
    "resnet50": (1.75, 1.33, 1.49),
    "ssd300": (1.31, 1.18, 1.22),
    "resnext50": (3.86, 1.40, 3.81),
    "mobilenetv1": (5.17, 2.84, 4.76),
    "squeezenet": (2.84, 1.57, 2.20),
    "lstm": (1.02, 1.01, 1.00),
    "attention": (1.06, 1.02, 1.06),
}
PUBLISHED_MEANS = (1.76, 1.24, 1.59)
#: Bytes of an element.
FP16 = 2
GRANULARITIES = {
    "all folded": FOLDED,
    "activations separate": ACTIVATIONS,
    "bias, BN, activation separate": SEPARATE,
    "BN in two steps, too": FOUR_STEPS,
}


@dataclass(frozen=True)
class Graph:
    """A form of a network: its name in the zoo, what is an operator of its own, the size of its input."""

    name: str
    granularity: str
    size: int | None = None

    def network(self) -> Network:
        """The layer graph."""
        return network(self.name, granularity=GRANULARITIES[self.granularity], width=FP16, size=self.size)


_SEPARATE = "bias, BN, activation separate"
#: For each network a form whose infinite column is the paper's within a tenth: ours, for the paper's is not public.
NEAREST = {
    "alexnet": Graph("alexnet", _SEPARATE),
    "vgg16": Graph("vgg16", _SEPARATE),
    "googlenet": Graph("googlenetoriginal", "activations separate"),
    "inceptionv3": Graph("inceptionv3", _SEPARATE),
    "inceptionv4": Graph("inceptionv4", _SEPARATE),
    "resnet50": Graph("resnet50", "activations separate"),
    "ssd300": Graph("ssd300resnet34", _SEPARATE),
    "resnext50": Graph("resnext50slices", "all folded"),
    "mobilenetv1": Graph("mobilenetv1", "BN in two steps, too"),
    "squeezenet": Graph("squeezenet", "all folded"),
    "lstm": Graph("lstm", _SEPARATE, 200),
    "attention": Graph("attention", _SEPARATE, 8),
}


def compare(say: Callable[[str], None]) -> Comparison:
    """All columns, on every form of every network."""
    infinite, nearest, plain = {}, {}, {}
    for name in PUBLISHED:
        say(f"OnSRAM: {name}")
        forms = {text: Graph(name, text).network() for text in GRANULARITIES}
        infinite[name] = {text: speedups(graph)["infinite"] for text, graph in forms.items()}
        plain[name] = speedups(forms[_SEPARATE])
        nearest[name] = speedups(NEAREST[name].network())
    tables = (_forms(infinite), _nearest(nearest), _same(plain))
    return Comparison(PAPER, tables, {"infinite": infinite, "nearest": nearest, "same": plain})


def speedups(graph: Network) -> dict[str, float]:
    """How many times faster than without management, by each method; every plan has been replayed."""
    framework = tuple(range(len(graph.operators)))
    none = time(graph, onsram.no_management(graph, ONSRAM, framework))
    plans = {
        "infinite": onsram.infinite(graph, ONSRAM, framework),
        "one step": onsram.one_step(graph, ONSRAM, framework),
        "one step, breadth first": onsram.one_step(graph, ONSRAM, breadth_first(graph)),
        "static": onsram.static(graph, ONSRAM),
        "maps that fit": onsram.infinite(graph, ONSRAM, framework, ONSRAM.capacity),
    }
    return {column: none / time(graph, plan) for column, plan in plans.items()}


def time(graph: Network, plan: Plan) -> float:
    """Seconds on OnSRAM's machine, with the scratchpad that the plan was made for."""
    machine = replace(ONSRAM, capacity=plan.capacity)
    return sum(machine.time(work) for work in replay(graph, plan, machine))


def _forms(infinite: dict[str, dict[str, float]]) -> Table:
    """The infinite column for each granularity; what is within a tenth of the paper's is marked."""
    rows = []
    for name, (paper, *_) in PUBLISHED.items():
        cells = [f"{value:.2f}" + " *" * (abs(value / paper - 1) <= 0.1) for value in infinite[name].values()]
        rows.append((name, f"{paper:.2f}", *cells))
    head = ("network", "paper", *GRANULARITIES)
    title = "OnSRAM, infinite scratchpad, by what is an operator (* within 10 %)"
    return Table("onsram.forms", title, head, tuple(rows))


def _nearest(found: dict[str, dict[str, float]]) -> Table:
    """All columns beside the paper's, and their geometric means, each network in the form that is nearest."""
    rows = []
    for name, paper in PUBLISHED.items():
        graph = NEAREST[name]
        size = f", size {graph.size}" if graph.size else ""
        ours = found[name]
        error = f"{100 * (ours['infinite'] / paper[0] - 1):+.1f} %"
        rows.append((name, f"{graph.name}, {graph.granularity}{size}", *_cells(paper, ours), error))
    rows.append(("geometric mean", "", *_cells(PUBLISHED_MEANS, _means(found)), ""))
    head = ("network", "graph", *_HEAD, "infinite off by")
    title = "OnSRAM, speed-up over no management, each network in its nearest form: paper / ours"
    return Table("onsram.nearest", title, head, tuple(rows))


def _same(found: dict[str, dict[str, float]]) -> Table:
    """All columns with one rule for every network."""
    rows = [(name, *_cells(paper, found[name])) for name, paper in PUBLISHED.items()]
    rows.append(("geometric mean", *_cells(PUBLISHED_MEANS, _means(found))))
    title = "OnSRAM, speed-up over no management, bias, BN and activation separate everywhere: paper / ours"
    return Table("onsram.same", title, ("network", *_HEAD), tuple(rows))


_HEAD = ("infinite", "one step", "one step, breadth first", "Static", "ours if every map of up to 2 MiB stays")


def _cells(paper: tuple[float, float, float], ours: dict[str, float]) -> tuple[str, ...]:
    wanted = (paper[0], paper[1], paper[1], paper[2])
    *columns, fitting = ours.values()
    return (*(f"{one:.2f} / {value:.2f}" for one, value in zip(wanted, columns, strict=True)), f"{fitting:.2f}")


def _means(found: dict[str, dict[str, float]]) -> dict[str, float]:
    columns = next(iter(found.values()))
    return {column: geometric_mean(one[column] for one in found.values()) for column in columns}
