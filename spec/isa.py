"""The instruction words: 128 bits each, operand and shape registers set first, then a trigger.

An instruction either sets a register of the front end (``BIND``, ``OPERAND``, ``KERNEL``, ``BOUNDS``,
``SCALE``, ``CLAMP``), tells the allocator something (``RELEASE``, ``STORE``, ``PREFETCH``, ``EVICT``), or triggers
work (``COMPUTE``, ``END``). Registers keep their values until they are set again; START clears them to 0.
"""

from __future__ import annotations

from enum import IntEnum

from spec.word import Field, Word

INSTRUCTION_BYTES = 16


class Opcode(IntEnum):
    """Bits 3:0 of every instruction."""

    ILLEGAL = 0
    END = 1
    BIND = 2
    RELEASE = 3
    STORE = 4
    OPERAND = 5
    KERNEL = 6
    BOUNDS = 7
    SCALE = 8
    CLAMP = 9
    COMPUTE = 10
    PREFETCH = 11
    EVICT = 12


class Role(IntEnum):
    """What an operand is to a COMPUTE. The order is the order in which the front end walks them."""

    INPUT = 0
    WEIGHTS = 1
    CONSTANTS = 2
    RESIDUAL = 3
    OUTPUT = 4
    TABLE = 5


class Mode(IntEnum):
    """What COMPUTE does with its window of inputs."""

    ARRAY = 0  # sum over kernel and channel blocks on the systolic array
    DEPTHWISE = 1  # sum of tap weight x lane over the kernel
    SUM = 2  # sum of lanes over the kernel
    MAX = 3  # largest lane over the kernel
    AVERAGE = 4  # lanes less the padding, scaled and added in float32 one by one; then the borders not above the sum
    MULTIPLY = 5  # lane x lane of the RESIDUAL operand, each less its zero
    MEASURE = 6  # a statistic of each pixel's lanes, joined with that of the blocks before; nothing is written
    NORMALIZE = 7  # lanes, in terms of their pixel's statistic, times the factor that MEASURE found for it


#: Modes that take pixels one by one; a machine may leave them out (`omit_tokens`).
PIXELWISE = (Mode.MULTIPLY, Mode.MEASURE, Mode.NORMALIZE)


class Statistic(IntEnum):
    """What MEASURE finds of a pixel's channels, and what NORMALIZE multiplies by the factor found last."""

    LARGEST = 0  # the largest lane; NORMALIZE has no use for it
    EXPONENTIALS = 1  # the sum of the WEIGHTS table's entries, each that of the largest less the lane; one such entry
    MOMENTS = 2  # the sums of lanes and of their squares; channels x lane less the sum of lanes


#: Bits of a lane's number and of the sum of lanes, both with a sign; of the channels and of epsilon in the WEIGHTS
#: operand of MOMENTS, a line of so many bytes; bytes of an entry of that of EXPONENTIALS.
NUMBER_BITS, CHANNEL_BITS, EPSILON_BITS, MOMENTS_BYTES, EXPONENTIAL_BYTES = 24, 16, 44, 16, 2
#: Bits of a factor's mantissa, of which NORMALIZE takes two a cycle.
FACTOR_BITS = 18

#: Bits of a float32's mantissa, and entries of a line of the WEIGHTS operand in mode AVERAGE, which has as many lines
#: at most.
MANTISSA, LINE = 24, 16

#: What a COMPUTE with ``lines`` may have: strides, and rows of its region of inputs. There a kernel counts as one of so
#: many rows at least; one of more rows or columns is large.
LINE_STRIDE, LINE_ROWS, LEAST_ROWS = 2, 2047, 3


class TensorClass(IntEnum):
    """What a bound tensor holds: for quotas, counters and colours."""

    WEIGHTS = 0
    CONSTANTS = 1
    INPUT = 2
    ACTIVATION = 3
    OUTPUT = 4


class Queue(IntEnum):
    """Engine queues, and ``SUMS``: not a queue but the array's completions seen after its pipeline."""

    READ = 0
    PLACE = 1
    WEIGHTS = 2
    ARRAY = 3
    POST = 4
    TAKE = 5
    WRITE = 6
    SUMS = 7


_OPCODE = Field("opcode", 4, "operation")
_SLOT = Field("slot", 6, "tensor slot")
_RANGE = (
    Field("offset", 24, "first word, from the tensor's first"),
    Field("run", 20, "words in a run, at least 1"),
    Field("stride", 20, "words from one run's first to the next run's first"),
    Field("count", 12, "runs, at least 1"),
)

HEADER = Word(
    "HEADER",
    Field("magic", 24, "0x666e70 (npf)"),
    Field("version", 8, "format of the program"),
    Field("configuration", 64, "hash of the configuration it is made for"),
    Field("length", 32, "instructions, this one included"),
)
MAGIC = 0x666E70
VERSION = 1

