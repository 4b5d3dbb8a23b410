"""The manual says what is there: tables are fresh, links lead somewhere, commands and examples work."""

from __future__ import annotations

import ast
import doctest
import re
import subprocess
import sys
import tomllib
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from docs import tables
from sim.memory import dram
from spec.config import CONFIGS, Config
from spec.memory import PROFILES, Memory

ROOT = Path(__file__).parents[1]
PAGES = tables.pages()
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
EXAMPLE = re.compile(r"<!-- example: (\w+)((?: \w+=\d+)*) -->\n+((?:\|.*\n)+)")


@pytest.fixture(params=PAGES, ids=NAMES)
def page(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def anchors(text: str) -> set[str]:
    """The fragments that a page's headings can be reached by."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def fenced(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def shown(text: str) -> list[list[str]]:
    """Commands that a page shows, indented or in fences of sh, as words."""
    lines = re.findall(r"^    (\S.*)$", text, re.MULTILINE)
    lines += [line for block in fenced(text, "sh") for line in block.splitlines()]
    commands = [line.partition("#")[0].split() for line in lines]
    return [words for words in commands if words and words[0].split("/")[-1] in ("make", "pinfold", "python")]


@cache
def usage(command: str) -> str:
    """What the command line says of a command."""
    arguments = [sys.executable, "-c", "from controller.cli import main; main()", command, "--help"]
    environment = {"COLUMNS": "300", "TERM": "dumb", "NO_COLOR": "1", "PATH": ""}
    ran = subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT, check=False, env=environment)  # noqa: S603 (ours)
    assert ran.returncode == 0, f"pinfold {command} must exist, not fail with: {ran.stderr.strip()[-300:]}"
    return ran.stdout


def test_tables_are_fresh(page: Path) -> None:
    text = page.read_text()
    assert tables.fill(text) == text, f"{page.name} must be made anew: make docs"


def test_regions_are_closed_and_known(page: Path) -> None:
    text = page.read_text()
    opened = re.findall(r"<!-- table: ([\w.-]+) -->", text)
    assert len(opened) == len(tables.REGION.findall(text)) == text.count("<!-- end -->")
    assert set(opened) <= set(tables.TABLES), f"tables must exist, not {set(opened) - set(tables.TABLES)}"


def test_every_table_is_shown() -> None:
    used = {name for path in PAGES for name in re.findall(r"<!-- table: ([\w.-]+) -->", path.read_text())}
    assert used == set(tables.TABLES)


def test_every_hardware_unit_has_a_row() -> None:
    readme = (ROOT / "README.md").read_text()
    missing = [p.name for p in (ROOT / "hw").glob("*.py") if p.stem != "__init__" and f"| [hw/{p.name}](" not in readme]
    assert not missing, f"README.md must have rows for {', '.join(sorted(missing))}: make docs"


def test_every_step_and_constant_is_said_once() -> None:
    text = (ROOT / "docs/timing.md").read_text()
    for name in re.findall(r"^([A-Z_]+) = ", (ROOT / "spec/timing.py").read_text(), re.MULTILINE):
        assert text.count(f"| `{name}` |") == 1, f"docs/timing.md must have one row for {name}"


def test_every_field_is_listed() -> None:
    text = (ROOT / "docs/configurations.md").read_text()
    for name in [*(f.name for f in Config.machine_fields()), *(f"memory.{n}" for n in vars(Memory()))]:
        assert text.count(f"`{name}`") >= 2, f"docs/configurations.md must explain {name} and list it"
    assert all(f"`{name}`" in text for name in CONFIGS)


def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        path, _, fragment = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page.name} must link to something that exists, not {target}"
        assert there.is_relative_to(ROOT), f"{page.name} must not leave the repository: {target}"
        if fragment:
            assert fragment in anchors(there.read_text()), f"{page.name} must link to a heading, not {target}"


def test_paths_in_text_exist(page: Path) -> None:
    for name in re.findall(r"`((?:spec|hw|sim|controller|tb|tests)/[\w/]+\.\w+)`", page.read_text()):
        assert (ROOT / name).exists(), f"{page.name} must name files that exist, not {name}"


def test_examples_run(page: Path) -> None:
    result = doctest.testfile(str(page), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert not result.failed


def test_python_and_toml_can_be_read(page: Path) -> None:
    for block in fenced(page.read_text(), "python"):
        ast.parse(block)
    for block in fenced(page.read_text(), "toml"):
        values = tomllib.loads(block)
        Config(**{**values, "memory": Memory(**values.get("memory", {}))})


def test_commands_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    text = page.read_text()
    named = re.findall(r"`make ([a-z]+)", text)
    for words in [["make", name] for name in named] + shown(text):
        if words[0] == "make":
            wanted = {word for word in words[1:] if "=" not in word}
            assert wanted <= targets, f"{page.name} must name targets that exist, not {wanted - targets}"
        elif words[1:2] == ["-m"]:
            assert (ROOT / f"{words[2].replace('.', '/')}.py").exists(), f"{page.name} must not run {words[2]}"


def test_the_command_line_knows_every_option_shown(page: Path) -> None:
    text = page.read_text()
    inline = [f"pinfold {rest}".split() for rest in re.findall(r"`pinfold ([a-z][^`]*)`", text)]
    for words in shown(text) + inline:
        if words[0].split("/")[-1] != "pinfold":
            continue
        for option in (word.partition("=")[0] for word in words[2:] if word.startswith("--")):
            known = usage(words[1])
            assert re.search(rf"{option}\b", known), f"pinfold {words[1]} must have {option}, as {page.name} shows"
        assert usage(words[1])
        for name, value in pairwise(words):
            if name == "--config" and not value.endswith(".toml"):
                assert value in CONFIGS


def test_settings_shown_are_fields(page: Path) -> None:
    known = {f.name for f in Config.machine_fields()} | {"memory"} | {f"memory.{name}" for name in vars(Memory())}
    for key in re.findall(r"--set ([\w.]+)=", page.read_text()):
        assert key in known, f"{page.name} must set fields that exist, not {key}"


def test_tables_import_only_definitions() -> None:
    found = re.findall(r"^from (\w+) import .*$", (ROOT / "docs/spec_tables.py").read_text(), re.MULTILINE)
    assert {name for name in found if (ROOT / name).is_dir()} == {"spec"}


@pytest.mark.parametrize("profile", PROFILES)
def test_the_memory_examples_are_right(profile: str) -> None:
    text = (ROOT / "docs/memory.md").read_text()
    found = [(settings, rows) for name, settings, rows in EXAMPLE.findall(text) if name == profile]
    assert found, f"docs/memory.md must have an example for {profile}"
    for settings, rows in found:
        numbers = {key: int(value) for key, value in (pair.split("=") for pair in settings.split())}
        served = dram(Memory(profile=profile, **numbers))  # type: ignore[arg-type]
        for row in rows.splitlines()[2:]:
            kind, stamp, address, finish, beats = (cell.strip() for cell in row.strip("|").split("|")[:5])
            begin, last = map(int, beats.split(" to "))
            assert last - begin >= 15
            got = (served.read if kind == "read" else served.write)(int(stamp), int(address, 16), 16)
            assert got == int(finish), f"{row} must finish in {got}"
            assert got == last if kind == "read" else got >= last + Memory().write_latency
