"""Killed at any moment: a file is whole or absent, and what is kept between runs is never taken half-made."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hw.completions import Completions
from hw.verilog import convert
from tb import build, simulation
from tests.fuzz.cases import models

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
SEED = int(os.environ.get("SEED") or 1)
KILLS = max(1, int(os.environ.get("N") or 100) // 100)
PINFOLD = "from controller.cli import main; main()"
#: Rewrites one file without end, with one of two contents.
REWRITE = """
import sys
from pathlib import Path
from controller.files import write_whole
while True:
    for letter in b"ab":
        write_whole(Path(sys.argv[1]), bytes([letter]) * 1_000_000)
"""
#: Verilates a unit into a folder.
VERILATE = """
import sys
from pathlib import Path
from tb import build
build.generated = lambda: Path(sys.argv[1])
build.build(top="completions", verilog=Path(sys.argv[2]).read_text(), optimize=0)
"""


def start(code: str, arguments: Sequence[object]) -> subprocess.Popen[bytes]:
    """A Python process, leader of a group."""
    return subprocess.Popen(  # noqa: S603 (ours)
        [sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def killed(code: str, arguments: Sequence[object], seconds: float) -> None:
    """Run and kill with all its children after so many seconds, if it has not ended by then."""
    process = start(code, arguments)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def files(folder: Path) -> dict[str, bytes]:
    """What a user sees there."""
    found = folder.iterdir() if folder.exists() else ()
    return {file.name: file.read_bytes() for file in found if not file.name.startswith(".")}


def kill_command(arguments: Sequence[object], folder: Path, kills: int) -> None:
    """Kill `pinfold` with ``-o`` at moments of its run; every file is as an undisturbed run writes it."""
    began = time.monotonic()
    assert start(PINFOLD, [*arguments, "-o", folder / "whole"]).wait() == 0
    seconds = time.monotonic() - began
    whole = files(folder / "whole")
    assert whole
    rng = random.Random(f"kill {arguments[0]} {SEED}")
    for number in range(kills):
        # Files are written at the end, so half of the kills fall there.
        part = rng.choice((rng.random(), 1 - rng.random() / 8))
        killed(PINFOLD, [*arguments, "-o", folder / str(number)], seconds * part)
        assert files(folder / str(number)).items() <= whole.items()


def kill_build(folder: Path, kills: int) -> None:
    """Kill the making of a simulator; then it can be made, and its benches pass."""
    source = folder / "completions.v"
    source.write_text(convert(Completions(), "completions"))
    rng = random.Random(f"kill build {SEED}")
    for _ in range(kills):
        killed(VERILATE, [folder / "build", source], rng.uniform(0.2, 8))
        for made in (folder / "build").glob("completions-*[0-9a-f]"):
            assert (made / "completions").exists() or ".part" in made.name
    assert start(VERILATE, [folder / "build", source]).wait() == 0
    (made,) = (found for found in (folder / "build").glob("completions-*") if found.is_dir() and "." not in found.name)
    simulator = build.Simulator(made, "completions", 0.0)
    assert simulation.run(simulator, "tb.test_completions", environment={"UNIT": "completions"}).benches


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(models()[1])
    return path


def test_a_file_that_is_rewritten_is_one_or_the_other(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    moments = [rng.uniform(0.2, 1.2) for _ in range(4)]
    seen = set()
    for moment in moments:
        killed(REWRITE, [tmp_path / "file"], moment)
        seen |= {content[:1] for content in files(tmp_path).values()}
        assert all(content in {b"a" * 1_000_000, b"b" * 1_000_000} for content in files(tmp_path).values())
    assert seen, "the file must have been written at least once"


def test_compile_killed_leaves_whole_files(model: Path, tmp_path: Path) -> None:
    kill_command(["compile", model, "--config", "tiny", "--quiet"], tmp_path, 2)


@pytest.mark.fuzz
@pytest.mark.parametrize("command", ["compile", "zoo", "verilog"])
def test_commands_killed_leave_whole_files(command: str, model: Path, tmp_path: Path) -> None:
    arguments = {
        "compile": [model, "--config", "tiny"],
        "zoo": ["digits"],
        "verilog": ["--config", "tiny"],
    }[command]
    kill_command([command, *arguments, "--quiet"], tmp_path, KILLS)


@pytest.mark.fuzz
def test_a_run_killed_leaves_whole_files(model: Path, tmp_path: Path) -> None:
    """The trace of a run, rewritten over that of an undisturbed one."""
    arguments = ["run", model, "--config", "tiny", "--quiet", "--trace", tmp_path / "made" / "trace"]
    assert start(PINFOLD, arguments).wait() == 0
    whole = files(tmp_path / "made")
    rng = random.Random(f"kill run {SEED}")
    for _ in range(KILLS):
        killed(PINFOLD, arguments, rng.uniform(0.5, 6))
        assert files(tmp_path / "made") == whole


@pytest.mark.fuzz
def test_a_simulator_killed_in_the_making_is_made_again(tmp_path: Path) -> None:
    kill_build(tmp_path, min(KILLS, 10))
