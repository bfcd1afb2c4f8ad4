"""indexer/space/titles: who is found by title, as a scan of all products finds them, while products come and go."""

from __future__ import annotations

import random
import shutil
from typing import TYPE_CHECKING

import numpy as np

from indexer.product import NOTHING, Product
from indexer.space.lexicon import column_of
from indexer.space.titles import FOLDER, Titles, words_of
from service.duplicates.groups.candidates import neighbours
from service.duplicates.groups.catalogue import Catalogue
from service.duplicates.groups.titles import SIMILAR, UNLIKE
from service.duplicates.groups.titles import Titles as Scanned
from service.duplicates.verdicts.marks import Marks
from service.duplicates.verdicts.reading import told

if TYPE_CHECKING:
    from pathlib import Path

WORDS = (
    *("atlas", "birch", "cedar", "delta", "elbow", "fjord", "grove", "haven", "inlet"),
    *("jetty", "kiosk", "ladle", "mango", "north", "ocean", "piano", "quilt", "river"),
)
"""Words that are no colours, sizes or the like, so that a mark is a word."""


def titled(*titles: str) -> Titles:
    """Return titles with keys 1, 2, 3, ..."""
    return Titles.of(np.arange(1, len(titles) + 1), [words_of(titles)])


def near(titles: Titles, key: int, size: int, nearest: int = 1) -> list[int]:
    """Return who is found for a key."""
    (found,) = titles.near(np.array([key]), size, nearest, SIMILAR)
    return sorted(found.tolist())


def test_a_word_counts_once_and_one_with_a_digit_twice() -> None:
    """However often it is said: "20 mugs, MUGS" has three columns."""
    row = words_of(["20 mug, MUG 1.5", ""])
    said = dict(zip(row.indices.tolist(), row.data.tolist(), strict=True))
    assert {column_of("20"): 2.0, column_of("mug"): 1.0, column_of("1.5"): 2.0} == said
    assert [0, 3, 3] == row.indptr.tolist()


def test_who_shares_most_of_a_title_is_found() -> None:
    """And those of which it is among the likest: 3 shares all but a word with 1, and 4 has nobody that is likelier."""
    titles = titled(
        "atlas birch cedar delta", "river quilt", "atlas birch cedar elbow", "atlas birch cedar fjord grove"
    )
    assert [3, 4] == near(titles, 1, 4)
    assert [] == near(titles, 2, 4)


def test_what_is_changed_or_deleted_is_found_as_it_is_now() -> None:
    """A product under a new title, and one that is gone."""
    titles = titled("atlas birch cedar", "atlas birch delta", "elbow fjord grove")
    assert [2] == near(titles, 1, 3)
    keys, words = np.array([2, 3]), words_of(["elbow fjord haven", "atlas birch cedar"])
    titles.put(keys, words, titles.ready(keys, words))
    assert [3] == near(titles, 1, 3)
    titles.drop(np.array([3, 99]))
    assert [] == near(titles, 1, 2)


def test_titles_without_much_in_common_are_unlike() -> None:
    """Where both have one: nothing is said of 3, which has none."""
    titles = titled("atlas birch cedar", "atlas birch delta", "", "elbow fjord grove")
    left, right = np.array([1, 1, 1]), np.array([2, 3, 4])
    assert [False, False, True] == titles.unlike(left, right, 4, UNLIKE).tolist()


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    """A snapshot of before there were titles has none, and takes them from then on."""
    titles = titled("atlas birch cedar", "atlas birch delta", "elbow fjord grove")
    assert all(file.is_file() for file in titles.save(tmp_path))
    again = Titles.load(tmp_path, 4)
    assert [2] == near(again, 1, 3)
    shutil.rmtree(tmp_path / FOLDER)
    none = Titles.load(tmp_path, 4)
    assert [] == near(none, 1, 3)
    keys, words = np.array([2, 5]), words_of(["atlas birch cedar", "atlas birch delta"])
    none.put(keys, words, none.ready(keys, words))
    assert [2] == near(none, 5, 5)


def test_a_scan_finds_the_same_pairs() -> None:
    """Of a hundred titles of simple words: those that either has among its three likest, and some that are as like."""
    chance = random.Random(7)
    said = [" ".join(chance.sample(WORDS, chance.randint(2, 6))) for _ in range(100)]
    keys = np.arange(1, 101)
    marks = Marks.of([sorted(told(Product("p", title), NOTHING).title) for title in said])
    none = np.zeros(0, np.int64)
    rows = np.arange(100)
    catalogue = Catalogue(keys, rows, rows, (none, none, none.astype(bool)), (none.astype(np.uint64), none), marks)
    codes = neighbours(Scanned.of(catalogue).near(), catalogue, 3, sure=3)
    scanned = {(int(keys[code // 100]), int(keys[code % 100])) for code in codes.tolist()}
    found = titled(*said).near(keys, 100, 3, SIMILAR)
    pairs = {(min(key, other), max(key, other)) for key, some in enumerate(found, start=1) for other in some.tolist()}
    assert scanned <= pairs
    assert len(pairs) < 1.2 * len(scanned)
