"""Takes instructions, keeps what they set for those that follow, and tells what is to be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.errors import MachineError
from spec.errors import Error
from spec.isa import HEADER, MAGIC, VERSION, WORDS, Opcode, Role
from spec.policy import OBEYED_UNDER
from spec.registers import Policy

if TYPE_CHECKING:
    from spec.config import Config

Fields = dict[str, int]
_KEPT = (Opcode.KERNEL, Opcode.BOUNDS, Opcode.SCALE, Opcode.CLAMP)


class Decode:
    """The registers that instructions set, all zero at first: ``registers`` by opcode, ``operands`` by role."""

    def __init__(self, config: Config, policy: Policy) -> None:
        self.config, self.policy = config, policy
        self.registers: dict[Opcode, Fields] = {opcode: WORDS[opcode].decode(0) for opcode in _KEPT}
        self.operands: dict[int, Fields] = {role: WORDS[Opcode.OPERAND].decode(0) for role in Role}

    def header(self, raw: int) -> None:
        """Refuse what is not a program of this machine."""
        header = HEADER.decode(raw)
        if header["magic"] != MAGIC or header["version"] != VERSION:
            raise MachineError(Error.NOT_A_PROGRAM)
        if header["configuration"] != self.config.hash:
            raise MachineError(Error.OTHER_CONFIGURATION)

    def instruction(self, raw: int) -> tuple[Opcode, Fields] | None:
        """Keep what an instruction sets; what is left to be done, unless the policy passes over it."""
        code = raw & 0xF
        if code not in WORDS:
            raise MachineError(Error.ILLEGAL_OPCODE)
        opcode = Opcode(code)
        fields = WORDS[opcode].decode(raw)
        if opcode in self.registers:
            self.registers[opcode] = fields
        elif opcode is Opcode.OPERAND:
            if fields["role"] not in self.operands:
                raise MachineError(Error.ILLEGAL_OPCODE)
            self.operands[fields["role"]] = fields
        elif opcode in (Opcode.END, Opcode.COMPUTE):
            return opcode, fields
        else:
            if fields["slot"] >= self.config.slots:
                raise MachineError(Error.SLOT_NOT_BOUND)
            if opcode is Opcode.BIND and fields["window"] + fields["pages"] > self.config.virtual_pages:
                raise MachineError(Error.WINDOW_OUT_OF_RANGE)
            if self._obeys(opcode):
                return opcode, fields
        return None

    def _obeys(self, opcode: Opcode) -> bool:
        if opcode is Opcode.RELEASE:
            # Policy none forgets a tensor with its operator, not earlier.
            return self.policy is not Policy.NONE
        return OBEYED_UNDER.get(opcode, self.policy) is self.policy
