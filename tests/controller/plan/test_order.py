"""Orders run each operator once, after what it reads from."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from controller.plan.network import Kind, Network, Operator, Tensor
from controller.plan.order import breadth_depth_first, breadth_first
from tests.controller.plan.graphs import EVEN, networks


def forked() -> Network:
    """Two branches of two operators; the left one's second works long, the others wait for their maps."""
    tensors = tuple(Tensor(name, (8,), 1) for name in "xabcde")
    operators = (
        Operator("root", Kind.POOL, ("x",), ("a",)),
        Operator("left", Kind.POOL, ("a",), ("b",)),
        Operator("right", Kind.POOL, ("a",), ("c",)),
        Operator("long", Kind.CONVOLUTION, ("b",), ("d",), macs=1000),
        Operator("short", Kind.POOL, ("c",), ("e",)),
    )
    return Network("forked", tensors, operators, ("x",), ("d", "e"))


def names(network: Network, order: tuple[int, ...]) -> list[str]:
    return [network.operators[place].name for place in order]


def test_breadth_first_goes_level_by_level() -> None:
    assert names(forked(), breadth_first(forked())) == ["root", "left", "right", "long", "short"]


def test_what_waits_for_maps_follows_its_maker() -> None:
    assert names(forked(), breadth_depth_first(forked(), EVEN)) == ["root", "left", "right", "short", "long"]


def test_heavy_weights_are_no_reason_to_hurry() -> None:
    network = forked()
    heavy = tuple(replace(one, parameters=99) for one in network.operators)
    assert breadth_depth_first(replace(network, operators=heavy), EVEN) == breadth_first(network)


@given(networks())
def test_orders_are_sound(network: Network) -> None:
    for order in (breadth_first(network), breadth_depth_first(network, EVEN)):
        assert len(network.in_order(order).operators) == len(network.operators)
