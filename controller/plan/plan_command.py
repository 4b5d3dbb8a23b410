"""`pinfold plan`: a network, a method and a budget to a plan that has been replayed."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.configuration import configured
from controller.display import display
from controller.files import write_whole
from controller.joint.command import plan_jointly
from controller.joint.plan import JOINT
from controller.plan.deadline import Deadline
from controller.plan.from_graph import from_graph
from controller.plan.machine_command import plan_on_machine
from controller.plan.methods import METHODS, Method
from controller.plan.support import unsupported
from controller.plan.validate import PlanError, replay
from controller.plan.zoo import network
from controller.read import read
from controller.refusal import CheckError, ModelError

if TYPE_CHECKING:
    from controller.plan.machine import Work
    from controller.plan.network import Network
    from controller.plan.solution import Plan

Name = Annotated[str, typer.Argument(metavar="NAME|MODEL.onnx", help="A network of the papers, or a quantized one.")]
Output = Annotated[Path, typer.Option("-o", metavar="PLAN", help="Where the plan goes, as JSON.")]
_BUDGET = "Bytes of the scratchpad; those of the method's machine if left out."
_SECONDS_LEFT, _JOINT_SECONDS = 60.0, 600.0
_SECONDS = f"After how long the best so far is taken; {_SECONDS_LEFT:.0f} if left out, {_JOINT_SECONDS:.0f} for joint."
_CONFIG = "A machine of ours to plan for, not the paper's; with joint, default if left out."
_NAMES = (*METHODS, JOINT)
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A field of that machine.")]


def plan_command(
    name: Name,
    output: Output,
    method: Annotated[str, typer.Option(metavar="NAME", help=f"One of {', '.join(_NAMES)}.")],
    budget: Annotated[int | None, typer.Option(min=1, metavar="BYTES", help=_BUDGET)] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help=_SECONDS)] = None,
    config: Annotated[str | None, typer.Option("--config", metavar="NAME|FILE.toml", help=_CONFIG)] = None,
    settings: Settings = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Plan a network on the machine of a paper, or for one of ours (--config); interrupted, the best so far."""
    if method not in _NAMES:
        raise ModelError(f"--method must be one of {', '.join(_NAMES)}, not '{method}'")
    if seconds is None:
        seconds = _JOINT_SECONDS if method == JOINT else _SECONDS_LEFT
    deadline = Deadline(seconds)
    if method != JOINT and config is None and not settings:
        _plan_for_paper(name, output, method, budget, deadline, quiet=quiet)
        return
    if budget is not None:
        raise ModelError("--budget must not be given with joint or --config; --set bank_bytes changes such a machine")
    machine = configured(config or "default", settings or [])
    if method == JOINT:
        plan_jointly(Path(name), machine, output, deadline, quiet=quiet)
    else:
        plan_on_machine(Path(name), machine, method, output, deadline, quiet=quiet)


def _plan_for_paper(
    name: str, output: Path, method: str, budget: int | None, deadline: Deadline, *, quiet: bool
) -> None:
    chosen = METHODS[method]
    paper = replace(chosen.machine, capacity=budget or chosen.machine.capacity)
    with display(quiet=quiet) as shown, deadline.ended_by_interrupt():
        shown.say(f"planning {name}")
        graph = _network(name, chosen)
        plan = chosen.plan(graph, paper, deadline)
    if plan is None:
        raise ModelError(f"{name} does not fit: no plan of method {method} runs it in {paper.capacity:,} bytes")
    try:
        work = replay(graph, plan, paper)
    except PlanError as error:
        raise CheckError(f"{name}: the plan is wrong: {error}") from None
    time = sum(paper.time(one) for one in work)
    found = {**plan.described(graph), "machine": paper.name, "time": time, "traffic": _traffic(work)}
    write_whole(output, (json.dumps(found | {"unsupported": unsupported(graph)}, indent=1) + "\n").encode())
    if not quiet:
        sys.stdout.writelines(f"{line}\n" for line in _summary(graph, plan, work))


def _network(name: str, method: Method) -> Network:
    """A network of the zoo, or a file as bytes."""
    if name.endswith(".onnx"):
        return from_graph(read(Path(name)))
    return network(name, width=method.width)


def _traffic(work: tuple[Work, ...]) -> dict[str, int]:
    return {key: sum(getattr(one, key) for one in work) for key in ("weights", "read", "written", "macs")}


def _summary(graph: Network, plan: Plan, work: tuple[Work, ...]) -> list[str]:
    traffic = _traffic(work)
    maps = f"{traffic['read']:,} bytes read, {traffic['written']:,} written"
    extra = f"{traffic['macs'] - graph.macs:+,} multiplications"
    lines = [f"{len(work)} steps; maps: {maps}; weights: {traffic['weights']:,} read; {extra}"]
    if plan.bound is not None:
        moved = traffic["read"] + traffic["written"]
        distance = f"{100 * (moved - plan.bound) / moved:.1f} % of it" if moved > plan.bound else "none of it"
        lines.append(f"at least {plan.bound:,} bytes of maps must move: {distance} may be saved yet")
    beyond = unsupported(graph)
    return lines + ([f"only planned, for the machine does not run it yet: {', '.join(beyond)}"] if beyond else [])
