"""A quantized graph in, a program and its DRAM image out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from controller.arrange import arrange
from controller.constants import Constants
from controller.emit import emit
from controller.execution import Execution
from controller.layout import Buffer, Bytes, View, pack_map, unpack_map
from controller.packing import Packing, pack_inputs
from controller.place import Placement, place
from controller.shared import shared
from controller.tile import tile
from controller.trial import Trials
from spec.isa import TensorClass
from spec.program import Instruction, assemble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from controller.choice import Tiled
    from controller.commands import Command
    from controller.graph import Constant, Graph
    from spec.config import Config

_ALIGNMENT = 4096
#: Cuts of an operator that the golden model tries.
FINALISTS = 12


@dataclass(frozen=True, eq=False)
class Compiled:
    """A program and all that is needed to run it.

    Parameters
    ----------
    graph, config
        What it computes, and on which machine.
    tiled
        Its operators as they are cut.
    instructions, program
        The instructions after the header, and all bytes.
    image
        DRAM from page 0: parameters in place, everything else zero.
    placement
        Where every buffer lies.
    views
        Where every input and output lies, by tensor name.
    packings
        How inputs are packed that are not stored as they are, by tensor name.
    execution
        How the operators came.
    again
        The program for a machine that differs in its scratchpad or bus, where it is not made of the commands alone.
    """

    graph: Graph
    config: Config
    tiled: tuple[Tiled, ...]
    instructions: tuple[Instruction, ...]
    program: bytes
    image: NDArray[np.uint8]
    placement: Placement
    views: Mapping[str, View]
    packings: Mapping[str, Packing]
    execution: Execution = Execution.graph
    again: Callable[[Config], list[Instruction]] | None = None

    @cached_property
    def kinds(self) -> dict[Buffer, TensorClass]:
        """What each buffer is; a map that turns out to be an output is one, whatever the program knew of it."""
        leaving = {buffer for port in self.graph.outputs for buffer in self.views[port.tensor.name].buffers}
        return {
            one: TensorClass.OUTPUT if one in leaving and one.kind is TensorClass.ACTIVATION else one.kind
            for one in self.placement.pages
        }

    @property
    def macs(self) -> int:
        """Multiplications by a weight that the network asks for."""
        return self.graph.macs

    @property
    def program_address(self) -> int:
        """The byte address of the program: behind the tensors, where no burst of it crosses 4 KiB."""
        return -(-len(self.image) // _ALIGNMENT) * _ALIGNMENT

    def fill(self, constants: Iterable[Constant]) -> None:
        """Put maps that the network itself has, and all weights, into the image."""
        for node in constants:
            view = self.views[node.result.name]
            self.words(self.image, view.buffer)[:] = pack_map(view, self.config.rows, node.values, node.result.zero)
        for one in self.tiled:
            if one.weights is not None and one.words is not None:
                self.words(self.image, one.weights)[:] = one.words

    def load(self, stored: Mapping[str, Bytes]) -> NDArray[np.uint8]:
        """The image with inputs in place; `stored` are integers by ONNX input name, as `quantize_inputs` makes them."""
        dram = self.image.copy()
        for port in self.graph.inputs:
            view = self.views[port.tensor.name]
            packing, zero = self.packings.get(port.tensor.name), port.tensor.zero
            content = port.taken(stored[port.name])
            content = packing.pack(content, zero) if packing else content
            self.words(dram, view.buffer)[:] = pack_map(view, self.config.rows, content, zero)
        return dram

    def outputs(self, dram: NDArray[np.uint8]) -> dict[str, Bytes]:
        """Stored integers of the outputs' maps by name, from DRAM after a run."""
        tensors = self.graph.leaving
        words = partial(self.words, dram)
        return {one.name: unpack_map(self.views[one.name], self.config.rows, words) for one in tensors}

    def words(self, dram: NDArray[np.uint8], buffer: Buffer) -> Bytes:
        """A buffer's words in DRAM, (words, rows), as a view."""
        start = self.placement.pages[buffer] * self.config.page_bytes
        return dram[start : start + buffer.words * self.config.rows].view(np.int8).reshape(-1, self.config.rows)


def compile_graph(
    graph: Graph, config: Config, *, progress: Callable[[str], None] | None = None, finalists: int = FINALISTS
) -> Compiled:
    """Compile a graph for a machine.

    Parameters
    ----------
    graph, config
        The network and the machine.
    progress
        Called with the name of each operator before it is cut.
    finalists
        Cuts of an operator that the golden model tries; 1: the estimate alone decides.

    Raises
    ------
    ModelError
        If an operator does not fit, or needs what the machine leaves out.
    """
    packed, packings = pack_inputs(graph, config)
    arrangement = arrange(packed, config)
    page = config.page_words
    sizes = [-(-Constants(operator, config.rows).words // page) * page for operator in arrangement.operators]
    constants = Buffer("constants", TensorClass.CONSTANTS, sum(sizes))

    def cut(trials: Trials) -> list[Tiled]:
        found = []
        for index, operator in enumerate(arrangement.operators):
            if progress:
                progress(operator.name)
            found.append(tile(operator, index, trials, constants, sum(sizes[:index])))
        return shared(found)

    def parts(tiled: list[Tiled]) -> tuple[list[Buffer], list[Command]]:
        buffers = [buffer for buffer in _buffers(constants, tiled, arrangement.views) if buffer.words]
        return buffers, [command for one in tiled for command in one.commands]

    # Where the ends of operators count for much, the estimate may know better than trials of each alone.
    several = [cut(Trials(config, some)) for some in sorted({1, finalists})]
    if all([one.choice for one in some] == [one.choice for one in several[0]] for some in several):
        del several[1:]
    tiled = min(several, key=lambda one: Trials(config, 1).run(*parts(one))) if len(several) > 1 else several[0]
    buffers, commands = parts(tiled)
    placement = place(buffers, commands, config)
    instructions = emit(commands, placement, config)
    compiled = Compiled(
        graph, config, tuple(tiled), tuple(instructions), assemble(config, instructions),
        np.zeros(placement.total * config.page_bytes, np.uint8), placement, arrangement.views, packings,
    )  # fmt: skip
    compiled.fill(arrangement.constants)
    for one, size, end in zip(tiled, sizes, np.cumsum(sizes), strict=True):
        table = Constants(one.operator, config.rows).contents()
        start = int(end) - size
        compiled.words(compiled.image, constants)[start : start + len(table)] = table
    return compiled


def _buffers(constants: Buffer, tiled: list[Tiled], views: Mapping[str, View]) -> Iterator[Buffer]:
    """Every buffer once: parameters first, then maps in order of use."""
    maps = [buffer for one in tiled for buffer in one.operator.buffers]
    maps += [buffer for view in views.values() for buffer in view.buffers]
    parameters = [constants, *(one.weights for one in tiled if one.weights is not None)]
    yield from dict.fromkeys([*parameters, *maps])
