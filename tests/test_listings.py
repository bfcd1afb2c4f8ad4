"""indexer/memory/listings.py: products that are listings of the same, as a dictionary of sets would have them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.memory.listings import Listings

Moves = list[tuple[int, int]]
moves = st.lists(st.tuples(st.integers(0, 12), st.sampled_from([0, 3, 5, 2**62])), max_size=30)
"""Key and its new listing, 0 for none."""


def arrays(pairs: Iterable[tuple[int, int]]) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], ...]:
    """Return keys and listings."""
    keys, numbers = zip(*pairs, strict=True)
    return np.array(keys, np.int64), np.array(numbers, np.int64)


def move(listings: Listings, of: dict[int, int], standing: set[int], said: Moves) -> None:
    """Move keys, and keep who stands for a listing by what the moves say."""
    for key, number in said:
        if key in of:
            gone, come = listings.remove(*arrays([(key, of[key])]))
            standing.difference_update(gone)
            standing.update(come)
        gone, come = listings.add(*arrays([(key, number)]))
        standing.difference_update(gone)
        standing.update(come)
        of[key] = number


@given(moves, moves)
@settings(max_examples=50)
def test_the_lowest_key_of_each_listing_stands_for_it(first: Moves, then: Moves) -> None:
    """However they came, before and after a restart; who has none stands for itself, and for nobody else."""
    listings, of, standing = Listings(), dict[int, int](), set[int]()
    move(listings, of, standing, first)
    with TemporaryDirectory() as folder:
        listings.save(Path(folder))
        again = Listings.load(Path(folder))
        assert again == listings
        assert sorted(standing) == sorted(again.standing().tolist())
        move(again, of, standing, then)
        groups = {number: sorted(k for k, n in of.items() if n == number) for number in set(of.values()) - {0}}
        assert groups == again.all()
        assert {keys[0] for keys in groups.values()} == standing
        if of:
            keys, numbers = arrays(of.items())
            expected = [groups[number][0] if number else key for key, number in of.items()]
            assert expected == again.first(keys, numbers).tolist()
            assert again == Listings.of(keys, numbers)
            again.remove(keys, numbers)
            assert again == Listings()


def test_a_batch_moves_in_the_order_of_its_keys() -> None:
    """A key that came and was followed by a lower one of its listing no longer stands for it."""
    listings = Listings.of(*arrays([(5, 3), (9, 4)]))
    assert ([5, 4], [4, 2]) == listings.add(*arrays([(4, 3), (2, 3), (7, 0), (8, 3)]))
    assert ([2, 4], [4, 5]) == listings.remove(*arrays([(2, 3), (8, 3), (4, 3)]))
    assert {3: [5], 4: [9]} == listings.all()
