"""Secrets that are made here: of an API key `aisle_ID_SECRETCHECK`, of a session nothing but random letters.

A token has a prefix that scanners of leaked secrets know it by, the id of its key, 190 random bits, and a checksum, so
that a token that was cut or mistyped is refused without a look at the store. Being random, it needs no slow hash.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib

PREFIX = "aisle_"
ID_LETTERS = string.ascii_lowercase + string.digits
LETTERS = string.digits + string.ascii_letters
ID_CHARS, SECRET_CHARS, CHECK_CHARS = 10, 32, 6

TOKEN = re.compile(rf"{PREFIX}([a-z0-9]{{{ID_CHARS}}})_[0-9A-Za-z]{{{SECRET_CHARS + CHECK_CHARS}}}")


def new_id() -> str:
    """Return an id for a key."""
    return _random(ID_LETTERS, ID_CHARS)


def new_token(key_id: str) -> str:
    """Return a token of the key with that id; nobody can guess it."""
    body = f"{PREFIX}{key_id}_{_random(LETTERS, SECRET_CHARS)}"
    return body + _checksum(body)


def new_session() -> str:
    """Return what a browser shows as long as it is signed in."""
    return secrets.token_urlsafe(32)


def key_id_of(token: str) -> str | None:
    """Return the id of the key that a token says it is of; None when it cannot be a token."""
    found = TOKEN.fullmatch(token)
    if found is None or token[-CHECK_CHARS:] != _checksum(token[:-CHECK_CHARS]):
        return None
    return found[1]


def digest_of(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _random(letters: str, chars: int) -> str:
    return "".join(secrets.choice(letters) for _ in range(chars))


def _checksum(body: str) -> str:
    rest, letters = zlib.crc32(body.encode()), ""
    for _ in range(CHECK_CHARS):
        rest, place = divmod(rest, len(LETTERS))
        letters += LETTERS[place]
    return letters
