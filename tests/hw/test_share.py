"""hw.share: equal modules become one, others stay."""

import re

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.verilog import convert


class Adder(wiring.Component):
    """A sum with a constant."""

    def __init__(self, constant: int) -> None:
        self.constant = constant
        super().__init__({"i": In(8), "o": Out(8)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.sync += self.o.eq(self.i + self.constant)
        return m


class Chain(wiring.Component):
    """Adders one after the other."""

    def __init__(self, constants: list[int]) -> None:
        self.constants = constants
        super().__init__({"i": In(8), "o": Out(8)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        value = self.i
        for i, constant in enumerate(self.constants):
            m.submodules[f"adder_{i}"] = adder = Adder(constant)
            m.d.comb += adder.i.eq(value)
            value = adder.o
        m.d.comb += self.o.eq(value)
        return m


def modules(constants: list[int]) -> tuple[int, int]:
    """Modules, and instances of adders, in the Verilog of a chain."""
    text = convert(Chain(constants), "chain")
    instances = re.findall(r"^  \\?chain\.adder_\d+ +\\?adder_\d+ ", text, re.MULTILINE)
    return len(re.findall(r"^module ", text, re.MULTILINE)), len(instances)


def test_equal_modules_are_shared() -> None:
    """The first child is fed by its parent's own port and keeps that name; the other four are one module."""
    assert modules([3, 3, 3, 3, 3]) == (3, 5)


def test_different_modules_are_kept() -> None:
    """A constant is part of what a module is: of the four fed by a neighbour only the two with 4 are equal."""
    assert modules([3, 4, 3, 4, 5]) == (5, 5)


def test_text_is_the_same_each_time() -> None:
    """Two conversions give the same bytes."""
    assert convert(Chain([1, 2, 1]), "chain") == convert(Chain([1, 2, 1]), "chain")
