"""The baselines: small graphs solved by hand, and rules that hold on any graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.plan.belady import Arena, Counted, Occupant, Replacement, victims
from controller.plan.cosma_plan import Traffic, broken_rules, counted, traffic
from controller.plan.linear import Linear, run_online
from tests.controller.plan.problems import chain, least_traffic, problems

if TYPE_CHECKING:
    from controller.plan.cosma_problem import Problem

BELADY, GREEDY = Replacement.BELADY, Replacement.GREEDY


def moved(problem: Problem, arena: Arena, rule: Replacement) -> Traffic:
    return traffic(problem, run_online(problem, problem.framework_order, arena, rule))


def test_what_fits_moves_nothing() -> None:
    line = chain(("a", "b"), ("b", "c"), ("c", "d"), a=4, b=4, c=4, d=4)
    assert moved(line, Linear(8), BELADY) == moved(line, Linear(8), GREEDY) == Traffic(0, 0)


def test_a_skipped_map_is_written_and_comes_back() -> None:
    # In 8 bytes a lies at 0, b at 2, c at 4. d (4) then finds only 2 and 3, where b was: a leaves (2 written) and is
    # fetched for e (2).
    skip = chain(("", "a"), ("a", "b"), ("b", "c"), ("c", "d"), ("ad", "e"), a=2, b=2, c=4, d=4, e=2)
    assert moved(skip, Linear(8), BELADY) == moved(skip, Linear(8), GREEDY) == Traffic(2, 2)
    assert moved(skip, Counted(8), BELADY) == Traffic(2, 2)
    assert moved(skip, Counted(10), BELADY) == Traffic(0, 0)


def test_a_hole_costs_where_bytes_would_do() -> None:
    # a 0-2, b 2-4, c 4-8. When b is dead, d (4 bytes) finds holes of 2 (b's) and of 2 (at the end): 10 bytes would do.
    hole = chain(("", "a"), ("a", "b"), ("b", "c"), ("c", "d"), ("ad", "e"), a=2, b=2, c=4, d=4, e=2)
    assert moved(hole, Counted(10), GREEDY) == Traffic(0, 0)
    assert moved(hole, Linear(10), GREEDY) == Traffic(2, 2)


def test_belady_and_greedy_choose_differently() -> None:
    # When e (2 bytes) comes into 8, a (4) is used last and b (2) before it. Belady evicts a, greedy the smaller b.
    two = chain(("", "a"), ("", "b"), ("", "c"), ("c", "e"), ("be", "f"), ("af", "g"), a=4, b=2, c=2, e=2, f=0, g=1)
    assert moved(two, Counted(8), BELADY) == Traffic(4, 4)
    assert moved(two, Counted(8), GREEDY) == Traffic(2, 2)


def test_what_comes_from_dram_is_not_written() -> None:
    # s lies in DRAM: it is evicted for c and fetched again for d.
    source = chain(("s", "b"), ("b", "c"), ("cs", "d"), s=4, b=4, c=4, d=0)
    assert moved(source, Linear(8), BELADY) == Traffic(0, 4)


def test_operands_in_each_others_way_are_laid_anew() -> None:
    # a 0-2, b 2-4; a dies. c (4) must lie beside b in 6, and b lies in the middle: b is written, and fetched for this.
    middle = chain(("", "a"), ("a", "b"), ("b", "c"), a=2, b=2, c=4)
    assert moved(middle, Linear(6), BELADY) == moved(middle, Linear(6), GREEDY) == Traffic(2, 2)
    assert moved(middle, Counted(6), BELADY) == Traffic(0, 0)


def test_belady_lets_stay_who_need_not_leave() -> None:
    far = Occupant(0, 0, 2, 9, 4, locked=False)
    near = Occupant(1, 2, 4, 5, 8, locked=False)
    assert victims(Linear(8), 6, [far, near], BELADY) == [near]
    assert victims(Linear(8), 9, [far, near], BELADY) is None


@given(problems(), st.sampled_from(Replacement), st.integers(0, 8))
@settings(max_examples=200, deadline=None)
def test_every_run_is_a_plan_and_none_beats_the_optimum(drawn: Problem, rule: Replacement, more: int) -> None:
    capacity = drawn.largest_footprint + more
    linear = run_online(drawn, drawn.framework_order, Linear(capacity), rule)
    assert not list(broken_rules(drawn, linear, capacity))
    paged = counted(run_online(drawn, drawn.framework_order, Counted(capacity), rule))
    assert not list(broken_rules(drawn, paged, capacity))
    least = least_traffic(drawn, drawn.framework_order, capacity)
    assert traffic(drawn, paged).bytes >= least
    assert traffic(drawn, linear).bytes >= least
