"""What is claimed of the hardware's units is proved: the short proofs here, all of them by make prove."""

from __future__ import annotations

import json

import pytest

from tb.prove import DATA, PROOFS, described, proved

KEPT = {row["name"]: row for row in json.loads(DATA.read_text())}


@pytest.mark.parametrize("proof", [proof for proof in PROOFS if proof.quick], ids=lambda proof: proof.name)
def test_short_proofs_hold(proof, tmp_path):
    """With its cover and its planted bug where they were when all were proved."""
    found = proved(proof, tmp_path / proof.name)
    assert found == {name: KEPT[proof.name][name] for name in found}


def test_what_was_proved_was_kept():
    said = "docs/data/proofs.json must be made anew: make prove docs"
    assert list(KEPT) == [proof.name for proof in PROOFS], said
    for proof in PROOFS:
        assert described(proof).items() <= KEPT[proof.name].items(), said


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.name)
def test_planted_bugs_are_of_the_sources(proof):
    proof.bug.span((DATA.parents[2] / proof.bug.file).read_text())
