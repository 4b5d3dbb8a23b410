"""`pinfold plan --method joint`: a network and a machine to chains that the golden model has run."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from controller.display import display
from controller.files import write_whole
from controller.joint.plan import JOINT, plan
from controller.options import compiled_model

if TYPE_CHECKING:
    from pathlib import Path

    from controller.joint.plan import Planned
    from controller.plan.deadline import Deadline
    from spec.config import Config


def plan_jointly(model: Path, machine: Config, output: Path, deadline: Deadline, *, quiet: bool) -> None:
    """Plan a quantized network for a machine, write the plan, and say what every method takes.

    Raises
    ------
    ModelError
        If the model is none, or does not fit.
    """
    with display(quiet=quiet) as shown, deadline.ended_by_interrupt():
        compiled = compiled_model(model, machine, None, shown.say)
        found = plan(compiled, deadline, shown.say)
    write_whole(output, (json.dumps(found.described(compiled), indent=1) + "\n").encode())
    if not quiet:
        sys.stdout.writelines(f"{line}\n" for line in _summary(found))


def _summary(found: Planned) -> list[str]:
    none = found.cycles["none"]
    lines = [f"{name:>9} {cycles:>12,} cycles  {none / cycles:.2f}x" for name, cycles in found.cycles.items()]
    together = [chain for chain in found.chains if chain.rule is not None]
    inside = sum(chain.end - chain.first for chain in together)
    lines.append(f"{inside} operators run in {len(together)} chains; no program takes less than {found.bound:,} cycles")
    best = min(cycles for name, cycles in found.cycles.items() if name != JOINT)
    if found.method == JOINT:
        return [*lines, f"{100 * (1 - found.cycles[JOINT] / best):.1f} % fewer cycles than the best policy"]
    return [*lines, f"policy {found.method} is faster than the chains: the plan is that policy with the same program"]
