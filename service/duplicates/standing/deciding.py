"""What people decide about groups of duplicates, carried out in one transaction, and taken back as one.

different   they are not the same product: no group holds both again, and nobody is asked again
same        they are the same product, and stay stored side by side
variant     they are variants of one product: a family holds them, and no group of duplicates
merge       they are the same product: one is kept, the others are deleted
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any, Literal, get_args

from indexer.errors import DecisionConflict, VersionConflict
from indexer.live import Change, Patch
from indexer.product import Product
from indexer.store.decisions import Decided, Decision
from indexer.store.records import Stored
from service.audit.deciding import Changing
from service.duplicates.standing.listing import group_of

Verb = Literal["different", "same", "variant", "merge"]
VERBS: tuple[Verb, ...] = get_args(Verb)

KIND = "duplicates"
"""Kind of these decisions."""
PAIR_LIMIT = 5_000
"""Pairs that one decision says something of at most: those of 100 products."""
_SAID = {"different": "different", "same": "same product", "variant": "variant", "merge": "same product"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is decided about a group.

    ids: the products that it is about, all of the group when empty; one alone is judged beside each of the others. A
    `merge` names them always: it deletes products, and the group may hold others by now. survivor: which one is kept
    by `merge`; the one that the group suggests when empty. fill: whether it gets from the others what it lacks.
    """

    verb: Verb
    ids: Sequence[str] = ()
    survivor: str = ""
    fill: bool = False


def decide(changing: Changing, group_id: str, verdict: Verdict, author: str = "") -> Decided:
    """Carry a decision out and record it; on return every search sees it, and groups will.

    Raises GroupNotFound, and DecisionConflict, with nothing changed, when a product that is named is not in the group
    now, was changed while this was decided, or when it is about more than PAIR_LIMIT pairs.
    """
    records = changing.live.records
    group = group_of(records, group_id)
    there = {each.stored.record.product.id: each.stored for each in group.products}
    survivor = verdict.survivor or group.survivor
    if unknown := [id_ for id_ in (*verdict.ids, *filter(None, [verdict.survivor])) if id_ not in there]:
        raise DecisionConflict(
            f"product {unknown[0][:80]!r} is not in group {group_id[:80]!r} now; look at the group again"
        )
    pairs = _pairs(verdict, sorted(there), survivor)
    detail: dict[str, Any] = {"ids": sorted({id_ for pair in pairs for id_ in pair})}
    changes: list[Change] = []
    keeps: list[str] = []
    expected: dict[str, int] = {}
    if verdict.verb == "merge":
        merged = [id_ for id_ in detail["ids"] if id_ != survivor]
        filled = missing(there[survivor], [there[id_] for id_ in merged]) if verdict.fill else {}
        changes = [*([Patch(survivor, filled)] if filled else []), *merged]
        keeps = detail["ids"] if filled else merged
        expected = {id_: there[id_].version for id_ in detail["ids"]}  # whom others merge away meanwhile is not kept
        detail |= {"survivor": survivor, "merged": merged, "filled": sorted(filled)}
    numbers: list[int] = []
    decision = Decision(
        KIND,
        verdict.verb,
        group_id,
        author,
        detail,
        says=[(one, other, _SAID[verdict.verb]) for one, other in pairs],
        acts=[lambda _, number: numbers.append(number)],
        keeps=keeps,
    )
    try:
        changing.change(changes, expected=expected, decision=decision)
    except VersionConflict as error:
        raise DecisionConflict(
            f"product {error.product_id[:80]!r} was changed while it was decided about; nothing was changed: look at "
            "the group again"
        ) from error
    return records.decisions.get(numbers[-1])


def missing(survivor: Stored, others: Sequence[Stored]) -> dict[str, Any]:
    """Return what a product lacks and one of the others has, the first stored before later ones, as a Patch has it."""
    kept = survivor.record.product
    found: dict[str, Any] = {}
    for other in sorted(others, key=lambda stored: stored.key):
        for name, value in _lacking(kept, other.record.product).items():
            found.setdefault(name, value)
    for name in ("specs", "facts"):
        known = {said for said, _ in getattr(kept, name)}
        new: dict[str, str] = {}
        for other in sorted(others, key=lambda stored: stored.key):
            for said, value in getattr(other.record.product, name):
                if said not in known:
                    new.setdefault(said, value)
        if new:
            found[name] = new
    return found


def _lacking(kept: Product, other: Product) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name in ("description", "brand"):
        if not getattr(kept, name) and getattr(other, name):
            made[name] = getattr(other, name)
    if not kept.images and other.images:
        made |= {"images": other.images, "pictures": other.pictures}
    if not kept.category and other.category:
        made |= {"category": other.category, "provenance": other.provenance, "weight": other.weight}
    if not kept.tags and other.tags:
        made["tags"] = other.tags
    return made


def _pairs(verdict: Verdict, members: Sequence[str], survivor: str) -> list[tuple[str, str]]:
    """Return the pairs that are decided about; raises DecisionConflict where there are none, or too many."""
    ids = sorted(set(verdict.ids)) or list(members)
    if verdict.verb == "merge":
        if not survivor:
            raise DecisionConflict("a family of variants suggests no survivor; name the product that is kept")
        if not verdict.ids:
            raise DecisionConflict(
                "a merge deletes products, and none is named; name in ids those to be merged, of "
                f"{', '.join(members[:9])}"
            )
        beside = [id_ for id_ in ids if id_ != survivor]
        if not beside:
            raise DecisionConflict(f"{survivor[:80]!r} alone cannot be merged; name a product to merge into it")
        _check(len(beside))
        return [(survivor, id_) for id_ in beside]
    if len(ids) == 1:
        _check(len(members) - 1)
        return [(ids[0], id_) for id_ in members if id_ != ids[0]]
    _check(comb(len(ids), 2))
    return list(combinations(ids, 2))


def _check(pairs: int) -> None:
    """Raise DecisionConflict for more pairs than are taken, before a group of copies makes millions of them."""
    if pairs > PAIR_LIMIT:
        raise DecisionConflict(
            f"the decision is about {pairs:,} pairs, {PAIR_LIMIT:,} are taken at a time; name fewer products"
        )
