"""Small layer graphs for tests, random ones and chains with given sizes; and plans broken in every way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from controller.plan.machine import Machine
from controller.plan.network import Kind, Network, Operator, Tensor

if TYPE_CHECKING:
    from controller.plan.solution import Plan, Step

#: A byte, a product and an operation take the same time.
EVEN = Machine("even", 64, 1, 1, 1)


def chain(*sizes: int, work: int = 0) -> Network:
    """Maps m0, m1, ... of these bytes, each made from the one before; the first comes from outside, the last leaves."""
    tensors = tuple(Tensor(f"m{place}", (size,), 1) for place, size in enumerate(sizes))
    operators = tuple(
        Operator(f"o{place}", Kind.ELEMENTWISE, (f"m{place}",), (f"m{place + 1}",), operations=work)
        for place in range(len(sizes) - 1)
    )
    return Network("chain", tensors, operators, ("m0",), (f"m{len(sizes) - 1}",))


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Up to nine operators with one or two results, each reading up to three maps; what nothing reads leaves."""
    tensors = [Tensor("x", (draw(st.integers(1, 16)),), 1)]
    operators = []
    for place in range(draw(st.integers(2, 9))):
        read = draw(st.lists(st.sampled_from(tensors), min_size=1, max_size=3, unique=True))
        made = [
            Tensor(f"t{place}{letter}", (draw(st.integers(1, 16)),), 1) for letter in "ab"[: draw(st.integers(1, 2))]
        ]
        names = tuple(tuple(one.name for one in maps) for maps in (read, made))
        work, weights = draw(st.integers(0, 40)), draw(st.integers(0, 9))
        operators.append(Operator(f"o{place}", Kind.CONVOLUTION, *names, macs=work, parameters=weights, reuse=1 + work))
        tensors += made
    read_once = {name for one in operators for name in one.inputs}
    outputs = tuple(one.name for one in tensors[1:] if one.name not in read_once)
    return Network("random", tuple(tensors), tuple(operators), ("x",), outputs)


def broken(network: Network, plan: Plan) -> list[Plan]:
    """A good plan with one thing wrong, for each thing that can be: no replay may accept any of them."""
    found = [replace(plan, steps=plan.steps[:cut] + plan.steps[cut + 1 :]) for cut in range(len(plan.steps))]
    found += [replace(plan, steps=(*plan.steps, step)) for step in plan.steps]
    dram, made = set(network.inputs), set(network.inputs)
    for number, step in enumerate(plan.steps):
        dram |= step.stored
        made |= {name for place in step.operators for name in network.operators[place].outputs}
        # A kept map that DRAM does not have, gone at any step of its life; a spill forgotten.
        steps = [replace(step, resident=step.resident - {name}) for name in step.resident - dram]
        steps += [replace(step, stored=step.stored - {name}) for name in step.stored]
        # What is only made later, resident, stored or fetched now.
        for name in set(network.tensor) - made:
            steps.append(replace(step, resident=step.resident | {name}))
            steps.append(replace(step, stored=step.stored | {name}))
            steps.append(replace(step, resident=step.resident | {name}, fetched=frozenset({name})))
        # A group without one of its operators.
        steps += [_without(step, place) for place in step.operators if len(step.operators) > 1]
        found += [replace(plan, steps=(*plan.steps[:number], one, *plan.steps[number + 1 :])) for one in steps]
    return found


def _without(step: Step, place: int) -> Step:
    return replace(step, operators=tuple(one for one in step.operators if one != place))
