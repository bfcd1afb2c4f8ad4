"""indexer/images/lookalikes.py: hashes by key, beside a plain list of pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import SnapshotDamaged, VectorError
from indexer.images.lookalikes import FILES, Keys, Lookalikes, Phashes

Pairs = list[tuple[int, int]]


def keys_of(*keys: int) -> Keys:
    """Return keys as an array."""
    return np.array(keys, np.int64)


def phashes_of(*phashes: int) -> Phashes:
    """Return hashes as an array."""
    return np.array(phashes, np.uint64)


def found(lookalikes: Lookalikes, phash: int, radius: int) -> Pairs:
    """Return keys with the bits in which they differ."""
    keys, bits = lookalikes.search(phash, radius)
    return list(zip(keys.tolist(), bits.tolist(), strict=True))


def by_hand(pairs: Pairs, phash: int, radius: int) -> Pairs:
    """Return what `found` has to be."""
    nearest: dict[int, int] = {}
    for key, one in pairs:
        nearest[key] = min(nearest.get(key, 64), (one ^ phash).bit_count())
    return sorted(((key, bits) for key, bits in nearest.items() if bits <= radius), key=lambda each: (each[1], each[0]))


def test_what_differs_in_few_bits_is_found_nearest_first() -> None:
    """Ties by key; a product with several pictures stands once, by its nearest; the radius counts in."""
    lookalikes = Lookalikes(keys_of(5, 3, 9, 5, 7), phashes_of(0b0111, 0b0011, 0b0000, 0b1000, 2**64 - 1))
    assert found(lookalikes, 0, 2) == [(9, 0), (5, 1), (3, 2)]
    assert found(lookalikes, 0, 0) == [(9, 0)]
    assert found(lookalikes, 2**64 - 1, 64) == [(7, 0), (5, 61), (3, 62), (9, 64)]
    assert len(lookalikes) == 5


@pytest.mark.parametrize("radius", [-1, 65])
def test_a_radius_that_is_none_is_refused(radius: int) -> None:
    """With the limits."""
    with pytest.raises(VectorError, match=f"a radius of {radius} bits asked for; give one from 0 to 64"):
        Lookalikes().search(0, radius)


def test_an_empty_one_finds_nothing() -> None:
    """And forgetting what is not there is no error."""
    lookalikes = Lookalikes()
    lookalikes.drop(keys_of(1))
    lookalikes.drop(keys_of())
    assert (found(lookalikes, 7, 64), len(lookalikes)) == ([], 0)


STEPS = st.lists(
    st.tuples(st.booleans(), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2**64 - 1)), max_size=6)), max_size=20
)


@given(STEPS, st.integers(0, 2**64 - 1), st.integers(0, 64))
@settings(max_examples=100)
def test_any_coming_and_going_leaves_what_a_list_of_pairs_has(
    steps: list[tuple[bool, Pairs]], phash: int, radius: int
) -> None:
    """`put` replaces all that its keys had; `drop` forgets them."""
    lookalikes, pairs = Lookalikes(), Pairs()
    for comes, some in steps:
        keys = {key for key, _ in some}
        pairs = [pair for pair in pairs if pair[0] not in keys] + (some if comes else [])
        if comes:
            lookalikes.put(keys_of(*(key for key, _ in some)), phashes_of(*(one for _, one in some)))
        else:
            lookalikes.drop(keys_of(*keys))
    assert found(lookalikes, phash, radius) == by_hand(pairs, phash, radius)
    assert len(lookalikes) == len(pairs)


def test_more_than_there_was_room_for_is_kept() -> None:
    """One at a time, beyond the room that was there at first."""
    lookalikes = Lookalikes()
    for key in range(3_000):
        lookalikes.put(keys_of(key), phashes_of(key))
    assert found(lookalikes, 2_999, 0) == [(2_999, 0)]
    assert len(lookalikes) == 3_000


def test_what_was_saved_is_read_back(tmp_path: Path) -> None:
    """Without the free room behind it, and it can be changed again."""
    lookalikes = Lookalikes(keys_of(1, 2), phashes_of(7, 2**63))
    lookalikes.drop(keys_of(1))
    assert [path.name for path in lookalikes.save(tmp_path)] == list(FILES)
    read = Lookalikes.load(tmp_path)
    read.put(keys_of(4), phashes_of(2**63))
    assert found(read, 2**63, 1) == [(2, 0), (4, 0)]


@pytest.mark.parametrize(
    ("keys", "phashes"),
    [
        (keys_of(1, 2), phashes_of(1)),
        (keys_of(1), np.array([1], np.int64)),
        (np.array([1], np.int32), phashes_of(1)),
        (np.ones((2, 2), np.int64), np.ones((2, 2), np.uint64)),
    ],
)
def test_files_that_do_not_fit_together_are_refused(
    keys: np.typing.NDArray[np.generic], phashes: np.typing.NDArray[np.generic], tmp_path: Path
) -> None:
    """In length, type or shape."""
    for name, array in zip(FILES, (keys, phashes), strict=True):
        np.save(tmp_path / name, array)
    with pytest.raises(SnapshotDamaged, match="do not fit together; rebuild the index"):
        Lookalikes.load(tmp_path)


def test_files_that_are_missing_or_cut_off_are_refused(tmp_path: Path) -> None:
    """With what helps."""
    with pytest.raises(SnapshotDamaged, match="cannot be read"):
        Lookalikes.load(tmp_path)
    Lookalikes(keys_of(1), phashes_of(1)).save(tmp_path)
    (tmp_path / FILES[1]).write_bytes((tmp_path / FILES[1]).read_bytes()[:-4])
    with pytest.raises(SnapshotDamaged, match="cannot be read"):
        Lookalikes.load(tmp_path)
