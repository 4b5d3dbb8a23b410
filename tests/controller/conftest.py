"""What tests of the command line share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controller.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def pinfold(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command line: exit status, output, errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["pinfold", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capfd.readouterr()
        return int(end.value.code or 0), out, err

    return run
