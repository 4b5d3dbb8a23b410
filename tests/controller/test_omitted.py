"""A machine without the units for tokens runs what needs none, and refuses the rest in one sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from controller.check import UnsoundError, check
from controller.compiler import compile_graph
from controller.eager.compile import compile_for
from controller.execution import Execution
from controller.network.drawn import LANGUAGE, write_language
from controller.refusal import ModelError
from spec.config import CONFIGS
from spec.isa import Mode
from spec.program import assemble
from tests.controller.language import Drawn
from tests.controller.test_drawn import SMALL

if TYPE_CHECKING:
    from pathlib import Path

    from controller.graph import Graph

LESS = replace(CONFIGS["tiny"], name="less", omit_tokens=1)
#: What each is called, and the modes that it needs.
NEEDING = {
    "softmax": ("a softmax", {Mode.MEASURE, Mode.NORMALIZE}),
    "normalization": ("a layer normalization", {Mode.MEASURE, Mode.NORMALIZE}),
    "multiplication": ("a product lane by lane", {Mode.MULTIPLY}),
}


def needing(kind: str) -> Graph:
    """A dense layer, then what needs the units; an addition, which would ride on a softmax or normalization."""
    drawn = Drawn(np.random.default_rng(1))
    source = drawn.input(5, 3)
    operands = [drawn.dense(source, 7) for _ in range(1 + (kind == "multiplication"))]
    return drawn.graph(drawn.addition(getattr(drawn, kind)(*operands), operands[0]))


@pytest.mark.parametrize("execution", list(Execution))
@pytest.mark.parametrize("kind", NEEDING)
def test_what_needs_the_units_is_refused_by_its_name(kind: str, execution: Execution) -> None:
    """Of a graph before anything is cut, else when it comes; the addition that rides on it is not blamed."""
    graph = needing(kind)
    [node] = [one for one in graph.nodes if type(one).__name__.lower() == kind]
    begun: list[str] = []
    with pytest.raises(ModelError) as caught:
        compile_for(execution, graph, LESS, progress=begun.append)
    assert str(caught.value) == (
        f"{node.name} does not fit: it is {NEEDING[kind][0]}, and less leaves out the units for operators on tokens; "
        "a machine with them fits it (--set omit_tokens=0)"
    )
    assert begun[-1:] == ([] if execution is Execution.graph else [node.name])


def test_products_and_additions_of_tokens_need_none_of_them() -> None:
    """The same commands as on the machine that has all; the checker knows of nothing that is missing."""
    drawn = Drawn(np.random.default_rng(2))
    first, second = drawn.dense(drawn.input(11, 5), 6), drawn.dense(drawn.input(11, 7), 6)
    graph = drawn.graph(drawn.product(first, second, turned=True), drawn.addition(first, first))
    less = compile_graph(graph, LESS, finalists=1)
    check(less)
    assert less.instructions == compile_graph(graph, CONFIGS["tiny"], finalists=1).instructions


@pytest.mark.parametrize("kind", NEEDING)
def test_the_checker_finds_a_mode_that_is_left_out(kind: str) -> None:
    """In the program of the machine that has it."""
    made = compile_graph(needing(kind), CONFIGS["tiny"], finalists=1)
    check(made)
    other = replace(made, config=LESS, program=assemble(LESS, list(made.instructions)))
    names = "|".join(mode.name for mode in NEEDING[kind][1])
    with pytest.raises(UnsoundError, match=rf"instruction \d+: the machine leaves out mode ({names})$"):
        check(other)


@pytest.mark.parametrize("name", LANGUAGE)
def test_a_network_is_refused_in_one_line_and_nothing_is_written(
    name: str, pinfold: Any, tmp_path: Path  # noqa: ANN401
) -> None:
    """With the file, the node and what would help; on a machine that has the units it is compiled."""
    path = write_language(name, tmp_path / "model.onnx", **SMALL[name])
    folder = tmp_path / "out"
    compiled = ("compile", path, "-o", folder, "--config", "default", "--quiet")
    status, out, err = pinfold(*compiled, "--set", "omit_tokens=1")
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert f"{path}: " in err
    assert " does not fit: it is a" in err
    assert "default leaves out the units for operators on tokens" in err
    assert not folder.exists()
    assert pinfold(*compiled, "--set", "omit_tokens=0")[0] == 0
