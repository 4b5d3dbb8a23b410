"""Fills the tables of the manual from definitions and data, so that no page repeats one by hand.

A table stands between ``<!-- table: name -->`` and ``<!-- end -->``. ``python -m docs.tables`` writes all of them anew.
"""

from __future__ import annotations

import ast
import re
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from docs.anomalies_tables import TABLES as ANOMALIES
from docs.causes_tables import TABLES as CAUSES
from docs.depthwise_tables import TABLES as DEPTHWISE
from docs.execution_tables import TABLES as EXECUTION
from docs.joint_tables import TABLES as JOINT
from docs.kept_tables import TABLES as KEPT
from docs.markdown import table
from docs.measured import TABLES as MEASURED
from docs.plans_tables import TABLES as PLANS
from docs.reached_tables import TABLES as REACHED
from docs.spec_tables import TABLES as SPEC
from docs.tokens_tables import TABLES as TOKENS

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
REGION = re.compile(r"(<!-- table: ([\w.-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def pages() -> list[Path]:
    """Every page that people read."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def fill(text: str) -> str:
    """The page with every table made anew.

    Raises
    ------
    KeyError
        If a region names a table that does not exist.
    """
    return REGION.sub(lambda m: f"{m[1]}{TABLES[m[2]]()}\n{m[3]}", text)


def main() -> int:
    """Write all pages; says which ones changed."""
    for page in pages():
        before = page.read_text()
        after = fill(before)
        if after != before:
            page.write_text(after)
            print(page.relative_to(ROOT))
    return 0


def _units() -> str:
    rows = []
    for path in sorted((ROOT / "hw").glob("*.py")):
        if path.stem == "__init__":
            continue
        others = (f"sim/{path.stem}.py", f"tb/test_{path.stem}.py")
        links = (f"[{name}]({name})" if (ROOT / name).exists() else "" for name in others)
        said = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
        rows.append([f"[hw/{path.stem}.py](hw/{path.stem}.py)", said, *links])
    return table(["hardware", "what it is", "model", "bench"], rows)


def _targets() -> str:
    said = re.findall(r"^([a-z]+):[^#\n]*## (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return table(["command", "does"], ([f"`make {name}`", text] for name, text in said))


def _filled(made: Callable[[], tuple[list[str], list[list[object]]]]) -> str:
    return table(*made())


TABLES: dict[str, Callable[[], str]] = {
    "units": _units,
    "targets": _targets,
    **SPEC,
    **KEPT,
    **{
        name: partial(_filled, made)
        for tables in (ANOMALIES, CAUSES, DEPTHWISE, EXECUTION, JOINT, MEASURED, PLANS, REACHED, TOKENS)
        for name, made in tables.items()
    },
}

if __name__ == "__main__":
    sys.exit(main())
