"""Programs that are made for one hazard each, where random programs seldom or never have it."""

from __future__ import annotations

import random
from types import MappingProxyType
from typing import TYPE_CHECKING

from spec.isa import INSTRUCTION_BYTES, NEVER, WORDS, Mode, Opcode, Role, TensorClass
from spec.program import Instruction, assemble
from spec.registers import Policy
from spec.timing import CONSTANTS_WORDS
from tb.programs import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spec.config import Config

__all__ = ["PLANS", "plan"]

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
    colours
        The bank of each tensor.

    Attributes
    ----------
    operator
        That of the COMPUTEs that follow.
    """

    def __init__(self, config: Config, **colours: int) -> None:
        self.config = config
        self.lines: list[Instruction] = []
        self.operator = 0
        for slot, name in enumerate(_TENSORS):
            self.add(Opcode.BIND, slot=slot, tensor_class=TensorClass.INPUT, colour=colours[name], window=slot, pages=1,
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
        self.add(Opcode.COMPUTE, mode=Mode.MAX, last=1, operator=self.operator, height=1, width=_ROW)

    def sums(self, weights: str = "W") -> None:
        """A long sum of X that nobody drains."""
        self._operand(Role.INPUT, "X", _PIXELS)
        self._operand(Role.WEIGHTS, weights, _TILES * self.config.rows)
        self.add(Opcode.COMPUTE, mode=Mode.ARRAY, first=1, operator=self.operator, height=1, width=_PIXELS)

    def tell(self, opcode: Opcode, name: str) -> None:
        """STORE, PREFETCH or EVICT a tensor's page."""
        self.add(opcode, slot=_TENSORS.index(name), run=_ROW, count=1)

    def _operand(self, role: Role, name: str, run: int) -> None:
        self.add(Opcode.OPERAND, role=role, slot=_TENSORS.index(name), run=run, count=1, next_use=NEVER)


def _ends_with_sums(config: Config) -> Author:
    """Nothing waits for the sums but END."""
    made = Author(config, X=0, W=1, Y=2, C=3, Z=2)
    made.sums()
    return made


def _writes_where_a_page_arrives(config: Config) -> Author:
    """X comes into the bank that Z is written in, and only the array needs it."""
    made = Author(config, X=0, W=1, Y=2, C=3, Z=0)
    made.maximum()
    made.sums()
    made.maximum()
    return made


def _writes_what_sums_read(config: Config) -> Author:
    """The array's inputs are overwritten by a command that needs none of its sums."""
    made = Author(config, X=0, W=1, Y=2, C=3, Z=2)
    made.maximum()
    made.sums()
    made.maximum(output="X")
    return made


def _writes_what_weights_read(config: Config) -> Author:
    """The array's weights are overwritten likewise."""
    made = Author(config, X=0, W=1, Y=2, C=3, Z=2)
    made.maximum()
    made.sums()
    made.maximum(output="W")
    return made


def _reads_where_sums_read(config: Config) -> Author:
    """Constants lie in the bank of the array's inputs."""
    made = Author(config, X=0, W=1, Y=2, C=0, Z=3)
    made.maximum()
    made.sums()
    made.maximum()
    return made


def _reads_where_weights_read(config: Config) -> Author:
    """Constants lie in the bank of the array's weights."""
    made = Author(config, X=0, W=1, Y=2, C=1, Z=3)
    made.maximum()
    made.sums()
    made.maximum()
    return made


def _reads_where_a_page_leaves(config: Config) -> Author:
    """A page is stored from the bank that constants are read from next."""
    made = Author(config, X=0, W=1, Y=2, C=0, Z=0)
    made.maximum()
    made.maximum(output="X")
    made.tell(Opcode.STORE, "Z")
    made.maximum(output="X")
    return made


def _computes_weights(config: Config) -> Author:
    """Weights were written by the machine a moment ago."""
    made = Author(config, X=0, W=1, Y=2, C=3, Z=2)
    made.sums()
    made.maximum(output="W")
    made.sums()
    return made


def _writes_in_part_what_was_read(config: Config) -> Author:
    """A page that left without being written back is fetched again before some of its words are written."""
    made = Author(config, X=0, W=1, Y=2, C=3, Z=2)
    made.maximum(source="X")
    made.operator = 1
    made.maximum(output="X")
    return made


def _prefetches_at_the_end(config: Config) -> Author:
    """Nothing waits for the page but END."""
    made = Author(config, X=0, W=1, Y=2, C=3, Z=2)
    made.tell(Opcode.PREFETCH, "X")
    return made


def _writes_in_part_what_was_evicted(config: Config) -> Author:
    """A page that was evicted without being written back is fetched again likewise."""
    made = Author(config, X=0, W=1, Y=2, C=3, Z=2)
    made.maximum(source="X")
    made.tell(Opcode.EVICT, "X")
    made.maximum(output="X")
    return made


#: The plans and the policy that each is made for.
PLANS: Mapping[Callable[[Config], Author], Policy] = MappingProxyType({
    **dict.fromkeys((
        _ends_with_sums, _writes_where_a_page_arrives, _writes_what_sums_read, _writes_what_weights_read,
        _reads_where_sums_read, _reads_where_weights_read, _reads_where_a_page_leaves, _computes_weights,
        _writes_in_part_what_was_read,
    ), Policy.NONE),
    **dict.fromkeys((_prefetches_at_the_end, _writes_in_part_what_was_evicted), Policy.DIRECTED),
})  # fmt: skip


def plan(make: Callable[[Config], Author], config: Config) -> Sample:
    """The program of a plan, in a memory of random bytes."""
    author = make(config)
    author.add(Opcode.END)
    program = assemble(config, author.lines)
    tensors = random.Random(make.__name__).randbytes(len(_TENSORS) * config.page_bytes)
    grid = config.fetch_burst * INSTRUCTION_BYTES
    address = -(-len(tensors) // grid) * grid
    window = (0, len(tensors))
    return Sample(
        config=config, seed=0, program=program, length=len(author.lines) + 1,
        image=tensors.ljust(address, b"\0") + program, program_address=address, data_base=0, read_window=window,
        write_window=window, flushed=False, dead=(),
    )  # fmt: skip
