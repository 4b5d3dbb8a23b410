"""Searched networks as several graphs: what their forms have in common, and what must move on one of them."""

from __future__ import annotations

import pytest

from controller.plan.cosma_forms import FORMS, STANDARD, once
from controller.plan.cosma_runs import case, cosma
from controller.plan.network import Kind
from controller.plan.zoo import network


def test_every_form_computes_the_same() -> None:
    macs = network("darts").macs
    assert {form("darts").macs for form in FORMS.values()} == {macs}


def test_a_map_is_rectified_once_and_read_by_all() -> None:
    separate = FORMS[STANDARD]("darts")
    found = once(separate)
    rectified = [one.inputs for one in found.operators if one.kind is Kind.ACTIVATION]
    assert len(rectified) == len(set(rectified)) < sum(one.kind is Kind.ACTIVATION for one in separate.operators)
    made = {name for one in found.operators for name in one.outputs} | set(found.inputs)
    assert all(name in made for one in found.operators for name in one.inputs)
    assert once(found) == found


@pytest.mark.parametrize(("form", "kib"), [(STANDARD, 1375.59375), ("a map rectified once", 0)])
def test_what_must_move_is_proven(form: str, kib: float) -> None:
    """DARTS at M_R: the map that three branches rectify, in a scratchpad that holds it twice, and without that."""
    one = case("darts", parameters=False, form=form)
    found = cosma(one.problem, one.budgets["R"], seconds=60)
    assert found["bytes"] == found["bound"] == kib * 1024
