"""Groups of duplicates and families of variants as people look at them: with products, pairs and what decided them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from indexer.errors import GroupNotFound
from indexer.store.records import Records, Stored
from indexer.store.twins import Kind, Member, Twin
from service.duplicates.standing.naming import FAMILY

LOOKED = 20
"""Groups that are looked at for one that is shown, where only some are wanted."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A product of a group or family. group: its group of duplicates within a family, "" for none.

    survivor: whether it is the one of its group that is best kept, for `reasons`.
    """

    stored: Stored
    group: str
    survivor: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListedPair:
    """Two products of a group, by id, and what is said of them."""

    left: str
    right: str
    twin: Twin


@dataclass(frozen=True, slots=True)
class Group:
    """A group of duplicates, or a family of variants: its products in order of key, and the known pairs among them.

    probability: the least of those that hold it together: that a product of it is one with, or a variant of, the one
    that it is surest of.
    """

    id: str
    kind: Kind
    products: tuple[Listed, ...]
    pairs: tuple[ListedPair, ...]
    probability: float

    @property
    def survivor(self) -> str:
        """The id of the product that is best kept, "" for a family."""
        return next((each.stored.record.product.id for each in self.products if each.survivor), "")


def group_of(records: Records, group_id: str) -> Group:
    """Return a group or family; raises GroupNotFound when there is none of that id, or only one product is left."""
    found = _groups(records, kind_of(group_id), [group_id])
    if not found:
        raise GroupNotFound(group_id)
    return found[0]


def kind_of(group_id: str) -> Kind:
    """Return what an id is of."""
    return "variants" if group_id.startswith(FAMILY) else "duplicates"


def page(records: Records, kind: Kind, after: str, limit: int, least: float = 0.0) -> tuple[list[Group], str | None]:
    """Return up to `limit` groups that follow an id, in order of id, and the id after which to go on, None at the end.

    least: of their probability. Where few have it, fewer than `limit` are returned although there are more.
    """
    shown: list[Group] = []
    looked = 0
    while len(shown) < limit and looked < LOOKED * limit:
        ids = records.twins.page(kind, after, limit)
        looked += len(ids)
        for group in _groups(records, kind, ids):
            after = group.id
            if group.probability >= least:
                shown.append(group)
            if len(shown) == limit:
                return shown, after
        if len(ids) < limit:
            return shown, None
        after = ids[-1]
    return shown, after


def _groups(records: Records, kind: Kind, ids: Sequence[str]) -> list[Group]:
    """Return those groups that have two products at least, in the order of `ids`."""
    members = records.twins.together(ids, kind)
    stored = records.by_keys([member.key for member in members])
    twins = records.twins.of(stored)
    by_group: dict[str, list[Member]] = {}
    for member in members:
        if member.key in stored:
            by_group.setdefault(member.group if kind == "duplicates" else member.family, []).append(member)
    name = {member.key: id_ for id_, some in by_group.items() for member in some}
    inside: dict[str, list[Twin]] = {}
    for twin in twins:
        if twin.left in name and name[twin.left] == name.get(twin.right):
            inside.setdefault(name[twin.left], []).append(twin)
    return [
        _group(id_, kind, by_group[id_], stored, inside.get(id_, [])) for id_ in ids if len(by_group.get(id_, ())) > 1
    ]


def _group(id_: str, kind: Kind, members: Sequence[Member], stored: dict[int, Stored], twins: Sequence[Twin]) -> Group:
    best = {member.key: 0.0 for member in members}
    for twin in twins:
        sure = min(1.0, twin.probability + (twin.variant if kind == "variants" else 0.0))
        for key in (twin.left, twin.right):
            best[key] = max(best[key], sure)
    ids = {member.key: stored[member.key].record.product.id for member in members}
    return Group(
        id_,
        kind,
        tuple(
            Listed(stored[each.key], "" if kind == "duplicates" else each.group, each.survivor, each.reasons)
            for each in members
        ),
        tuple(ListedPair(ids[twin.left], ids[twin.right], twin) for twin in twins),
        round(min(best.values()), 6),
    )
