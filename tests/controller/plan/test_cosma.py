"""COSMA's plans are sound and least; its parts agree with each other and with trying everything."""

from __future__ import annotations

from dataclasses import replace
from signal import SIGINT, raise_signal

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from controller.plan.builder import SEPARATE
from controller.plan.cosma import Cosma
from controller.plan.cosma_bound import traffic_bound
from controller.plan.cosma_choose import choose
from controller.plan.cosma_place import conflicts, placed
from controller.plan.cosma_plan import Residence, Residency, Traffic, broken_rules, resident_throughout, traffic
from controller.plan.cosma_problem import Problem, Step, problem
from controller.plan.cosma_search import search
from controller.plan.cosma_segments import segments
from controller.plan.cosma_windows import fixed, free
from controller.plan.deadline import Deadline
from controller.plan.peak import minimum_peak
from controller.plan.zoo import network
from controller.refusal import ModelError
from tests.controller.plan.problems import chain, least_traffic, orders, problems

#: A map that skips three steps; 8 bytes hold any step, 10 hold all.
SKIP = chain(("", "a"), ("a", "b"), ("b", "c"), ("c", "d"), ("ad", "e"), a=2, b=2, c=4, d=4, e=2)


@given(problems(most=5), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_a_fixed_schedule_is_solved_to_the_optimum(drawn: Problem, more: int) -> None:
    capacity = drawn.largest_footprint + more
    choice = choose(drawn, fixed(drawn.framework_order), capacity, deadline=Deadline(20), workers=1)
    assert choice.residency is not None
    assert not list(broken_rules(drawn, choice.residency, capacity))
    least = least_traffic(drawn, drawn.framework_order, capacity)
    assert traffic(drawn, choice.residency).bytes == choice.bound == least

#: What `a` is read for may run first or last: it need not be on chip before its first use, though there is room then.
LATE = chain(("", "c"), ("bc", "d"), ("ad", "e"), ("a", "f"), a=1, b=1, c=1, d=1, e=1, f=1)


@given(problems(most=5), st.integers(0, 5))
@example(LATE, 0)
@settings(max_examples=60, deadline=None)
def test_search_and_solver_agree_on_a_free_schedule(drawn: Problem, more: int) -> None:
    capacity = drawn.largest_footprint + more
    least = min(least_traffic(drawn, order, capacity) for order in orders(drawn))
    found = search(drawn, capacity, states=10**6, deadline=Deadline())
    assert found.residency is not None
    assert not list(broken_rules(drawn, found.residency, capacity))
    assert traffic(drawn, found.residency).bytes == found.bound == least
    choice = choose(drawn, free(drawn), capacity, deadline=Deadline(20), workers=1)
    assert choice.residency is not None
    assert not list(broken_rules(drawn, choice.residency, capacity))
    assert traffic(drawn, choice.residency).bytes == choice.bound == least
    assert traffic_bound(drawn, capacity, [drawn.framework_order], Deadline()) <= least
    parts = [search(part.problem, capacity, states=10**6, deadline=Deadline()) for part in segments(drawn)]
    assert sum(part.bound for part in parts) == least


@given(problems(), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_every_plan_keeps_the_rules_and_its_bound_holds(drawn: Problem, more: int) -> None:
    capacity = drawn.largest_footprint + more
    found = Cosma(drawn, capacity, deadline=Deadline(20), workers=1).solve()
    assert all(one.address is not None for one in found.residency.residences)
    assert not list(broken_rules(drawn, found.residency, capacity))
    least = min(least_traffic(drawn, order, capacity) for order in orders(drawn))
    assert found.bound <= least <= found.bytes == traffic(drawn, found.residency).bytes


@given(problems(), st.integers(0, 5), st.data())
@settings(max_examples=150, deadline=None)
def test_a_broken_plan_is_noticed(drawn: Problem, more: int, data: st.DataObject) -> None:
    capacity = drawn.largest_footprint + more
    good = Cosma(drawn, capacity, deadline=Deadline(20), workers=1).solve().residency
    stays = list(good.residences)
    place = data.draw(st.integers(0, len(stays) - 1))
    one = stays[place]
    kind = data.draw(st.sampled_from(("gone", "late", "swapped", "overlap", "high", "twice")))
    order = list(good.order)
    if kind == "gone":
        del stays[place]
    elif kind == "late":
        stays[place] = replace(one, first=one.first + 1)
    elif kind == "swapped":
        assume(len(order) > 1)
        first = data.draw(st.integers(0, len(order) - 2))
        assume(order[first] in drawn.predecessors[order[first + 1]])
        order[first : first + 2] = order[first + 1], order[first]
    elif kind == "overlap":
        together = [other for other in stays if max(other.first, one.first) <= min(one.last, other.last)]
        others = [other for other in together if other is not one]
        assume(others)
        stays[place] = replace(one, address=others[0].address)
    elif kind == "high":
        stays[place] = replace(one, address=capacity - drawn.sizes[one.tensor] + 1)
    else:
        stays.append(one)
    assert list(broken_rules(drawn, Residency(tuple(order), tuple(stays)), capacity))


def test_the_rules_are_named() -> None:
    good = Cosma(SKIP, 10, workers=1).solve().residency
    assert not list(broken_rules(SKIP, good, 10))
    assert "at most 9 bytes must be resident, not 10 as at time 3" in list(broken_rules(SKIP, good, 9))
    spilled = [one for one in good.residences if one.tensor] + [Residence(0, 4, 4, 0)]
    sentences = list(broken_rules(SKIP, replace(good, residences=tuple(spilled)), 10))
    assert "a must first be resident at time 0, when it is made, not at 4" in sentences
    assert "a must be resident at time 1, when step1 runs" in sentences
    assert list(broken_rules(SKIP, replace(good, order=(0, 1, 2, 3)), 10)) == ["the order must name each step once"]


def test_traffic_is_counted_from_stays() -> None:
    stays = (Residence(0, 0, 0, None), Residence(0, 2, 2, None), Residence(0, 4, 4, None))
    assert traffic(SKIP, Residency(SKIP.framework_order, stays)) == Traffic(2, 4)


def test_a_map_that_skips_is_spilled_at_eight_bytes_and_stays_at_ten() -> None:
    assert (Cosma(SKIP, 8, workers=1).solve().bytes, Cosma(SKIP, 10, workers=1).solve().bytes) == (4, 0)


def tangled() -> Problem:
    """Five bytes are resident at every second time and never more, but no packing into five has room for all stays."""
    lives = {"a": (0, 2, 3), "b": (0, 4, 2), "c": (4, 6, 1), "d": (6, 6, 1), "e": (4, 8, 2), "f": (6, 8, 1)}
    lives |= {"g": (8, 10, 2), "h": (10, 10, 3)}
    names = list(lives)
    steps = [
        Step(
            f"step{time}",
            tuple(place for place, name in enumerate(names) if lives[name][0] < time == lives[name][1]),
            tuple(place for place, name in enumerate(names) if lives[name][0] == time),
        )
        for time in range(11)
    ]
    return Problem("tangled", tuple(names), tuple(size for _, _, size in lives.values()), tuple(steps))


def test_what_cannot_be_packed_is_chosen_otherwise() -> None:
    one = tangled()
    assert max(one.live_bytes(one.framework_order)) == 5
    stays = resident_throughout(one, one.framework_order)
    assert placed(one, stays, 5, deadline=Deadline(10), workers=1) is None
    found = Cosma(one, 5, order=one.framework_order, workers=1).solve()
    assert not list(broken_rules(one, found.residency, 5))
    # One byte leaves for a time at which no step needs it, and comes back.
    assert (found.bytes, found.bound) == (2, 2)


def test_a_conflict_is_impossible_and_without_any_of_its_stays_possible() -> None:
    one = tangled()
    stays = resident_throughout(one, one.framework_order)
    [conflict] = conflicts(one, stays, 5, deadline=Deadline())
    assert placed(one, replace(stays, residences=conflict), 5, deadline=Deadline(10), workers=1) is None
    for left_out in conflict:
        fewer = tuple(other for other in conflict if other is not left_out)
        assert placed(one, replace(stays, residences=fewer), 5, deadline=Deadline(10), workers=1) is not None


def test_a_step_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ModelError) as refusal:
        Cosma(SKIP, 7)
    assert str(refusal.value) == "chain does not fit: step3 needs 8 bytes in 7; --budget 8 fits"


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("step", [0, 1, 3])
def test_an_interrupt_leaves_the_best_plan_so_far(step: int) -> None:
    one = problem(network("amoebanetd", granularity=SEPARATE), parameters=False)
    deadline = Deadline()
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if len(said) == step + 1:
            raise_signal(SIGINT)

    with deadline.ended_by_interrupt():
        found = Cosma(one, one.largest_footprint, deadline=deadline, workers=1, say=say).solve()
    assert deadline.interrupted
    assert len(said) < step + 10
    assert not list(broken_rules(one, found.residency, one.largest_footprint))
    assert found.bound <= found.bytes


class Ticks:
    """A clock that is a little later whenever it is asked."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


@pytest.mark.parametrize("seconds", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("name", ["amoebanetd", "vit"])
def test_whatever_time_there_is_there_is_a_whole_plan(name: str, seconds: float) -> None:
    """Every part of the planner asks the one clock, and none goes on for long after the end."""
    one = problem(network(name, granularity=SEPARATE), parameters=False)
    clock = Ticks()
    capacity = one.largest_footprint
    found = Cosma(one, capacity, deadline=Deadline(seconds, clock=clock), workers=1).solve()
    assert not list(broken_rules(one, found.residency, capacity))
    assert found.bound <= found.bytes
    assert clock.now < 2 * seconds + 1


def test_a_search_out_of_time_still_has_a_bound() -> None:
    least = search(SKIP, 8, states=10**6, deadline=Deadline()).bound
    for ticks in range(1, 30):
        found = search(SKIP, 8, states=10**6, deadline=Deadline(ticks / 1000, clock=Ticks()))
        assert found.bound <= least
        assert found.residency is None or found.bound == least


def test_without_time_there_is_a_whole_plan() -> None:
    one = problem(network("vit", granularity=SEPARATE), parameters=False)
    found = Cosma(one, one.largest_footprint, deadline=Deadline(0), workers=1).solve()
    assert not list(broken_rules(one, found.residency, one.largest_footprint))
    assert found.bound <= found.bytes


@pytest.mark.parametrize("parameters", [False, True])
@pytest.mark.parametrize("name", ["resnet50", "r2plus1d", "fcn", "lraspp", "vit", "s3d"])
def test_nothing_moves_at_the_least_peak(name: str, parameters: bool) -> None:
    one = problem(network(name, granularity=SEPARATE), parameters=parameters)
    peak = minimum_peak(one).bytes
    found = Cosma(one, peak, deadline=Deadline(30), workers=1).solve()
    assert not list(broken_rules(one, found.residency, peak))
    assert (found.bytes, found.bound) == (0, 0)


def test_segments_cover_every_step() -> None:
    one = problem(network("vit", granularity=SEPARATE), parameters=False)
    parts = segments(one)
    assert len(parts) > 12
    assert sum(len(part.steps) - 1 for part in parts) + 1 == len(one.steps)
