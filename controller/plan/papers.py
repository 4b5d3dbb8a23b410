"""`pinfold papers`: the tables of the papers beside ours."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from controller.access import movement_paper
from controller.display import display
from controller.files import write_whole
from controller.plan import cosma_paper, onsram_paper, pinfuse_paper
from controller.refusal import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.plan.comparison import Comparison

#: What compares with each paper; it is told how to say where it is.
PAPERS: dict[str, Callable[[Callable[[str], None]], Comparison]] = {
    "cosma": cosma_paper.compare,
    "onsram": onsram_paper.compare,
    "pinfuse": pinfuse_paper.compare,
    "movement": movement_paper.compare,
}
#: Columns of a table that goes to no terminal.
_WIDTH = 200


Only = Annotated[str | None, typer.Option("--only", metavar="NAME", help=f"One of {', '.join(PAPERS)}.")]
Output = Annotated[Path | None, typer.Option("-o", metavar="DIR", help="Write tables and figures to papers-NAME.json.")]


def papers_command(
    only: Only = None,
    output: Output = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Plan the papers' networks on the papers' machines, and show their figures beside ours."""
    if only is not None and only not in PAPERS:
        raise ModelError(f"--only must be one of {', '.join(PAPERS)}, not '{only}'")
    for name in [only] if only else PAPERS:
        with display(quiet=quiet) as shown:
            found = PAPERS[name](shown.say)
        if output is not None:
            write_whole(output / f"papers-{name}.json", (json.dumps(found.described(), indent=1) + "\n").encode())
        if not quiet:
            console = Console(width=None if sys.stdout.isatty() else _WIDTH)
            console.print(found.paper)
            for table in found.tables:
                console.print(table.rich())
