"""`pinfold compare`: networks on machines under policies, side by side."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from controller.compare import Comparison, compare
from controller.comparison_picture import comparison_picture
from controller.comparison_table import comparison_table
from controller.configuration import configured
from controller.display import display
from controller.eager.compile import compile_for
from controller.execution import Execution
from controller.files import write_whole
from controller.options import Arrival, Engine
from controller.plan.file import read_plan
from controller.read import read
from controller.refusal import ModelError
from controller.rtl import runner
from controller.verify import verify, verify_plans
from sim.energy import load_table
from spec.registers import Policy

_ENGINE = "What runs it: the RTL must do under each policy exactly what the golden model says, whose figures are shown."
_PLANS = "Plans of `pinfold plan` for the one network on the one machine, below the policies."
#: Columns of a table that goes to no terminal.
_WIDTH = 140
Models = Annotated[list[Path], typer.Argument(metavar="MODEL.onnx...", help="Quantized networks in QDQ form.")]
Policies = Annotated[str | None, typer.Option("--policies", metavar="A,B,C", help="All if left out.")]
Machines = Annotated[str, typer.Option("--configs", metavar="A,B", help="Named machines or .toml files.")]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A field of every machine.")]
Plans = Annotated[str | None, typer.Option("--plans", metavar="FILE,FILE", help=_PLANS)]
Plot = Annotated[Path | None, typer.Option("--plot", metavar="FILE.svg", help="Draw the cycles.")]
Json = Annotated[str | None, typer.Option("--json", metavar="FILE|-", help="Write the figures as JSON.")]


def compare_command(
    models: Models,
    policies: Policies = None,
    plans: Plans = None,
    configs: Machines = "default",
    settings: Settings = None,
    json_file: Json = None,
    plot: Plot = None,
    engine: Annotated[Engine, typer.Option(help=_ENGINE)] = Engine.golden,
    execution: Arrival = Execution.graph,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Cycles, DRAM bytes and energy of each policy and of plans, beside the bounds."""
    if plans is not None and execution is not Execution.graph:
        raise ModelError(f"--plans must not be given with --execution {execution.value}: they are made of the graph")
    chosen = _policies(policies)
    machines = [configured(name, settings or []) for name in configs.split(",")]
    files = _files(plans, pairs=len(models) * len(machines))
    table, on_rtl = load_table(), None if engine is Engine.golden else runner()
    found: list[Comparison] = []
    with display(quiet=quiet) as shown:
        for model in models:
            graph = read(model)
            for machine in machines:
                shown.say(f"{graph.name} on {machine.name}: compiling")
                try:
                    compiled = compile_for(execution, graph, machine)
                except ModelError as error:
                    raise ModelError(f"{model}: {error}") from None
                programs = {file: read_plan(Path(file), compiled) for file in files}
                found.append(compare(str(model), compiled, chosen, table, shown.say, programs))
                verify(compiled, chosen, on_rtl, shown)
                verify_plans(programs.values(), on_rtl, shown)
    if plot is not None:
        write_whole(plot, comparison_picture(found))
    text = json.dumps([one.data() for one in found], indent=2) + "\n"
    if json_file == "-":
        sys.stdout.write(text)
    elif json_file is not None:
        write_whole(Path(json_file), text.encode())
    if not quiet and json_file != "-":
        console = Console(width=None if sys.stdout.isatty() else _WIDTH)
        for one in found:
            console.print(comparison_table(one))


def _policies(names: str | None) -> list[Policy]:
    """The policies of a list of names.

    Raises
    ------
    ModelError
        If there is no such policy.
    """
    if names is None:
        return list(Policy)
    for name in names.split(","):
        if name.upper() not in Policy.__members__:
            known = ", ".join(one.name.lower() for one in Policy)
            raise ModelError(f"policy must be one of {known}, not '{name}'")
    return [Policy[name.upper()] for name in names.split(",")]


def _files(names: str | None, *, pairs: int) -> list[str]:
    """The files of a list of names; a plan is for one pair of a network and a machine.

    Raises
    ------
    ModelError
        If there are more pairs.
    """
    if names is None:
        return []
    if pairs > 1:
        raise ModelError("--plans must come with one network and one machine, for which they are")
    return names.split(",")
