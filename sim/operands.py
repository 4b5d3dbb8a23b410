"""Has what an instruction names made resident: operand after operand, page after page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.check import is_sound, operand_roles
from sim.dispatch import reader
from sim.errors import MachineError
from spec import timing
from spec.errors import Error
from spec.isa import Opcode, Queue, Role
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.allocator import Allocator
    from sim.commands import Command
    from sim.decode import Decode, Fields
    from sim.dispatch import Banks
    from sim.hazards import Hazards
    from sim.steps import Steps
    from spec.config import Config


class Operands:
    """Walks the pages of operands and ranges, and asks the allocator for each."""

    def __init__(
        self, config: Config, policy: Policy, steps: Steps, hazards: Hazards, allocator: Allocator, decode: Decode
    ) -> None:
        self.config, self.policy, self.steps, self.hazards = config, policy, steps, hazards
        self.allocator, self.decode = allocator, decode
        self._operator: int | None = None
        #: Banks of the weights of the COMPUTE before.
        self._before: set[int] = set()
        self._protected: set[int] | None = None

    def over_range(self, opcode: Opcode, fields: Fields) -> None:
        """STORE, PREFETCH, EVICT: page after page."""
        self._bound(fields["slot"])
        act = {
            Opcode.STORE: self.allocator.store,
            Opcode.PREFETCH: self.allocator.prefetch,
            Opcode.EVICT: self.allocator.evict,
        }[opcode]
        self.steps.spent += timing.staged(self.config, 0)
        for some in self._pages(fields):
            for p in some:
                act(fields["slot"], p)

    def check(self, fields: Fields) -> list[Role]:
        """The operands of a COMPUTE; shapes that would hang or overrun an engine are refused."""
        self.allocator.now += 1
        self.steps.spend(timing.staged(self.config, timing.CHECK))
        if self.policy is Policy.NONE and fields["operator"] != self._operator:
            self._operator = fields["operator"]
            for slot in range(self.config.slots):
                self.allocator.release(slot, live=True)
        self.steps.spend(timing.VERDICT)
        roles, operands = operand_roles(fields), self.decode.operands
        for role in roles:
            self._bound(operands[role]["slot"])
        if not is_sound(self.config, fields, self.decode.registers[Opcode.KERNEL], operands, roles):
            raise MachineError(Error.BAD_SHAPE)
        return roles

    def settle(self, fields: Fields, roles: list[Role], commands: dict[Queue, Command]) -> Banks:
        """Make every operand resident, fold hazards into waits; returns the banks of each port user.

        The array streams inputs and weights at once, so under any policy but ``none`` one is fetched into banks that do
        not hold the other: weights beside this COMPUTE's inputs, inputs beside the weights of the one before.
        """
        banks: Banks = {}
        bank_frames, kernel = self.config.bank_frames, self.decode.registers[Opcode.KERNEL]
        shape = fields["mode"] & 3 | (kernel["kernel_h"] & 15) << 2 | (kernel["stride_h"] & 15) << 6
        self._protected = None

        def protect() -> set[int]:
            return self._protect(roles)

        for role in roles:
            operand, writes = self.decode.operands[role], role is Role.OUTPUT
            slot = operand["slot"]
            self.allocator.touch(
                slot, operand, first=role is Role.INPUT, shape=shape, operator=fields["operator"]
            )
            command = commands[reader(role, fields["mode"])]
            users = banks.setdefault(("write" if writes else "read", command.queue), set())
            frames: list[int] = []
            other = {Queue.ARRAY: self._before, Queue.WEIGHTS: banks.get(("read", Queue.ARRAY), set())}
            avoid = set() if self.policy is Policy.NONE else other.get(command.queue, set())
            for some in self._pages(operand):
                frames += self.allocator.settle(slot, some, command, writes=writes, protect=protect, avoid=avoid)
            fold = self.hazards.write_all if writes else self.hazards.read_all
            fold(frames, command.data, command.queue, command.index + 1)
            users.update({frame // bank_frames for frame in frames})
        self._before = banks.get(("read", Queue.WEIGHTS), set())
        return banks

    def drop(self, roles: list[Role]) -> None:
        """Under ``directed``: release the tensors of operands whose hint says that nobody wants them again."""
        if self.policy is Policy.DIRECTED:
            for role in roles:
                if self.decode.operands[role]["drop"]:
                    self.steps.spend(timing.DROP)
                    self.allocator.release(self.decode.operands[role]["slot"], live=False)

    def _bound(self, slot: int) -> None:
        if slot >= self.config.slots or not self.allocator.slots[slot].bound:
            raise MachineError(Error.SLOT_NOT_BOUND)

    def _pages(self, fields: Fields) -> Iterator[range]:
        """The pages of a range, ascending, each once, as those new with a run; a cycle goes by for each run."""
        words, pages, steps = self.config.page_words, self.allocator.slots[fields["slot"]].pages, self.steps
        stride, last, first = fields["stride"], fields["run"] - 1, fields["offset"]
        done = 0
        steps.spent += timing.WALK_OPEN
        for _ in range(fields["count"]):
            steps.spent += timing.WALK_RUN
            end = (first + last) // words + 1
            if end > done:
                some = range(max(done, first // words), end)
                if end > pages:
                    yield range(some.start, max(some.start, pages))
                    raise MachineError(Error.OPERAND_OUT_OF_RANGE)
                yield some
                done = end
            first += stride
        steps.spent += timing.WALK_CLOSE

    def _protect(self, roles: list[Role]) -> set[int]:
        """Virtual pages of the current command: marked in a walk of their own, at its first eviction only."""
        if self._protected is None:
            self._protected = set()
            for role in roles:
                window = self.allocator.slots[self.decode.operands[role]["slot"]].window
                for some in self._pages(self.decode.operands[role]):
                    self.steps.spend(timing.MARK_PAGE * len(some))
                    self._protected.update(window + p for p in some)
        return self._protected
