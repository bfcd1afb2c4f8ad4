"""Changes of some fields of a product: applied to what is stored, so that a store takes products that are whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from indexer.encoders import Encoder
from indexer.errors import ProductError, ProductNotFound
from indexer.intake.update import whole
from indexer.product import Product
from indexer.sources.specs import Specs
from indexer.store.records import Record, Records

FIELDS = frozenset(each.name for each in fields(Product)) - {"id", "language"}
"""What a patch may name."""

LABEL = frozenset({"category", "tags"})


@dataclass(frozen=True, slots=True)
class Patch:
    """New values of some fields of the stored product `id`, as Product has them; the others stay as they are.

    A mapping of `specs` or `facts` changes those it names and leaves the others: name -> value, or None to remove it.
    One that changes the label without saying who gave it, or how much it counts, is taken for a supplier's, as a
    product is that is put.
    """

    id: str
    changes: Mapping[str, Any]


Change = Product | Patch | str
"""A product to put, a patch, or an id to delete."""


Refused = ProductError | ProductNotFound
Ready = Callable[[Sequence[Product]], Sequence[Record | ProductError]]
"""Returns products as the store takes them, in order, a refused one as its error."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Changes in order, as the store takes them; `seen` is the version of each stored product that one was made to."""

    changes: Sequence[Record | str | Refused]
    seen: Mapping[str, int] = field(default_factory=dict)


def resolved(records: Records, encoder: Encoder, changes: Sequence[Change], ready: Ready) -> Resolved:
    """Return changes as the store takes them, patches applied to what is stored and to what comes before them.

    A patch of an id that is not there becomes ProductNotFound, one of an unknown field ProductError; nothing is applied
    to what was refused.
    """
    wanted = {each.id for each in changes if isinstance(each, Patch)}
    stored = records.get(wanted) if wanted else {}
    now: dict[str, Product | None] = dict(zip(stored, whole(records, encoder, list(stored.values())), strict=True))
    done: list[Product | Record | str | Refused] = []
    for each in changes:
        made: Product | Record | str | Refused = _applied(now.get(each.id), each) if isinstance(each, Patch) else each
        if isinstance(made, Product) and made.id in wanted:  # a later patch needs to know what becomes of it
            (made,) = ready([made])
        if isinstance(made, Record):
            now[made.product.id] = made.product
        elif isinstance(made, str):
            now[made] = None
        done.append(made)
    rest = iter(ready([each for each in done if isinstance(each, Product)]))
    versions = {id_: each.version for id_, each in stored.items()}
    return Resolved([next(rest) if isinstance(each, Product) else each for each in done], versions)


def _applied(product: Product | None, patch: Patch) -> Product | Refused:
    if product is None:
        return ProductNotFound(patch.id)
    if unknown := sorted(patch.changes.keys() - FIELDS):
        return ProductError(f"{unknown[0]!r} is no field that can be changed; name one of {', '.join(sorted(FIELDS))}")
    changes = dict(patch.changes)
    if changes.keys() & LABEL and not changes.keys() & {"provenance", "weight"}:
        changes |= {"provenance": "supplier", "weight": 1.0}
    if "images" in changes and "pictures" not in changes:
        changes["pictures"] = ()
    for name, pairs in (("specs", product.specs), ("facts", product.facts)):
        if isinstance(changes.get(name), Mapping):
            changes[name] = _merged(pairs, changes[name])
    return replace(product, **changes)


def _merged(specs: Specs, changes: Mapping[str, str | None]) -> Specs:
    """Return specs or facts with new values where they stood, new ones at the end, without those that are None now."""
    stood = {name for name, _ in specs}
    first = dict.fromkeys(stood & changes.keys(), True)
    merged: list[tuple[str, str]] = []
    for name, value in specs:
        if name not in changes:
            merged.append((name, value))
        elif first.pop(name, False) and (new := changes[name]) is not None:
            merged.append((name, new))
    return (*merged, *((name, value) for name, value in changes.items() if value is not None and name not in stood))
