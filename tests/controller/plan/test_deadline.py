"""A deadline passes by its clock, with the one it is a part of, or by an interrupt."""

from __future__ import annotations

from math import inf
from random import Random
from signal import SIG_IGN, SIGINT, raise_signal, signal
from threading import Thread

import pytest
from ortools.sat.python import cp_model

from controller.plan.deadline import Deadline, solved


def interrupt() -> None:
    """Send SIGINT and give Python the loop at whose turns it looks for signals."""
    raise_signal(SIGINT)
    for _ in range(1000):
        pass


def test_it_passes_by_its_clock() -> None:
    now = [5.0]
    deadline = Deadline(3, clock=lambda: now[0])
    part = deadline.within(1)
    assert (deadline.left, part.left, deadline.within(9).left) == (3, 1, 3)
    now[0] = 6.5
    assert part.passed
    assert (deadline.left, deadline.passed) == (1.5, False)
    now[0] = 9
    assert (deadline.left, deadline.passed) == (0, True)


def test_without_seconds_it_never_passes() -> None:
    assert Deadline().left == inf


@pytest.mark.usefixtures("heard")
def test_an_interrupt_ends_it_and_its_parts_and_a_second_one_the_program() -> None:
    deadline = Deadline()
    part = deadline.within(100)
    with deadline.ended_by_interrupt():
        interrupt()
        assert part.passed
        with pytest.raises(KeyboardInterrupt):
            interrupt()
    with pytest.raises(KeyboardInterrupt):
        interrupt()


@pytest.mark.usefixtures("heard")
def test_interrupts_that_are_ignored_stay_so() -> None:
    signal(SIGINT, SIG_IGN)
    deadline = Deadline()
    with deadline.ended_by_interrupt():
        interrupt()
    assert not deadline.passed


def test_another_thread_hears_no_interrupts_and_works() -> None:
    heard = []

    def run() -> None:
        deadline = Deadline()
        with deadline.ended_by_interrupt():
            heard.append(deadline.passed)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    assert heard == [False]


def test_a_solver_stops_when_the_deadline_has_passed() -> None:
    """Market split: five sums of forty numbers, each to be half of all; CP-SAT needs far longer than this test."""
    draw = Random(1)
    model = cp_model.CpModel()
    chosen = [model.new_bool_var("") for _ in range(40)]
    for _ in range(5):
        numbers = [draw.randrange(100) for _ in chosen]
        model.add(sum(number * one for number, one in zip(numbers, chosen, strict=True)) == sum(numbers) // 2)
    # By its own clock, which may be a little before the deadline's.
    _, status = solved(model, Deadline(0.2), 1)
    assert status == cp_model.UNKNOWN
