"""What people decide about groups of duplicates and about pairs, carried out in one transaction, and taken back as one.

different   they are not the same product: no group holds both again, and nobody is asked again
same        they are the same product, and stay stored side by side
variant     they are variants of one product: a family holds them, and no group of duplicates
merge       they are the same product: one is kept, the others are deleted
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import comb
from typing import Any, Literal, get_args

from indexer.errors import DecisionConflict, ProductNotFound
from indexer.live import Change, Patch
from indexer.store.decisions import Decision
from indexer.store.records import Stored
from service.audit.deciding import Changing, Settled, carried_out
from service.duplicates.groups.survivor import survivor
from service.duplicates.standing.filling import Filling, filled
from service.duplicates.standing.listing import group_of

Verb = Literal["different", "same", "variant", "merge"]
VERBS: tuple[Verb, ...] = get_args(Verb)

KIND = "duplicates"
"""Kind of these decisions."""
BESIDE = "|"
"""Between the ids of a pair that is the subject of a decision."""
PAIR_LIMIT = 5_000
"""Pairs that one decision says something of at most: those of 100 products."""
_SAID = {"different": "different", "same": "same product", "variant": "variant", "merge": "same product"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is decided about a group, or about a pair of products.

    ids: the products that it is about, all of the group when empty; one alone is judged beside each of the others. A
    `merge` names them always: it deletes products, and the group may hold others by now. survivor: which one is kept
    by `merge`; the one that is suggested when empty. fill: whether it gets from the others what it lacks.
    """

    verb: Verb
    ids: Sequence[str] = ()
    survivor: str = ""
    fill: bool = False


def decide(changing: Changing, group_id: str, verdict: Verdict, author: str = "") -> Settled:
    """Carry a decision about a group out and record it; on return every search sees it, and groups will.

    Raises GroupNotFound, and DecisionConflict, with nothing changed, when a product that is named is not in the group
    now, was changed while this was decided, or when it is about more than PAIR_LIMIT pairs.
    """
    group = group_of(changing.live.records, group_id)
    there = {each.stored.record.product.id: each.stored for each in group.products}
    if unknown := [id_ for id_ in (*verdict.ids, *filter(None, [verdict.survivor])) if id_ not in there]:
        raise DecisionConflict(
            f"product {unknown[0][:80]!r} is not in group {group_id[:80]!r} now; look at the group again"
        )
    return _decided(changing, group_id, verdict, there, verdict.survivor or group.survivor, author)


def decide_pair(changing: Changing, verdict: Verdict, author: str = "") -> Settled:
    """Carry a decision about the two products that it names out, whether or not a group holds them, as `decide` does.

    Raises ProductNotFound, and DecisionConflict for other than two products or a survivor that is neither of them.
    """
    there = changing.live.records.get(verdict.ids)
    if absent := [id_ for id_ in verdict.ids if id_ not in there]:
        raise ProductNotFound(absent[0])
    if len(there) != len(verdict.ids) or len(there) != 2:
        raise DecisionConflict("a pair is of two products; name two different ones")
    if verdict.survivor and verdict.survivor not in there:
        raise DecisionConflict(f"{verdict.survivor[:80]!r} is neither of the two; keep one of them")
    by_key = {stored.key: stored.record.product for stored in there.values()}
    kept = verdict.survivor or by_key[survivor(by_key).key].id
    return _decided(changing, BESIDE.join(verdict.ids), verdict, there, kept, author)


def _decided(  # noqa: PLR0917 - what is decided about what, and by whom
    changing: Changing, subject: str, verdict: Verdict, there: Mapping[str, Stored], kept: str, author: str
) -> Settled:
    """Change what was decided about products that are stored, by id, and record it; kept: the survivor of a merge."""
    pairs = _pairs(verdict, sorted(there), kept)
    ids = sorted({id_ for pair in pairs for id_ in pair})
    merging = _merging(verdict, {id_: there[id_] for id_ in ids}, kept) if verdict.verb == "merge" else _NOTHING
    decision = Decision(
        KIND,
        verdict.verb,
        subject,
        author,
        {"ids": ids, **merging.detail},
        says=[(one, other, _SAID[verdict.verb]) for one, other in pairs],
        keeps=merging.keeps,
    )
    return carried_out(changing, decision, merging.changes, merging.expected)


@dataclass(frozen=True, slots=True)
class _Merging:
    """What a merge changes, what is told of it, whose vectors it keeps, and the versions that it expects."""

    changes: Sequence[Change] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)
    keeps: Sequence[str] = ()
    expected: Mapping[str, int] = field(default_factory=dict)


_NOTHING = _Merging()


def _merging(verdict: Verdict, there: Mapping[str, Stored], kept: str) -> _Merging:
    """Return what becomes of products of which one is kept."""
    merged = [id_ for id_ in there if id_ != kept]
    filling = filled(there[kept], [there[id_] for id_ in merged]) if verdict.fill else Filling()
    return _Merging(
        changes=[*([Patch(kept, filling.fields)] if filling.fields else []), *merged],
        detail={"survivor": kept, "merged": merged, "filled": sorted(filling.fields), "left_out": filling.left_out},
        keeps=list(there) if filling.fields else merged,
        expected={id_: stored.version for id_, stored in there.items()},  # whom others merge away meanwhile is not kept
    )


def _pairs(verdict: Verdict, members: Sequence[str], kept: str) -> list[tuple[str, str]]:
    """Return the pairs that are decided about; raises DecisionConflict where there are none, or too many."""
    ids = sorted(set(verdict.ids)) or list(members)
    if verdict.verb == "merge":
        if not kept:
            raise DecisionConflict("a family of variants suggests no survivor; name the product that is kept")
        if not verdict.ids:
            raise DecisionConflict(
                "a merge deletes products, and none is named; name in ids those to be merged, of "
                f"{', '.join(members[:9])}"
            )
        beside = [id_ for id_ in ids if id_ != kept]
        if not beside:
            raise DecisionConflict(f"{kept[:80]!r} alone cannot be merged; name a product to merge into it")
        _check(len(beside))
        return [(kept, id_) for id_ in beside]
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
