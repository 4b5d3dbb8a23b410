"""A bench around one unit: handles from its Amaranth signature, seeded traffic, one reset."""

from __future__ import annotations

import os
import random
from collections import deque
from itertools import zip_longest
from typing import Any

import cocotb
from amaranth.hdl import Const, Shape, ShapeCastable
from amaranth.lib import stream
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge

__all__ = ["Bench", "Sink", "Source", "decode", "encode"]


def encode(shape: Any, value: Any) -> int:
    """The raw bits of a value: an integer, or a mapping of the fields of a layout."""
    if isinstance(shape, ShapeCastable):
        value = Const.cast(shape.const(value)).value
    return value & (1 << Shape.cast(shape).width) - 1


def decode(shape: Any, raw: int) -> Any:
    """The value of raw bits: an integer with its sign, or a constant of a layout."""
    if isinstance(shape, ShapeCastable):
        return shape.from_bits(raw)
    cast = Shape.cast(shape)
    return raw - (1 << cast.width) if cast.signed and raw >> cast.width - 1 else raw


class Source:
    """Drives a stream; holds valid and payload until taken.

    Members: ``queue``, values to send; ``taken``, (cycle, value) of each handshake; ``pace``, probability of offering
    in a cycle, the bench's unless set.
    """

    def __init__(self, bench: Bench, name: str, shape: Any) -> None:
        self.queue: deque[Any] = deque()
        self.taken: list[tuple[int, Any]] = []
        self.pace: float | None = None
        self.valid, self.ready, self.payload = bench.wires(name)
        self.valid.value = 0
        self.bench, self.shape = bench, shape
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        while True:
            if self.queue and self.bench.go(self.pace):
                value = self.queue.popleft()
                if self.payload is not None:
                    self.payload.value = encode(self.shape, value)
                self.valid.value = 1
                while True:
                    await RisingEdge(self.bench.clock)
                    if self.ready is None or self.ready.value:
                        break
                self.taken.append((self.bench.cycle, value))
                self.valid.value = 0
            else:
                await RisingEdge(self.bench.clock)


class Sink:
    """Takes from a stream; checks that a waiting payload stays and does not change.

    Members: ``got``, (cycle, value) of each handshake; ``pace``, probability of being ready in a cycle, the bench's
    unless set.
    """

    def __init__(self, bench: Bench, name: str, shape: Any) -> None:
        self.got: list[tuple[int, Any]] = []
        self.pace: float | None = None
        self.name = name
        self.valid, self.ready, self.payload = bench.wires(name)
        self.bench, self.shape = bench, shape
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        waiting = None
        while True:
            ready = True
            if self.ready is not None:
                ready = self.bench.go(self.pace)
                self.ready.value = int(ready)
            await RisingEdge(self.bench.clock)
            if self.bench.resetting:
                waiting = None
            elif self.valid.value:
                raw = 0 if self.payload is None else int(self.payload.value)
                assert waiting in (None, raw), f"{self.name} changed while waiting: {waiting:#x} -> {raw:#x}"
                waiting = None if ready else raw
                if ready:
                    self.got.append((self.bench.cycle, decode(self.shape, raw)))
            else:
                assert waiting is None, f"{self.name} dropped valid before its payload was taken"


class Bench:
    """A unit under test: its clock runs, its streams are members named as in its signature.

    Parameters
    ----------
    dut
        cocotb's handle.
    unit
        The Amaranth component the Verilog was made from, for its signature.
    pace
        Probability that a stream moves in a cycle.
    clock, reset
        Names of the ports; reset is high when active.

    Members: ``cycle``, rising edges so far; ``random``, seeded for this bench; ``seed``, of the run; and a `Source` or
    `Sink` for every stream, a list of them for an array of streams.
    """

    def __init__(self, dut: Any, unit: Any, *, pace: float = 1.0, clock: str = "clk", reset: str = "rst") -> None:
        self.dut, self.unit, self.pace, self.cycle = dut, unit, pace, 0
        # cocotb derives a seed for each bench from the one that repeats the whole run.
        self.seed = int(os.environ["COCOTB_RANDOM_SEED"])
        self.random = random.Random(cocotb.RANDOM_SEED)
        self.clock, self._reset, self.resetting = getattr(dut, clock), getattr(dut, reset), False
        self._reset.value = 0
        Clock(self.clock, 10, "ns").start()
        cocotb.start_soon(self._count())
        for name, member in unit.signature.members.items():
            if member.is_signature and isinstance(member.signature, stream.Signature):
                kind = Source if member.flow.name == "In" else Sink
                shape = member.signature.members["payload"].shape
                if member.dimensions:
                    (length,) = member.dimensions
                    setattr(self, name, [kind(self, f"{name}__{index}", shape) for index in range(length)])
                else:
                    setattr(self, name, kind(self, name, shape))

    def go(self, pace: float | None = None) -> bool:
        """Whether a stream moves in this cycle."""
        return self.random.random() < (self.pace if pace is None else pace)

    def wires(self, name: str) -> list[Any]:
        """The handles of a stream: valid, ready, payload; None for one that the unit has not."""
        return [getattr(self.dut, f"{name}__{part}", None) for part in ("valid", "ready", "payload")]

    def set(self, name: str, value: Any) -> None:
        """Drive an input that is no stream."""
        getattr(self.dut, name).value = encode(self.unit.signature.members[name].shape, value)

    def get(self, name: str) -> Any:
        """Read an output that is no stream."""
        return decode(self.unit.signature.members[name].shape, int(getattr(self.dut, name).value))

    async def _count(self) -> None:
        while True:
            await RisingEdge(self.clock)
            self.cycle += 1

    async def tick(self, cycles: int = 1) -> None:
        """Wait for so many rising edges; what is read then is the last cycle's, what is set is the next one's."""
        await ClockCycles(self.clock, cycles)

    async def reset(self, cycles: int = 2) -> None:
        """Reset the unit; what sources hold stays theirs."""
        self._reset.value, self.resetting = 1, True
        await ClockCycles(self.clock, cycles)
        self._reset.value, self.resetting = 0, False

    async def drain(self, sink: Sink, count: int, limit: int = 10_000) -> list[Any]:
        """The first ``count`` values a sink got, when they are there; an error after ``limit`` cycles."""
        for _ in range(limit):
            if len(sink.got) >= count:
                return [value for _, value in sink.got[:count]]
            await RisingEdge(self.clock)
        raise AssertionError(f"only {len(sink.got)} of {count} arrived in {limit} cycles, seed {self.seed}")

    def agree(self, got: list[Any], expected: list[Any], cycles: list[int] | None = None) -> None:
        """Fail with the first difference: index, cycle, expected, got, seed, and the line that repeats it."""
        for index, (mine, theirs) in enumerate(zip_longest(got, expected)):
            if mine != theirs:
                cycle = "" if cycles is None or index >= len(cycles) else f" in cycle {cycles[index]}"
                where = type(self.unit).__name__.lower()
                raise AssertionError(f"value {index}{cycle} must be {theirs}, not {mine}; "
                                     f"repeat: make test UNIT={where} SEED={self.seed}")  # fmt: skip
