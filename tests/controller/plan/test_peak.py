"""The order of least peak is optimal, and its bounds hold."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from controller.plan.builder import SEPARATE
from controller.plan.cosma_problem import Problem, problem
from controller.plan.deadline import Deadline
from controller.plan.peak import minimum_peak
from controller.plan.peak_bound import LeastBytes, peak_bound
from controller.plan.zoo import network
from tests.controller.plan.problems import chain, orders, problems


@given(problems())
@settings(max_examples=200, deadline=None)
def test_no_order_has_a_lower_peak(drawn: Problem) -> None:
    peaks = [max(drawn.live_bytes(order)) for order in orders(drawn)]
    found = minimum_peak(drawn)
    assert found.bytes == found.bound == max(drawn.live_bytes(found.order)) == min(peaks)
    assert peak_bound(drawn, Deadline()) <= min(peaks)


@given(problems())
@settings(max_examples=100, deadline=None)
def test_the_cut_is_the_least_over_all_orders(drawn: Problem) -> None:
    graph = LeastBytes(drawn)
    some = list(orders(drawn))
    for step in drawn.framework_order:
        least = min(drawn.live_bytes(order)[order.index(step)] for order in some)
        assert graph.at(step) == least


def test_without_time_the_framework_order_and_a_bound_remain() -> None:
    # a is big and freed by the branch to d; the framework runs the other branch first.
    branches = chain(("a", "b"), ("b", "c"), ("a", "d"), ("cd", "e"), a=8, b=4, c=4, d=1, e=1)
    found = minimum_peak(branches, deadline=Deadline(0))
    assert found.bound <= minimum_peak(branches).bytes <= found.bytes


@pytest.mark.parametrize("name", ["resnet50", "fcn", "r2plus1d"])
def test_published_budgets(name: str) -> None:
    # INT8 activations, normalizations and activations as operators of their own; bytes, KiB and KiB.
    published = {"resnet50": (2408448, 2408448), "fcn": (4704 << 10,) * 2, "r2plus1d": (56448 << 10, 68992 << 10)}
    one = problem(network(name, granularity=SEPARATE), parameters=False)
    assert (one.largest_footprint, minimum_peak(one).bytes) == published[name]
