"""Files of plans for our machines: what is written, and the program that is read from one."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from controller.joint.plan import JOINT, check_made_for
from controller.joint.plan import read_plan as read_joint
from controller.plan.from_program import from_program, machine_of
from controller.plan.lowered import Lowering, lowered
from controller.plan.solution import Plan, Step
from controller.plan.validate import PlanError, replay
from controller.refusal import ModelError
from spec.registers import Policy

if TYPE_CHECKING:
    from pathlib import Path

    from controller.compiler import Compiled
    from controller.plan.machine_methods import Planned


def described(planned: Planned, compiled: Compiled) -> dict[str, Any]:
    """A plan as data: its steps, what they should move, how they become a program, and the cycles of each way."""
    config = compiled.config
    moved = {key: sum(getattr(one, key) for one in planned.work) for key in ("weights", "read", "written")}
    return {
        **planned.plan.described(from_program(compiled)), "config": config.name, "config_hash": f"{config.hash:016x}",
        "operators": len(compiled.tiled), "policy": Policy.DIRECTED.name.lower(), "traffic": moved,
        "lowering": asdict(planned.fastest),
        "cycles": [asdict(one) | {"cycles": found.cycles} for one, found in planned.lowerings.items()],
    }  # fmt: skip


def read_plan(path: Path, compiled: Compiled) -> tuple[Compiled, Policy]:
    """A program as a plan's file wants it, and the policy that it is for.

    Raises
    ------
    ModelError
        If the file is no plan, or one for another network or machine, or breaks a rule.
    """
    try:
        found = json.loads(path.read_text())
        method = found["method"]
        if method == JOINT:
            return read_joint(path, compiled)
        given = found["network"], found["config_hash"], found["operators"]
        plan = Plan(found["network"], method, int(found["capacity"]), tuple(map(_step, found["steps"])))
        lowering = Lowering(strict=bool(found["lowering"]["strict"]), banks=bool(found["lowering"]["banks"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not a plan for a machine of ours: {type(error).__name__} {error}") from None
    check_made_for(str(path), given, compiled)
    try:
        replay(from_program(compiled), plan, machine_of(compiled.config))
    except PlanError as error:
        raise ModelError(f"{path}: the plan is wrong: {error}") from None
    return lowered(compiled, plan, lowering), Policy.DIRECTED


def _step(one: dict[str, Any]) -> Step:
    rows = one["rows"]
    if not isinstance(rows, int) or rows < 0:
        raise ValueError(f"rows must be a number from 0 on, not {rows}")
    resident, fetched, stored = (frozenset(map(str, one[key])) for key in ("resident", "fetched", "stored"))
    return Step(
        tuple(map(int, one["places"])), resident, fetched, stored, tuple(dict(one["replaces"]).items()),
        tuple(dict(one["addresses"]).items()), rows, bool(one["cached"]), bool(one["held"]),
    )  # fmt: skip
