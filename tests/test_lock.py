"""The lock holds what pyproject.toml asks for."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_version_asked_for_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {*project["dependencies"], *(pin for pins in project["optional-dependencies"].values() for pin in pins)}
    locked = set((ROOT / "requirements.lock").read_text().splitlines())
    assert asked <= locked, f"requirements.lock must hold {', '.join(sorted(asked - locked))}"
