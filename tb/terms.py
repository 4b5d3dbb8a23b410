"""The timing model with one constant, or one term of a formula, larger by one."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Term", "terms"]

_CONSTANT = re.compile(r"^([A-Z_]+) = (\d+)$", re.MULTILINE)
#: Nodes that are numbers, each of which is a term; those of a sum count as one.
_NUMBERS = (ast.BinOp, ast.Name, ast.Attribute, ast.Call, ast.Constant, ast.IfExp, ast.UnaryOp)


@dataclass(frozen=True)
class Term:
    """A constant or a term.

    Attributes
    ----------
    name
        The constant, or the function and the term.
    source
        The whole text of the module with it larger by one.
    """

    name: str
    source: str


def terms(source: str) -> list[Term]:
    """Every constant and every term of a formula of a module of timing."""
    found = [
        Term(match[1], f"{source[: match.start(2)]}{int(match[2]) + 1}{source[match.end(2) :]}")
        for match in _CONSTANT.finditer(source)
    ]
    lines = [0]
    for line in source.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    for function in ast.parse(source).body:
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in _of(function):
            start = lines[node.lineno - 1] + node.col_offset
            end = lines[node.end_lineno - 1] + node.end_col_offset
            text = source[start:end]
            found.append(Term(f"{function.name}: {text}", f"{source[:start]}({text} + 1){source[end:]}"))
    return found


def _of(function: ast.FunctionDef) -> Iterator[ast.expr]:
    """Values that a function assigns or returns, and the terms in them."""
    for statement in ast.walk(function):
        if isinstance(statement, ast.Assign | ast.Return) and statement.value is not None:
            yield from _terms(statement.value)


def _terms(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id[0].isupper():
        # A record is no number, but its fields are.
        for argument in node.args:
            yield from _terms(argument)
        return
    if isinstance(node, _NUMBERS):
        yield node
    yield from _inside(node)


def _inside(node: ast.expr) -> Iterator[ast.expr]:
    """Terms of which one more is not one more of the whole."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        for side in (node.left, node.right):
            yield from _inside(side)
    elif isinstance(node, ast.BinOp) and not isinstance(node.op, ast.FloorDiv):
        yield from (*_terms(node.left), *_terms(node.right))
    elif isinstance(node, ast.IfExp):
        yield from (*_terms(node.body), *_terms(node.orelse))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "max":
        for argument in node.args:
            yield from _terms(argument)
