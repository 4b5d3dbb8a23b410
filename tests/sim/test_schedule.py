"""Cycles of small sequences of commands, worked out by hand, and of random programs, worked out cycle by cycle.

By hand: the machine is ``tiny`` (4 x 4, pages of 32 words and 32 beats) with a flat memory of 20 and 10 cycles. A push
in cycle p lets the command start in p + 1; the front end pushes one command a cycle, the first in cycle 1.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sim.commands import Command
from sim.machine import Machine
from sim.schedule import Schedule, schedule
from sim.steps import Step, Steps
from spec.config import CONFIGS
from spec.isa import Queue
from spec.memory import PROFILES, Memory
from spec.program import Instruction, Opcode, assemble
from spec.registers import CAUSES
from spec.timing import POST_LATENCY, POST_TURN
from spec.trace import Transaction
from tb.machines import configuration, memory
from tb.programs import sample
from tests.sim.stepper import Stepper

if TYPE_CHECKING:
    from spec.config import Config

TINY = CONFIGS["tiny"]


def times(*commands: Command, config: Config = TINY, memory: Memory | None = None) -> Schedule:
    """The schedule of commands that are pushed one after the other, then waited for."""
    steps = Steps()
    for command in commands:
        steps.push(command)
    steps.stall(dict(enumerate(steps.pushed)))
    return schedule(config, memory or Memory(), steps.steps, length=0)


def spans(result: Schedule, queue: Queue) -> list[tuple[int, int]]:
    return [(c.start, c.finish) for c in result.commands if c.queue is queue]


def charges(result: Schedule, queue: Queue) -> list[int]:
    return [result.counters[f"{queue.name}_{cause.upper()}"] for cause in CAUSES]


def fill(n: int, *, half: int = 0) -> list[Command]:
    read = Command(Queue.READ, n, {"address": n * 128}, half=half)
    return [read, Command(Queue.PLACE, n, {"frame": n}, data={Queue.READ: n + 1})]


def spill(n: int, *, half: int = 0) -> list[Command]:
    take = Command(Queue.TAKE, n, {"frame": n}, half=half)
    return [take, Command(Queue.WRITE, n, {"address": n * 128}, data={Queue.TAKE: n + 1})]


def tiles(
    n: int, count: int, pixels: int, *, serial: int = 0, turned: int = 0, half: int = 0
) -> list[Command]:
    work = {"tiles": count, "pixels": pixels, "serial": serial, "turned": turned}
    return [Command(Queue.WEIGHTS, n, work), Command(Queue.ARRAY, n, work, half=half)]


def stream(slots: int, **more: int) -> dict[str, int]:
    """The work of a POST command of so many slots."""
    fixed = {"constants_words": 8, "latency": POST_LATENCY}
    return {"table_words": 0, "tap_words": 0, "slots": slots, "slot_cycles": 1, "addends": 0, **fixed, **more}


def test_a_program_of_nothing() -> None:
    """Header and END in one burst of 16 instructions, 4 beats each.

    Asked for in 1, beats from 21 on: the header's last in 24, END's in 28. The header is taken in 26, executed in 27.
    END is taken in 30 (2 after its last beat), executed in 31, leaves in 32. The run takes cycles 0 to 32.
    """
    program = assemble(TINY, [Instruction(Opcode.END, {})])
    run = Machine(TINY).run(program, bytearray(256), length=2)
    assert run.cycles == 33
    assert run.transactions == [Transaction(1, "P", 0, 64)]
    assert all(run.counters[f"{q.name}_EMPTY"] == 33 for q in Queue if q is not Queue.SUMS)


def test_two_fills() -> None:
    """READ 0: pushed in 1, starts in 2, asks in 3, beats 23..54. PLACE 0 starts in 55; words in 57..88.

    READ 1: pushed in 3, starts in 4, asks in 5; beats wait for the bus: 55..86. PLACE 1: its page is there in 87, its
    engine is free in 89; words in 91..122. The end: seen in 123, so 124 cycles.
    """
    result = times(*fill(0), *fill(1))
    assert spans(result, Queue.READ) == [(2, 54), (4, 86)]
    assert spans(result, Queue.PLACE) == [(55, 88), (89, 122)]
    assert result.transactions == [Transaction(3, "R", 0, 32), Transaction(5, "R", 128, 32)]
    assert result.cycles == 124
    # READ starts in cycles 2 and 4, each time at once. PLACE: no head in 0..2, page missing in 3..54.
    assert charges(result, Queue.READ) == [2, 122, 0, 0, 0]
    assert charges(result, Queue.PLACE) == [68, 4, 52, 0, 0]


def test_a_fill_waits_for_a_buffer() -> None:
    """With two buffers READ 2 waits for PLACE 0: seen in 89. Asks in 90, beats 110..141."""
    result = times(*fill(0), *fill(1), *fill(2, half=1))
    assert spans(result, Queue.READ) == [(2, 54), (4, 86), (89, 141)]
    # READ 2 is the head from its push in 5, hence 6, to 88.
    assert charges(result, Queue.READ)[CAUSES.index("half")] == 83


def test_a_spill() -> None:
    """TAKE: starts in 2, last word in the buffer in 2 + 31 + 3 = 36. WRITE: starts in 37, asks in 38, beats 39..70."""
    result = times(*spill(0))
    assert spans(result, Queue.TAKE) == [(2, 36)]
    assert spans(result, Queue.WRITE) == [(37, 80)]
    assert result.transactions == [Transaction(38, "W", 0, 32)]
    assert result.cycles == 82


def test_a_full_queue() -> None:
    """Two places: TAKE 0 starts in 2, TAKE 1 in 37. TAKE 3 finds a place in 38; it is pushed a cycle after TAKE 2."""
    steps = [spill(n)[0] for n in range(4)]
    result = times(*steps, config=replace(TINY, page_queue_depth=2))
    assert spans(result, Queue.TAKE) == [(2, 36), (37, 71), (72, 106), (107, 141)]
    assert result.full["TAKE"] == 1
    # The front end stands still until 38; nothing else shows it here but the head that is always there.
    assert charges(result, Queue.TAKE)[CAUSES.index("empty")] == 2 + 1


def test_passes_as_long_as_their_weights() -> None:
    """Four rows: from a tile's first address to the pass 4 cycles, so 5 from swap to swap; 4 pixels fit in.

    WEIGHTS: starts in 2, first tile's addresses 3..6, a pass may start in 7. ARRAY starts in 7, swap 8, pixels 8..11;
    tile 1 at 9..12, swap in 13; tile 2 at 14..17, ready in 18: WEIGHTS is done in 17. Swap in 18, pixels 18..21.
    """
    result = times(*tiles(0, 3, 4))
    assert spans(result, Queue.WEIGHTS) == [(2, 17)]
    assert spans(result, Queue.ARRAY) == [(7, 21)]
    # ARRAY: pushed in 2, head from 3 on, without weights in 3..6.
    assert charges(result, Queue.ARRAY)[CAUSES.index("data")] == 4


def test_passes_longer_than_their_weights() -> None:
    """Nine pixels: swaps in 8, 17, 26; the last tile is asked for in 18..21, ready in 22; last pixel in 34."""
    result = times(*tiles(0, 3, 9))
    assert spans(result, Queue.WEIGHTS) == [(2, 21)]
    assert spans(result, Queue.ARRAY) == [(7, 34)]


def test_serial_passes() -> None:
    """Pixels 8..11, then the weights' addresses 12..15, swap in 16; pixels 16..19, addresses 20..23, swap in 24."""
    result = times(*tiles(0, 3, 4, serial=1))
    assert spans(result, Queue.WEIGHTS) == [(2, 23)]
    assert spans(result, Queue.ARRAY) == [(7, 27)]


