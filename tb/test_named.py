"""Random programs on the named machines, under each profile: model and RTL agree in everything."""

from __future__ import annotations

import pytest

from tb.regression import draws, regress

#: Every third one has the same profile.
PROGRAMS = 9


@pytest.mark.parametrize("name", ["tiny", "board", "default", "edge"])
def test_random_programs_on_a_named_machine(name, seed):
    drawn = draws(100 * seed, PROGRAMS)
    report = regress(name, drawn)
    print(report)
    assert not report.failure, report.failure
    assert report.programs == len(drawn)
