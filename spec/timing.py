"""How long everything takes: the named latencies, and the closed formulas made of them.

Cycle 0 is the cycle in which the start strobe is high. ``start`` of a command is the cycle in which its engine takes it
from its queue; ``finish`` is the last cycle in which it uses what it owns. Whatever crosses from one unit to another
is seen ``CROSSING`` cycles later. hw never computes from this file: benches measure it, the model uses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spec.isa import EXPONENTIAL_BYTES, LEAST_ROWS, LINE, MOMENTS_BYTES

if TYPE_CHECKING:
    from spec.config import Config

#: From a push to the earliest start, from a finish to the earliest start of a waiter, from a start to the earliest
#: push into the place it freed.
CROSSING = 1

#: From a bank address issued to the word in the requester's register: page table, bank, register. See `read_latency`.
READ_LATENCY = 3

#: READ: from start to its first address handshake; one burst address a cycle after that.
READ_ISSUE = 1
#: PLACE: from start to the first word in the bank.
PLACE_LATENCY = 2
#: TAKE: cycles beyond one for each word, from start to the last word in the buffer.
TAKE_LATENCY = 3
#: WRITE: from start to its first address handshake.
WRITE_ISSUE = 1

#: WEIGHTS: from start, or from the swap that frees the shadow registers, to the first row's address.
WEIGHTS_ISSUE = 1
#: WEIGHTS: from the last row's address to the cycle in which a pass may start. Its first pixel's word is as long under
#: way as the weights were, so it follows them into the array.
WEIGHTS_LATENCY = 1
#: WEIGHTS in serial mode: from the last pixel of a pass to the first row's address of the next tile.
WEIGHTS_TURN = 1
#: ARRAY: from start to the first pixel's address. See `array_issue`.
ARRAY_ISSUE = 1
#: POST: from start to the first constants word's address.
POST_ISSUE = 1
#: POST: words of the constants table: a 32-bit bias and a float32 scale for each of cols lanes.
CONSTANTS_WORDS = 8
#: POST: from the last row's last slot (or addend) to its output word in the bank.
POST_LATENCY = 36
#: POST: idle cycles between the last constants, table or tap word's address and the first slot's.
POST_TURN = 1
#: POST in mode AVERAGE: idle cycles after a window's last slot, before its addend or the next slot.
AVERAGE_TURN = 6
#: POST in mode NORMALIZE: cycles of a word, two bits of its pixel's mantissa in each.
NORMALIZE_SLOT = 9
#: POST in mode MEASURE: from the last slot to what is known of its pixel in the memory.
MEASURE_LATENCY = 8
#: POST in mode MEASURE with ``closing``: cycles of a word, and from the last one's last to its pixel's factor.
CLOSING_SLOT = 25
CLOSING_LATENCY = 52

#: Front end: see docs/frontend.md. Fetch: from START to the first program address.
FETCH_ISSUE = 1
#: Fetch: from an instruction's last beat to the cycle in which the front end can take it.
FETCH_LATENCY = 2
#: Fetch: from the taking of the instruction that makes room for a burst to that burst's address.
FETCH_REFILL = 2
#: Front end, cycles of each step; docs/frontend.md tells which step does what.
#: A push and a stall take one cycle at least, more when they wait.
EXECUTE = 1
CHECK = 7
VERDICT = 1
RELEASE_SLOT = 1
RELEASE_PAGE = 2
BIND_SLOT = 1
BIND_PAGE = 1
WALK_OPEN = 1
WALK_RUN = 1
WALK_CLOSE = 1
VISIT_PAGE = 2
FOLD_PAGE = 1
ALLOCATE = 2
CLAIM = 1
FILLED = 1
MARK_PAGE = 1
SCAN_SLOT = 1
SCAN_CHOICE = 4
SCAN_PAGE = 2
WRITE_BACK = 1
STORE_PAGE = 2
PREFETCH_PAGE = 2
EVICT_PAGE = 2
RECALL = 4
DROP = 1
PORT_BANK = 1


def read_latency(config: Config) -> int:
    """From an address issued to the word in the requester's register, with the one that may be before a bank."""
    return READ_LATENCY + config.data_stages


def take_latency(config: Config) -> int:
    """TAKE: cycles beyond one for each word, with that register."""
    return TAKE_LATENCY + config.data_stages


def staged(config: Config, step: int, registers: int = 1) -> int:
    """Cycles of a step of the front end with the registers more that may be in it."""
    return step + registers * config.control_stages


def sums_latency(config: Config) -> int:
    """From the last pixel's address to the write of its row of sums into the accumulator (ARRAY finish to SUMS)."""
    return read_latency(config) + config.rows + config.cols - 1


def array_issue(config: Config) -> int:
    """ARRAY: from start to the first pixel's address, with registers for its command and for the products in it."""
    return ARRAY_ISSUE + 2 * config.data_stages


