"""Versions of the category tree in the record store: which one stands, what changes would do, and what they did.

A store whose tree nobody changed has no rows: its tree is the one that was given at build (a fact of the store), or
what its labels say. The first change writes version 1, the tree as it was found, and version 2, what it made of it.
Every change is one transaction: the new version, the labels, and the journal entries of both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from indexer.errors import TaxonomyConflict, TaxonomyVersionNotFound
from indexer.store import relabelling, rows, schema, versions
from indexer.store.relabelling import Moves, Shift
from indexer.store.schema import taxonomies
from indexer.store.versions import FIRST, Standing
from taxonomy.aliases import Aliases
from taxonomy.changes import Change
from taxonomy.files import infer, tree_from_json, tree_json
from taxonomy.planting import NameTaken, PathChange, Planting, planned, reverted
from taxonomy.tree import Tree

Connecting = Callable[[], AbstractContextManager[sa.Connection]]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the tree. changes: as JSON, each category by its id; none for a tree that was given or found.

    names: the path that each of these had before, or was made with.
    undoes: the version whose change this one takes back, None for none. undone: by which version, None for none.
    restored: the version whose tree a restore put back as this one, None for none.
    relabelled: products that another category got; unlabelled: of these, such as have none now.
    """

    number: int
    at: str
    author: str
    changes: Sequence[Mapping[str, Any]]
    names: Mapping[str, str]
    undoes: int | None
    undone: int | None
    restored: int | None
    relabelled: int
    unlabelled: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Effect:
    """What changes do, or would do, to the tree and its products.

    number: of the version that they make. paths: categories that are called otherwise, are new or are gone. shifts:
    where products go, by category. renamed: products whose category has another path and is the same. examples: ids of
    products that lose their label. conflicts: why some changes cannot be carried out. unmatched: new categories that no
    product goes to, by path. seq: the place in the journal, 0 for what is only looked at.
    """

    number: int
    tree: Tree
    changes: tuple[Change, ...]
    paths: Sequence[PathChange]
    shifts: Sequence[Shift]
    renamed: int
    examples: Sequence[str] = ()
    conflicts: Sequence[str] = ()
    unmatched: Sequence[str] = ()
    undoes: int | None = None
    seq: int = 0

    @property
    def relabelled(self) -> int:
        """How many products get another category, or lose theirs."""
        return sum(shift.products for shift in self.shifts)

    @property
    def unlabelled(self) -> int:
        """How many products lose their category."""
        return sum(shift.products for shift in self.shifts if not shift.to)


