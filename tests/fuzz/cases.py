"""What is fed to the readers, case by case: each is a function of its number, and ends in a result or a refusal."""

from __future__ import annotations

import contextlib
import io
import random
import signal
import warnings
import zipfile
from functools import cache
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np

from controller.cli import main
from controller.compiler import Compiled, compile_graph
from controller.configuration import configured
from controller.inputs import load_inputs, random_inputs, split_inputs
from controller.quantized import quantize_inputs
from controller.read import read
from controller.refusal import ModelError
from sim.machine import Machine
from spec.config import CONFIGS
from tests.controller.models import QdqModel
from tests.controller.operators import OPERATORS
from tests.fuzz.bytewise import damaged
from tests.fuzz.modelwise import changed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from controller.graph import Graph

SECONDS = 10
ROOT = Path(__file__).parents[2]
TINY = CONFIGS["tiny"]
#: Multiplications, and bytes of its maps, of a model that is also compiled: a larger one takes its time, rightly.
MOST_WORK = 1_000_000
TOML = b"# A machine of the user's own.\n" * 9 + b"""
base = "tiny"
name = "mine"
banks = 8

[memory]
profile = "shared"
rate_beats = 1
"""


class HangError(BaseException):
    """A case takes longer than SECONDS; not an Exception, so that nothing on the way takes it for a bad file."""


@contextlib.contextmanager
def deadline() -> Iterator[None]:
    """At most SECONDS of a processor for what is inside; warnings are errors, for a user would see them."""

    def ring(_signal: int, _frame: object) -> None:
        raise HangError(f"must end within {SECONDS} s")

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@cache
def models() -> tuple[bytes, ...]:
    """Real models: the digits network, and each operator as quantize_static writes it."""
    found = [(ROOT / "docs/data/digits.onnx").read_bytes()]
    with TemporaryDirectory() as folder:
        for number, operator in enumerate(OPERATORS):
            made = QdqModel(bool(number % 2), np.random.default_rng(number))
            operator(made)
            found.append(made.save(Path(folder) / "model.onnx").read_bytes())
    return tuple(found)


@cache
def compiled() -> Compiled:
    """A small network, compiled for `tiny`."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(models()[1])
        return compile_graph(read(path), TINY)


@cache
def array() -> bytes:
    """A .npy file of that network's input."""
    file = io.BytesIO()
    (values,) = random_inputs(compiled().graph, 1).values()
    np.save(file, values)
    return file.getvalue()


def _small(graph: Graph) -> bool:
    """Whether a graph may be compiled here."""
    return graph.macs + sum(prod(node.result.shape) for node in graph.nodes) <= MOST_WORK


def _read(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    graph = read(path)
    if _small(graph):
        compile_graph(graph, TINY)


def model_bytes(rng: random.Random, folder: Path) -> None:
    """A model with damaged bytes is read, and compiled."""
    _read(folder / "model.onnx", damaged(rng, rng.choice(models())))


def model_nodes(rng: random.Random, folder: Path) -> None:
    """A model that is wrong but well-formed is read, and compiled."""
    _read(folder / "model.onnx", changed(rng, rng.choice(models())))


def program(rng: random.Random, _folder: Path) -> None:
    """A damaged program ends on the golden model as on the machine: done, or with an error of its list.

    Its data are left alone: what an engine reads outside the pages that its command names is not defined.
    """
    one = compiled()
    stored = one.load(quantize_inputs(one.graph, random_inputs(one.graph, 1)))
    window = (0, len(stored))
    head = one.program[:16] if rng.random() < 0.9 else b""
    broken = head + damaged(rng, one.program[len(head) :])
    broken += bytes(-len(broken) % (TINY.fetch_burst * 16))
    length = len(one.instructions) + rng.choice((0, 1, 1, 1, 2, 1 << 32 - 1))
    run = Machine(TINY).run(
        broken, stored, address=one.program_address, length=length, read_window=window, write_window=window,
        compute_outputs=False,
    )  # fmt: skip
    if run.cycles is None:
        raise ModelError(f"{run.error.name} at {run.error_address:#x}")


def inputs(rng: random.Random, folder: Path) -> None:
    """An archive of inputs, damaged, or a damaged array in a sound one."""
    path, inside = folder / "inputs.npz", rng.random() < 0.5
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{compiled().graph.inputs[0].name}.npy", damaged(rng, array()) if inside else array())
    if not inside:
        path.write_bytes(damaged(rng, path.read_bytes()))
    split_inputs(compiled().graph, load_inputs(path))


def configuration(rng: random.Random, folder: Path) -> None:
    """A damaged description of a machine."""
    path = folder / "machine.toml"
    path.write_bytes(damaged(rng, TOML))
    configured(str(path))


def command(rng: random.Random, folder: Path) -> None:
    """The whole command on a damaged model: all files or none, one line or none."""
    path, output = folder / "model.onnx", folder / "made"
    damage = rng.choice((damaged, changed))
    path.write_bytes(damage(rng, rng.choice(models()[1:])))
    with contextlib.suppress(ModelError):
        if not _small(read(path)):
            return
    errors = io.StringIO()
    arguments = ["pinfold", "compile", str(path), "--config", "tiny", "-o", str(output), "--quiet"]
    with mock.patch("sys.argv", arguments), contextlib.redirect_stderr(errors):
        try:
            main()
        except SystemExit as end:
            status = end.code
    written = sorted(file.name for file in output.iterdir()) if output.exists() else []
    assert status in {0, 2}
    assert written == ([] if status else ["constants.bin", "listing.txt", "program.bin"])
    if status:
        raise ModelError(errors.getvalue().removesuffix("\n"))


CASES: dict[str, Callable[[random.Random, Path], None]] = {
    case.__name__: case for case in (model_bytes, model_nodes, program, inputs, configuration, command)
}


def accepted(name: str, number: int) -> bool:
    """Whether a case was accepted rather than refused in one sentence; anything else is an error of the reader."""
    with TemporaryDirectory() as folder, deadline():
        try:
            CASES[name](random.Random(f"{name} {number}"), Path(folder))
        except ModelError as refusal:
            sentence = str(refusal)
        else:
            return True
    assert sentence.strip()
    assert len(sentence.splitlines()) == 1, f"a refusal must be one line, not {sentence}"
    return False
