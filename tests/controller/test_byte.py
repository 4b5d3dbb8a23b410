"""The page that follows one byte says what the golden model does now."""

from __future__ import annotations

from pathlib import Path

from controller.byte import page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_fresh() -> None:
    """Of a network that is kept, for training rounds differently on other processors."""
    text = (DOCS / "one-byte.md").read_text()
    assert page(DOCS / "data" / "digits.onnx") == text, "docs/one-byte.md must be made anew: make byte"
