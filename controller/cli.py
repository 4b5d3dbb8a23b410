"""The command line: `pinfold run`, `compare`, `compile`, `verilog`, `configs`, `zoo`, and the planners' commands."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from controller.compare_command import compare_command
from controller.compiler import Compiled, compile_graph
from controller.configuration import configured
from controller.delivery import delivery
from controller.display import display
from controller.files import write_whole
from controller.inference import infer
from controller.inputs import load_inputs, random_inputs, split_inputs
from controller.listing import listing
from controller.peak import peak_bytes
from controller.plan.pack_command import pack_command
from controller.plan.papers import papers_command
from controller.plan.plan_command import plan_command
from controller.read import read
from controller.reference import Reference
from controller.refusal import CheckError, ModelError
from controller.report import Result, summary
from controller.rtl import runner
from controller.table import is_tabular, table
from controller.zoo import ZOO, chosen
from sim.energy import Table, load_table
from spec.config import CONFIGS
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from spec.config import Config

FAILED, REFUSED = 1, 2
#: Columns of a table that goes to no terminal.
_WIDTH = 120
_INPUTS = (
    "Float inputs by ONNX name, images first; N times the network's batch are N inferences. "
    "An array 'labels' may hold their classes."
)
_ENERGY = "Picojoules of each event, in the form of sim/energy.toml, which is taken if left out."
_TRACE = "Write every command and burst as a Chrome trace; beside it, as .svg, the pages of the scratchpad over time."
_BATCH = "Images of one inference, where the model leaves that open; 1 if left out."
_INFERENCES = (
    "Random inputs: how many inferences, each from the next seed; 1 if left out. --inputs: only the first so many."
)

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)


class Engine(Enum):
    """What runs the program."""

    golden = "golden"
    rtl = "rtl"
    both = "both"


Model = Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="A quantized network in QDQ form.")]
Configuration = Annotated[str, typer.Option("--config", metavar="NAME|FILE.toml", help="The machine.")]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A field of the machine.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
Json = Annotated[str | None, typer.Option("--json", metavar="FILE|-", help="Write the result as JSON.")]

app.command(name="compare")(compare_command)
app.command(name="pack")(pack_command)
app.command(name="papers")(papers_command)
app.command(name="plan")(plan_command)


@app.callback()
def pinfold() -> None:
    """Quantized networks on the Pinfold accelerator."""


@app.command()
def run(
    model: Model,
    config: Configuration = "default",
    settings: Settings = None,
    policy: Annotated[str, typer.Option(metavar="NAME", help="The replacement policy.")] = "none",
    engine: Annotated[Engine, typer.Option(help="What runs it.")] = Engine.golden,
    inputs: Annotated[Path | None, typer.Option(metavar="FILE.npz", help=_INPUTS)] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of random inputs, without --inputs; 1 if left out.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help=_BATCH)] = None,
    inferences: Annotated[int | None, typer.Option(min=1, help=_INFERENCES)] = None,
    json_file: Json = None,
    trace: Annotated[Path | None, typer.Option(metavar="FILE", help=_TRACE)] = None,
    energy: Annotated[Path | None, typer.Option(metavar="FILE.toml", help=_ENERGY)] = None,
    quiet: Quiet = False,
) -> None:
    """Run a network and check it: against onnxruntime, and the RTL against the golden model."""
    if inputs is not None and seed is not None:
        raise ModelError("--inputs and --seed must not both be given")
    if trace is not None and trace.suffix == ".svg":
        raise ModelError(f"{trace}: --trace must not name an .svg file, which is the picture beside it")
    if policy.upper() not in Policy.__members__:
        names = ", ".join(name.lower() for name in Policy.__members__)
        raise ModelError(f"policy must be one of {names}, not '{policy}'")
    seed = 1 if seed is None and inputs is None else seed
    arrays = None if inputs is None else load_inputs(inputs)
    machine = configured(config, settings or [])
    costs = _energy_table(energy)
    on_rtl = None if engine is Engine.golden else runner()
    with display(quiet=quiet) as shown:
        started = perf_counter()
        compiled = _compiled(model, machine, batch, shown.say)
        seconds, peak = perf_counter() - started, peak_bytes()
        labels = None
        if arrays is None:
            given = [random_inputs(compiled.graph, (seed or 0) + number) for number in range(inferences or 1)]
        else:
            given, labels = split_inputs(compiled.graph, arrays, inferences)
        found = infer(
            compiled, given, Reference(model), golden=engine is not Engine.rtl, runner=on_rtl, display=shown,
            policy=Policy[policy.upper()], lives=trace is not None,
        )
        result = Result(str(model), compiled, policy, engine.value, seed, found, labels, seconds, peak, costs)
        shown.say("bounds")
        data = result.data()
    if trace is not None:
        write_whole(trace, result.trace().encode())
        if (picture := result.occupancy()) is not None:
            write_whole(trace.with_suffix(".svg"), picture)
    _write_json(json_file, data)
    if not quiet and json_file != "-":
        if is_tabular(data):
            Console(width=None if sys.stdout.isatty() else _WIDTH).print(table(data))
        sys.stdout.writelines(f"{line}\n" for line in summary(data))
    if result.differences:
        raise CheckError(str(result.differences[0]))


@app.command(name="compile")
def compile_command(
    model: Model,
    output: Annotated[Path, typer.Option("-o", metavar="DIR", help="Where the files go.")],
    config: Configuration = "default",
    settings: Settings = None,
    batch: Annotated[int | None, typer.Option(min=1, help=_BATCH)] = None,
    quiet: Quiet = False,
) -> None:
    """Write the program, its constants, and a readable listing."""
    with display(quiet=quiet) as shown:
        compiled = _compiled(model, configured(config, settings or []), batch, shown.say)
    files = {
        "program.bin": compiled.program,
        "constants.bin": compiled.image.tobytes(),
        "listing.txt": listing(compiled).encode(),
    }
    _write_all(output, files, quiet=quiet)


@app.command()
def verilog(
    output: Annotated[Path, typer.Option("-o", metavar="DIR", help="Where the files go.")],
    config: Configuration = "default",
    settings: Settings = None,
    quiet: Quiet = False,
) -> None:
    """Write the machine as one Verilog file, and what FPGA flows need beside it."""
    machine = configured(config, settings or [])
    with display(quiet=quiet) as shown:
        shown.say(f"Verilog of {machine.name}")
        files = delivery(machine)
    _write_all(output, {name: text.encode() for name, text in files.items()}, quiet=quiet)


@app.command()
def configs(
    json_file: Json = None,
) -> None:
    """Show the named configurations, every field."""
    fields = {name: _fields(name) for name in CONFIGS}
    _write_json(json_file, fields)
    if json_file is None:
        sys.stdout.writelines(f"{line}\n" for line in _columns(fields))


@app.command()
def zoo(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="Networks; all if left out.")] = None,
    output: Annotated[Path | None, typer.Option("-o", metavar="DIR", help="Where the files go.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Say which networks there are.")] = False,
    quiet: Quiet = False,
) -> None:
    """Write networks as quantized ONNX files, NAME.onnx; NAME.npz holds inputs and labels where there are some."""
    networks = chosen(names or [])
    if listed:
        sys.stdout.writelines(f"{name}: {network.description}\n" for name, network in ZOO.items())
        return
    if output is None:
        raise ModelError("-o must name the folder where the files go")
    with display(quiet=quiet) as shown:
        files = []
        for network in networks:
            shown.say(network.description)
            files += network.write(output)
    if not quiet:
        sys.stdout.writelines(f"{file}: {file.stat().st_size:,} bytes\n" for file in files)


def _write_all(folder: Path, files: Mapping[str, bytes], *, quiet: bool) -> None:
    for name, content in files.items():
        write_whole(folder / name, content)
        if not quiet:
            sys.stdout.write(f"{folder / name}: {len(content):,} bytes\n")


def _write_json(file: str | None, data: dict[str, Any]) -> None:
    """To a file, to the output for "-", nowhere for None."""
    text = json.dumps(data, indent=2) + "\n"
    if file == "-":
        sys.stdout.write(text)
    elif file is not None:
        write_whole(Path(file), text.encode())


def _columns(fields: dict[str, dict[str, Any]]) -> Iterator[str]:
    rows = [["field", *fields]]
    rows += [[key, *(str(table[key]) for table in fields.values())] for key in next(iter(fields.values()))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for name, *values in rows:
        cells = [value.rjust(width) for value, width in zip(values, widths[1:], strict=True)]
        yield "  ".join([name.ljust(widths[0]), *cells])


def _fields(name: str) -> dict[str, Any]:
    config = CONFIGS[name]
    own = {key: value for key, value in asdict(config).items() if key not in {"name", "memory"}}
    memory = {f"memory.{key}": value for key, value in asdict(config.memory).items()}
    return {**own, **memory, "hash": f"{config.hash:016x}"}


def _energy_table(path: Path | None) -> Table:
    try:
        return load_table() if path is None else load_table(path)
    except ValueError as error:
        raise ModelError(str(error)) from None


def _compiled(model: Path, machine: Config, batch: int | None, say: Callable[[str], None]) -> Compiled:
    say(f"reading {model}")
    graph = read(model, batch)
    size = graph.inputs[0].shape[0]
    if batch not in {None, size}:
        raise ModelError(f"{model}: --batch must be {size}, which the model fixes, not {batch}")
    try:
        return compile_graph(graph, machine, progress=lambda name: say(f"tiling {name}"))
    except ModelError as error:
        raise ModelError(f"{model}: {error}") from None


def main() -> None:
    """Run the command line; a failed check is one line and status 1, what the user got wrong one line and status 2."""
    command = typer.main.get_command(app)
    try:
        status = command.main(prog_name="pinfold", standalone_mode=False)
    except CheckError as error:
        repeat = shlex.join(["pinfold", *sys.argv[1:]])
        _end(f"{error}; repeat with: {repeat}", FAILED)
    except ModelError as error:
        _end(str(error), REFUSED)
    except typer.exceptions.TyperException as error:
        _end(error.format_message(), REFUSED)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    else:
        sys.exit(status if isinstance(status, int) else 0)


def _end(sentence: str, status: int) -> None:
    sys.stderr.write("pinfold: " + " ".join(sentence.split()) + "\n")
    sys.exit(status)
