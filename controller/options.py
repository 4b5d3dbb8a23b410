"""What commands have in common: options, the JSON they write, a model compiled for a machine."""

from __future__ import annotations

import json
import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from controller.eager.compile import compile_for
from controller.execution import Execution
from controller.files import write_whole
from controller.read import read
from controller.refusal import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.compiler import Compiled
    from spec.config import Config

__all__ = [
    "Arrival", "Batch", "Configuration", "Engine", "Json", "Model", "Quiet", "Settings", "compiled_model", "write_json",
]  # fmt: skip

Model = Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="A quantized network in QDQ form.")]
Configuration = Annotated[str, typer.Option("--config", metavar="NAME|FILE.toml", help="The machine.")]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A field of the machine.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
Json = Annotated[str | None, typer.Option("--json", metavar="FILE|-", help="Write the result as JSON.")]
_BATCH = "Images of one inference, where the model leaves that open; 1 if left out."
Batch = Annotated[int | None, typer.Option("--batch", min=1, help=_BATCH)]
_EXECUTION = (
    "What is known of the operators to come: the graph; or nothing, as they are called one by one, by a framework that "
    "says which tensors it frees (eager) or does not (eager-untold)."
)
Arrival = Annotated[Execution, typer.Option("--execution", help=_EXECUTION)]


class Engine(Enum):
    """What runs the program."""

    golden = "golden"
    rtl = "rtl"
    both = "both"


def write_json(file: str | None, data: dict[str, Any]) -> None:
    """To a file, to the output for "-", nowhere for None."""
    text = json.dumps(data, indent=2) + "\n"
    if file == "-":
        sys.stdout.write(text)
    elif file is not None:
        write_whole(Path(file), text.encode())


def compiled_model(
    model: Path, machine: Config, batch: int | None, say: Callable[[str], None],
    execution: Execution = Execution.graph,
) -> Compiled:  # fmt: skip
    """A model read and compiled; ``say`` is told of each step.

    Raises
    ------
    ModelError
        If the model fixes another batch, or cannot run on the machine.
    """
    say(f"reading {model}")
    graph = read(model, batch)
    size = graph.inputs[0].shape[0]
    if batch not in {None, size}:
        raise ModelError(f"{model}: --batch must be {size}, which the model fixes, not {batch}")
    try:
        return compile_for(execution, graph, machine, progress=lambda name: say(f"tiling {name}"))
    except ModelError as error:
        raise ModelError(f"{model}: {error}") from None
