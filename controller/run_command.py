"""`pinfold run`: a network on the golden model, on the RTL, or on both."""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from rich.console import Console

from controller.configuration import configured
from controller.display import display
from controller.execution import Execution
from controller.files import write_whole
from controller.inference import infer
from controller.inputs import load_inputs, random_inputs, split_inputs
from controller.options import (
    Arrival,
    Batch,
    Configuration,
    Engine,
    Json,
    Model,
    Quiet,
    Settings,
    compiled_model,
    write_json,
)
from controller.peak import peak_bytes
from controller.plan.file import read_plan
from controller.reference import Reference
from controller.refusal import CheckError, ModelError
from controller.report import Result, summary
from controller.rtl import runner
from controller.table import is_tabular, table
from sim.energy import Table, load_table
from spec.registers import Policy

__all__ = ["run_command"]

#: Columns of a table that goes to no terminal.
_WIDTH = 120
_INPUTS = (
    "Float inputs by ONNX name, images first; N times the network's batch are N inferences. "
    "An array 'labels' may hold their classes."
)
_ENERGY = "Picojoules of each event, in the form of sim/energy.toml, which is taken if left out."
_POLICY = "The replacement policy; none if left out."
_PLAN = "Run as a file of `pinfold plan --config` says: its order, its hints, its policy."
_TRACE = "Write every command and burst as a Chrome trace; beside it, as .svg, the pages of the scratchpad over time."
_INFERENCES = (
    "Random inputs: how many inferences, each from the next seed; 1 if left out. --inputs: only the first so many."
)
Inputs = Annotated[Path | None, typer.Option(metavar="FILE.npz", help=_INPUTS)]
Trace = Annotated[Path | None, typer.Option(metavar="FILE", help=_TRACE)]
Energy = Annotated[Path | None, typer.Option(metavar="FILE.toml", help=_ENERGY)]


def run_command(
    model: Model,
    config: Configuration = "default",
    settings: Settings = None,
    policy: Annotated[str | None, typer.Option(metavar="NAME", help=_POLICY)] = None,
    engine: Annotated[Engine, typer.Option(help="What runs it.")] = Engine.golden,
    inputs: Inputs = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of random inputs, without --inputs; 1 if left out.")] = None,
    batch: Batch = None,
    inferences: Annotated[int | None, typer.Option(min=1, help=_INFERENCES)] = None,
    json_file: Json = None,
    plan: Annotated[Path | None, typer.Option(metavar="PLAN", help=_PLAN)] = None,
    execution: Arrival = Execution.graph,
    trace: Trace = None,
    energy: Energy = None,
    quiet: Quiet = False,
) -> None:
    """Run a network and check it: against onnxruntime, and the RTL against the golden model."""
    if inputs is not None and seed is not None:
        raise ModelError("--inputs and --seed must not both be given")
    if trace is not None and trace.suffix == ".svg":
        raise ModelError(f"{trace}: --trace must not name an .svg file, which is the picture beside it")
    chosen = _policy(policy, plan, execution)
    seed = 1 if seed is None and inputs is None else seed
    arrays = None if inputs is None else load_inputs(inputs)
    machine = configured(config, settings or [])
    costs = _energy_table(energy)
    on_rtl = None if engine is Engine.golden else runner()
    with display(quiet=quiet) as shown:
        started = perf_counter()
        compiled, unplanned = compiled_model(model, machine, batch, shown.say, execution), None
        if plan is not None:
            unplanned = compiled
            compiled, chosen = read_plan(plan, unplanned)
        seconds, peak = perf_counter() - started, peak_bytes()
        labels = None
        if arrays is None:
            given = [random_inputs(compiled.graph, (seed or 0) + number) for number in range(inferences or 1)]
        else:
            given, labels = split_inputs(compiled.graph, arrays, inferences)
        found = infer(
            compiled, given, Reference(model), golden=engine is not Engine.rtl, runner=on_rtl, display=shown,
            policy=chosen, lives=trace is not None,
        )
        ran = chosen.name.lower()
        result = Result(str(model), compiled, ran, engine.value, seed, found, labels, seconds, peak, costs, unplanned)
        shown.say("bounds")
        data = result.data()
    if trace is not None:
        write_whole(trace, result.trace().encode())
        if (picture := result.occupancy()) is not None:
            write_whole(trace.with_suffix(".svg"), picture)
    write_json(json_file, data)
    if not quiet and json_file != "-":
        if is_tabular(data):
            Console(width=None if sys.stdout.isatty() else _WIDTH).print(table(data))
        sys.stdout.writelines(f"{line}\n" for line in summary(data))
    if result.differences:
        raise CheckError(str(result.differences[0]))


def _policy(given: str | None, plan: Path | None, execution: Execution) -> Policy:
    if plan is not None and execution is not Execution.graph:
        raise ModelError(f"--plan must not be given with --execution {execution.value}: it is made of the graph")
    if given is not None and plan is not None:
        raise ModelError("--policy must not be given with --plan, which names one")
    name = given or "none"
    if name.upper() not in Policy.__members__:
        names = ", ".join(one.lower() for one in Policy.__members__)
        raise ModelError(f"policy must be one of {names}, not '{name}'")
    return Policy[name.upper()]


def _energy_table(path: Path | None) -> Table:
    try:
        return load_table() if path is None else load_table(path)
    except ValueError as error:
        raise ModelError(str(error)) from None