def test_turned_passes() -> None:
    """Addresses of tile 0 in 3..6, all four words are there before the first row leaves: four cycles later, in 11.

    Swap in 12, pixels 12..15; tile 1 at 13..16, swap in 21; tile 2 at 22..25, ready in 30. Pixels 30..33.
    """
    result = times(*tiles(0, 3, 4, turned=1))
    assert spans(result, Queue.WEIGHTS) == [(2, 29)]
    assert spans(result, Queue.ARRAY) == [(11, 33)]


def test_turned_passes_longer_than_their_weights() -> None:
    """Nine pixels hide what twice four rows and the issue take: swaps in 12, 21, 30, as without a turn."""
    result = times(*tiles(0, 3, 9, turned=1))
    assert spans(result, Queue.ARRAY) == [(11, 38)]


def test_serial_turned_passes() -> None:
    """Pixels 12..15, addresses 16..19, swap in 24; pixels 24..27, addresses 28..31, swap in 36."""
    result = times(*tiles(0, 3, 4, serial=1, turned=1))
    assert spans(result, Queue.WEIGHTS) == [(2, 35)]
    assert spans(result, Queue.ARRAY) == [(11, 39)]


def test_weights_run_ahead_of_the_pass_before() -> None:
    """The first command's only pass begins in 8 and ends in 27: that swap frees the shadow registers.

    WEIGHTS 0 is done in 6; WEIGHTS 1 starts in 7, its addresses are 9..12, it is ready in 13. ARRAY 1 starts in 28.
    """
    result = times(*tiles(0, 1, 20), *tiles(1, 1, 4))
    assert spans(result, Queue.WEIGHTS) == [(2, 6), (7, 12)]
    assert spans(result, Queue.ARRAY) == [(7, 27), (28, 32)]


def test_post_follows_the_sums() -> None:
    """Last pixel in 21 (see above); 3 to the word, 4 + 4 - 1 through the array: the sums are there in 31.

    POST starts in 32: 8 words of constants from 33 to 40, a turn in 41, rows 42..45, the last is written in 45 + 36.
    """
    post = Command(Queue.POST, 0, stream(4), data={Queue.SUMS: 1})
    result = times(*tiles(0, 3, 4), post)
    assert spans(result, Queue.POST) == [(32, 81)]
    assert charges(result, Queue.POST) == [50, 4 + 1, 28, 0, 0]


