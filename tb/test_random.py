"""Random programs on random machines: model and RTL agree in everything, and everything is reached."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace

import pytest

from spec.isa import Queue
from tb import agreement
from tb.regression import draws, main, predict, regress

MACHINES = 8
#: Eight of each policy, so that all machines together run 64.
PROGRAMS = 48
SOAK = max(1, int(os.environ.get("N") or 100))
#: What all programs together must reach, each at least so often.
LEAST = 20
REACHED = (
    "evictions", "merges", "write_backs", "refetches", "port_waits", "full_queues", "half_waits", "serials", "drops",
    "flushes", "prefetches", "refusals", "discards", "barren", "reserved", "exhausted", "sidesteps", "guesses",
    "novelties", "yields", "overdrafts", "line_computes", "large_kernels", "turned_weights", "runs_of_tiles",
    "computed_weights", "multiplications", "measures", "factors", "normalizations",
)  # fmt: skip


def check(machine, drawn):
    report = regress(machine, drawn)
    print(f"{report}; seeds {drawn[0].seed} to {drawn[-1].seed}")
    assert not report.failure, report.failure
    assert report.programs == len(drawn)


@pytest.mark.parametrize("turn", range(MACHINES))
def test_random_programs_agree(turn, seed):
    check(str(MACHINES * seed + turn), draws(100 * seed, PROGRAMS))


def test_random_programs_reach_everything(seed):
    """What the model says of the same programs; the RTL's counters are equal."""
    reached = Counter()
    for turn in range(MACHINES):
        reached.update(predict(str(MACHINES * seed + turn), draws(100 * seed, PROGRAMS)).events)
    print(f"seed {seed}: {dict(reached)}")
    assert all(reached[event] >= LEAST for event in REACHED), reached


def test_a_failure_is_reduced_to_one_line(seed, monkeypatch):
    """A model that is wrong by a cycle somewhere: the least that shows it is found."""
    right = agreement.expected

    def wrong(config, job, **options):
        run, dram = right(config, job, **options)
        late = [c._replace(finish=c.finish + 1) if (c.queue, c.index) == (Queue.POST, 4) else c for c in run.commands]
        return replace(run, commands=late), dram

    monkeypatch.setattr(agreement, "expected", wrong)
    machine, drawn = str(MACHINES * seed), draws(100 * seed, 4)
    report = regress(machine, drawn)
    difference, line = report.failure.splitlines()
    assert "command POST 4" in difference
    assert "finish" in difference
    found, least, first = line.split()[-3:]
    assert (found, int(first)) == (machine, drawn[0].seed)
    assert int(least) <= drawn[0].length
    assert main(line.split("tb.regression ")[1].split()) == 1
    monkeypatch.undo()
    assert main(line.split("tb.regression ")[1].split()) == 0


@pytest.mark.soak
@pytest.mark.parametrize("turn", range(-(-SOAK // PROGRAMS)))
def test_random_programs_agree_for_long(turn, seed):
    size = min(PROGRAMS, SOAK - turn * PROGRAMS)
    check(str(MACHINES * (seed + 1) + turn), draws(100 * seed, size))
