"""The search finds the plan of least time, and every plan it gives stands up to the replay."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.plan.builder import FOLDED, Builder
from controller.plan.machine import Machine
from controller.plan.pinfuse import EDGE, Planner
from controller.plan.solution import Plan, Step
from controller.plan.validate import PlanError, replay
from controller.plan.zoo import network
from tests.controller.plan.graphs import broken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.plan.network import Network

NARROW = Machine("narrow", 0, 9, 3, 1)
VARIANTS = ((False, False), (True, False), (False, True), (True, True))


def time(graph: Network, plan: Plan, machine: Machine) -> float:
    machine = replace(machine, capacity=plan.capacity)
    return sum(machine.time(one) for one in replay(graph, plan, machine))


@st.composite
def chains(draw: st.DrawFn) -> Network:
    """Two convolutions on few rows, perhaps with a sum around the second."""
    net = Builder(FOLDED, 1)
    x = net.conv(net.input(1, draw(st.integers(1, 2)), draw(st.integers(2, 3)), 2), 2, draw(st.sampled_from((1, 3))))
    skip, x = x, net.conv(x, 2, draw(st.sampled_from((1, 3))), stride=draw(st.integers(1, 2)))
    return net.finish("chain", (net.add(x, skip) if net.shape(x) == net.shape(skip) else x,))


def every(graph: Network, capacity: int, *, cached: bool) -> Iterator[Plan]:
    """Every plan: each way to cut the operators into groups, each subset of pins, each height, weights held or not."""
    count, tallest = len(graph.operators), 3
    for cuts in product((False, True), repeat=count - 1):
        starts = [0, *(place for place, cut in enumerate(cuts, 1) if cut), count]
        groups = [tuple(range(a, b)) for a, b in pairwise(starts)]
        results = [graph.operators[group[-1]].outputs[0] for group in groups]
        for pins in product((False, True), repeat=len(groups) - 1):
            kept = {name for name, pin in zip(results, (*pins, False), strict=True) if pin}
            for sizes in product(range(1, tallest + 1), repeat=len(groups)):
                for held in product((False, True), repeat=len(groups)):
                    steps = []
                    for group, result, rows, hold in zip(groups, results, sizes, held, strict=True):
                        alive = frozenset(
                            name
                            for name in kept
                            if graph.producer[name] <= group[-1] and graph.consumers[name][-1] >= group[0]
                        )
                        stored = frozenset({result}) - kept
                        steps.append(Step(group, alive, stored=stored, rows=rows, cached=cached, held=hold))
                    yield Plan("chain", "every", capacity, tuple(steps))


@settings(max_examples=5, deadline=None)
@given(chains(), st.integers(4, 90), st.booleans())
def test_no_plan_is_faster(graph: Network, capacity: int, cached: bool) -> None:
    found = Planner(graph, NARROW, cached=cached).plan(capacity, fuse=True, pin=True)
    best = None
    for plan in every(graph, capacity, cached=cached):
        try:
            one = time(graph, plan, NARROW)
        except PlanError:
            continue
        best = one if best is None else min(best, one)
    assert (found is None) == (best is None)
    assert found is None or time(graph, found, NARROW) == pytest.approx(best)


@settings(deadline=None)
@given(chains(), st.integers(20, 90), st.booleans(), st.data())
def test_a_mutated_plan_is_refused(graph: Network, capacity: int, fuse: bool, data: st.DataObject) -> None:
    plan = Planner(graph, NARROW, cached=False).plan(capacity, fuse=fuse, pin=True)
    if plan is None:
        return
    with pytest.raises(PlanError):
        replay(graph, data.draw(st.sampled_from(broken(graph, plan))), replace(NARROW, capacity=capacity))


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("name", ["squeezenet", "resnet18"])
def test_more_freedom_is_never_slower(name: str, cached: bool) -> None:
    graph = network(name, size=64)
    planner = Planner(graph, EDGE, cached=cached)
    for capacity in (24 << 10, 80 << 10):
        plans = [planner.plan(capacity, fuse=fuse, pin=pin) for fuse, pin in VARIANTS]
        layer, fused, pinned, both = (time(graph, plan, EDGE) for plan in plans if plan is not None)
        assert both <= fused <= layer
        assert both <= pinned <= layer
        assert [plan.method for plan in plans if plan] == ["layer", "fuse", "pin", "pinfuse"]


def test_groups_are_no_longer_than_allowed() -> None:
    planner = Planner(network("squeezenet", size=64), EDGE, cached=False)
    for longest in (2, 3):
        plan = planner.plan(80 << 10, fuse=True, pin=False, longest=longest)
        assert plan is not None
        assert max(len(step.operators) for step in plan.steps) == longest


def test_what_does_not_fit_has_no_plan() -> None:
    assert Planner(network("resnet18"), EDGE, cached=False).plan(1000, fuse=True, pin=True) is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rows": 0}, "several operators run together only in bands of rows"),
        ({"operators": (0, 1, 2)}, "pool1 is needed outside its group"),
        ({"resident": frozenset()}, "the result pool1 is neither resident nor stored"),
        ({"operators": (1, 0)}, "pool1 reads convolution0, which nothing has made yet"),
    ],
)
def test_broken_groups_are_refused(changes: dict[str, object], sentence: str) -> None:
    graph = network("resnet18")
    good = Step((0, 1), frozenset({"pool1"}), rows=8)
    for step, said in ((good, "29 operators never run"), (replace(good, **changes), sentence)):  # type: ignore[arg-type]
        with pytest.raises(PlanError, match=said):
            replay(graph, Plan("resnet18", "by hand", EDGE.capacity, (step,)), replace(EDGE, capacity=1 << 20))


@pytest.mark.parametrize("cached", [False, True])
def test_capacity_is_exact_for_groups(cached: bool) -> None:
    graph = network("squeezenet", size=64)
    plan = Planner(graph, EDGE, cached=cached).plan(40 << 10, fuse=True, pin=True)
    assert plan is not None
    low, high = 0, 40 << 10
    while high - low > 1:
        middle = (low + high) // 2
        try:
            replay(graph, plan, replace(EDGE, capacity=middle))
            high = middle
        except PlanError:
            low = middle
    with pytest.raises(PlanError, match=f"{high} bytes are needed in {high - 1}"):
        replay(graph, plan, replace(EDGE, capacity=high - 1))
