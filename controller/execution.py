"""How a network's operators reach the compiler."""

from __future__ import annotations

from enum import Enum

__all__ = ["Execution"]


class Execution(Enum):
    """What the compiler knows of the operators to come."""

    #: The whole graph.
    graph = "graph"
    #: None of them; but a framework says when a tensor is freed.
    eager = "eager"
    #: None of them, nor that a tensor is dead.
    untold = "eager-untold"
