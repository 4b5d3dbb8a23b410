"""What is known of each virtual page: where it is, what is in it, who translates it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Page:
    """Directory entry of a virtual page.

    ``present``: in ``frame``. ``dirty``: written since it was last in DRAM. ``home``: DRAM holds its earlier bytes.
    ``store``: count of WRITE that a fill waits for. ``array``, ``post``: counts of the last commands that translate it:
    the engines' page tables keep a page that is not present, and must not change under such a command. (A WEIGHTS
    command is over when its ARRAY command is.)
    """

    present: bool = False
    dirty: bool = False
    home: bool = False
    frame: int = 0
    store: int = 0
    array: int = 0
    post: int = 0
