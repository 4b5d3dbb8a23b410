"""COSMA's networks are the paper's where it printed budgets; every method's figures come from plans that hold."""

from __future__ import annotations

import pytest

from controller.plan import cosma_paper, cosma_runs
from controller.plan.cosma_pads import with_pads
from controller.plan.network import Kind
from controller.plan.zoo import network


@pytest.mark.parametrize("name", cosma_paper.PUBLISHED)
def test_budgets_are_the_printed_ones(name: str) -> None:
    budgets = cosma_runs.case(name, parameters=False).budgets
    assert (budgets["R"] / 1024, budgets["P"] / 1024) == cosma_paper.PUBLISHED[name]


def test_padding_is_an_operator_where_same_means_something_else() -> None:
    # ResNet-50: the first convolution (stride 2, padding 3 of 224), its pooling, three 3x3 convolutions of stride 2.
    graph = with_pads(network("resnet50"))
    pads = [one for one in graph.operators if one.name.endswith(".pad")]
    assert [graph.tensor[one.outputs[0]].shape for one in pads] == [
        (1, 3, 230, 230), (1, 64, 114, 114), (1, 128, 58, 58), (1, 256, 30, 30), (1, 512, 16, 16),
    ]  # fmt: skip
    assert {one.kind for one in pads} == {Kind.COPY}
    assert graph.macs == network("resnet50").macs
    assert with_pads(graph) == graph


def test_reductions_leave_out_zero_against_zero() -> None:
    assert cosma_runs.reductions([0, 0, 5], [0, 8, 10]) == ([1.0, 0.5], 1)
    with pytest.raises(AssertionError, match="shows a better plan"):
        cosma_runs.reductions([4], [0])
