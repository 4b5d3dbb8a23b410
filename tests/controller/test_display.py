"""What a terminal shows while the RTL runs; nothing is shown elsewhere."""

from __future__ import annotations

import re
import time
from io import StringIO

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from controller.display import TerminalDisplay, display


def seen(notes: list[str], expected: list[int | None]) -> str:
    """The last line of a display that watches a file with these contents, one after the other."""
    console = Console(file=StringIO(), width=200, force_terminal=True, force_interactive=False)
    with Progress(TextColumn("{task.description}"), console=console, auto_refresh=False) as progress:
        shown = TerminalDisplay(progress)
        with shown.watch(expected) as file:
            assert file is not None
            for note in notes:
                file.write_text(note)
                time.sleep(0.6)
        return progress.tasks[0].description


def test_a_simulation_shows_cycles_speed_and_time_left() -> None:
    """The time left is that of the other cycles at the speed shown, to the second."""
    found = re.fullmatch(
        r"RTL: run 1 of 1, 1,000 cycles, ([\d,]+) cycles/s, (\d+):(\d+):(\d+) left", seen(["0 1000"], [100_000])
    )
    assert found
    speed, hours, minutes, seconds = (int(number.replace(",", "")) for number in found.groups())
    assert hours * 3600 + minutes * 60 + seconds == pytest.approx(99_000 / speed, rel=0.01, abs=1)


def test_time_left_is_only_said_where_it_is_known() -> None:
    assert seen(["1 30000"], [20_000, None]).endswith("cycles/s")
    assert seen(["1 30000"], [20_000, None]).startswith("RTL: run 2 of 2, 30,000 cycles, ")


def test_a_file_that_is_just_being_written_is_passed_over() -> None:
    assert seen([""], [1000]) == "RTL: 1 run; the first time it is built"


@pytest.mark.parametrize("quiet", [False, True])
def test_nothing_is_shown_without_a_terminal(quiet: bool, capfd: pytest.CaptureFixture[str]) -> None:
    with display(quiet=quiet) as shown:
        shown.say("reading")
        with shown.watch([None]) as file:
            assert file is None
    assert capfd.readouterr() == ("", "")
