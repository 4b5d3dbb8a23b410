"""What the manual shows of the papers is what the planners give today."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controller.plan import onsram_paper, pinfuse_paper
from controller.plan.pinfuse import EDGE, Planner
from controller.plan.zoo import network

DATA = Path(__file__).parents[3] / "docs/data"


def kept(name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((DATA / f"papers-{name}.json").read_text())
    return found


def test_onsram_s_tables_are_fresh() -> None:
    found = onsram_paper.compare(lambda _: None)
    assert json.loads(json.dumps(found.described())) == kept("onsram")


def test_the_infinite_column_is_reproduced_within_a_tenth() -> None:
    nearest = kept("onsram")["data"]["nearest"]  # type: ignore[index]
    for name, (paper, *_) in onsram_paper.PUBLISHED.items():
        assert nearest[name]["infinite"] == pytest.approx(paper, rel=0.1)


@pytest.mark.parametrize("run", [("squeezenet", "computed again", 512), ("resnet18", "kept", 512)])
def test_pin_or_fuse_s_figures_are_fresh(run: tuple[str, str, int]) -> None:
    name, halos, kib = run
    graph = network(name)
    planner = Planner(graph, EDGE, cached=pinfuse_paper.HALOS[halos])
    [shown] = [
        one for one in kept("pinfuse")["data"]["runs"] if (one["network"], one["halos"], one["kib"]) == run  # type: ignore[index]
    ]  # fmt: skip
    for variant, (fuse, pin) in pinfuse_paper.VARIANTS.items():
        assert pinfuse_paper.figures(graph, planner.plan(kib << 10, fuse=fuse, pin=pin)) == shown[variant]


def test_a_variant_without_a_plan_has_no_figures() -> None:
    with pytest.raises(ValueError, match="resnet18 has no plan"):
        pinfuse_paper.figures(network("resnet18"), None)
