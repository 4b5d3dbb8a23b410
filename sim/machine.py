"""The whole machine: a program in; commands, bursts, counters and data out."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim import invariants
from sim.datapath import Datapath, State
from sim.errors import MachineError
from sim.frontend import FrontEnd
from sim.history import History
from sim.occupancy import Life, Occupancy
from sim.schedule import schedule
from spec.errors import Error
from spec.isa import Queue, TensorClass
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from sim.commands import Command as Dispatched
    from sim.steps import Step
    from spec.config import Config
    from spec.memory import Memory
    from spec.trace import Command, Transaction

#: The whole address space: its last byte is in no window, because limits have 32 bits.
EVERYWHERE = (0, 0xFFFFFFFF)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run shows.

    Attributes
    ----------
    cycles
        From START to the end; ``None`` after an error, and then there are no times below.
    commands
        Every command, in order of queue and index.
    transactions
        Every burst, in order of cycle; in one cycle write, read, program.
    counters
        The counting registers by name: bursts, COMPUTEs, evictions, ..., and each queue's cycles by cause.
    error, error_address
        What was refused first in program order, and the byte address of its instruction or page; NONE and 0.
    steps
        What the front end did, with every command's work and waits.
    full
        For each queue, commands that waited for room in it.
    reached
        How often the controller took a rarer way. "merges": fetched a page that was to be written partly. "drops": gave
        back a dirty page that was dead. "flushes": wrote a page back at the end. "prefetches", "refusals": fetched a
        page ahead, or found no free frame for it. "discards": evicted a page when told. "barren": found a tensor whose
        pages were all protected. "reserved", "exhausted": evicted for the reserve; found nobody who could. "sidesteps":
        passed over a free frame in a bank that the array reads. "guesses", "novelties", "repeats": see History.
    filled, written
        Pages fetched and written back, by the tensor's class.
    lives
        The life of every page in its frame, in the order in which they were given up; empty if they are not wanted.
    """

    cycles: int | None
    commands: list[Command]
    transactions: list[Transaction]
    counters: dict[str, int]
    error: Error
    error_address: int
    steps: list[Step]
    full: dict[str, int]
    reached: dict[str, int]
    filled: dict[TensorClass, int]
    written: dict[TensorClass, int]
    lives: list[Life]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Leave the collector of cycles out: it would walk the records of all commands again and again, and free none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Machine:
    """A machine that runs programs one after the other.

    Like the hardware it keeps from run to run the bytes of its scratchpad and its sums, though no program should see
    them, and the history of policy ``eager``.

    Parameters
    ----------
    config
        The machine.
    memory
        Its DRAM's profile; the configuration's if ``None``.
    """

    def __init__(self, config: Config, memory: Memory | None = None) -> None:
        self.config, self.memory = config, memory or config.memory
        self._state, self._history = State(config), History()

    def reset(self) -> None:
        """Forget what a reset wipes and START does not: the history."""
        self._history = History()

    def run(
        self,
        program: bytes,
        dram: bytearray | NDArray[np.uint8],
        *,
        policy: Policy = Policy.NONE,
        address: int = 0,
        length: int | None = None,
        data_base: int = 0,
        dram_base: int = 0,
        read_window: tuple[int, int] = EVERYWHERE,
        write_window: tuple[int, int] = EVERYWHERE,
        compute_outputs: bool = True,
        lazily: bool = False,
        careful: bool = False,
        lives: bool = False,
    ) -> Run:
        """Run a program.

        Parameters
        ----------
        program
            Its bytes, padded to whole bursts.
        dram
            Bytes of DRAM from ``dram_base`` on; what the program writes is changed in place.
        policy
            Value of the POLICY register.
        address, length
            The program's byte address and its instructions, header included; by default as its header says.
        data_base
            Byte address of DRAM page 0.
        read_window, write_window
            Base and limit of the pages that may be read and written.
        compute_outputs
            Move and compute data; times do not depend on it.
        lazily
            Resolve ``flat`` as the other profiles are; the result is the same.
        careful
            Check the controller's tables after every COMPUTE.
        lives
            Note when which page lay in which frame.
        """
        length = int.from_bytes(program[12:16], "little") if length is None else length
        bytes_of_dram = np.frombuffer(dram, dtype=np.uint8) if isinstance(dram, bytearray) else dram
        datapath = Datapath(
            self.config, self._state, bytes_of_dram, base=dram_base, read_window=read_window,
            write_window=write_window, compute_outputs=compute_outputs,
        )  # fmt: skip

        def check_and_execute(command: Dispatched) -> None:
            if command.queue in (Queue.ARRAY, Queue.POST):
                invariants.check(front.allocator)
            datapath.execute(command)

        front = FrontEnd(
            self.config, policy=policy, history=self._history, data_base=data_base,
            execute=check_and_execute if careful else datapath.execute,
        )  # fmt: skip
        self._state.scratchpad.table = front.allocator.table
        if lives:
            front.allocator.occupancy = Occupancy(front.steps, front.hazards)
        error, error_address = Error.NONE, 0
        with _uncollected():
            try:
                front.run(program, address, length)
            except MachineError as refusal:
                error, error_address = refusal.code, refusal.address or 0
            return self._run(front, address, length, error, error_address, lazily=lazily)

    def _run(
        self, front: FrontEnd, address: int, length: int, error: Error, error_address: int, *, lazily: bool
    ) -> Run:
        allocator, transfers, steps = front.allocator, front.allocator.transfers, front.steps.steps
        counters = {
            "COMPUTES": allocator.now,
            "EVICTIONS": allocator.evictions,
            "WRITE_BACKS": transfers.written.total(),
            "FILLS": transfers.filled.total(),
            "SERIALS": front.dispatch.serials,
            "YIELDS": allocator.yields,
            "OVERDRAFTS": allocator.overdrafts,
        }
        filled, written = ({c: of[c] for c in TensorClass} for of in (transfers.filled, transfers.written))
        if error:
            return Run(cycles=None, commands=[], transactions=[], counters=counters, error=error,
                       error_address=error_address, steps=steps, full={}, reached=dict(allocator.reached),
                       filled=filled, written=written, lives=[])  # fmt: skip
        times = schedule(self.config, self.memory, steps, address=address, length=length, lazily=lazily)
        occupancy = allocator.occupancy
        lives = list(occupancy.lives(steps, times)) if occupancy else []
        bursts = {"READ_BURSTS": "R", "WRITE_BURSTS": "W", "FETCH_BURSTS": "P"}
        kinds = [t.kind for t in times.transactions]
        counters = {
            "CYCLES": times.cycles,
            **{name: kinds.count(kind) for name, kind in bursts.items()},
            **counters,
            **times.counters,
        }
        return Run(cycles=times.cycles, commands=times.commands, transactions=times.transactions, counters=counters,
                   error=error, error_address=0, steps=steps, full=times.full, reached=dict(allocator.reached),
                   filled=filled, written=written, lives=lives)  # fmt: skip
