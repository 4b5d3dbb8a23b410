"""What is being done, on a terminal only: a line that changes, and a bar while the RTL runs."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_GLANCE_SECONDS = 0.25


class Display:
    """A display that shows nothing: there is no terminal, or nobody wants to see."""

    def say(self, text: str) -> None:
        """Show what begins."""

    @contextmanager
    def watch(self, expected: Sequence[int | None]) -> Iterator[Path | None]:
        """Show how far a simulation is, from the file that it rewrites with "RUN CYCLES"; None if nobody looks.

        `expected` has the cycles of each run, as far as they are known.
        """
        del expected
        yield None


class TerminalDisplay(Display):
    """A display on a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def say(self, text: str) -> None:
        """Show what begins."""
        self._progress.reset(self._task, description=text, total=None)

    @contextmanager
    def watch(self, expected: Sequence[int | None]) -> Iterator[Path | None]:
        """Show cycles done, cycles a second, and the time left where all cycles are known, while it runs."""
        self.say(f"RTL: {'1 run' if len(expected) == 1 else f'{len(expected)} runs'}; the first time it is built")
        ended = Event()
        with TemporaryDirectory() as folder:
            file = Path(folder) / "progress"
            follower = Thread(target=self._follow, args=(file, expected, ended), daemon=True)
            follower.start()
            try:
                yield file
            finally:
                ended.set()
                follower.join()

    def _follow(self, file: Path, expected: Sequence[int | None], ended: Event) -> None:
        known = [cycles for cycles in expected if cycles is not None]
        total = sum(known) if len(known) == len(expected) else None
        began = monotonic()
        while not ended.wait(_GLANCE_SECONDS):
            words = file.read_text().split() if file.exists() else []
            if len(words) != 2:  # it is just being rewritten, or nothing has run yet
                began = began if file.exists() else monotonic()
                continue
            run, done = map(int, words)
            speed = done / (monotonic() - began)
            text = f"RTL: run {run + 1} of {len(expected)}, {done:,} cycles, {speed:,.0f} cycles/s"
            if total is not None and done:
                text += f", {timedelta(seconds=round(max(total - done, 0) / speed))} left"
            self._progress.update(self._task, description=text, total=total, completed=done)


@contextmanager
def display(*, quiet: bool) -> Iterator[Display]:
    """The display for this standard error: of a terminal, unless it must be quiet."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield Display()
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(24), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield TerminalDisplay(progress)
