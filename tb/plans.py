"""Programs that are made for one hazard each, where random programs seldom or never have it."""

from __future__ import annotations

import random
from operator import methodcaller
from typing import TYPE_CHECKING, NamedTuple

from spec.isa import INSTRUCTION_BYTES, NEVER, WORDS, Mode, Opcode, Role, TensorClass
from spec.program import Instruction, assemble
from spec.registers import Policy
from spec.timing import CONSTANTS_WORDS
from tb.programs import Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec.config import Config

__all__ = ["PLANS", "Plan", "plan"]

#: Tensors of one page each, by the letter of their slot and of their page in DRAM.
_TENSORS = "XWYCZ"
#: Pixels and weight tiles of a sum that takes long.
_PIXELS, _TILES = 32, 8
_ROW = 8


class Author:
    """Writes a plan.

    Parameters
    ----------
    config
        A machine with pages of at least 32 words.
    banks
        Digits: the bank of each tensor.
    """

    def __init__(self, config: Config, banks: str) -> None:
        self.config = config
        self.lines: list[Instruction] = []
        self._operator = 0
        for slot, (name, bank) in enumerate(zip(_TENSORS, banks, strict=True)):
            self.add(Opcode.BIND, slot=slot, tensor_class=TensorClass.INPUT, colour=int(bank), window=slot, pages=1,
                     page=slot, home=int(name != "Z"))  # fmt: skip
        self.add(Opcode.KERNEL, kernel_h=1, kernel_w=1, stride_h=1, stride_w=1, dilation_h=1, dilation_w=1, blocks=1)
        self.add(Opcode.BOUNDS, height=1, width=_PIXELS, row_stride=_PIXELS, block_stride=_PIXELS)
        self.add(Opcode.CLAMP, low_a=-128, high_a=127)

    def add(self, opcode: Opcode, **fields: int) -> None:
        """Append an instruction; fields that are not named are 0."""
        names = [f.name for f in WORDS[opcode].fields if f.name != "opcode"]
        self.lines.append(Instruction(opcode, {name: fields.get(name, 0) for name in names}))

    def maximum(self, source: str = "Y", constants: str = "C", output: str = "Z") -> None:
        """A row of pixels through the window engine."""
        self._operand(Role.INPUT, source, _ROW)
        self._operand(Role.CONSTANTS, constants, CONSTANTS_WORDS)
        self._operand(Role.OUTPUT, output, _ROW)
        self.add(Opcode.COMPUTE, mode=Mode.MAX, last=1, operator=self._operator, height=1, width=_ROW)

    def sums(self, weights: str = "W") -> None:
        """A long sum of X that nobody drains."""
        self._operand(Role.INPUT, "X", _PIXELS)
        self._operand(Role.WEIGHTS, weights, _TILES * self.config.rows)
        self.add(Opcode.COMPUTE, mode=Mode.ARRAY, first=1, operator=self._operator, height=1, width=_PIXELS)

    def proceed(self) -> None:
        """The COMPUTEs that follow are the next operator's."""
        self._operator += 1

    def tell(self, opcode: Opcode, name: str) -> None:
        """STORE, PREFETCH or EVICT a tensor's page."""
        self.add(opcode, slot=_TENSORS.index(name), run=_ROW, count=1)

    def _operand(self, role: Role, name: str, run: int) -> None:
        self.add(Opcode.OPERAND, role=role, slot=_TENSORS.index(name), run=run, count=1, next_use=NEVER)


class Plan(NamedTuple):
    """What a program is made for, and of.

    Parameters
    ----------
    hazard
        What happens in it.
    banks
        Where the tensors lie; see `Author`.
    steps
        What is called of an `Author`, in this order.
    policy
        Under which it runs.
    """

    hazard: str
    banks: str
    steps: tuple[Callable[[Author], None], ...]
    policy: Policy = Policy.NONE


def _maximum(**names: str) -> Callable[[Author], None]:
    return methodcaller("maximum", **names)


_SUMS, _PROCEED = methodcaller("sums"), methodcaller("proceed")

PLANS = (
    Plan("nothing waits for the sums but END", "01232", (_SUMS,)),
    Plan("X comes into the bank that Z is written in, and only the array needs it", "01230",
         (_maximum(), _SUMS, _maximum())),
    Plan("the array's inputs are overwritten by a command that needs none of its sums", "01232",
         (_maximum(), _SUMS, _maximum(output="X"))),
    Plan("the array's weights are overwritten likewise", "01232", (_maximum(), _SUMS, _maximum(output="W"))),
    Plan("constants lie in the bank of the array's inputs", "01203", (_maximum(), _SUMS, _maximum())),
    Plan("constants lie in the bank of the array's weights", "01213", (_maximum(), _SUMS, _maximum())),
    Plan("a page is stored from the bank that constants are read from next", "01200",
         (_maximum(), _maximum(output="X"), methodcaller("tell", Opcode.STORE, "Z"), _maximum(output="X"))),
    Plan("weights were written by the machine a moment ago", "01232", (_SUMS, _maximum(output="W"), _SUMS)),
    Plan("a page that left without being written back is fetched again before some of its words are written", "01232",
         (_maximum(source="X"), _PROCEED, _maximum(output="X"))),
    Plan("nothing waits for a page that is fetched ahead but END", "01232",
         (methodcaller("tell", Opcode.PREFETCH, "X"),), Policy.DIRECTED),
    Plan("a page that was evicted without being written back is fetched again likewise", "01232",
         (_maximum(source="X"), methodcaller("tell", Opcode.EVICT, "X"), _maximum(output="X")), Policy.DIRECTED),
)  # fmt: skip


def plan(one: Plan, config: Config) -> Sample:
    """The program of a plan, in a memory of random bytes."""
    author = Author(config, one.banks)
    for step in one.steps:
        step(author)
    author.add(Opcode.END)
    program = assemble(config, author.lines)
    tensors = random.Random(one.hazard).randbytes(len(_TENSORS) * config.page_bytes)
    grid = config.fetch_burst * INSTRUCTION_BYTES
    address = -(-len(tensors) // grid) * grid
    window = (0, len(tensors))
    return Sample(
        config=config, seed=0, program=program, length=len(author.lines) + 1,
        image=tensors.ljust(address, b"\0") + program, program_address=address, data_base=0, read_window=window,
        write_window=window, flushed=False, dead=(),
    )  # fmt: skip
