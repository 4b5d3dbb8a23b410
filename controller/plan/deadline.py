"""When the best answer so far is taken: after so many seconds, or at once by an interrupt."""

from __future__ import annotations

from contextlib import contextmanager
from math import inf
from signal import SIG_IGN, SIGINT, getsignal, signal
from threading import Event, Thread, current_thread, main_thread
from time import monotonic
from typing import TYPE_CHECKING

from ortools.sat.python import cp_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

#: How often a running solver is asked whether it should stop.
_LOOK_SECONDS = 0.05


class Deadline:
    """A moment that everything asks for which works under it; a part of the time left is a deadline of its own.

    Parameters
    ----------
    seconds
        How long from now.
    clock
        What time it is, in seconds.
    whole
        The deadline that this one is a part of: when that has passed, this has too.
    """

    def __init__(
        self, seconds: float = inf, *, clock: Callable[[], float] = monotonic, whole: Deadline | None = None
    ) -> None:
        self.clock, self.whole = clock, whole
        self.at = clock() + seconds
        self.interrupted = False

    @property
    def left(self) -> float:
        """Seconds that are left."""
        mine = 0.0 if self.interrupted else max(0.0, self.at - self.clock())
        return mine if self.whole is None else min(mine, self.whole.left)

    @property
    def passed(self) -> bool:
        """Whether none are left."""
        return self.left <= 0

    def within(self, seconds: float) -> Deadline:
        """The earlier of this one and so many seconds from now."""
        return Deadline(seconds, clock=self.clock, whole=self)

    @contextmanager
    def ended_by_interrupt(self) -> Iterator[None]:
        """An interrupt ends the time that is left instead of the program; a second one ends the program.

        Where interrupts are ignored, as in a shell's background, they stay so.
        """
        if current_thread() is not main_thread() or getsignal(SIGINT) == SIG_IGN:
            yield
            return

        def end(_signal: int, _frame: FrameType | None) -> None:
            self.interrupted = True
            signal(SIGINT, before)

        before = signal(SIGINT, end)
        try:
            yield
        finally:
            signal(SIGINT, before)


def solved(
    model: cp_model.CpModel, deadline: Deadline, workers: int, callback: cp_model.CpSolverSolutionCallback | None = None
) -> tuple[cp_model.CpSolver, cp_model.CpSolverStatus]:
    """CP-SAT's best answer by then; the solver runs beside, so that an interrupt is heard while it works."""
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = 1
    solver.parameters.catch_sigint_signal = False
    if deadline.left < inf and deadline.clock is monotonic:
        solver.parameters.max_time_in_seconds = max(deadline.left, 0.01)
    status: list[cp_model.CpSolverStatus] = []
    finished = Event()

    def run() -> None:
        try:
            status.append(solver.solve(model, callback))
        finally:
            finished.set()

    thread = Thread(target=run)
    thread.start()
    while not finished.wait(_LOOK_SECONDS):
        if deadline.passed:
            solver.stop_search()
    thread.join()
    (found,) = status
    if found == cp_model.MODEL_INVALID:
        raise AssertionError(model.validate())
    return solver, found
