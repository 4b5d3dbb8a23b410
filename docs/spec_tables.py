"""Tables of the manual that follow from the definitions in spec/, and from what the model's front end spends."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from docs.markdown import table
from spec import config, errors, isa, memory, registers, timing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from enum import IntEnum

ROOT = Path(__file__).parents[1]
#: The model's files that say which step of the front end takes how long.
STEPS = tuple(f"sim/{name}.py" for name in ("frontend", "operands", "dispatch", "allocator", "transfers"))


def _enumeration(kind: type[IntEnum]) -> str:
    """Values and names, with what the source says beside each, if it says anything."""
    source = inspect.getsource(kind)
    said = dict(re.findall(r"^\s+(\w+) = \d+\s+# (.+)$", source, re.MULTILINE))
    rows = [[member.value, f"`{member.name}`", said.get(member.name, "")] for member in kind]
    width = 3 if said else 2
    return table(["value", "name", "meaning"][:width], [row[:width] for row in rows])


def _registers() -> str:
    return table(
        ["offset", "name", "access", "meaning"],
        ([f"`{r.offset:#05x}`", f"`{r.name}`", r.access, r.doc] for r in registers.REGISTERS.values()),
    )


def _errors() -> str:
    said = {e: re.sub(r"{address[^}]*}", "*address*", errors.SENTENCES[e]) for e in errors.Error}
    return table(["code", "name", "sentence"], ([e.value, f"`{e.name}`", text] for e, text in said.items()))


def _comments(path: Path) -> dict[str, str]:
    """Constants of a module, each with the ``#:`` lines above it."""
    lines = path.read_text().splitlines()
    out = {}
    for node in ast.parse("\n".join(lines)).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            said: list[str] = []
            for line in reversed(lines[: node.lineno - 1]):
                if not line.startswith("#:"):
                    break
                said.insert(0, line.removeprefix("#:").strip())
            out[node.targets[0].id] = " ".join(said)
    return out


def _spent() -> dict[str, list[str]]:
    """For each step of the front end the functions that spend it, with their first sentence."""
    out: dict[str, list[str]] = {}
    for name, function in _functions():
        said = (ast.get_docstring(function) or "").partition("\n")[0]
        where = f"`{name}`: {said}" if said else f"`{name}`"
        for spent in re.findall(r"\.spend\((.*)\)$", ast.unparse(function), re.MULTILINE):
            for step in re.findall(r"timing\.(\w+)", spent):
                known = out.setdefault(step, [])
                known += [where] * (where not in known)
    return out


def _functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in STEPS:
        for kind in ast.parse((ROOT / path).read_text()).body:
            if isinstance(kind, ast.ClassDef):
                for function in kind.body:
                    if isinstance(function, ast.FunctionDef):
                        yield f"{kind.name}.{function.name}", function


def _constants() -> str:
    steps = _spent()
    said = _comments(Path(inspect.getfile(timing)))
    return table(
        ["constant", "value", "meaning"],
        ([f"`{name}`", getattr(timing, name), text] for name, text in said.items() if name not in steps),
    )


def _steps() -> str:
    spent = _spent()
    names = [name for name in _comments(Path(inspect.getfile(timing))) if name in spent]
    return table(["step", "cycles", "spent in"], ([f"`{n}`", getattr(timing, n), "; ".join(spent[n])] for n in names))


def _formulas() -> str:
    parts = (
        timing.read_latency, timing.take_latency, timing.staged, timing.sums_latency, timing.array_issue,
        timing.post_latency, timing.measure_latency, timing.average_turn,
        timing.weights_load, timing.ArrayTime, timing.array_time, timing.lookup_words,
        timing.exponential_words, timing.moments_words, timing.region, timing.passes, timing.slot_cycles,
        timing.further_cycles, timing.post_time,
    )  # fmt: skip
    return "```python\n" + "\n\n\n".join(inspect.getsource(part).rstrip() for part in parts) + "\n```"


