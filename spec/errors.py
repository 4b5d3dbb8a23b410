"""What the machine refuses: a code, and the sentence for it."""

from __future__ import annotations

from enum import IntEnum


class Error(IntEnum):
    """Value of the ERROR_CODE register. ERROR_ADDRESS is the byte address named in the sentence."""

    NONE = 0
    NOT_A_PROGRAM = 1
    OTHER_CONFIGURATION = 2
    ILLEGAL_OPCODE = 3
    TRUNCATED_PROGRAM = 4
    SLOT_NOT_BOUND = 5
    WINDOW_OUT_OF_RANGE = 6
    OPERAND_OUT_OF_RANGE = 7
    BAD_SHAPE = 8
    OPERANDS_DO_NOT_FIT = 9
    READ_OUT_OF_WINDOW = 10
    WRITE_OUT_OF_WINDOW = 11
    READ_FAILED = 12
    WRITE_FAILED = 13
    FETCH_FAILED = 14
    WATCHDOG = 15


SENTENCES = {
    Error.NONE: "no error",
    Error.NOT_A_PROGRAM: "the words at {address:#x} are not a program header of this version",
    Error.OTHER_CONFIGURATION: "the program at {address:#x} is made for another configuration",
    Error.ILLEGAL_OPCODE: "the instruction at {address:#x} has no known opcode",
    Error.TRUNCATED_PROGRAM: "the program ends at {address:#x} without END",
    Error.SLOT_NOT_BOUND: "the instruction at {address:#x} names a slot that is not bound, or that does not exist",
    Error.WINDOW_OUT_OF_RANGE: "the BIND at {address:#x} reaches past the virtual pages",
    Error.OPERAND_OUT_OF_RANGE: "the instruction at {address:#x} reaches past the pages of its tensor",
    Error.BAD_SHAPE: "the COMPUTE at {address:#x} has a shape that the engines cannot run",
    Error.OPERANDS_DO_NOT_FIT: "the operands of the COMPUTE at {address:#x} do not fit into the scratchpad together",
    Error.READ_OUT_OF_WINDOW: "a read of {address:#x} lies outside the read window",
    Error.WRITE_OUT_OF_WINDOW: "a write to {address:#x} lies outside the write window",
    Error.READ_FAILED: "the memory answered a read of {address:#x} with an error",
    Error.WRITE_FAILED: "the memory answered a write to {address:#x} with an error",
    Error.FETCH_FAILED: "the memory answered the program fetch at {address:#x} with an error",
    Error.WATCHDOG: "nothing moved for the watchdog's time; queue {address} waits",
}
