"""The command line: `pinfold run`, `compile`, `configs`."""

from __future__ import annotations

import json
import shlex
import sys
from contextlib import contextmanager
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from controller.compiler import Compiled, compile_graph
from controller.configuration import configured
from controller.files import write_whole
from controller.inference import infer
from controller.listing import listing
from controller.read import read
from controller.reference import Reference
from controller.refusal import ModelError
from controller.report import Result, summary
from controller.rtl import runner
from controller.run import load_inputs, random_inputs
from spec.config import CONFIGS
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spec.config import Config

FAILED, REFUSED = 1, 2

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
    inputs: Annotated[Path | None, typer.Option(metavar="FILE.npz", help="Float inputs by ONNX name.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of random inputs, without --inputs; 1 if left out.")] = None,
    inferences: Annotated[int, typer.Option(min=1, help="Runs, each with inputs of its own.")] = 1,
    json_file: Json = None,
    trace: Annotated[Path | None, typer.Option(metavar="FILE", help="Write every command and burst.")] = None,
    quiet: Quiet = False,
) -> None:
    """Run a network and check it: against onnxruntime, and the RTL against the golden model."""
    if inputs is not None and seed is not None:
        raise ModelError("--inputs and --seed must not both be given")
    if policy.upper() not in Policy.__members__:
        names = ", ".join(name.lower() for name in Policy.__members__)
        raise ModelError(f"policy must be one of {names}, not '{policy}'")
    seed = 1 if seed is None and inputs is None else seed
    given = None if inputs is None else load_inputs(inputs)
    batch = None if given is None else next((len(array) for array in given.values() if array.ndim), None)
    machine = configured(config, settings or [])
    on_rtl = None if engine is Engine.golden else runner()
    with _progress(quiet) as say:
        started = perf_counter()
        compiled = _compiled(model, machine, batch, say)
        result = Result(str(model), compiled, policy, engine.value, seed, inferences)
        result.compile_seconds = perf_counter() - started
        reference = Reference(model)
        for number in range(inferences):
            one = given if given is not None else random_inputs(compiled.graph, (seed or 0) + number)
            say(f"inference {number + 1} of {inferences}")
            infer(result, one, reference, golden=engine is not Engine.rtl, runner=on_rtl, say=say)
        say("bounds")
        data = result.data()
    if trace is not None:
        write_whole(trace, result.trace().encode())
    text = json.dumps(data, indent=2) + "\n"
    if json_file == "-":
        sys.stdout.write(text)
    elif json_file is not None:
        write_whole(Path(json_file), text.encode())
    if not quiet and json_file != "-":
        sys.stdout.writelines(f"{line}\n" for line in summary(data))
    if result.differences:
        repeat = shlex.join(["pinfold", *sys.argv[1:]])
        sys.stderr.write(f"{result.differences[0]}; repeat with: {repeat}\n")
        raise typer.Exit(FAILED)


@app.command(name="compile")
def compile_command(
    model: Model,
    output: Annotated[Path, typer.Option("-o", metavar="DIR", help="Where the files go.")],
    config: Configuration = "default",
    settings: Settings = None,
    quiet: Quiet = False,
) -> None:
    """Write the program, its constants, and a readable listing."""
    with _progress(quiet) as say:
        compiled = _compiled(model, configured(config, settings or []), None, say)
    files = {
        "program.bin": compiled.program,
        "constants.bin": compiled.image.tobytes(),
        "listing.txt": listing(compiled).encode(),
    }
    for name, content in files.items():
        write_whole(output / name, content)
        if not quiet:
            sys.stdout.write(f"{output / name}: {len(content):,} bytes\n")


@app.command()
def configs(
    json_file: Json = None,
) -> None:
    """Show the named configurations, every field."""
    fields = {name: _fields(name) for name in CONFIGS}
    text = json.dumps(fields, indent=2) + "\n"
    if json_file == "-":
        sys.stdout.write(text)
    elif json_file is not None:
        write_whole(Path(json_file), text.encode())
    else:
        sys.stdout.writelines(f"{line}\n" for line in _columns(fields))


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


def _compiled(model: Path, machine: Config, batch: int | None, say: Callable[[str], None]) -> Compiled:
    say(f"reading {model}")
    graph = read(model, batch)
    try:
        return compile_graph(graph, machine, progress=lambda name: say(f"tiling {name}"))
    except ModelError as error:
        raise ModelError(f"{model}: {error}") from None


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[str], None]]:
    """Say what is being done, on a terminal only."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda _text: None
        return
    with console.status("") as status:
        yield status.update


def main() -> None:
    """Run the command line; what the user got wrong is one line and exit status 2."""
    command = typer.main.get_command(app)
    try:
        status = command.main(prog_name="pinfold", standalone_mode=False)
    except ModelError as error:
        _refuse(str(error))
    except typer.exceptions.TyperException as error:
        _refuse(error.format_message())
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    else:
        sys.exit(status if isinstance(status, int) else 0)


def _refuse(sentence: str) -> None:
    sys.stderr.write("pinfold: " + " ".join(sentence.split()) + "\n")
    sys.exit(REFUSED)
