"""Multiples of a number without a multiplier."""

from __future__ import annotations

from amaranth import Cat, Mux

__all__ = ["multiple", "summands", "total"]


def multiple(number, factor, width):
    """The low bits of ``number`` times ``factor``, as a tree of additions; a sign bit weighs negatively."""
    return total(summands(number, factor, width), width)


def summands(number, factor, width):
    """What is to be added for a multiple: the number at the place of each bit of the factor."""
    if number.shape().signed:
        number = Cat(number, number[-1].replicate(width - len(number)))
    terms = [Mux(bit, number << shift, 0)[:width] for shift, bit in enumerate(factor)]
    if factor.shape().signed:
        terms[-1] = (-terms[-1])[:width]
    return terms


def total(terms, width):
    """The low bits of a sum, as a tree."""
    while len(terms) > 1:
        terms = [sum(terms[at : at + 2])[:width] for at in range(0, len(terms), 2)]
    return terms[0]
