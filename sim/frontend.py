"""Fetches the program, decodes it, has operands made resident, attaches waits, dispatches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.allocator import Allocator
from sim.check import is_sound, line_region
from sim.commands import Command
from sim.errors import MachineError
from sim.hazards import Hazards
from sim.history import History
from sim.steps import Steps
from spec import timing
from spec.errors import Error
from spec.isa import HEADER, INSTRUCTION_BYTES, MAGIC, VERSION, WORDS, Mode, Opcode, Queue, Role
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spec.config import Config

Fields = dict[str, int]
#: Instructions about ranges of pages, and the policy that obeys them; others pass over.
_OBEYED_UNDER = {
    Opcode.STORE: Policy.NONE, Opcode.PREFETCH: Policy.DIRECTED, Opcode.EVICT: Policy.DIRECTED,
}  # fmt: skip
#: The banks that a queue's command uses through their read or write port.
Banks = dict[tuple[str, Queue], set[int]]


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
        self.operands: dict[int, Fields] = {}
        self.registers: dict[Opcode, Fields] = {
            o: WORDS[o].decode(0) for o in (Opcode.KERNEL, Opcode.BOUNDS, Opcode.SCALE, Opcode.CLAMP)
        }
        for role in Role:
            self.operands[role] = WORDS[Opcode.OPERAND].decode(0)
        self.operator: int | None = None
        self.serials = 0
        self.half = 0
        self.drained = [0, 0]
        self._protected: set[int] | None = None

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
            self.steps.spend(timing.EXECUTE)
            try:
                if index == 0:
                    self._header(raw)
                elif self._instruction(raw):
                    return
            except MachineError as error:
                raise MachineError(error.code, at if error.address is None else error.address) from None
        raise MachineError(Error.TRUNCATED_PROGRAM, address + length * INSTRUCTION_BYTES)

    def _header(self, raw: int) -> None:
        header = HEADER.decode(raw)
        if header["magic"] != MAGIC or header["version"] != VERSION:
            raise MachineError(Error.NOT_A_PROGRAM)
        if header["configuration"] != self.config.hash:
            raise MachineError(Error.OTHER_CONFIGURATION)

    def _instruction(self, raw: int) -> bool:
        code = raw & 0xF
        if code not in WORDS:
            raise MachineError(Error.ILLEGAL_OPCODE)
        opcode = Opcode(code)
        fields = WORDS[opcode].decode(raw)
        if opcode is Opcode.END:
            if self.policy is not Policy.NONE:
                self.allocator.finish()
            self.steps.stall({q: self.steps.pushed[q] for q in Queue if q is not Queue.SUMS})
            return True
        if opcode in self.registers:
            self.registers[opcode] = fields
        elif opcode is Opcode.OPERAND:
            if fields["role"] not in self.operands:
                raise MachineError(Error.ILLEGAL_OPCODE)
            self.operands[fields["role"]] = fields
        elif opcode is Opcode.COMPUTE:
            self._compute(fields)
        else:
            self._tensor(opcode, fields)
        return False

    def _tensor(self, opcode: Opcode, fields: Fields) -> None:
        """BIND, RELEASE, STORE, PREFETCH, EVICT; each policy passes over some of them."""
        if fields["slot"] >= self.config.slots:
            raise MachineError(Error.SLOT_NOT_BOUND)
        if opcode is Opcode.BIND:
            self.allocator.bind(fields["slot"], fields)
        elif opcode is Opcode.RELEASE:
            if self.policy is not Policy.NONE:
                end = fields["first"] + fields["pages"]
                self.allocator.release(fields["slot"], live=False, first=fields["first"], end=end)
        elif self.policy is _OBEYED_UNDER[opcode]:
            self._bound(fields["slot"])
            act = {
                Opcode.STORE: self.allocator.store,
                Opcode.PREFETCH: self.allocator.prefetch,
                Opcode.EVICT: self.allocator.evict,
            }[opcode]
            for some in self._pages(fields):
                for p in some:
                    act(fields["slot"], p)

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

    def _roles(self, fields: Fields) -> list[Role]:
        roles = [Role.INPUT]
        if fields["mode"] in (Mode.ARRAY, Mode.DEPTHWISE):
            roles.append(Role.WEIGHTS)
        if fields["last"]:
            roles.append(Role.CONSTANTS)
            if fields["residual"]:
                roles.append(Role.RESIDUAL)
            roles.append(Role.OUTPUT)
            if fields["table"]:
                roles.append(Role.TABLE)
        return roles

    def _check(self, fields: Fields, roles: list[Role]) -> None:
        """Refuse shapes that would hang or overrun an engine."""
        for role in roles:
            self._bound(self.operands[role]["slot"])
        if not is_sound(self.config, fields, self.registers[Opcode.KERNEL], self.operands, roles):
            raise MachineError(Error.BAD_SHAPE)

    def _slots(self, fields: Fields) -> Fields:
        """What a POST command asks for after its tables, by the closed formula's names."""
        kernel, pixels = self.registers[Opcode.KERNEL], fields["height"] * fields["width"]
        if fields["mode"] == Mode.ARRAY:
            return {"slots": pixels, "slot_cycles": 1, "addends": 0}
        addends = pixels * fields["residual"]
        if not fields["lines"]:
            return {"slots": pixels * kernel["kernel_h"] * kernel["kernel_w"], "slot_cycles": 1, "addends": addends}
        height, width = line_region(fields, kernel)
        return {
            "slots": height * width, "slot_cycles": timing.slot_cycles(self.config, kernel["kernel_w"]),
            "addends": addends, "region_height": height, "region_width": width,
        }  # fmt: skip

    def _compute(self, fields: Fields) -> None:
        self.allocator.now += 1
        self.steps.spend(timing.CHECK)
        if self.policy is Policy.NONE and fields["operator"] != self.operator:
            self.operator = fields["operator"]
            for slot in range(self.config.slots):
                self.allocator.release(slot, live=True)
        self.steps.spend(timing.VERDICT)
        roles = self._roles(fields)
        self._check(fields, roles)
        self._protected = None
        commands = self._commands(fields, roles)
        banks = self._settle(fields, roles, commands)
        self._ports(fields, commands, banks)
        for command in commands.values():
            self.steps.push(command)
        if self.policy is Policy.DIRECTED:
            for role in roles:
                if self.operands[role]["drop"]:
                    self.steps.spend(timing.DROP)
                    self.allocator.release(self.operands[role]["slot"], live=False)

    def _commands(self, fields: Fields, roles: list[Role]) -> dict[Queue, Command]:
        """The commands of a COMPUTE in dispatch order, with their work and half waits."""
        c, kernel = self.config, self.registers[Opcode.KERNEL]
        base = {
            r: self.allocator.slots[self.operands[r]["slot"]].window * c.page_words + self.operands[r]["offset"]
            for r in roles
        }
        window = {
            **{k: v for k, v in kernel.items() if k != "opcode"},
            **{k: v for k, v in self.registers[Opcode.BOUNDS].items() if k != "opcode"},
            **{f"out_{k}": fields[k] for k in ("height", "width")},
            **{k: fields[k] for k in ("y", "x")},
            "base": base[Role.INPUT],
        }
        commands: dict[Queue, Command] = {}
        sums = 0
        if fields["mode"] == Mode.ARRAY:
            if fields["first"]:
                self.half ^= 1
            tiles = self.operands[Role.WEIGHTS]["run"] // c.rows
            pixels = fields["height"] * fields["width"]
            common = {"tiles": tiles, "pixels": pixels}
            commands[Queue.WEIGHTS] = Command(
                Queue.WEIGHTS, self.steps.pushed[Queue.WEIGHTS], {**common, "base": base[Role.WEIGHTS]}
            )
            array = Command(
                Queue.ARRAY, self.steps.pushed[Queue.ARRAY],
                {**common, **window, "half": self.half, "first": fields["first"]},
            )
            array.half = self.drained[self.half] if fields["first"] else 0
            commands[Queue.ARRAY] = array
            sums = array.index + 1
        if fields["last"]:
            residual, output = self.operands[Role.RESIDUAL], self.operands[Role.OUTPUT]
            taps = kernel["kernel_h"] * kernel["kernel_w"]
            post = Command(
                Queue.POST, self.steps.pushed[Queue.POST],
                {
                    **window,
                    "mode": fields["mode"],
                    "half": self.half,
                    "residual": fields["residual"],
                    "constants": base[Role.CONSTANTS],
                    "weights": base.get(Role.WEIGHTS, 0),
                    "table": base.get(Role.TABLE, 0),
                    "table_words": timing.lookup_words(c) if Role.TABLE in roles else 0,
                    "tap_words": taps if fields["mode"] == Mode.DEPTHWISE else 0,
                    "lines": fields["lines"],
                    **self._slots(fields),
                    "rows": output["run"] * output["count"],
                    "addend": base.get(Role.RESIDUAL, 0),
                    "addend_stride": residual["stride"],
                    "output": base[Role.OUTPUT],
                    "output_stride": output["stride"],
                    **{k: v for k, v in self.registers[Opcode.SCALE].items() if k != "opcode"},
                    **{k: v for k, v in self.registers[Opcode.CLAMP].items() if k != "opcode"},
                },
            )
            if sums:
                post.data[Queue.SUMS] = sums
                self.drained[self.half] = post.index + 1
            commands[Queue.POST] = post
        return commands

    def _reader(self, role: Role, mode: int) -> Queue:
        if mode == Mode.ARRAY and role in (Role.INPUT, Role.WEIGHTS):
            return Queue.ARRAY if role is Role.INPUT else Queue.WEIGHTS
        return Queue.POST

    def _settle(self, fields: Fields, roles: list[Role], commands: dict[Queue, Command]) -> Banks:
        """Make every operand resident, fold hazards into waits; returns the banks of each port user."""
        banks: Banks = {}
        bank_frames, kernel = self.config.bank_frames, self.registers[Opcode.KERNEL]
        shape = fields["mode"] | (kernel["kernel_h"] & 15) << 2 | (kernel["stride_h"] & 15) << 6

        def protect() -> set[int]:
            return self._protect(roles)

        for role in roles:
            operand, writes = self.operands[role], role is Role.OUTPUT
            slot = operand["slot"]
            self.allocator.touch(
                slot, operand, first=role is Role.INPUT, shape=shape, operator=fields["operator"]
            )
            command = commands[self._reader(role, fields["mode"])]
            users = banks.setdefault(("write" if writes else "read", command.queue), set())
            frames: list[int] = []
            for some in self._pages(operand):
                frames += self.allocator.settle(slot, some, command, writes=writes, protect=protect)
            fold = self.hazards.write_all if writes else self.hazards.read_all
            fold(frames, command.data, command.queue, command.index + 1)
            users.update({frame // bank_frames for frame in frames})
        return banks

    def _protect(self, roles: list[Role]) -> set[int]:
        """Virtual pages of the current command: marked in a walk of their own, at its first eviction only."""
        if self._protected is None:
            self._protected = set()
            for role in roles:
                window = self.allocator.slots[self.operands[role]["slot"]].window
                for some in self._pages(self.operands[role]):
                    self.steps.spend(timing.MARK_PAGE * len(some))
                    self._protected.update(window + p for p in some)
        return self._protected

    def _ports(self, fields: Fields, commands: dict[Queue, Command], banks: Banks) -> None:
        """Each command waits for the last users of its ports, and becomes the last user; all together, bank by bank."""
        shared = banks.get(("read", Queue.WEIGHTS), set()) & banks.get(("read", Queue.ARRAY), set())
        if fields["mode"] == Mode.ARRAY:
            self.serials += bool(shared)
            for queue in (Queue.WEIGHTS, Queue.ARRAY):
                commands[queue].work = {**commands[queue].work, "serial": int(bool(shared))}
        self.steps.spend(timing.PORT_BANK * self.config.banks)
        for (port, queue), used in banks.items():
            for bank in used:
                self.hazards.before_port(port, bank, commands[queue].port)
        for port, queue in sorted(banks, key=lambda key: key[1]):
            for bank in banks[port, queue]:
                self.hazards.takes_port(port, bank, queue, commands[queue].index + 1)
