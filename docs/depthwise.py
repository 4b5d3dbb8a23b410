"""Measures single depthwise layers on the golden model: what the window engine does, and what keeps it from doing more.

``python -m docs.depthwise`` writes docs/data/depthwise.jsonl, from which ``make docs`` makes the tables of
docs/depthwise.md.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from controller.arrange import arrange
from controller.compiler import FINALISTS
from controller.constants import Constants
from controller.emit import emit
from controller.graph import Convolution, Graph, Port, Requantize, Tensor
from controller.layout import Buffer
from controller.place import place
from controller.tile import tile
from controller.trial import Trials
from controller.window_tiles import WindowTiler
from docs.kept import Kept, sources
from sim.machine import Machine
from spec import timing
from spec.config import CONFIGS
from spec.isa import Queue, TensorClass
from spec.program import assemble
from spec.registers import Policy

if TYPE_CHECKING:
    from controller.choice import Tiled
    from controller.commands import Command
    from sim.machine import Run
    from spec.config import Config

FILE = "depthwise.jsonl"
#: Multipliers of a lane: what shares are of.
TAPS = CONFIGS["default"].depthwise_taps
_ORDER = {TensorClass.CONSTANTS: 0, TensorClass.WEIGHTS: 1}
_CAUSES = ("busy", "empty", "data", "port")


@dataclass(frozen=True)
class Case:
    """A layer on `default` with so many bytes of bus and KiB of scratchpad, and lines for kernels up to `lines`.

    Its tiles have `rows` rows of outputs, or are the compiler's if that is 0. It runs alone under policy `none`; if it
    is `resident`, under `lru` as one of a chain of equal layers, all maps of which stay in the scratchpad: its cycles
    are then those by which the chain is longer than without it.
    """

    channels: int
    side: int
    kernel: int
    stride: int = 1
    bus: int = 8
    kib: int = 512
    rows: int = 0
    resident: bool = False
    lines: int = CONFIGS["default"].line_kernel

    @property
    def key(self) -> str:
        """What tells it from the others."""
        shape = f"{self.side}x{self.side}x{self.channels} {self.kernel}x{self.kernel}/{self.stride}"
        where = "resident" if self.resident else "DRAM"
        where += "" if self.by_lines else ", tap by tap"
        return f"{shape} {self.bus} B {self.kib} KiB, {f'{self.rows} rows' if self.rows else 'any tiles'}, {where}"

    @property
    def config(self) -> Config:
        """Its machine, whose virtual pages are four times the scratchpad."""
        base, size = CONFIGS["default"], self.kib * 1024
        return replace(
            base, name="depthwise", bus_bytes=self.bus, bank_bytes=size // base.banks,
            virtual_pages=max(base.virtual_pages, 4 * size // base.page_bytes), line_kernel=self.lines,
        )  # fmt: skip

    @property
    def by_lines(self) -> bool:
        """Whether the line buffer holds its kernel."""
        return self.kernel <= self.lines

    @property
    def outputs(self) -> int:
        """Rows and columns of its result; half a kernel of padding on every side."""
        return (self.side - 1) // self.stride + 1

    def share(self, cycles: int) -> float:
        """Products of a lane over those that nine multipliers could make in so many cycles."""
        words = self.outputs**2 * -(-self.channels // self.config.rows)
        return words * self.kernel**2 / TAPS / cycles

    @property
    def at_least(self) -> int:
        """Cycles of the engine with each map in one command: a cycle a word, the other passes where a window ends."""
        taps, side = self.kernel**2, timing.region(self.outputs, self.kernel, self.stride)
        further = self.outputs**2 * (-(-taps // TAPS) - 1)
        command = timing.post_time(table_words=0, tap_words=taps, slots=side**2, addends=further)
        return -(-self.channels // self.config.rows) * (command + timing.CROSSING)


_LAYER = Case(144, 56, 3)
#: One block of channels, its map in one command.
COMMAND = replace(_LAYER, channels=16, rows=56)
#: What keeps a layer from the share that its commands have: each takes one cause away from the one before.
CAUSES_REMOVED = (
    _LAYER,
    replace(_LAYER, bus=16),
    replace(_LAYER, bus=16, kib=2048),
    replace(_LAYER, bus=16, kib=2048, resident=True),
    replace(_LAYER, bus=16, kib=2048, resident=True, rows=28),
    replace(_LAYER, bus=16, kib=2048, resident=True, rows=56),
)
KERNELS = tuple(
    Case(channels, side, kernel, stride)
    for channels, side, kernel in ((144, 56, 3), (144, 56, 5), (240, 28, 5), (240, 28, 7))
    for stride in (1, 2)
)
#: Larger kernels without lines that hold them.
TAP_BY_TAP = {case: replace(case, lines=3) for case in KERNELS if case.kernel > 3}
CASES = {case.key: case for case in (COMMAND, *CAUSES_REMOVED, *KERNELS, *TAP_BY_TAP.values())}


def measure(case: Case) -> dict[str, Any]:
    """Cycles, how often nine multipliers a lane had something to do in them, and what the engine waited for."""
    config = case.config
    tiled = _tiled(case, 1)
    if case.resident:
        before, run = (_run(config, [one for part in _tiled(case, n) for one in part.commands]) for n in (2, 3))
    else:
        before, run = None, _run(config, [one for part in tiled for one in part.commands], Policy.NONE)

    def added(counter: str) -> int:
        return run.counters[counter] - (before.counters[counter] if before else 0)

    cycles = added("CYCLES")
    longest = max(one.finish - one.start + 1 for one in run.commands if one.queue is Queue.POST)
    return {
        "cycles": cycles,
        "share": round(case.share(cycles), 4),
        "tiles": tiled[0].choice,
        "lines": all(one.lines for part in tiled for one in part.commands),
        "longest_command": longest,
        "read_bursts": added("READ_BURSTS"),
        "write_bursts": added("WRITE_BURSTS"),
        "engine": {cause: added(f"POST_{cause.upper()}") for cause in _CAUSES},
    }


def _tiled(case: Case, layers: int) -> list[Tiled]:
    """A chain of equal layers, cut."""
    config = case.config
    operators = arrange(_graph(case, layers), config).operators
    page = config.page_words
    size = -(-Constants(operators[0], config.rows).words // page) * page
    constants = Buffer("constants", TensorClass.CONSTANTS, size * layers)
    trials = Trials(config, FINALISTS)
    found = []
    for index, operator in enumerate(operators):
        one = tile(operator, index, trials, constants, index * size)
        if case.rows:
            commands = WindowTiler(operator, index, config, constants, index * size).commands((case.rows, case.outputs))
            one = replace(one, commands=tuple(commands), choice=f"tiles {case.rows}x{case.outputs}")
        found.append(one)
    return found


def _graph(case: Case, layers: int) -> Graph:
    channels, pad = case.channels, case.kernel // 2
    form = Requantize(np.zeros(channels, np.int32), np.ones(channels, np.float32), 0, -128, 127)
    weights = np.ones((channels, 1, case.kernel, case.kernel), np.int8)
    maps = [Tensor("map 0", (1, channels, case.side, case.side), 1.0, 0, unsigned=False)]
    nodes = []
    for number in range(layers):
        result = replace(maps[-1], name=f"map {number + 1}", shape=(1, channels, case.outputs, case.outputs))
        nodes.append(Convolution(
            f"layer {number}", maps[-1], result, weights, channels, (case.stride,) * 2, (pad,) * 4, (1, 1), form
        ))  # fmt: skip
        maps.append(result)
    ends = [Port(one.name, one.shape, one) for one in (maps[0], maps[-1])]
    return Graph(case.key, tuple(nodes), (ends[0],), (ends[1],))


def _run(config: Config, commands: list[Command], policy: Policy = Policy.LRU) -> Run:
    buffers = dict.fromkeys(operand.buffer for command in commands for operand in command.operands.values())
    # Parameters first, as the compiler has them.
    ordered = sorted(buffers, key=lambda one: _ORDER.get(one.kind, len(_ORDER)))
    placement = place(ordered, commands, config)
    image = np.zeros(placement.total * config.page_bytes, np.uint8)
    program = assemble(config, emit(commands, placement, config))
    address = -(-len(image) // 4096) * 4096
    run = Machine(config).run(program, image, address=address, policy=policy, compute_outputs=False)
    assert run.cycles, f"{run.error.name} at {run.error_address:#x}"
    return run


def main() -> int:
    """Measure what is not kept."""
    kept = Kept(FILE, sources(("spec", "sim", "controller")))
    for key, case in CASES.items():
        if key not in kept:
            row = measure(case)
            kept.keep(key, row, CASES)
            print(f"{key}: {row['cycles']:,} cycles, {100 * row['share']:.1f} % of nine products", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
