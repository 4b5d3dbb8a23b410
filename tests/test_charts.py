"""Pictures of the manual are drawn from the figures beside them."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from docs.charts import CHARTS, Chart

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", CHARTS)
def test_charts_are_fresh_and_shown(name: str) -> None:
    assert (DOCS / name).read_text() == CHARTS[name]().svg(), f"{name} must be drawn anew: make papers"
    assert f"({name})" in (DOCS / "papers.md").read_text()


def test_bars_of_ratios_stand_on_one() -> None:
    svg = ET.fromstring(Chart("title", ("one",), {"a": (1,), "b": (4,)}, foot=1).svg())  # noqa: S314 (ours)
    bars = [one for one in svg.iter("{http://www.w3.org/2000/svg}rect") if one.get("width") == "8"]
    assert [float(bar.get("height", -1)) for bar in bars] == [0, 220]


def test_bars_stand_on_a_scale_of_powers_of_two() -> None:
    svg = ET.fromstring(Chart("title", ("one", "two"), {"a": (1, 4), "b": (2, 8)}).svg())  # noqa: S314 (ours)
    bars = [one for one in svg.iter("{http://www.w3.org/2000/svg}rect") if one.get("width") == "8"]
    heights = [float(bar.get("height", 0)) for bar in bars]
    assert [height / 55 for height in heights] == [1, 3, 2, 4]
    texts = [one.text for one in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["title", "0.5", "1", "2", "4", "8", "a", "b", "one", "two"]