class Taxonomies:
    """The versions in one store; `Records.taxonomies` makes it."""

    def __init__(self, reading: Connecting, changing: Connecting) -> None:
        self._reading = reading
        self._changing = changing

    def number(self) -> int:
        """Return the number of the version that stands."""
        with self._reading() as connection:
            return versions.number_of(connection)

    def standing(self) -> Standing:
        """Return the tree that stands."""
        with self._reading() as connection:
            return versions.standing(connection)

    def awaited(self, given: Tree | None) -> Standing:
        """Return the tree that will stand once `given` is adopted, with the number of the version that stands by now.

        One that is yet to be inferred from labels is empty.
        """
        with self._reading() as connection:
            last = versions.last(connection)
            if last is not None and versions.goes_on(connection, last, given):
                return versions.standing(connection)
            return Standing(FIRST if last is None else last.number, given or Tree.empty(), open=given is None)

    def aliases(self) -> Aliases:
        """Return what categories were called in earlier versions."""
        with self._reading() as connection:
            return versions.aliases_of(connection)

    def relabelled(self) -> list[range]:
        """Return the places in the journal where changes of the tree sent products elsewhere, in order."""
        with self._reading() as connection:
            return versions.relabelled_in(connection)

    def history(self) -> list[Version]:
        """Return every version, the oldest first; none when nobody ever changed the tree."""
        with self._reading() as connection:
            found = connection.execute(sa.select(taxonomies).order_by(taxonomies.c.number)).all()
        undone = {row.change["undoes"]: row.number for row in found if row.change and row.change.get("undoes")}
        return [_version(row, undone.get(row.number)) for row in found]

    def preview(self, changes: Sequence[Change]) -> Effect:
        """Return what changes would do; nothing is changed. Those whose name is taken are told as conflicts."""
        with self._reading() as connection:
            now = versions.standing(connection)
            planting = planned(now.tree, changes, versions.aliases_of(connection))
            return _effect(connection, now, planting, relabelling.moves(connection, planting, {}), None)

    def change(self, changes: Sequence[Change], author: str = "", expected: int | None = None) -> Effect:
        """Make the next version of the tree, or raise and change nothing.

        expected: the number of the version that the changes were made for. Raises TaxonomyError for a change that is
        refused, NameTaken among them, and TaxonomyConflict when another version stands than is expected.
        """
        with self._changing() as connection:
            now = versions.standing(connection)
            if expected not in {None, now.number}:
                raise TaxonomyConflict(
                    f"the taxonomy is at version {now.number}, not at {expected}; look at what changed and ask again"
                )
            planting = planned(now.tree, changes, versions.aliases_of(connection))
            if planting.conflicts:
                raise NameTaken(planting.conflicts[0])
            return _carried_out(connection, now, planting, relabelling.moves(connection, planting, {}), author)

    def undo(self, number: int | None = None, author: str = "", *, preview: bool = False) -> Effect:
        """Take back the change that made a version, the last that stands without one, as a new version.

        Products that the change sent elsewhere and nobody has labelled otherwise since get their former category. What
        was added since stays. Raises TaxonomyVersionNotFound, and TaxonomyConflict when a later change builds on it.
        """
        with self._reading() if preview else self._changing() as connection:
            row, before = _undoable(connection, number)
            now = versions.standing(connection)
            planting = reverted(now.tree, before, row.change["made"])
            former = relabelling.former(connection, row.change["seqs"], before)
            moves = relabelling.moves(connection, planting, former)
            if preview:
                return _effect(connection, now, planting, moves, row.number)
            return _carried_out(connection, now, planting, moves, author, row.number)

    def adopt(self, tree: Tree | None) -> None:
        """Let a tree that was given, or what the labels say, take the place of what stood.

        A tree that the index has had before is not gone back to: its changes since stand. An open tree stays what it
        is when none is given.
        """
        with self._changing() as connection:
            last = versions.last(connection)
            if last is None:
                schema.put_meta(connection, versions.TAXONOMY, "" if tree is None else tree_json(tree))
                return
            if versions.goes_on(connection, last, tree):
                return
            schema.put_meta(connection, versions.TAXONOMY, "" if tree is None else tree_json(tree))
            tree = tree or infer(versions.labelled(connection))
            is_open = not schema.get_meta(connection, versions.TAXONOMY)
            row = versions.row(last.number + 1, {"given": True}, tree, is_open=is_open, author="", at=_now())
            connection.execute(taxonomies.insert(), row)
            rows.append(connection, "taxonomy", [(-1, str(row["number"]), None)], str(row["at"]))


def _effect(connection: sa.Connection, now: Standing, planting: Planting, moves: Moves, undoes: int | None) -> Effect:
    return Effect(
        number=now.number + 1,
        tree=planting.tree,
        changes=planting.changes,
        paths=planting.paths(),
        shifts=moves.shifts(planting),
        renamed=moves.renamed,
        examples=moves.examples(connection),
        conflicts=planting.conflicts,
        unmatched=_unmatched(planting, moves),
        undoes=undoes,
    )