def test_a_window_with_a_table_and_taps() -> None:
    """A table of 64 words and nine tap words after the constants, a turn, five rows of ten cycles: taps and addend."""
    post = Command(Queue.POST, 0, stream(45, table_words=64, tap_words=9, addends=5))
    assert spans(times(post), Queue.POST) == [(2, 2 + 1 + 8 + 64 + 9 + POST_TURN + 50 - 1 + 36)]


def test_a_region_through_the_line_buffer() -> None:
    """Nine tap words, a turn, then 4 x 6 words of three cycles each (a multiplier a kernel row) and eight addends."""
    post = Command(Queue.POST, 0, stream(24, tap_words=9, slot_cycles=3, addends=8))
    assert spans(times(post), Queue.POST) == [(2, 2 + 1 + 8 + 9 + POST_TURN + 80 - 1 + 36)]


def test_causes_are_charged_in_their_order() -> None:
    """PLACE 1 has its page in 88, but POST uses its port until 147: that is charged to the port."""
    post = Command(Queue.POST, 0, stream(100))
    reads = [c for n in range(2) for c in fill(n)]
    reads[-1].port = {Queue.POST: 1}
    result = times(post, *reads)
    # POST: starts in 2, done in 2 + 1 + 8 + 1 + 99 + 36 = 147.
    assert spans(result, Queue.POST) == [(2, 147)]
    assert spans(result, Queue.PLACE)[1] == (148, 181)
    # PLACE 0 comes and goes: READ 0 starts in 3. PLACE 1 is the head from 90 on, long after its page.
    assert spans(result, Queue.PLACE)[0] == (56, 89)
    assert charges(result, Queue.PLACE)[2:] == [52, 58, 0]


def test_reads_and_writes_meet_in_order_of_time() -> None:
    """One bus, a beat a cycle. WRITE asks in 38. READ 0 asked in 5, READ 1 in 7, so they go first, then the write.

    READ 0: beats 25..56. READ 1: ready in 27, beats 57..88. WRITE: beats 89..120, response in 130.
    """
    result = times(*spill(0), *fill(0), *fill(1), memory=Memory(profile="shared"))
    assert spans(result, Queue.READ) == [(4, 56), (6, 88)]
    assert spans(result, Queue.WRITE) == [(37, 130)]


#: Seeds of machines with registers more in the engines, and of programs with matrices: few of the first have both. In
#: the last two the front end has them too.
STAGED = (35, 50, 45, 55)


def random_steps(seed: int) -> tuple[Machine, list[Step], int, int]:
    config = configuration(seed)
    drawn = sample(config, seed, computes=8)
    machine = Machine(config, memory(seed))
    run = machine.run(drawn.program, bytearray(drawn.image), address=drawn.program_address, length=drawn.length,
                      data_base=drawn.data_base, compute_outputs=False)  # fmt: skip
    return machine, run.steps, drawn.program_address, drawn.length


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("seed", [*range(12), *STAGED])
def test_a_schedule_is_what_happens_cycle_by_cycle(seed: int, profile: str) -> None:
    machine, steps, address, length = random_steps(seed)
    of = memory(seed, profile)
    result = schedule(machine.config, of, steps, address=address, length=length)
    slow = Stepper(machine.config, of, steps, address, length)
    assert slow.run() == result.cycles
    assert slow.commands() == result.commands
    assert sorted(slow.transactions) == sorted(result.transactions)
    assert {f"{q.name}_{c.upper()}": n for q, line in slow.lines.items() for c, n in line.charges.items()} \
        == result.counters


@pytest.mark.parametrize("seed", range(20))
def test_one_pass_and_lazy_resolution_agree_under_flat(seed: int) -> None:
    machine, steps, address, length = random_steps(seed)
    of = memory(seed, "flat")
    once = schedule(machine.config, of, steps, address=address, length=length)
    assert schedule(machine.config, of, steps, address=address, length=length, lazily=True) == once


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("seed", range(6))
def test_every_cycle_of_a_queue_has_one_cause(seed: int, profile: str) -> None:
    machine, steps, address, length = random_steps(seed)
    result = schedule(machine.config, memory(seed, profile), steps, address=address, length=length)
    for queue in Queue:
        if queue is not Queue.SUMS:
            assert sum(charges(result, queue)) == result.cycles


@pytest.mark.parametrize("seed", range(6))
def test_more_latency_is_never_faster_under_flat(seed: int) -> None:
    machine, steps, address, length = random_steps(seed)
    before = 0
    for latency in range(1, 60, 7):
        of = Memory(read_latency=latency, write_latency=latency)
        cycles = schedule(machine.config, of, steps, address=address, length=length).cycles
        assert before <= cycles
        before = cycles


def test_a_wait_for_what_was_not_pushed_is_refused() -> None:
    with pytest.raises(AssertionError, match="READ must have 1 commands to wait for, not 0"):
        times(fill(0)[1])
