"""indexer/store/suspects.py: what is suspected of stored products, on either engine."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from indexer.product import Product, content_hash
from indexer.store import upheld
from indexer.store.decisions import Decision
from indexer.store.records import Record, Records
from indexer.store.suspects import Suspect, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database

MUG, PAN = "Home > Mugs", "Home > Pans"


@pytest.fixture
def records(database: Database) -> Iterator[Records]:
    """Return a store of a, b, c (keys 1 to 3) labelled Mugs and d (key 4) labelled Pans."""
    with closing(Records.open(database.where)) as records:
        records.write([record(name, MUG) for name in "abc"] + [record("d", PAN)])
        yield records


def record(product_id: str, path: str, title: str = "thing") -> Record:
    """Return a labelled record whose category has its last letters for an id."""
    product = Product(product_id, title, category=path, tags=("red",))
    return Record(product, content_hash(product), path[-4:].strip())


def suspect(key: int, probability: float, severity: float = 0.5, kind: str = "slip", pattern: str = "") -> Suspect:
    """Return a suspicion that a mug is a pan."""
    return Suspect(key, "Mugs", "Pans", probability, severity, kind, pattern, (4,))


def ids(records: Records, wanted: Wanted | None = None, **page: object) -> list[str]:
    """Return the ids of suspected labels in their order."""
    return [each.id for each in records.suspects.labels(wanted or Wanted(), **page)]  # type: ignore[arg-type]


def test_the_worst_come_first_and_pages_follow_each_other(records: Records) -> None:
    """Likeliest first, of equally likely ones the severest, then by key; a place is where the next page goes on."""
    records.suspects.replace([1, 2, 3], [suspect(1, 0.5, 0.2), suspect(2, 0.9), suspect(3, 0.5, 0.4)])

    first = records.suspects.labels(Wanted(), None, 2)
    assert [(each.id, each.suspect.probability) for each in first] == [("b", 0.9), ("c", 0.5)]
    assert ids(records, after=(0.5, 0.4, 3)) == ["a"]
    assert first[0].suspect == suspect(2, 0.9)
    assert (first[0].category, first[0].version, first[0].provenance) == (MUG, 1, "supplier")


def test_what_is_suspected_is_replaced_whole(records: Records) -> None:
    """Of the products asked about only what was found stays, of others all; a product that is gone has nothing."""
    records.suspects.replace([1, 2], [suspect(1, 0.5), suspect(2, 0.9)])
    records.suspects.replace([2, 3, 99], [suspect(3, 0.7), suspect(99, 0.9)])
    assert ids(records) == ["c", "a"]
    records.delete(["c"])
    assert ids(records) == ["a"]


def test_suspects_are_wanted_by_probability_kind_branch_and_pattern(records: Records) -> None:
    """Each condition by itself, and counts by kind of what remains."""
    found = [suspect(1, 0.5), suspect(2, 0.9, kind="systematic", pattern="p1"), suspect(3, 0.7)]
    records.suspects.replace([1, 2, 3], found)
    assert ids(records, Wanted(least=0.7)) == ["b", "c"]
    assert ids(records, Wanted(kind="slip")) == ["c", "a"]
    assert ids(records, Wanted(pattern="p1")) == ["b"]
    assert ids(records, Wanted(branch="Home")) == ["b", "c", "a"]
    assert ids(records, Wanted(branch="Home > Mug")) == []
    assert records.suspects.count(Wanted()) == {"slip": 2, "systematic": 1}


def test_a_label_that_is_another_now_is_not_suspected(records: Records) -> None:
    """Whoever labels a product otherwise answers the suspicion."""
    records.suspects.replace([1], [suspect(1, 0.5)])
    assert set(records.suspects.of(["a", "b", "nobody"])) == {"a"}
    records.write([record("a", PAN)])
    assert (ids(records), records.suspects.count(Wanted())) == ([], {})


def test_a_label_that_a_person_found_right_is_suspected_no_more(records: Records) -> None:
    """Until the product says something else or is labelled otherwise; its tags may be suspected all the same."""
    tags = (("blue", "missing", 0.8),)
    both = Suspect(2, "Mugs", "Pans", 0.9, 0.5, "slip", "", (4,), tags)
    records.suspects.replace([1, 2], [suspect(1, 0.5), both])
    with records._changing() as connection:
        upheld.uphold(connection, ["a", "b"], 7)
    assert ids(records) == []
    assert [(each.id, each.suspect.tags) for each in records.suspects.tags()] == [("b", tags)]
    records.suspects.replace([1, 2], [suspect(1, 0.5), both])
    assert ids(records) == []
    assert [each.id for each in records.suspects.tags()] == ["b"]

    records.write([record("a", MUG, "another thing")])
    records.suspects.replace([1], [suspect(1, 0.5)])
    assert ids(records) == ["a"]
    with records._changing() as connection:
        upheld.forget(connection, ["b"])
    records.suspects.replace([2], [both])
    assert ids(records) == ["b", "a"]


def test_what_was_found_right_before_holds_again_when_a_decision_is_taken_back(records: Records) -> None:
    """By the last decision that stands, whichever order they are taken back in."""

    def decide() -> None:
        records.decisions.record(Decision("label", "keep", "a", acts=[lambda c, n: upheld.uphold(c, ["a", "b"], n)]))

    decide()
    records.write([record("a", PAN)])
    decide()
    records.write([record("a", PAN, "another thing")])
    decide()

    def found_right() -> list[tuple[str, str]]:
        with records._reading() as connection:
            return list(upheld.upheld_of(connection, ["a"]).values())

    held = found_right()
    for number in (2, 3, 1):
        records.decisions.undo(number)
        held += found_right()
    third, first = ("Pans", record("a", PAN, "another thing").content_hash), ("Mugs", record("a", MUG).content_hash)
    assert held == [third, third, first]
    assert records.decisions.get(3).detail == {}


def test_tags_are_paged_by_their_likeliest_fault(records: Records) -> None:
    """A product without a suspected label is in this list alone."""
    records.suspects.replace(
        [1, 2], [Suspect(1, tags=(("red", "wrong", 0.6),)), Suspect(2, tags=(("x", "missing", 0.9),))]
    )
    assert [each.id for each in records.suspects.tags()] == ["b", "a"]
    assert [each.id for each in records.suspects.tags(after=(0.9, 2))] == ["a"]
    assert [each.id for each in records.suspects.tags(least=0.7, branch="Home > Mugs")] == ["b"]
    assert (ids(records), records.suspects.count(Wanted())) == ([], {})


def test_whoever_names_a_neighbour_is_found(records: Records) -> None:
    """By the key of the neighbour."""
    records.suspects.replace([1, 2], [suspect(1, 0.5), Suspect(2, "Mugs", "Pans", 0.5, neighbours=(3, 1))])
    assert (records.suspects.naming([4]), records.suspects.naming([1, 4])) == ([1], [1, 2])
