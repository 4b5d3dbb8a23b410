"""Fills the tables of the manual from the definitions in spec/, so that no page repeats one by hand.

A table stands between ``<!-- table: name -->`` and ``<!-- end -->``. ``python -m docs.tables`` writes all of them anew.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
import tomllib
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from docs.depthwise_tables import TABLES as DEPTHWISE
from docs.joint_tables import TABLES as JOINT
from docs.measured import TABLES as MEASURED
from docs.plans_tables import TABLES as PLANS
from docs.reached_tables import TABLES as REACHED
from spec import config, errors, isa, memory, registers, timing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from enum import IntEnum

ROOT = Path(__file__).parents[1]
REGION = re.compile(r"(<!-- table: ([\w.-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
#: The model's files that say which step of the front end takes how long.
STEPS = tuple(f"sim/{name}.py" for name in ("frontend", "operands", "dispatch", "allocator", "transfers"))


def pages() -> list[Path]:
    """Every page that people read."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def fill(text: str) -> str:
    """The page with every table made anew.

    Raises
    ------
    KeyError
        If a region names a table that does not exist.
    """
    return REGION.sub(lambda m: f"{m[1]}{TABLES[m[2]]()}\n{m[3]}", text)


def main() -> int:
    """Write all pages; says which ones changed."""
    for page in pages():
        before = page.read_text()
        after = fill(before)
        if after != before:
            page.write_text(after)
            print(page.relative_to(ROOT))
    return 0


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [list(head), *([str(cell).replace("|", "\\|").replace("``", "`") for cell in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _enumeration(kind: type[IntEnum]) -> str:
    """Values and names, with what the source says beside each, if it says anything."""
    source = inspect.getsource(kind)
    said = dict(re.findall(r"^\s+(\w+) = \d+\s+# (.+)$", source, re.MULTILINE))
    rows = [[member.value, f"`{member.name}`", said.get(member.name, "")] for member in kind]
    width = 3 if said else 2
    return _table(["value", "name", "meaning"][:width], [row[:width] for row in rows])


def _registers() -> str:
    return _table(
        ["offset", "name", "access", "meaning"],
        ([f"`{r.offset:#05x}`", f"`{r.name}`", r.access, r.doc] for r in registers.REGISTERS.values()),
    )


def _errors() -> str:
    said = {e: re.sub(r"{address[^}]*}", "*address*", errors.SENTENCES[e]) for e in errors.Error}
    return _table(["code", "name", "sentence"], ([e.value, f"`{e.name}`", text] for e, text in said.items()))


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
    return _table(
        ["constant", "value", "meaning"],
        ([f"`{name}`", getattr(timing, name), text] for name, text in said.items() if name not in steps),
    )


def _steps() -> str:
    spent = _spent()
    names = [name for name in _comments(Path(inspect.getfile(timing))) if name in spent]
    return _table(["step", "cycles", "spent in"], ([f"`{n}`", getattr(timing, n), "; ".join(spent[n])] for n in names))


def _formulas() -> str:
    parts = (
        timing.sums_latency, timing.weights_load, timing.ArrayTime, timing.array_time, timing.lookup_words,
        timing.region, timing.slot_cycles, timing.post_time,
    )  # fmt: skip
    return "```python\n" + "\n\n\n".join(inspect.getsource(part).rstrip() for part in parts) + "\n```"


def _latencies() -> str:
    machines = config.CONFIGS.values()
    return _table(
        ["formula", *(f"`{c.name}`" for c in machines)],
        ([f"`{f.__name__}`", *(f(c) for c in machines)] for f in (timing.sums_latency, timing.weights_load)),
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
    return _table(["field", "meaning", "rule"], rows)


def _memory() -> str:
    defaults = {f.name: f.default for f in fields(memory.Memory)}
    rows = []
    for names, text in _parameters(memory.Memory).items():
        rows.append([", ".join(f"`memory.{n}`" for n in names), ", ".join(f"{defaults[n]}" for n in names), text])
    return _table(["field", "by default", "meaning"], rows)


def _configurations() -> str:
    machines = list(config.CONFIGS.values())
    rows = [[f"`{f.name}`", *(getattr(c, f.name) for c in machines)] for f in config.Config.machine_fields()]
    rows += [[f"`memory.{f.name}`", *(getattr(c.memory, f.name) for c in machines)] for f in fields(memory.Memory)]
    return _table(["field", *(f"`{c.name}`" for c in machines)], rows)


def _derived() -> str:
    machines = list(config.CONFIGS.values())
    names = [name for name, value in vars(config.Config).items() if isinstance(value, property) and name != "hash"]
    rows = [[f"`{n}`", *(getattr(c, n) for c in machines), inspect.getdoc(getattr(config.Config, n))] for n in names]
    rows.append(["`hash`", *(f"`{c.hash:016x}`" for c in machines), inspect.getdoc(config.Config.hash)])
    return _table(["quantity", *(f"`{c.name}`" for c in machines), "meaning"], rows)


def _units() -> str:
    rows = []
    for path in sorted((ROOT / "hw").glob("*.py")):
        if path.stem == "__init__":
            continue
        others = (f"sim/{path.stem}.py", f"tb/test_{path.stem}.py")
        links = (f"[{name}]({name})" if (ROOT / name).exists() else "" for name in others)
        said = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
        rows.append([f"[hw/{path.stem}.py](hw/{path.stem}.py)", said, *links])
    return _table(["hardware", "what it is", "model", "bench"], rows)


def _energy() -> str:
    """The figures of sim/energy.toml with their nodes and sources."""
    content = tomllib.loads((ROOT / "sim/energy.toml").read_text())
    rows = [[f"`{name}`", one["pj"], one["node"], one["source"]] for name, one in content["event"].items()]
    memory = content["memory"]
    for kind in ("read", "write"):
        for size, cost in zip(memory["bytes"], memory[f"{kind}_pj"], strict=True):
            what = f"{kind} of {memory['width_bits']} bits in {size // 1024} KiB"
            rows.append([what, cost, memory["node"], memory["source"]])
    return _table(["event", "pJ", "of", "source"], rows)


def _targets() -> str:
    said = re.findall(r"^([a-z]+):[^#\n]*## (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return _table(["command", "does"], ([f"`make {name}`", text] for name, text in said))


def _mutants(kind: str) -> str:
    """What noticed each mutant, as tb.mutants has kept it."""
    rows = json.loads((ROOT / "docs/data/mutants.json").read_text())[kind]
    if kind == "model":
        return _table(["larger by one", "noticed by"], ([f"`{row['term']}`", row["noticed"]] for row in rows))
    return _table(
        ["dropped", "in", "noticed by"],
        ([row["rule"], f"`{row['file']}`", row["noticed"] or f"nothing: {row['proof']}"] for row in rows),
    )


def _proofs() -> str:
    """What was proved, as tb.prove has kept it."""
    rows = json.loads((ROOT / "docs/data/proofs.json").read_text())
    head = ["proof", "claims", "assumes", "for", "reaches", "planted bug, found in cycle"]
    return _table(
        head,
        (
            [f"`{row['name']}`", row["claims"], row["assumed"] or "nothing",
             f"all time, by induction over {row['depth']} cycles" if row["inductive"] else f"{row['depth']} cycles",
             f"{row['reached']}, in cycle {row['cover_cycle']}", f"{row['bug']} (`{row['file']}`), {row['bug_cycle']}"]
            for row in rows
        ),
    )  # fmt: skip


def _coverage(kind: str) -> str:
    """How often random programs did each thing, as docs.coverage has kept it."""
    rows = json.loads((ROOT / "docs/data/coverage.json").read_text())[kind]
    policies = [name for name in rows[0] if name != "name"]
    return _table(
        ["", *(f"`{name}`" for name in policies)],
        ([row["name"], *(f"{row[policy]:,}" if row[policy] else "**0**" for policy in policies)] for row in rows),
    )


def _digits() -> str:
    """What RTL and golden model showed of the digits network, as docs.results has kept it."""
    rows = json.loads((ROOT / "docs/data/digits.json").read_text())
    return _table(
        ["machine", "memory", "cycles by golden model", "cycles by RTL", "bursts by golden model", "bursts by RTL",
         "utilization", "outputs that differ from onnxruntime's"],
        (
            [f"`{row['config']}`", f"`{row['profile']}`", *(f"{row[what][engine]:,}" for what in ("cycles", "bursts")
             for engine in ("golden", "rtl")), f"{100 * row['utilization']:.1f} %", row["differing"]]
            for row in rows
        ),
    )  # fmt: skip


def _policies() -> str:
    """Every network, size and bus that `make policies` has kept: speed-ups over ``none``, and the bound."""
    lines = (ROOT / "docs/data/policies.jsonl").read_text().splitlines()[1:]
    measured = [json.loads(line) for line in lines]
    names = [name for name in measured[0]["policies"] if name != "none"]
    head = ["network", "KiB", "bus B", "cycles under `none`", "infinite", *(f"`{name}`" for name in names),
            "gap closed by `directed`", "energy of `directed`"]  # fmt: skip
    found: list[list[object]] = []
    for row in measured:
        none, directed = row["policies"]["none"], row["policies"]["directed"]
        found.append([
            row["network"], row["kib"], row["bus"], f"{none['cycles']:,}",
            f"{none['cycles'] / row['infinite']['cycles']:.2f}" if row["infinite"] else "",
            *(f"{none['cycles'] / row['policies'][name]['cycles']:.2f}" for name in names),
            "" if directed["gap_closed"] is None else f"{100 * directed['gap_closed']:.0f} %",
            f"{100 * (directed['energy_pj'] / none['energy_pj'] - 1):+.0f} %",
        ])  # fmt: skip
    return _table(head, found)


def _front_end() -> str:
    """Cycles of the front end by instruction under each policy, and what they delay; see docs.front_end."""
    lines = (ROOT / "docs/data/front_end.jsonl").read_text().splitlines()[1:]
    found: list[list[object]] = []
    for row in map(json.loads, lines):
        for policy, one in row["policies"].items():
            spent, many, cycles = one["spent"], one["instructions"], one["cycles"]
            each = [f"{spent[name] / many[name]:.0f}" for name in ("COMPUTE", "BIND", "RELEASE", "STORE")]
            shares = (sum(spent.values()), one["array_empty"], cycles - one["instant_cycles"])
            found.append([row["network"], f"`{policy}`", *each, *(f"{100 * share / cycles:.1f} %" for share in shares)])
    head = ["network", "policy", "cycles of a COMPUTE", "BIND", "RELEASE", "STORE", "front end at work",
            "array without a command", "saved by a front end without cycles"]  # fmt: skip
    return _table(head, found)


def _filled(table: Callable[[], tuple[list[str], list[list[object]]]]) -> str:
    return _table(*table())


def _papers() -> dict[str, Callable[[], str]]:
    """Tables that `pinfold papers` has kept."""
    kept = [json.loads(path.read_text())["tables"] for path in sorted((ROOT / "docs/data").glob("papers-*.json"))]
    return {name: partial(_table, one["head"], one["rows"]) for some in kept for name, one in some.items()}


TABLES: dict[str, Callable[[], str]] = {
    "policies-measured": _policies,
    "front-end": _front_end,
    **{name: partial(_filled, table) for name, table in DEPTHWISE.items()},
    **{name: partial(_filled, table) for name, table in JOINT.items()},
    **{name: partial(_filled, table) for name, table in MEASURED.items()},
    **{name: partial(_filled, table) for name, table in PLANS.items()},
    **{name: partial(_filled, table) for name, table in REACHED.items()},
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
    "units": _units,
    "targets": _targets,
    "digits": _digits,
    "energy": _energy,
    "proofs": _proofs,
    "coverage.waits": partial(_coverage, "waits"),
    "coverage.events": partial(_coverage, "events"),
    "mutants.model": partial(_mutants, "model"),
    "mutants.hardware": partial(_mutants, "hardware"),
    **_papers(),
    **{f"word.{word.name}": word.table for word in (isa.HEADER, *isa.WORDS.values())},
    **{
        f"enum.{kind.__name__}": partial(_enumeration, kind)
        for kind in (isa.Opcode, isa.Role, isa.Mode, isa.TensorClass, isa.Queue)
    },
}

if __name__ == "__main__":
    sys.exit(main())
