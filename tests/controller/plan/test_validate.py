"""A plan is replayed by rules alone: good ones are costed, broken ones refused with what is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.plan import onsram
from controller.plan.machine import Work
from controller.plan.order import breadth_first
from controller.plan.solution import Plan, Step
from controller.plan.validate import PlanError, replay
from tests.controller.plan.graphs import EVEN, broken, chain, networks

if TYPE_CHECKING:
    from controller.plan.network import Network

STILL = replace(EVEN, streams=False)


def plan(*steps: Step) -> Plan:
    return Plan("chain", "by hand", EVEN.capacity, steps)


def kept() -> Plan:
    """m1 stays on chip between its maker and its reader."""
    return plan(
        Step((0,), frozenset({"m1"})),
        Step((1,), frozenset({"m1"}), stored=frozenset({"m2"})),
    )


def still() -> Plan:
    """All operands resident, with addresses; m0 is dropped, m1 spilled and fetched again elsewhere."""

    def at(**places: int) -> dict[str, object]:
        return {"resident": frozenset(places), "addresses": tuple(sorted(places.items()))}

    return plan(
        Step((0,), fetched=frozenset({"m0"}), stored=frozenset({"m1"}), **at(m0=0, m1=4)),  # type: ignore[arg-type]
        Step((1,), **at(m1=4, m2=0)),  # type: ignore[arg-type]
        Step((2,), fetched=frozenset({"m1"}), stored=frozenset({"m3"}), **at(m1=8, m2=0, m3=16)),  # type: ignore[arg-type]
    )


def ladder() -> Network:
    """Like a chain of maps of 4, 6, 4, 2 bytes, but the last operator reads m1 again."""
    network = chain(4, 6, 4, 2)
    last = replace(network.operators[2], inputs=("m2", "m1"))
    return replace(network, operators=(*network.operators[:2], last))


def test_traffic_is_counted() -> None:
    assert replay(chain(4, 6, 2, work=3), kept(), EVEN) == (Work(0, 3, 0, 4, 0), Work(0, 3, 0, 0, 2))
    assert [(one.read, one.written) for one in replay(ladder(), still(), STILL)] == [(4, 6), (0, 0), (6, 2)]


def test_a_step_takes_the_longer_of_work_and_transfer() -> None:
    assert [EVEN.time(Work(2, 3, 1, 2, 1)), EVEN.time(Work(2, 3, 3, 2, 1))] == [5, 6]


@pytest.mark.parametrize(
    ("number", "changes", "sentence"),
    [
        (0, {"operators": (1,)}, "step 0: o1 reads m1, which nothing has made yet"),
        (1, {"operators": (0,)}, "step 1: o0 runs a second time"),
        (1, {"operators": (7,)}, "step 1: there is no operator 7"),
        (0, {"resident": frozenset()}, "step 0: the result m1 is neither resident nor stored"),
        (0, {"resident": frozenset(), "stored": frozenset({"m1"})}, "step 1: m1 is resident, but nothing has brought"),
        (1, {"resident": frozenset()}, "step 1: m1 is needed, but is not resident"),
        (1, {"fetched": frozenset({"m1"})}, "step 1: m1 is fetched, but DRAM does not hold it"),
        (0, {"fetched": frozenset({"m0"})}, "step 0: m0 is fetched, but is not resident"),
        (0, {"stored": frozenset({"m2"})}, "step 0: m2 is stored, but the scratchpad does not hold it"),
        (1, {"stored": frozenset()}, "step 1: the result m2 is neither resident nor stored"),
        (1, {"resident": frozenset({"m1", "m2"}), "stored": frozenset()}, "chain: the result m2 never reaches DRAM"),
        (0, {"replaces": (("m1", "m2"),)}, "step 0: m1 cannot replace m2"),
    ],
)
def test_a_broken_plan_is_refused(number: int, changes: dict[str, object], sentence: str) -> None:
    steps = list(kept().steps)
    steps[number] = replace(steps[number], **changes)  # type: ignore[arg-type]
    with pytest.raises(PlanError, match=sentence):
        replay(chain(4, 6, 2), plan(*steps), EVEN)


def test_every_operator_runs() -> None:
    with pytest.raises(PlanError, match="chain: 1 operators never run"):
        replay(chain(4, 6, 2), plan(kept().steps[0]), EVEN)


@pytest.mark.parametrize(
    ("number", "places", "sentence"),
    [
        (0, {"m0": 0, "m1": 3}, "step 0: m1 overlaps m0"),
        (0, {"m0": -1, "m1": 4}, "step 0: m0 overlaps the beginning"),
        (0, {"m0": 0, "m1": 59}, "step 0: m1 ends at 65 in 64"),
        (1, {"m1": 5, "m2": 0}, "step 1: m1 has moved"),
        (1, {"m1": 4}, "step 1: addresses must be given for the resident maps, and for no others"),
    ],
)
def test_places_are_kept_apart(number: int, places: dict[str, int], sentence: str) -> None:
    steps = list(still().steps)
    steps[number] = replace(steps[number], addresses=tuple(places.items()))
    with pytest.raises(PlanError, match=sentence):
        replay(ladder(), plan(*steps), STILL)


def test_without_streaming_operands_are_resident() -> None:
    with pytest.raises(PlanError, match="step 0: m0 is needed, but is not resident"):
        replay(chain(4, 6, 2), kept(), STILL)


def peak(network: Network, found: Plan) -> int:
    """The smallest capacity that a plan is accepted with."""
    for capacity in range(200):
        try:
            replay(network, found, replace(EVEN, capacity=capacity))
        except PlanError:
            continue
        return capacity
    raise AssertionError(found)


@given(networks(), st.integers(0, 60))
def test_good_plans_are_accepted_and_their_bytes_conserved(network: Network, capacity: int) -> None:
    machine = replace(EVEN, capacity=capacity)
    for found in (onsram.static(network, machine), onsram.one_step(network, machine, breadth_first(network))):
        work = replay(network, found, machine)
        assert sum(one.macs for one in work) == network.macs
        assert sum(one.weights for one in work) == network.parameters
        assert sum(one.written for one in work) >= sum(network.tensor[name].bytes for name in network.outputs)


@given(networks(), st.integers(8, 60))
def test_capacity_is_exact(network: Network, capacity: int) -> None:
    found = onsram.static(network, replace(EVEN, capacity=capacity))
    needed = peak(network, found)
    assert needed <= capacity
    if needed:
        with pytest.raises(PlanError, match=rf"bytes are needed in {needed - 1}"):
            replay(network, found, replace(EVEN, capacity=needed - 1))


@given(networks(), st.integers(8, 60), st.data())
def test_a_mutated_plan_is_refused(network: Network, capacity: int, data: st.DataObject) -> None:
    machine = replace(EVEN, capacity=capacity)
    mutant = data.draw(st.sampled_from(broken(network, onsram.static(network, machine))))
    with pytest.raises(PlanError):
        replay(network, mutant, machine)


@given(networks(), st.data())
def test_a_wrong_order_is_refused(network: Network, data: st.DataObject) -> None:
    found = onsram.no_management(network, EVEN, range(len(network.operators)))
    edges = [
        (network.producer[name], reader)
        for reader, one in enumerate(network.operators)
        for name in one.inputs
        if name in network.producer
    ]
    if not edges:
        return
    maker, reader = data.draw(st.sampled_from(edges))
    steps = list(found.steps)
    steps[maker], steps[reader] = steps[reader], steps[maker]
    with pytest.raises(PlanError, match="which nothing has made yet"):
        replay(network, replace(found, steps=tuple(steps)), EVEN)
