"""A busy computer is no failure, so nothing here is measured in wall-clock time; and interrupts are heard."""

from __future__ import annotations

from signal import SIGINT, default_int_handler, signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture
def heard() -> Iterator[None]:
    """Interrupts are heard, even if the tests run where a shell has them ignored."""
    before = signal(SIGINT, default_int_handler)
    yield
    signal(SIGINT, before)
