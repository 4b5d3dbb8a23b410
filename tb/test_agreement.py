"""The comparison of model and RTL: whatever is changed in what the RTL showed, it is found and named."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from sim.machine import Machine
from spec.config import CONFIGS
from spec.errors import Error
from spec.isa import Queue
from spec.memory import PROFILES
from spec.trace import Command, Transaction
from tb import agreement
from tb.machines import memory
from tb.programs import sample
from tb.regression import LARGE
from tb.system import observe

CONFIG = CONFIGS["tiny"]
#: Records of a kind that are changed, the first and the last among them.
TRIES = 5


@pytest.fixture(scope="module")
def run():
    """A run of the RTL, and what the model says of it: agreement's arguments."""
    job = agreement.job(sample(CONFIG, 2), memory(2, PROFILES[0]))
    [seen], _ = observe(CONFIG, [job], memory_bytes=LARGE)
    return *agreement.expected(CONFIG, job, machine=Machine(CONFIG)), seen


def places(records):
    """The first, the last, and some others."""
    return {0, len(records) - 1, *random.Random(1).sample(range(len(records)), TRIES - 2)}


def test_the_log_itself_agrees(run):
    assert agreement.difference(*run) is None
    assert agreement.difference(*run, timed=False) is None


@pytest.mark.parametrize("part", Command._fields)
def test_a_command_is_compared(run, part):
    model, dram, seen = run
    for i in places(seen.commands):
        old = seen.commands[i]
        new = old._replace(**{part: Queue.SUMS if part == "queue" else getattr(old, part) + 1000})
        changed = replace(seen, commands=[*seen.commands[:i], new, *seen.commands[i + 1 :]])
        found = agreement.difference(model, dram, changed)
        assert found.what.startswith(f"command {old.queue.name} {old.index}")
        assert found.field == (part if part in {"start", "finish"} else "presence")


@pytest.mark.parametrize("part", Transaction._fields)
def test_a_transaction_is_compared(run, part):
    model, dram, seen = run
    for i in places(seen.transactions):
        old = seen.transactions[i]
        other = {"R": "W", "W": "P", "P": "R"}[old.kind]
        new = old._replace(**{part: other if part == "kind" else getattr(old, part) + 1})
        changed = replace(seen, transactions=[*seen.transactions[:i], new, *seen.transactions[i + 1 :]])
        found = agreement.difference(model, dram, changed)
        assert found.what == f"transaction {i} ({old})"
        assert found.field == part
        assert found.got == getattr(new, part)


@pytest.mark.parametrize("kind", ["commands", "transactions"])
def test_a_missing_record_is_found(run, kind):
    model, dram, seen = run
    records = getattr(seen, kind)
    for i in places(records):
        found = agreement.difference(model, dram, replace(seen, **{kind: records[:i] + records[i + 1 :]}))
        old = records[i]
        name = f"command {old.queue.name} {old.index}" if kind == "commands" else f"transaction {i}"
        assert found.what.split(" (")[0] == name
        assert kind == "transactions" or found.field == "presence"


@pytest.mark.parametrize("kind", ["commands", "transactions"])
def test_an_extra_record_is_found(run, kind):
    model, dram, seen = run
    records = getattr(seen, kind)
    last = records[-1]
    extra = last._replace(index=last.index + 1) if kind == "commands" else last
    found = agreement.difference(model, dram, replace(seen, **{kind: [*records, extra]}))
    name = f"command {last.queue.name} {last.index + 1}" if kind == "commands" else f"transaction {len(records)}"
    assert found == (name, "presence", None, extra)


def test_every_counter_is_compared(run):
    model, dram, seen = run
    assert len(model.counters) > 40
    for name, value in model.counters.items():
        found = agreement.difference(model, dram, replace(seen, registers={**seen.registers, name: value + 1}))
        assert found == (f"counter {name}", "value", value, value + 1)


def test_every_byte_is_compared(run):
    model, dram, seen = run
    for at in places(dram):
        changed = bytes([*dram[:at], dram[at] ^ 1, *dram[at + 1 :]])
        assert agreement.difference(model, dram, replace(seen, dram=changed)).what == f"byte {at:#x}"
    assert agreement.difference(model, dram, replace(seen, dram=dram[:-1])).what == f"byte {len(dram) - 1:#x}"


def test_an_error_and_a_missing_end_are_found(run):
    model, dram, seen = run
    registers = {**seen.registers, "ERROR_CODE": int(Error.READ_FAILED)}
    assert agreement.difference(model, dram, replace(seen, registers=registers)).what == "counter ERROR_CODE"
    assert agreement.difference(model, dram, replace(seen, finished=False)).what == "run"


def test_order_is_compared_where_time_is_not(run):
    model, dram, seen = run
    reads = [i for i, t in enumerate(seen.transactions) if t.kind == "R"]
    swapped = list(seen.transactions)
    swapped[reads[0]], swapped[reads[1]] = swapped[reads[1]], swapped[reads[0]]
    assert agreement.difference(model, dram, replace(seen, transactions=swapped), timed=False).field == "address"
    changed = replace(seen, commands=seen.commands[:-1])
    assert agreement.difference(model, dram, changed, timed=False).field == "presence"
