"""OnSRAM keeps maps for their whole life, by falling merit, all of a map or nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.plan import onsram
from controller.plan.network import Kind, Network, Operator, Tensor
from controller.plan.validate import replay
from tests.controller.plan.graphs import EVEN, chain, networks

if TYPE_CHECKING:
    from controller.plan.machine import Machine
    from controller.plan.solution import Plan


def residual() -> Network:
    """A convolution's result is read by the next operator and, two steps later, by an addition."""
    tensors = tuple(Tensor(name, (size,), 1) for name, size in zip("xabcd", (4, 8, 8, 8, 2), strict=True))
    operators = (
        Operator("first", Kind.CONVOLUTION, ("x",), ("a",), macs=40, reuse=4),
        Operator("second", Kind.CONVOLUTION, ("a",), ("b",), macs=20, reuse=2),
        Operator("third", Kind.ACTIVATION, ("b",), ("c",), operations=8),
        Operator("sum", Kind.ELEMENTWISE, ("a", "c"), ("d",), operations=12),
    )
    return Network("residual", tensors, operators, ("x",), ("d",))


def time(network: Network, plan: Plan, machine: Machine) -> float:
    return sum(machine.time(one) for one in replay(network, plan, machine))


def resident(plan: Plan) -> list[str]:
    return ["".join(sorted(step.resident)) for step in plan.steps]


def test_lives_end_with_the_last_reader() -> None:
    found = {life.name: (life.first, life.uses) for life in onsram.lives(residual(), range(4))}
    assert found == {"a": (0, (1, 3)), "b": (1, (2,)), "c": (2, (3,))}


def test_merit_is_its_formula() -> None:
    network = residual()
    a, b, c = onsram.lives(network, range(4))
    total = 2 * 60 + 20
    # a lives for three steps and is read in two of them; b and c for one, in which they are read.
    assert onsram.merit(network, range(4), a) == pytest.approx(0.4 * 4 / 2 + 0.5 * (1 / 2 + 1) + 0.1 * 52 / total)
    assert onsram.merit(network, range(4), b) == pytest.approx(0.4 * 4 + 0.5 * 1 + 0.1 * 8 / total)
    assert onsram.merit(network, range(4), c) == pytest.approx(0.4 * 4 + 0.5 * 1 + 0.1 * 12 / total)


@pytest.mark.parametrize(
    ("capacity", "kept"),
    [
        (24, ["a", "ab", "abc", "ac"]),
        (16, ["", "b", "bc", "c"]),  # a would need 8 beside them
        (15, ["", "", "c", "c"]),
        (8, ["", "", "c", "c"]),
        (7, ["", "", "", ""]),
    ],
)
def test_maps_fit_for_their_whole_life_or_are_not_kept(capacity: int, kept: list[str]) -> None:
    machine = replace(EVEN, capacity=capacity)
    plan = onsram.static(residual(), machine)
    replay(residual(), plan, machine)
    assert resident(plan) == kept


def test_a_result_takes_the_place_of_an_input_that_ends() -> None:
    machine = replace(EVEN, capacity=8)
    plan = onsram.static(chain(8, 8, 8, 8), machine)
    assert resident(plan) == ["m1", "m1m2", "m2"]
    assert plan.steps[1].replaces == (("m2", "m1"),)
    assert [(one.read, one.written) for one in replay(chain(8, 8, 8, 8), plan, machine)] == [(8, 0), (0, 0), (0, 8)]


def test_one_step_keeps_for_the_next_reader_only() -> None:
    machine = replace(EVEN, capacity=16)
    plan = onsram.one_step(residual(), machine, range(4))
    assert resident(plan) == ["a", "ab", "bc", "c"]
    # a is kept for the second operator, and stored for the sum.
    assert [(one.read, one.written) for one in replay(residual(), plan, machine)] == [(4, 8), (0, 0), (0, 0), (8, 2)]


def test_one_step_has_no_more_room_than_the_scratchpad() -> None:
    assert resident(onsram.one_step(residual(), replace(EVEN, capacity=15), range(4))) == ["a", "a", "c", "c"]


def test_without_the_largest_maps_less_is_kept() -> None:
    assert resident(onsram.infinite(residual(), EVEN, range(4))) == ["a", "ab", "abc", "ac"]
    assert resident(onsram.infinite(chain(4, 9, 8, 4), EVEN, range(3), 8)) == ["", "m2", "m2"]


@given(networks(), st.integers(0, 60))
def test_no_method_is_worse_than_none_or_better_than_infinite(network: Network, capacity: int) -> None:
    machine = replace(EVEN, capacity=capacity)
    order = range(len(network.operators))
    none = time(network, onsram.no_management(network, machine, order), machine)
    plan = onsram.infinite(network, machine, order)
    least = time(network, plan, replace(machine, capacity=plan.capacity))
    for found in (onsram.static(network, machine), onsram.one_step(network, machine, order)):
        assert least <= time(network, found, machine) <= none
