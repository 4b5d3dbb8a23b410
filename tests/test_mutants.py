"""The rules that mutants break are those of the sources, and what noticed each was kept."""

from __future__ import annotations

import ast
import inspect
import json
from pathlib import Path
from typing import Any

import pytest

from spec import timing
from tb.mutation import Edit, StaleError, edited
from tb.rules import RULES
from tb.terms import terms

ROOT = Path(__file__).parents[1]
DATA: dict[str, list[dict[str, Any]]] = json.loads((ROOT / "docs" / "data" / "mutants.json").read_text())
SOURCE = "def ready(full, held):\n    return not full and not held\n"


def rule(text: str, broken: str) -> Edit:
    return Edit("a rule", "some.py", text, broken)


def selecting(source: str, number: int) -> Any:  # noqa: ANN401 (whatever the source defines)
    """The function of a source with a mutant selected."""
    names: dict[str, Any] = {"SELECTED": number}
    exec(source, names)  # noqa: S102 (the source above)
    return names["ready"]


def test_a_number_selects_its_edit_and_no_other() -> None:
    """Edits of one expression are put around each other; with none selected nothing changes."""
    made = edited(SOURCE, [
        (1, rule("return «not full» and", "OLD or MUTANT")), (2, rule("and «not held»", "OLD or MUTANT")),
        (3, rule("«not full» and", "OLD and not MUTANT")),
    ])  # fmt: skip
    wanted = {0: [True, False, False, False], 1: [True, False, True, False], 2: [True, True, False, False],
              3: [False] * 4, 4: [True, False, False, False]}  # fmt: skip
    for number, results in wanted.items():
        ready = selecting(made, number)
        assert [bool(ready(full, held)) for full in (0, 1) for held in (0, 1)] == results, number


@pytest.mark.parametrize("text", ["not there", "not"])
def test_an_edit_whose_text_is_not_there_once_is_stale(text: str) -> None:
    with pytest.raises(StaleError, match=r"some\.py must have once"):
        edited(SOURCE, [(1, rule(text, "OLD"))])


def test_edits_may_not_overlap() -> None:
    with pytest.raises(StaleError, match=r"some\.py must not have edits that overlap"):
        edited(SOURCE, [(1, rule("not full and not held", "OLD")), (2, rule("not held", "OLD"))])


@pytest.mark.parametrize("edit", RULES, ids=lambda edit: edit.rule)
def test_no_rule_is_stale(edit: Edit) -> None:
    source = (ROOT / edit.file).read_text()
    start, end = edit.span(source)
    assert source[start:end].strip()
    assert "OLD" in edit.broken
    assert "MUTANT" in edit.broken


def test_every_constant_and_formula_of_timing_has_terms() -> None:
    """Each is larger by one in its own module, and a formula's inner terms are there too."""
    source = Path(timing.__file__).read_text()
    made = {term.name: term.source for term in terms(source)}
    assigned = [node for node in ast.parse(source).body if isinstance(node, ast.Assign)]
    constants = {ast.unparse(node.targets[0]): ast.literal_eval(node.value) for node in assigned}
    assert constants.keys() <= made.keys()
    for name, value in constants.items():
        names: dict[str, Any] = {"__name__": "spec.timing"}
        exec(made[name], names)  # noqa: S102 (ours)
        assert {key: names[key] for key in constants} == {**constants, name: value + 1}
    formulas = {name for name, value in vars(timing).items() if inspect.isfunction(value) and name != "dataclass"}
    assert {name.partition(":")[0] for name in made.keys() - constants.keys()} == formulas
    assert "array_time: passes - 1" in made


def test_what_noticed_each_was_kept() -> None:
    """Of the rules and terms that there are; who noticed nothing has a proof, and nobody else."""
    said = "docs/data/mutants.json must be made anew: make mutants docs"
    assert [row["rule"] for row in DATA["hardware"]] == [edit.rule for edit in RULES], said
    assert [row["term"] for row in DATA["model"]] == [t.name for t in terms(Path(timing.__file__).read_text())], said
    assert all(row["noticed"] for row in DATA["model"])
    for row, edit in zip(DATA["hardware"], RULES, strict=True):
        assert row["proof"] == edit.proof, said
        assert bool(row["noticed"]) != bool(row["proof"]), row["rule"]


def test_rules_have_names_of_their_own() -> None:
    assert len({edit.rule for edit in RULES}) == len(RULES)
