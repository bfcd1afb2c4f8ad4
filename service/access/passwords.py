"""Passwords as hashes: scrypt of the standard library, with its parameters and a salt of its own beside each hash.

N=2^15, r=8, p=3 is one of the settings that OWASP's cheat sheet on storing passwords gives: 32 MiB and half a second or
so for each guess. Two are worked out at a time, so that attempts take neither all memory nor every core.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading

from indexer.errors import SettingError

COST, BLOCKS, LANES = 2**15, 8, 3
SALT_BYTES, HASH_BYTES = 16, 32
LEAST, MOST = 12, 1_000
"""Characters of a password. There is no rule about their kinds: length is what counts (NIST SP 800-63B)."""

_TURNS = threading.Semaphore(2)


def hashed(password: str) -> str:
    """Return a password as it is kept; raises SettingError for one that is too short or too long."""
    if not LEAST <= len(password) <= MOST:
        raise SettingError(
            f"a password has {LEAST} to {MOST:,} characters, this one has {len(password):,}; several words are best"
        )
    salt = secrets.token_bytes(SALT_BYTES)
    return _written(salt, _scrypt(password, salt, COST, BLOCKS, LANES))


def fits(password: str, kept: str) -> bool:
    """Whether a password is the one that was kept. Takes its time; false for what is no such hash."""
    try:
        name, cost, blocks, lanes, salt, own = kept.split("$")
        numbers = int(cost), int(blocks), int(lanes)
        expected = base64.b64decode(own, validate=True)
        found = _scrypt(password[: MOST + 1], base64.b64decode(salt, validate=True), *numbers)
    except ValueError:
        return False
    return name == "scrypt" and hmac.compare_digest(found, expected)


def _scrypt(password: str, salt: bytes, cost: int, blocks: int, lanes: int) -> bytes:
    memory = 128 * cost * blocks * 2  # OpenSSL wants some room beside the table itself
    with _TURNS:
        return hashlib.scrypt(
            password.encode("utf-8", "surrogatepass"),
            salt=salt,
            n=cost,
            r=blocks,
            p=lanes,
            maxmem=memory,
            dklen=HASH_BYTES,
        )


def _written(salt: bytes, own: bytes) -> str:
    encoded = (base64.b64encode(each).decode() for each in (salt, own))
    return "$".join(("scrypt", str(COST), str(BLOCKS), str(LANES), *encoded))


NOBODY = _written(b"0" * SALT_BYTES, b"0" * HASH_BYTES)
"""What a password is compared with when there is no such account, so that the answer takes as long."""
