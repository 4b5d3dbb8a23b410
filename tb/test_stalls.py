"""Random stalls on every AXI channel: the same data in the same order, and no deadlock."""

from __future__ import annotations

import pytest

from tb.regression import draws, regress

#: Of the machines of random programs, so that their simulators are shared: the smallest array, and pages of bursts.
MACHINES = (0, 7)
PROGRAMS = 30


@pytest.mark.parametrize("turn", MACHINES)
def test_stalls_change_neither_data_nor_order(turn, seed):
    drawn = draws(100 * seed, PROGRAMS, stall=True)
    report = regress(str(8 * seed + turn), drawn)
    print(report)
    assert not report.failure, report.failure
    assert report.programs == len(drawn)
