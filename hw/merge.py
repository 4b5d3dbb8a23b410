"""Requests of units that take turns, joined: whoever has nothing to ask drives zeros."""

from __future__ import annotations

from functools import reduce
from operator import or_

__all__ = ["merge"]


def merge(target, *sources):
    """The assignment of the only source that is not zero to ``target``; all are views of one layout."""
    return target.as_value().eq(reduce(or_, (source.as_value() for source in sources)))
