"""Pages come and go as the controller says, and no frame has two at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from sim.machine import Machine, Run
from spec.isa import Queue, TensorClass
from spec.registers import Policy
from tb.machines import configuration, memory
from tb.programs import Sample, sample


def drawn_and_run(seed: int, policy: Policy) -> tuple[Sample, Run]:
    drawn = sample(configuration(seed), seed)
    run = Machine(drawn.config, memory(seed)).run(
        drawn.program, bytearray(drawn.image), policy=policy, address=drawn.program_address, length=drawn.length,
        data_base=drawn.data_base, compute_outputs=False, lives=True,
    )  # fmt: skip
    assert run.cycles is not None
    return drawn, run


@pytest.mark.parametrize("policy", Policy, ids=lambda policy: policy.name.lower())
@pytest.mark.parametrize("seed", range(8))
def test_a_frame_holds_one_page_at_a_time(seed: int, policy: Policy) -> None:
    """The next one's first writer starts after the last one's last user has finished."""
    drawn, run = drawn_and_run(seed, policy)
    frames = defaultdict(list)
    for life in run.lives:
        assert 0 < life.start <= life.finish <= run.cycles
        frames[life.frame].append(life)
    assert set(frames) <= set(range(drawn.config.frames))
    for lives in frames.values():
        for before, after in pairwise(lives):
            assert before.finish < after.start, (before, after)


@pytest.mark.parametrize("seed", range(8))
def test_fills_begin_lives_of_their_class(seed: int) -> None:
    """Every PLACE begins one, in the cycle in which it starts; all others begin with the POST that writes them."""
    _, run = drawn_and_run(seed, Policy.LRU)
    begins = Counter(life.start for life in run.lives)
    places = Counter(command.start for command in run.commands if command.queue is Queue.PLACE)
    posts = {command.start for command in run.commands if command.queue is Queue.POST}
    assert not places - begins
    assert set(begins - places) <= posts
    born = Counter(life.tensor_class for life in run.lives)
    assert all(run.filled[kind] == born[kind] for kind in (TensorClass.WEIGHTS, TensorClass.CONSTANTS))


def test_nobody_is_told_who_does_not_ask() -> None:
    drawn = sample(configuration(1), 1)
    run = Machine(drawn.config).run(
        drawn.program, bytearray(drawn.image), address=drawn.program_address, length=drawn.length,
        data_base=drawn.data_base, compute_outputs=False,
    )  # fmt: skip
    assert run.lives == []
