"""Draws what `pinfold papers` has kept as bars on a scale of powers of two.

``python -m docs.charts`` writes docs/papers-onsram.svg and docs/papers-pinfuse.svg anew.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from math import ceil, floor, log2
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent
#: Dark and light of two hues, told apart in print and by eyes that do not see red or green.
_COLOURS = ("#08519c", "#6baed6", "#a63603", "#fdae6b")
_BAR, _GAP, _HEIGHT, _LEFT, _TOP, _BOTTOM = 9, 14, 220, 74, 34, 104


@dataclass(frozen=True)
class Chart:
    """Groups of bars, one bar for each series.

    Parameters
    ----------
    title
        What is drawn, with its unit.
    series
        Names of the bars in a group.
    groups
        Names of groups, each with a value for each series; all above zero.
    foot
        The power of two that bars stand on, such as 1 for ratios; the one below all values if left out.
    """

    title: str
    series: tuple[str, ...]
    groups: dict[str, tuple[float, ...]]
    foot: float | None = None

    def svg(self) -> str:
        """The picture as text, the same for the same values."""
        values = [value for group in self.groups.values() for value in group]
        low = floor(log2(min(values)) - 0.01) if self.foot is None else round(log2(self.foot))
        high = ceil(log2(max(values)))
        step = len(self.series) * _BAR + _GAP
        width = _LEFT + step * len(self.groups) + _GAP

        def level(value: float) -> float:
            return round(_TOP + _HEIGHT * (high - log2(value)) / (high - low), 1)

        size = f'width="{width}" height="{_TOP + _HEIGHT + _BOTTOM}"'
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">',
            '<rect width="100%" height="100%" fill="white"/>',
            f'<text x="{_GAP}" y="14" font-weight="bold">{self.title}</text>',
        ]
        for exponent in range(low, high + 1):
            at = level(2.0**exponent)
            lines.append(f'<line x1="{_LEFT}" y1="{at}" x2="{width - _GAP}" y2="{at}" stroke="#ddd"/>')
            lines.append(f'<text x="{_LEFT - 6}" y="{at + 4}" text-anchor="end">{2.0**exponent:g}</text>')
        for number, (name, group) in enumerate(self.groups.items()):
            left = _LEFT + _GAP // 2 + number * step
            for place, value in enumerate(group):
                top = level(value)
                box = f'x="{left + place * _BAR}" y="{top}" width="{_BAR - 1}" height="{_TOP + _HEIGHT - top:.1f}"'
                lines.append(f'<rect {box} fill="{_COLOURS[place]}"/>')
            middle, below = left + len(group) * _BAR // 2, _TOP + _HEIGHT + 12
            turned = f'transform="rotate(-40 {middle} {below})" text-anchor="end"'
            lines.append(f'<text x="{middle}" y="{below}" {turned}>{name}</text>')
        for place, name in enumerate(self.series):
            left = _LEFT + place * (width - _LEFT) // len(self.series)
            lines.append(f'<rect x="{left}" y="20" width="9" height="9" fill="{_COLOURS[place]}"/>')
            lines.append(f'<text x="{left + 13}" y="28">{name}</text>')
        return "\n".join([*lines, "</svg>\n"])


def _kept(name: str) -> Any:  # noqa: ANN401 (as JSON has it)
    return json.loads((ROOT / "data" / f"papers-{name}.json").read_text())


def onsram() -> Chart:
    """Infinite scratchpad and Static, the paper's and ours."""
    rows = _kept("onsram")["tables"]["onsram.nearest"]["rows"]
    groups = {}
    for name, _, infinite, _, _, static, *_ in rows:
        groups[name] = tuple(float(part) for cell in (infinite, static) for part in cell.split(" / "))
    title = "OnSRAM: speed-up over no management, each network in its nearest form"
    return Chart(title, ("infinite, paper", "infinite, ours", "Static, paper", "Static, ours"), groups, foot=1)


def pinfuse() -> Chart:
    """Traffic of maps of the four variants, halos computed again, for the sizes in which they differ."""
    groups = {}
    for run in _kept("pinfuse")["data"]["runs"]:
        if run["halos"] == "computed again" and run["kib"] <= 1024:
            variants = (run[variant]["bytes"] / 1e6 for variant in ("layer", "pin", "fuse", "pinfuse"))
            groups[f"{run['network']}, {run['kib']} KiB"] = tuple(variants)
    return Chart("Pin or fuse: MB of maps", ("layer by layer", "pins only", "fusion only", "both"), groups)


CHARTS = {"papers-onsram.svg": onsram, "papers-pinfuse.svg": pinfuse}


def main() -> int:
    """Write all charts."""
    for name, chart in CHARTS.items():
        (ROOT / name).write_text(chart().svg())
    return 0


if __name__ == "__main__":
    sys.exit(main())