def _latencies() -> str:
    machines = config.CONFIGS.values()
    return table(
        ["formula", *(f"`{c.name}`" for c in machines)],
        (
            [f"`{name}`", *(f(c) for c in machines)]
            for name, f in (
                ("read_latency", timing.read_latency),
                ("sums_latency", timing.sums_latency),
                ("weights_load", timing.weights_load),
                ("weights_load, turned", partial(timing.weights_load, turned=True)),
            )
        ),
    )


def _parameters(kind: type) -> dict[tuple[str, ...], str]:
    """What a class's docstring says of its parameters; some are named together."""
    section = re.split(r"\n[A-Z]\w+\n-+\n", inspect.getdoc(kind) or "")[1]
    said = re.findall(r"^(\w[\w, ]*)\n((?:    .*\n?|\n)+)", section + "\n", re.MULTILINE)
    return {tuple(names.split(", ")): " ".join(text.split()) for names, text in said}


class _Rules(config.Config):
    """A configuration that writes down what is demanded of its fields."""

    def _demand(self, name: str, rule: str, holds: bool) -> None:  # noqa: ARG002 (it only listens)
        _DEMANDED.setdefault(name, []).append(re.sub(r" \(\d+\)", "", rule))


_DEMANDED: dict[str, list[str]] = {}


def _fields() -> str:
    _DEMANDED.clear()
    example = config.CONFIGS["tiny"]
    _Rules(**{f.name: getattr(example, f.name) for f in fields(example)})
    rows = []
    for names, text in _parameters(config.Config).items():
        rules = {n: "; ".join(_DEMANDED.get(n, [])) for n in names}
        same = len(set(rules.values())) == 1
        rule = rules[names[0]] if same else "; ".join(f"`{n}` {rules[n]}" for n in names)
        rows.append([", ".join(f"`{n}`" for n in names), text, rule])
    return table(["field", "meaning", "rule"], rows)


def _memory() -> str:
    defaults = {f.name: f.default for f in fields(memory.Memory)}
    rows = []
    for names, text in _parameters(memory.Memory).items():
        rows.append([", ".join(f"`memory.{n}`" for n in names), ", ".join(f"{defaults[n]}" for n in names), text])
    return table(["field", "by default", "meaning"], rows)


def _configurations() -> str:
    machines = list(config.CONFIGS.values())
    rows = [[f"`{f.name}`", *(getattr(c, f.name) for c in machines)] for f in config.Config.machine_fields()]
    rows += [[f"`memory.{f.name}`", *(getattr(c.memory, f.name) for c in machines)] for f in fields(memory.Memory)]
    return table(["field", *(f"`{c.name}`" for c in machines)], rows)


def _derived() -> str:
    machines = list(config.CONFIGS.values())
    names = [name for name, value in vars(config.Config).items() if isinstance(value, property) and name != "hash"]
    rows = [[f"`{n}`", *(getattr(c, n) for c in machines), inspect.getdoc(getattr(config.Config, n))] for n in names]
    rows.append(["`hash`", *(f"`{c.hash:016x}`" for c in machines), inspect.getdoc(config.Config.hash)])
    return table(["quantity", *(f"`{c.name}`" for c in machines), "meaning"], rows)


TABLES: dict[str, Callable[[], str]] = {
    "registers": _registers,
    "errors": _errors,
    "constants": _constants,
    "steps": _steps,
    "formulas": _formulas,
    "latencies": _latencies,
    "fields": _fields,
    "memory": _memory,
    "configurations": _configurations,
    "derived": _derived,
    **{f"word.{word.name}": word.table for word in (isa.HEADER, *isa.WORDS.values())},
    **{
        f"enum.{kind.__name__}": partial(_enumeration, kind)
        for kind in (isa.Opcode, isa.Role, isa.Mode, isa.Statistic, isa.TensorClass, isa.Queue)
    },
}
