"""The rows of the versions of the category tree: which one stands, and what categories were called before.

Every function works inside the transaction of the connection it is given; `taxonomies` and `moment` open those.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import sqlalchemy as sa

from indexer.store import relabelling, schema
from indexer.store.relabelling import path_of
from indexer.store.schema import taxonomies
from taxonomy.aliases import Alias, Aliases
from taxonomy.files import infer, tree_from_json, tree_json
from taxonomy.tree import Tree

TAXONOMY = "taxonomy"
"""The fact in the record store that holds the tree that was given; empty when it is inferred."""
FIRST = 1
"""The number of the tree that nobody has changed."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The tree that stands: with the categories of all labels where it is open."""

    number: int
    tree: Tree
    open: bool


class AnotherTaxonomy(Exception):
    """Products were placed in a version of the tree that does not stand any more."""


def check(connection: sa.Connection, planted: int) -> None:
    """Raise AnotherTaxonomy unless the version of that number stands."""
    if number_of(connection) != planted:
        raise AnotherTaxonomy


def number_of(connection: sa.Connection) -> int:
    """Return the number of the version that stands."""
    return connection.scalar(sa.select(sa.func.max(taxonomies.c.number))) or FIRST


def standing(connection: sa.Connection) -> Standing:
    """Return the tree that stands."""
    row = last(connection)
    if row is None:
        given = schema.get_meta(connection, TAXONOMY)
        if given:
            return Standing(FIRST, tree_from_json(given), open=False)
        return Standing(FIRST, infer(labelled(connection)), open=True)
    tree = tree_from_json(row.tree)
    if row.open:
        tree = tree.extended(path_of(category) for category in relabelling.categories(connection))
    return Standing(row.number, tree, row.open)


def aliases_of(connection: sa.Connection) -> Aliases:
    """Return what categories were called in earlier versions."""
    query = sa.select(taxonomies.c.change).order_by(taxonomies.c.number)
    said = (change for change in connection.scalars(query) if change)
    return Aliases(Alias(*alias) for change in said for alias in change.get("aliases", ()))


def relabelled_in(connection: sa.Connection) -> list[range]:
    """Return the places in the journal where changes of the tree sent products elsewhere, in order."""
    query = sa.select(taxonomies.c.change).order_by(taxonomies.c.number)
    places = (change["seqs"] for change in connection.scalars(query) if change and "seqs" in change)
    return [range(first, last + 1) for first, last in places]


def goes_on(connection: sa.Connection, last: Any, tree: Tree | None) -> bool:  # noqa: ANN401 - a row of the table
    """Say whether the last version stays: an open one when no tree is given, any when it was given before."""
    if tree is None:
        return bool(last.open)
    given = schema.get_meta(connection, TAXONOMY)
    trees = connection.scalars(sa.select(taxonomies.c.tree))
    return any(fingerprint(text) == tree.version for text in chain([given] if given else [], trees))


def fingerprint(tree: str) -> str:
    """Return the version that a tree in JSON says it has."""
    return str(json.loads(tree)["version"])


def last(connection: sa.Connection) -> Any:  # noqa: ANN401 - a row of the table, or None
    """Return the row of the version that stands, None for a tree that nobody has changed."""
    query = sa.select(taxonomies).order_by(taxonomies.c.number.desc()).limit(1)
    return connection.execute(query).first()


def labelled(connection: sa.Connection) -> Iterator[tuple[str, ...]]:
    """Yield the path of every labelled product."""
    counts = relabelling.categories(connection).items()
    return chain.from_iterable(repeat(path_of(category), count) for category, count in counts)


def row(number: int, change: Mapping[str, Any], tree: Tree, *, is_open: bool, author: str, at: str) -> dict[str, Any]:
    """Return the row of a version."""
    return {"number": number, "at": at, "author": author, "change": change, "tree": tree_json(tree), "open": is_open}
