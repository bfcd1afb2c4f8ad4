"""Under which names a service that asks nobody for a key is answered: those that no stranger can give to its address.

Whoever owns a name can have it mean any address, this machine's own too, and then a page of theirs in a browser here is
of the same site as the service. A number means itself, and a name without a dot is in nobody's gift.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit


def is_own(host: str, named: Collection[str]) -> bool:
    """Whether a `Host`, with a port or without, is an address, has no dot, ends in .localhost, or is `named`.

    None at all is one, too: of browsers each says it. named: in lower case.
    """
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    return "." not in name or name.endswith(".localhost") or name in named or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
