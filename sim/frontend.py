"""Fetches the program, decodes it, has operands made resident, attaches waits, dispatches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.allocator import Allocator
from sim.decode import Decode
from sim.dispatch import Dispatch
from sim.errors import MachineError
from sim.hazards import Hazards
from sim.history import History
from sim.operands import Operands
from sim.steps import Steps
from spec import timing
from spec.errors import Error
from spec.isa import INSTRUCTION_BYTES, Opcode, Queue
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.commands import Command
    from sim.decode import Fields
    from spec.config import Config


class FrontEnd:
    """Walks a program in order and records every step (``steps``) and every command.

    Parameters
    ----------
    config
        The machine.
    policy, history
        Who gives up a page, and what ``eager`` learned in earlier runs.
    data_base
        Byte address of DRAM page 0.
    execute
        Called with each command when it is dispatched, for its effect on data; program order is a valid order.
    """

    def __init__(
        self, config: Config, *, policy: Policy = Policy.NONE, history: History | None = None, data_base: int = 0,
        execute: Callable[[Command], None] | None = None,
    ) -> None:  # fmt: skip
        self.config, self.policy = config, policy
        self.steps = Steps(execute)
        self.hazards = Hazards(config)
        self.allocator = Allocator(config, policy, self.steps, self.hazards, history or History(), data_base)
        self.decode = Decode(config, policy)
        self.operands = Operands(config, policy, self.steps, self.hazards, self.allocator, self.decode)
        self.dispatch = Dispatch(config, self.steps, self.hazards, self.allocator.slots, self.decode)

    def run(self, program: bytes, address: int, length: int) -> None:
        """Walk ``length`` instructions, the header included.

        Raises
        ------
        MachineError
            With the byte address, for whatever the hardware refuses.
        """
        for index in range(length):
            at = address + index * INSTRUCTION_BYTES
            raw = int.from_bytes(program[index * INSTRUCTION_BYTES : (index + 1) * INSTRUCTION_BYTES], "little")
            self.steps.take(index)
            self.steps.spend(timing.staged(self.config, timing.EXECUTE))
            try:
                if index == 0:
                    self.decode.header(raw)
                elif wanted := self.decode.instruction(raw):
                    self._do(*wanted)
                    if wanted[0] is Opcode.END:
                        return
            except MachineError as error:
                raise MachineError(error.code, at if error.address is None else error.address) from None
        raise MachineError(Error.TRUNCATED_PROGRAM, address + length * INSTRUCTION_BYTES)

    def _do(self, opcode: Opcode, fields: Fields) -> None:
        if opcode is Opcode.END:
            if self.policy is not Policy.NONE:
                self.allocator.finish()
            self.steps.stall({q: self.steps.pushed[q] for q in Queue if q is not Queue.SUMS})
        elif opcode is Opcode.BIND:
            self.allocator.bind(fields["slot"], fields)
        elif opcode is Opcode.RELEASE:
            end = fields["first"] + fields["pages"]
            self.allocator.release(fields["slot"], live=False, first=fields["first"], end=end)
        elif opcode is Opcode.COMPUTE:
            self._compute(fields)
        else:
            self.operands.over_range(opcode, fields)

    def _compute(self, fields: Fields) -> None:
        roles = self.operands.check(fields)
        commands = self.dispatch.commands(fields, roles)
        banks = self.operands.settle(fields, roles, commands)
        self.dispatch.push(fields, commands, banks)
        self.operands.drop(roles)
