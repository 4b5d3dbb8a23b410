"""`pinfold plan --config`: a network by a paper's method for a machine of ours, with the cycles of its program."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from controller.display import display
from controller.files import write_whole
from controller.options import compiled_model
from controller.plan.file import described
from controller.plan.machine_methods import plan_for_machine
from controller.plan.validate import PlanError
from controller.refusal import CheckError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from controller.plan.deadline import Deadline
    from controller.plan.machine_methods import Planned
    from spec.config import Config


def plan_on_machine(
    model: Path, machine: Config, method: str, output: Path, deadline: Deadline, *, quiet: bool
) -> None:
    """Plan a quantized network, write the plan, and say what it moves and how long its program takes.

    Raises
    ------
    ModelError
        If the model is none, or does not fit.
    """
    with display(quiet=quiet) as shown, deadline.ended_by_interrupt():
        compiled = compiled_model(model, machine, None, shown.say)
        try:
            found = plan_for_machine(compiled, method, deadline, shown.say)
        except PlanError as error:
            raise CheckError(f"{model}: the plan is wrong: {error}") from None
    write_whole(output, (json.dumps(described(found, compiled), indent=1) + "\n").encode())
    if not quiet:
        sys.stdout.writelines(f"{line}\n" for line in _summary(found))


def _summary(found: Planned) -> Iterator[str]:
    read, written = (sum(getattr(one, key) for one in found.work) for key in ("read", "written"))
    weights = sum(one.weights for one in found.work)
    groups = [step for step in found.plan.steps if len(step.operators) > 1]
    inside = sum(len(step.operators) for step in groups)
    kept = len({name for step in found.plan.steps for name in step.resident})
    yield (
        f"{len(found.plan.steps)} steps; {inside} operators in {len(groups)} groups; {kept} maps are kept for a while; "
        f"planned to move: maps {read:,} bytes read, {written:,} written; weights {weights:,} read"
    )
    for one, figures in found.lowerings.items():
        way = "as planned" if one.strict else "what fits stays, too"
        banks = ", banks by engine" if one.banks else ""
        chosen = " <- the plan's" if one == found.fastest else ""
        moved = f"{figures.dram['read_bytes']:,} bytes read, {figures.dram['write_bytes']:,} written"
        yield f"{way}{banks}: {figures.cycles:,} cycles; {moved}{chosen}"
