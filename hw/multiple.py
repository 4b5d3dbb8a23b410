"""Multiples of a number without a multiplier."""

from __future__ import annotations

from amaranth import Cat, Mux

__all__ = ["multiple"]


def multiple(number, factor, width):
    """The low bits of ``number`` times ``factor``, as a tree of additions; a sign bit weighs negatively."""
    if number.shape().signed:
        number = Cat(number, number[-1].replicate(width - len(number)))
    terms = [Mux(bit, number << shift, 0)[:width] for shift, bit in enumerate(factor)]
    if factor.shape().signed:
        terms[-1] = (-terms[-1])[:width]
    while len(terms) > 1:
        terms = [sum(terms[at : at + 2])[:width] for at in range(0, len(terms), 2)]
    return terms[0]
