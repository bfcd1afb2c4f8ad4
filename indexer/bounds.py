"""What a process may take of the machine, as it is told before it does anything that a stranger could make large."""

from __future__ import annotations

import resource


def keep_to(memory: int) -> None:
    """Refuse this process more bytes of data than that, so that it fails by itself before others have to."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
