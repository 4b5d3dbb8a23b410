"""What a channel is, where concatenations are homes, and who reads a channel through everything that hands it on."""

from __future__ import annotations

import numpy as np

from controller.features import features, homes, part_name, uses
from controller.graph import Concatenation, Graph, Node, Port, Requantize, Rescale, Selection, Tensor


def tensor(name: str, channels: int) -> Tensor:
    return Tensor(name, (1, channels, 2, 2), 1.0, 0, unsigned=False)


A, B, C = tensor("a", 3), tensor("b", 2), tensor("c", 3)
_FORM = Requantize(np.zeros(3, np.int32), np.ones(3, np.float32), 0, -128, 127)


def computed(result: Tensor) -> Node:
    return Rescale(result.name, tensor("x", 3), result, _FORM)


def joined(name: str, *sources: Tensor, rescaled: Tensor | None = None) -> Concatenation:
    forms = tuple(_FORM if one is rescaled else None for one in sources)
    return Concatenation(name, sources, tensor(name, sum(one.shape[1] for one in sources)), forms)


def graph(*nodes: Node) -> Graph:
    ends = (Port(one.name, one.shape, one) for one in (tensor("x", 3), nodes[-1].result))
    return Graph("graph", (computed(A), computed(B), computed(C), *nodes), (next(ends),), (next(ends),))


def test_choices_of_joined_maps_are_channels_of_what_was_stored() -> None:
    whole = joined("whole", A, B, A, rescaled=A)
    turned = Selection("turned", whole.result, tensor("turned", 3), (4, 0, 3))
    found = features(graph(whole, turned))
    part = part_name(whole, 0)
    assert found["turned"] == (("b", 1), (part, 0), ("b", 0))
    assert found["whole"][-1] == (part_name(whole, 2), 2)


def test_a_concatenation_is_a_home_if_it_is_read_whole_and_its_parts_lie_nowhere_else() -> None:
    inner, outer = joined("inner", A, B), joined("outer", A, B, C)
    one = graph(inner, outer)
    assert homes(one, features(one)) == {"a": ("outer", 0), "b": ("outer", 1), "c": ("outer", 2)}
    twice = graph(joined("twice", A, A))
    assert homes(twice, features(twice)) == {}
    given = graph(joined("given", tensor("x", 3), B))
    assert homes(given, features(given)) == {}


def test_what_is_only_chosen_from_is_no_home() -> None:
    whole = joined("whole", A, B)
    one = graph(whole, Selection("half", whole.result, tensor("half", 2), (0, 4)))
    assert homes(one, features(one)) == {}


def test_readers_are_found_behind_choices_and_behind_what_hands_lanes_on() -> None:
    whole = joined("whole", A, B)
    half = Selection("half", whole.result, tensor("half", 3), (0, 4, 1))
    handed = Rescale("handed", half.result, tensor("handed", 3), _FORM)
    summed = Rescale("summed", handed.result, tensor("summed", 3), _FORM)
    found = uses(graph(whole, half, handed, summed), {"summed"})
    # Nodes 5 and 6 are `handed` and `summed`.
    assert found["a"] == [{5, 6}, {5, 6}, set()]
    assert found["b"] == [set(), {5, 6}]
    assert found["handed"] == [{6}] * 3
    assert found["summed"] == [{7}] * 3