def post_latency(config: Config) -> int:
    """POST: from the last row's last slot to its output word in the bank, two registers more in each float step."""
    return POST_LATENCY + 7 * config.data_stages


def measure_latency(config: Config, *, closing: bool) -> int:
    """POST in mode MEASURE: from the last slot to what is known of its pixel in the memory, or to its factor."""
    return (CLOSING_LATENCY if closing else MEASURE_LATENCY) + 2 * config.data_stages


def average_turn(config: Config) -> int:
    """POST in mode AVERAGE: idle cycles after a window's last slot; a sum's rounding and look-up may take five more."""
    return AVERAGE_TURN + 5 * config.data_stages


def weights_load(config: Config, *, turned: bool = False) -> int:
    """From a tile's first row address to the cycle in which a pass may start with it.

    A turned tile is complete before its first row leaves, so all its rows are as many cycles later.
    """
    return config.rows - 1 + WEIGHTS_LATENCY + config.rows * turned


@dataclass(frozen=True)
class ArrayTime:
    """When an ARRAY command and its WEIGHTS command are done, in cycles from the ARRAY's start.

    Attributes
    ----------
    last_swap
        The last pass begins: its first pixel's address.
    finish
        The last pixel's address: ARRAY's finish.
    last_tile
        The last tile is in the shadow registers: WEIGHTS' finish. Of no meaning with a single pass, whose tile is
        loaded before the start.
    """

    last_swap: int
    finish: int
    last_tile: int


def array_time(config: Config, *, passes: int, pixels: int, serial: bool, turned: bool = False) -> ArrayTime:
    """Closed formula of an ARRAY command (X4).

    A pass takes as long as its pixels or as the next tile's load, whichever is longer; in serial mode both in turn.
    """
    load = weights_load(config, turned=turned)
    ready = pixels - 1 + WEIGHTS_TURN + load if serial else WEIGHTS_ISSUE + load
    step = max(pixels, ready)
    last_swap = array_issue(config) + (passes - 1) * step
    return ArrayTime(last_swap, last_swap + pixels - 1, last_swap - step + ready - 1)


def lookup_words(config: Config) -> int:
    """Words of a TABLE operand: a byte for each value that a byte can have."""
    return 256 // config.rows


def border_words(config: Config) -> int:
    """Words of a line of a WEIGHTS operand in mode AVERAGE: entries of four bytes each."""
    return 4 * LINE // config.rows


def region(outputs: int, kernel: int, stride: int) -> int:
    """Input rows or columns, padding included, that so many output rows or columns reach without dilation."""
    return (outputs - 1) * stride + kernel


def passes(config: Config, kernel_h: int, kernel_w: int) -> int:
    """Cycles that a lane's multipliers take for a window in the line buffer."""
    rows = max(kernel_h, LEAST_ROWS)
    return -(-kernel_w * rows // config.depthwise_taps)


def slot_cycles(config: Config, kernel_h: int, kernel_w: int) -> int:
    """Cycles of each word of a region in the line buffer: all passes of a small kernel, the first of a larger one."""
    return passes(config, kernel_h, kernel_w) if max(kernel_h, kernel_w) <= LEAST_ROWS else 1


def further_cycles(config: Config, kernel_h: int, kernel_w: int) -> int:
    """Cycles more of a word that ends a window: the other passes."""
    return passes(config, kernel_h, kernel_w) - slot_cycles(config, kernel_h, kernel_w)


def exponential_words(config: Config) -> int:
    """Words of a WEIGHTS operand for EXPONENTIALS: an entry for each distance of two bytes."""
    return 256 * EXPONENTIAL_BYTES // config.rows


def moments_words(config: Config) -> int:
    """Words of a WEIGHTS operand for MOMENTS: channels and epsilon."""
    return -(-MOMENTS_BYTES // config.rows)


def post_time(
    *, table_words: int, tap_words: int, slots: int, slot_cycles: int = 1, addends: int = 0,
    constants_words: int = CONSTANTS_WORDS, latency: int = POST_LATENCY,
) -> int:  # fmt: skip
    """Finish of a POST command from its start: constants, table, tap weights, slots, and addends among them (X4).

    A slot is a row of sums with its addend (ARRAY), a tap of a window, or a word of the region (``lines``), where each
    window's further passes count with the addends. In mode AVERAGE it has a cycle for each lane, and each window's turn
    counts with the addends; in mode NORMALIZE it has NORMALIZE_SLOT. The second factor of MULTIPLY is an addend.
    MEASURE has no constants, and its own latency.
    """
    words = constants_words + table_words + tap_words
    return POST_ISSUE + words + POST_TURN + slots * slot_cycles + addends - 1 + latency
