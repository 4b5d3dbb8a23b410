"""How random cases are drawn: a busy computer is no failure, so nothing here is measured in wall-clock time."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
