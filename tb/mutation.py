"""Sources with rules broken on purpose: edits that a number selects, so that one build holds all of them.

An edit wraps an expression of a source file. In the copy that is made, `MUTANT` stands for "this mutant is selected"
and `OLD` for the expression; with no mutant selected the copy is the machine as it is.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tb.build import Simulator, build, generated
from tb.system import SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spec.config import Config

__all__ = [
    "ALWAYS", "NEVER", "ZERO", "Edit", "StaleError", "edited", "mutated_copy", "mutated_simulator", "spoiled_copy",
    "zero_if",
]  # fmt: skip

ROOT = Path(__file__).parents[1]
_MARKED = re.compile(r"«(.*?)»", re.DOTALL)
#: What the copy gets beside its edits: a signal that every unit can look at, driven from a pin of the top.
_SELECTION = '''"""Which mutant is selected."""

from amaranth import Signal

SELECTED = Signal(16)
'''
_PIN = ('"aclk": In(1),', '"aclk": In(1), "mutant": In(16),')
_DRIVEN = "        m.submodules.core = core"
_DRIVER = (_DRIVEN, f"        m.d.comb += SELECTED.eq(self.mutant)\n{_DRIVEN}")
_FUTURE = "from __future__ import annotations\n"
_IMPORT = (_FUTURE, f"{_FUTURE}\nfrom amaranth import Mux\n\nfrom hw.selection import SELECTED\n")
#: The test top reads the number from its command line.
_INSTANCE = "  pinfold accelerator (\n"
_NUMBER = '  logic [15:0] mutant;\n  initial if (!$value$plusargs("mutant=%d", mutant)) mutant = 0;\n'
_WIRE = (_INSTANCE, f"{_NUMBER}{_INSTANCE}      .mutant(mutant),\n")


#: What most edits put in place of an expression.
ZERO = "Mux(MUTANT, 0, OLD)"
NEVER = "OLD & ~MUTANT"
ALWAYS = "OLD | MUTANT"


def zero_if(condition: str) -> str:
    """The expression is 0 where a condition of Python holds, too."""
    return f"Mux(MUTANT & ({condition}), 0, OLD)"


class StaleError(Exception):
    """An edit whose text is not in its file, or is there more than once."""


@dataclass(frozen=True)
class Edit:
    """One rule broken.

    Parameters
    ----------
    rule
        The rule, in words.
    file
        Where it is.
    text
        A piece of the file that occurs once; the expression in it is between « and », or all of it.
    broken
        What takes its place, with `OLD` and `MUTANT`.
    proof
        Why nothing can notice it, if that is so.
    """

    rule: str
    file: str
    text: str
    broken: str
    proof: str = ""

    def span(self, source: str) -> tuple[int, int]:
        """Where the expression lies in its file's text.

        Raises
        ------
        StaleError
            If the text does not occur exactly once.
        """
        plain = self.text.replace("«", "").replace("»", "")
        if source.count(plain) != 1:
            raise StaleError(f"{self.file} must have once, not {source.count(plain)} times: {plain}")
        marked = _MARKED.search(self.text)
        first, length = (marked.start(), len(marked[1])) if marked else (0, len(plain))
        start = source.index(plain) + first
        return start, start + length


def edited(source: str, edits: Sequence[tuple[int, Edit]]) -> str:
    """A file's text with numbered edits; those of one expression are put around each other.

    Raises
    ------
    StaleError
        If an edit is stale, or if two overlap without being of the same expression.
    """
    spans: dict[tuple[int, int], list[tuple[int, Edit]]] = {}
    for number, edit in edits:
        spans.setdefault(edit.span(source), []).append((number, edit))
    end = len(source) + 1
    for start, stop in sorted(spans, reverse=True):
        some = spans[start, stop]
        if stop > end:
            raise StaleError(f"{some[0][1].file} must not have edits that overlap: {source[start:stop]}")
        end, made = start, source[start:stop]
        for number, edit in some:
            made = f"({edit.broken})".replace("OLD", f"({made})").replace("MUTANT", f"(SELECTED == {number})")
        source = source[:start] + made + source[stop:]
    return source


def mutated_copy(edits: Iterable[Edit], folder: Path) -> None:
    """Copy hw and spec into a folder, with edit n selected by n, counted from 1."""
    shutil.rmtree(folder, ignore_errors=True)
    for package in ("hw", "spec"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    files: dict[str, list[tuple[int, Edit]]] = {}
    for number, edit in enumerate(edits, start=1):
        files.setdefault(edit.file, []).append((number, edit))
    for name, some in files.items():
        path = folder / name
        path.write_text(_replaced(edited(path.read_text(), some), *_IMPORT))
    (folder / "hw" / "selection.py").write_text(_SELECTION)
    top = folder / "hw" / "top.py"
    text = top.read_text()
    for change in (_PIN, _DRIVER, _IMPORT):
        text = _replaced(text, *change)
    top.write_text(text)


def spoiled_copy(edit: Edit, folder: Path) -> None:
    """Copy hw into a folder, with one edit made, whose text needs no selection."""
    shutil.copytree(ROOT / "hw", folder / "hw", ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / edit.file
    path.write_text(edited(path.read_text(), [(1, edit)]))


def mutated_simulator(config: Config, edits: Sequence[Edit], memory_bytes: int) -> Simulator:
    """The system of ``config`` with all edits in it; ``+mutant=n`` selects one, 0 none."""
    folder = generated() / "mutants"
    mutated_copy(edits, folder)
    machine = {"name": config.name, **{field.name: getattr(config, field.name) for field in config.machine_fields()}}
    code = "import json, sys; from hw.verilog import emit; from spec.config import Config; "
    code += "print(emit(Config(**json.loads(sys.argv[1]))))"
    emitted = subprocess.run(  # noqa: S603 (ours)
        [sys.executable, "-c", code, json.dumps(machine)], cwd=folder, check=True, stdout=subprocess.PIPE, text=True,
        env={"PYTHONPATH": str(folder)},
    )  # fmt: skip
    *others, system = SOURCES
    top = folder / system.name
    top.write_text(_replaced(system.read_text(), *_WIRE))
    parameters = {"BYTES": memory_bytes, "BUS_BYTES": config.bus_bytes}
    return build(top="system", verilog=emitted.stdout, sources=(*others, top), parameters=parameters, optimize=1)


def _replaced(text: str, old: str, new: str) -> str:
    if text.count(old) != 1:
        raise StaleError(f"this must be there once, not {text.count(old)} times: {old}")
    return text.replace(old, new)