END = Word("END", _OPCODE)
BIND = Word(
    "BIND",
    _OPCODE,
    _SLOT,
    Field("tensor_class", 3, "see TensorClass"),
    Field("colour", 4, "bank to try first"),
    Field("window", 18, "first virtual page"),
    Field("pages", 18, "pages of the window"),
    Field("page", 32, "first page in DRAM, from the data base"),
    Field("home", 1, "DRAM holds its bytes: a write that misses fetches first"),
)
RELEASE = Word(
    "RELEASE",
    _OPCODE,
    _SLOT,
    Field("first", 18, "first page that is dead, from the tensor's first"),
    Field("pages", 18, "pages that are dead"),
)
STORE = Word("STORE", _OPCODE, _SLOT, *_RANGE)
PREFETCH = Word("PREFETCH", _OPCODE, _SLOT, *_RANGE)
EVICT = Word("EVICT", _OPCODE, _SLOT, *_RANGE)
OPERAND = Word(
    "OPERAND",
    _OPCODE,
    _SLOT,
    *_RANGE,
    Field("role", 3, "see Role"),
    Field("next_use", 16, "COMPUTEs until the pages left behind are used again, 65535: never (hint)"),
    Field("pin", 1, "keep resident (hint)"),
    Field("drop", 1, "the tensor is dead after this use (hint)"),
)
KERNEL = Word(
    "KERNEL",
    _OPCODE,
    Field("kernel_h", 8, "kernel rows, at least 1"),
    Field("kernel_w", 8, "kernel columns, at least 1"),
    Field("stride_h", 4, "output row step in input rows"),
    Field("stride_w", 4, "output column step in input columns"),
    Field("dilation_h", 5, "kernel row step in input rows"),
    Field("dilation_w", 5, "kernel column step in input columns"),
    Field("blocks", 12, "channel blocks summed over (ARRAY only, else 1)"),
    Field("pad", 8, "lane value outside the bounds", signed=True),
    Field("zero", 8, "subtracted from each lane of INPUT (ARRAY, MULTIPLY)", signed=True, optional=True),
    Field(
        "other_zero", 8, "subtracted from each lane of WEIGHTS (ARRAY) or RESIDUAL (MULTIPLY)", signed=True,
        optional=True,
    ),
    Field("lanes", 6, "MEASURE: lanes that count, from lane 0 on; 0: all", optional=True),
)
BOUNDS = Word(
    "BOUNDS",
    _OPCODE,
    Field("height", 14, "input rows from the operand's first word"),
    Field("width", 14, "input columns from the operand's first word"),
    Field("row_stride", 20, "words from one input row to the next"),
    Field("block_stride", 20, "words from one channel block to the next"),
)
SCALE = Word(
    "SCALE",
    _OPCODE,
    Field("first_ratio", 32, "float32 factor of the first operand of a residual add"),
    Field("second_ratio", 32, "float32 factor of the second operand of a residual add"),
    Field("fixed", 32, "float32 summand of a residual add"),
)
CLAMP = Word(
    "CLAMP",
    _OPCODE,
    Field("zero_a", 9, "added after requantization", signed=True),
    Field("low_a", 8, "smallest requantized value", signed=True),
    Field("high_a", 8, "largest requantized value", signed=True),
    Field("zero_b", 9, "added after the residual add", signed=True),
    Field("low_b", 8, "smallest value after the residual add", signed=True),
    Field("high_b", 8, "largest value after the residual add", signed=True),
    Field("unsigned_a", 1, "add 128 to the requantized value before its factor"),
    Field("unsigned_b", 1, "add 128 to the residual before its factor"),
    Field("swap", 1, "the residual is the first operand of the add; else the requantized value is"),
)
COMPUTE = Word(
    "COMPUTE",
    _OPCODE,
    Field("mode", 3, "see Mode"),
    Field("first", 1, "ARRAY: start new sums; MEASURE: a new statistic; else add to those of the COMPUTE before"),
    Field("last", 1, "ARRAY: the sums are complete: post-process them. MEASURE: 0. Other modes: 1"),
    Field("residual", 1, "add the RESIDUAL operand"),
    Field("table", 1, "replace each output byte by its entry of the TABLE operand"),
    Field("operator", 12, "the operator this belongs to"),
    Field("height", 11, "output rows of the tile"),
    Field("width", 11, "output columns of the tile"),
    Field("y", 16, "input row of output row 0's first tap, from the operand's first", signed=True),
    Field("x", 16, "input column of output column 0's first tap", signed=True),
    Field("lines", 1, "DEPTHWISE, SUM, MAX: each input word is read once, through the line buffer; else 0"),
    Field("turned", 1, "ARRAY: word c of a tile of WEIGHTS holds the weights of column c, not of row c", optional=True),
    Field("statistic", 2, "MEASURE, NORMALIZE: see Statistic", optional=True),
    Field("closing", 1, "MEASURE: the statistic is complete, each pixel's factor is found", optional=True),
)

WORDS = {
    Opcode.END: END,
    Opcode.BIND: BIND,
    Opcode.RELEASE: RELEASE,
    Opcode.STORE: STORE,
    Opcode.OPERAND: OPERAND,
    Opcode.KERNEL: KERNEL,
    Opcode.BOUNDS: BOUNDS,
    Opcode.SCALE: SCALE,
    Opcode.CLAMP: CLAMP,
    Opcode.COMPUTE: COMPUTE,
    Opcode.PREFETCH: PREFETCH,
    Opcode.EVICT: EVICT,
}
NEVER = 65535
