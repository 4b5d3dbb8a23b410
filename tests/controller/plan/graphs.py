"""Small layer graphs for tests: random ones, and chains with given sizes."""

from __future__ import annotations

from hypothesis import strategies as st

from controller.plan.machine import Machine
from controller.plan.network import Kind, Network, Operator, Tensor

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
