"""What a caller may do, in four words.

read    ask questions, and look at products, taxonomy, findings and decisions
write   store, change and delete products; read
review  decide about duplicates, labels and tags, and take decisions back; read
admin   change the taxonomy, the snapshots and who is let in; all of the above
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

Scope = Literal["read", "write", "review", "admin"]

SCOPES: tuple[Scope, ...] = get_args(Scope)
_INCLUDED: dict[str, frozenset[Scope]] = {
    "read": frozenset({"read"}),
    "write": frozenset({"write", "read"}),
    "review": frozenset({"review", "read"}),
    "admin": frozenset(SCOPES),
}
EVERY = _INCLUDED["admin"]


def included(given: Iterable[str]) -> frozenset[Scope]:
    """Return all that scopes allow; a word that is none, as a later aisle may have written, allows nothing."""
    return frozenset(scope for name in given for scope in _INCLUDED.get(name, ()))
