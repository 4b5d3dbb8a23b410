"""The most memory that this process has had so far."""

from __future__ import annotations

import resource


def peak_bytes() -> int:
    """Resident bytes at their highest since the process began, so of all steps up to now; Linux counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