def _carried_out(  # noqa: PLR0917 - what stands, what is made of it, who goes where, by whom, and for which undo
    connection: sa.Connection, now: Standing, planting: Planting, moves: Moves, author: str, undoes: int | None = None
) -> Effect:
    effect, at = _effect(connection, now, planting, moves, undoes), _now()
    (first,) = rows.append(connection, "taxonomy", [(-1, str(effect.number), None)], at)
    relabelling.carry_out(connection, planting, moves, at)
    last = rows.last_seq(connection)
    said = {
        "changes": [change.to_json() for change in planting.changes],
        "names": _names(planting),
        "aliases": [[alias.text, alias.node, alias.below] for alias in planting.aliases()],
        "made": dict(planting.made),
        "undoes": undoes,
        "relabelled": effect.relabelled,
        "unlabelled": effect.unlabelled,
        "seqs": [first, last],
    }
    _close(connection, now, at)
    row = versions.row(effect.number, said, planting.tree, is_open=now.open, author=author, at=at)
    connection.execute(taxonomies.insert(), row)
    return replace(effect, seq=last)


def _unmatched(planting: Planting, moves: Moves) -> tuple[str, ...]:
    """Return the paths of categories that a split made and no product went to, in order of the tree."""
    filled = {to for _, to in moves.going}
    empty = (
        node for node, node_id in enumerate(planting.tree.ids) if node_id in planting.made and node_id not in filled
    )
    return tuple(map(planting.tree.text, empty))


def _names(planting: Planting) -> dict[str, str]:
    """Return by id what the categories were called that the changes name."""
    said = [change.to_json() for change in planting.changes]
    ids = {change.get(name) for change in said for name in ("node", "parent", "into", "to")}
    ids |= {node for change in said for node in change.get("nodes", ())}
    places = {node_id: planting.tree.text(node) for node, node_id in enumerate(planting.tree.ids)}
    places |= {node_id: planting.before.text(node) for node, node_id in enumerate(planting.before.ids)}
    return {node_id: places[node_id] for node_id in sorted(filter(None, ids)) if node_id in places}


def _close(connection: sa.Connection, now: Standing, at: str) -> None:
    """Keep the tree that is left behind as it was in the end: an open one has grown since it was written."""
    if versions.last(connection) is None:
        connection.execute(taxonomies.insert(), versions.row(FIRST, {}, now.tree, is_open=now.open, author="", at=at))
    else:
        here = taxonomies.c.number == now.number
        connection.execute(taxonomies.update().where(here).values(tree=tree_json(now.tree)))


def _undoable(connection: sa.Connection, number: int | None) -> tuple[Any, Tree]:
    """Return the version whose change can be taken back, and the tree before it."""
    found = connection.execute(sa.select(taxonomies).order_by(taxonomies.c.number)).all()
    changed: list[Any] = []
    for row in found:
        if not row.change or row.change.get("given"):
            changed = []
        elif row.change.get("undoes"):
            changed.pop()
        else:
            changed.append(row)
    known = {row.number: row for row in found}
    if number is not None and number not in {FIRST, *known}:
        raise TaxonomyVersionNotFound(number, found[-1].number if found else FIRST)
    if not changed or (number is not None and number not in {row.number for row in changed}):
        which = f"version {number}" if number is not None else "the taxonomy"
        raise TaxonomyConflict(f"{which} has no change that could be taken back; look at: aisle taxonomy history")
    last = changed[-1]
    if number not in {None, last.number}:
        raise TaxonomyConflict(f"version {number} cannot be undone while version {last.number} stands; undo that first")
    return last, tree_from_json(known[last.number - 1].tree)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _version(row: Any, undone: int | None) -> Version:  # noqa: ANN401 - a row of the table
    said = row.change or {}
    return Version(
        number=row.number,
        at=row.at,
        author=row.author,
        changes=said.get("changes", []),
        names=said.get("names", {}),
        undoes=said.get("undoes"),
        undone=undone,
        restored=said.get("restored"),
        relabelled=said.get("relabelled", 0),
        unlabelled=said.get("unlabelled", 0),
        fingerprint=versions.fingerprint(row.tree),
    )
