"""The command line: `pinfold run`, `compare`, `compile`, `verilog`, `configs`, `zoo`, and the planners' commands."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.compare_command import compare_command
from controller.configs_command import configs_command
from controller.configuration import configured
from controller.delivery import delivery
from controller.display import display
from controller.execution import Execution
from controller.files import write_whole
from controller.listing import listing
from controller.options import Arrival, Batch, Configuration, Model, Quiet, Settings, compiled_model
from controller.plan.pack_command import pack_command
from controller.plan.papers import papers_command
from controller.plan.plan_command import plan_command
from controller.refusal import CheckError, ModelError
from controller.run_command import run_command
from controller.zoo import ZOO, chosen

if TYPE_CHECKING:
    from collections.abc import Mapping

FAILED, REFUSED = 1, 2
Folder = Annotated[Path, typer.Option("-o", metavar="DIR", help="Where the files go.")]
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
app.command(name="compare")(compare_command)
app.command(name="configs")(configs_command)
app.command(name="pack")(pack_command)
app.command(name="papers")(papers_command)
app.command(name="plan")(plan_command)
app.command(name="run")(run_command)


@app.callback()
def pinfold() -> None:
    """Quantized networks on the Pinfold accelerator."""


@app.command(name="compile")
def compile_command(
    model: Model,
    output: Folder,
    config: Configuration = "default",
    settings: Settings = None,
    batch: Batch = None,
    execution: Arrival = Execution.graph,
    quiet: Quiet = False,
) -> None:
    """Write the program, its constants, and a readable listing."""
    with display(quiet=quiet) as shown:
        compiled = compiled_model(model, configured(config, settings or []), batch, shown.say, execution)
    files = {
        "program.bin": compiled.program,
        "constants.bin": compiled.image.tobytes(),
        "listing.txt": listing(compiled).encode(),
    }
    _write_all(output, files, quiet=quiet)


@app.command()
def verilog(
    output: Folder,
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
