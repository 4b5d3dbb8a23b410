"""What cannot be compiled is refused in one sentence that names the file, the node and the reason."""

from __future__ import annotations


class ModelError(Exception):
    """A model or its inputs cannot be used; the message is one sentence for the user."""


class CheckError(Exception):
    """A check failed before there was anything to compare; the message is one sentence for the user."""
