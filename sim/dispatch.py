"""The commands of a COMPUTE: what they wait for, which ports they use, what they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.check import line_region
from sim.commands import Command
from spec import timing
from spec.isa import Mode, Opcode, Queue, Role

if TYPE_CHECKING:
    from sim.decode import Decode, Fields
    from sim.hazards import Hazards
    from sim.slots import Slot
    from sim.steps import Steps
    from spec.config import Config

__all__ = ["Banks", "Dispatch", "reader"]

#: The banks that a queue's command uses through their read or write port.
Banks = dict[tuple[str, Queue], set[int]]


def reader(role: Role, mode: int) -> Queue:
    """Whose command uses an operand: weights and inputs have engines of their own in mode ARRAY."""
    if mode == Mode.ARRAY and role in (Role.INPUT, Role.WEIGHTS):
        return Queue.ARRAY if role is Role.INPUT else Queue.WEIGHTS
    return Queue.POST


class Dispatch:
    """Makes the commands, has them wait for ports, pushes them.

    ``slots`` are the allocator's. ``serials`` counts commands whose weights and inputs share a bank.
    """

    def __init__(self, config: Config, steps: Steps, hazards: Hazards, slots: list[Slot], decode: Decode) -> None:
        self.config, self.steps, self.hazards, self.slots, self.decode = config, steps, hazards, slots, decode
        self.serials = 0
        self._half = 0
        self._drained = [0, 0]

    def commands(self, fields: Fields, roles: list[Role]) -> dict[Queue, Command]:
        """The commands of a COMPUTE in dispatch order, with their work and half waits."""
        operands, registers = self.decode.operands, self.decode.registers
        base = {
            r: self.slots[operands[r]["slot"]].window * self.config.page_words + operands[r]["offset"] for r in roles
        }
        window = {
            **_plain(registers[Opcode.KERNEL]),
            **_plain(registers[Opcode.BOUNDS]),
            **{f"out_{k}": fields[k] for k in ("height", "width")},
            **{k: fields[k] for k in ("y", "x")},
            "base": base[Role.INPUT],
        }
        commands: dict[Queue, Command] = {}
        if fields["mode"] == Mode.ARRAY:
            if fields["first"]:
                self._half ^= 1
            weights = operands[Role.WEIGHTS]
            common = {
                "tiles": weights["run"] // self.config.rows * weights["count"],
                "pixels": fields["height"] * fields["width"], "turned": fields["turned"],
            }  # fmt: skip
            commands[Queue.WEIGHTS] = self._command(Queue.WEIGHTS, {
                **common, "base": base[Role.WEIGHTS], **{k: weights[k] for k in ("run", "stride", "count")},
                "other_zero": registers[Opcode.KERNEL]["other_zero"],
            })  # fmt: skip
            array = self._command(Queue.ARRAY, {**common, **window, "half": self._half, "first": fields["first"]})
            array.half = self._drained[self._half] if fields["first"] else 0
            commands[Queue.ARRAY] = array
        if fields["last"] or fields["mode"] == Mode.MEASURE:
            post = self._command(Queue.POST, {**window, **self._post(fields, roles, base)})
            if fields["mode"] == Mode.ARRAY:
                post.data[Queue.SUMS] = array.index + 1
                self._drained[self._half] = post.index + 1
            commands[Queue.POST] = post
        return commands

    def push(self, fields: Fields, commands: dict[Queue, Command], banks: Banks) -> None:
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
        for command in commands.values():
            self.steps.push(command)

    def _command(self, queue: Queue, work: Fields) -> Command:
        return Command(queue, self.steps.pushed[queue], work)

    def _post(self, fields: Fields, roles: list[Role], base: dict[Role, int]) -> Fields:
        """What a POST command does, but for its window."""
        operands, registers = self.decode.operands, self.decode.registers
        return {
            **{name: fields[name] for name in ("mode", "first", "statistic", "closing")},
            "half": self._half,
            "residual": int(Role.RESIDUAL in roles),
            "constants": base.get(Role.CONSTANTS, 0),
            "constants_words": timing.CONSTANTS_WORDS if Role.CONSTANTS in roles else 0,
            "weights": base.get(Role.WEIGHTS, 0),
            "table": base.get(Role.TABLE, 0),
            "table_words": timing.lookup_words(self.config) if Role.TABLE in roles else 0,
            "tap_words": operands[Role.WEIGHTS]["run"] if Role.WEIGHTS in roles and fields["mode"] != Mode.ARRAY else 0,
            "lines": fields["lines"],
            **self._slots(fields),
            "latency": self._latency(fields),
            "rows": fields["height"] * fields["width"],
            "addend": base.get(Role.RESIDUAL, 0),
            "addend_stride": operands[Role.RESIDUAL]["stride"],
            "output": base.get(Role.OUTPUT, 0),
            "output_stride": operands[Role.OUTPUT]["stride"],
            **_plain(registers[Opcode.SCALE]),
            **_plain(registers[Opcode.CLAMP]),
        }

    def _slots(self, fields: Fields) -> Fields:
        """What a POST command asks for after its tables, by the closed formula's names."""
        kernel, pixels = self.decode.registers[Opcode.KERNEL], fields["height"] * fields["width"]
        if fields["mode"] == Mode.ARRAY:
            return {"slots": pixels, "slot_cycles": 1, "addends": 0}
        addends = pixels * fields["residual"]
        taps = pixels * kernel["kernel_h"] * kernel["kernel_w"]
        if fields["mode"] == Mode.MEASURE:
            return {"slots": pixels, "slot_cycles": timing.CLOSING_SLOT if fields["closing"] else 1, "addends": 0}
        if fields["mode"] == Mode.NORMALIZE:
            return {"slots": pixels, "slot_cycles": timing.NORMALIZE_SLOT, "addends": addends}
        if fields["mode"] == Mode.AVERAGE:
            turns = pixels * timing.average_turn(self.config)
            return {"slots": taps, "slot_cycles": self.config.rows, "addends": addends + turns}
        if not fields["lines"]:
            return {"slots": taps, "slot_cycles": 1, "addends": addends}
        height, width = line_region(fields, kernel)
        sides = kernel["kernel_h"], kernel["kernel_w"]
        addends += pixels * timing.further_cycles(self.config, *sides)
        return {
            "slots": height * width, "addends": addends, "region_height": height, "region_width": width,
            "slot_cycles": timing.slot_cycles(self.config, *sides),
        }  # fmt: skip

    def _latency(self, fields: Fields) -> int:
        """From a POST command's last slot to its finish."""
        if fields["mode"] == Mode.MEASURE:
            return timing.measure_latency(self.config, closing=bool(fields["closing"]))
        return timing.post_latency(self.config)


def _plain(register: Fields) -> Fields:
    return {name: value for name, value in register.items() if name != "opcode"}
