"""A layer graph is consistent or refused."""

from __future__ import annotations

import pytest

from controller.plan.network import Kind, Network, Operator, Tensor


def diamond(**changes: object) -> Network:
    """An input read by two operators, whose results are added."""
    fields: dict[str, object] = {
        "name": "diamond",
        "tensors": tuple(Tensor(name, (1, 4, 2, 2), 2) for name in "xabc"),
        "operators": (
            Operator("left", Kind.CONVOLUTION, ("x",), ("a",), macs=64, parameters=16),
            Operator("right", Kind.ACTIVATION, ("x",), ("b",), operations=16),
            Operator("sum", Kind.ELEMENTWISE, ("a", "b"), ("c",), operations=16),
        ),
        "inputs": ("x",),
        "outputs": ("c",),
    }
    return Network(**(fields | changes))  # type: ignore[arg-type]


def test_sizes_are_in_bytes() -> None:
    network = diamond()
    assert (network.tensor["a"].elements, network.tensor["a"].bytes) == (16, 32)
    assert network.weight_bytes(network.operators[0]) == 32
    assert (network.macs, network.parameters) == (64, 16)


def test_edges_go_both_ways() -> None:
    network = diamond()
    assert network.producer == {"a": 0, "b": 1, "c": 2}
    assert network.consumers == {"x": (0, 1), "a": (2,), "b": (2,), "c": ()}


def test_operators_may_run_in_another_order() -> None:
    assert [one.name for one in diamond().in_order((1, 0, 2)).operators] == ["right", "left", "sum"]


@pytest.mark.parametrize("order", [(0, 1), (0, 0, 2), (0, 1, 3)])
def test_an_order_names_each_operator_once(order: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="diamond: an order must name each operator once"):
        diamond().in_order(order)


def test_nothing_is_read_before_it_is_made() -> None:
    with pytest.raises(ValueError, match="diamond: sum reads a before anything makes it"):
        diamond().in_order((1, 2, 0))


def test_nothing_is_made_twice() -> None:
    twice = Operator("again", Kind.ACTIVATION, ("c",), ("a",))
    with pytest.raises(ValueError, match="diamond: again makes a a second time"):
        diamond(operators=(*diamond().operators, twice))


@pytest.mark.parametrize("tensors", ["xab", "xabcd"])
def test_maps_are_listed_and_made(tensors: str) -> None:
    with pytest.raises(ValueError, match=r"diamond: . must be listed and made"):
        diamond(tensors=tuple(Tensor(name, (1,), 1) for name in tensors))


def test_outputs_are_made() -> None:
    with pytest.raises(ValueError, match="diamond: d must be listed and made"):
        diamond(outputs=("d",))
