"""Pairs of a catalogue that are worth judging: by neighbours, by article number and by picture, never all with all."""

import numpy as np

from service.duplicates.candidates import coded, lookalikes, neighbours, of_one_value
from service.duplicates.catalogue import Catalogue

NONE = np.zeros(0, np.int64)


def catalogue(size: int, first: list[int] | None = None) -> Catalogue:
    """Return products with keys 10, 20, 30, ... without numbers or pictures."""
    keys = np.arange(1, size + 1) * 10
    rows = np.array(first if first is not None else range(size), np.int64)
    return Catalogue(keys, rows, rows, (NONE, NONE, NONE.astype(bool)), (NONE.astype(np.uint64), NONE))


def pairs(codes: np.ndarray, size: int) -> list[tuple[int, int]]:
    return [divmod(code, size) for code in codes.tolist()]


def test_pairs_of_rows_are_numbers_in_either_order() -> None:
    """Of a hundred rows the pair of 3 and 7 is 307."""
    assert [307, 307] == coded(np.array([3, 7]), np.array([7, 3]), 100).tolist()


def test_rows_of_one_value_are_paired_with_the_next_few() -> None:
    """Five rows share the value 8: with a window of two, neighbours and next but one; 1 and 9 share with nobody."""
    values, rows = np.array([8, 1, 8, 8, 9, 8, 8]), np.arange(7)
    assert [(0, 2), (0, 3), (2, 3), (2, 5), (3, 5), (3, 6), (5, 6)] == pairs(of_one_value(values, rows, 7, window=2), 7)


def test_ten_thousand_rows_of_one_value_give_a_number_of_pairs_that_grows_with_them() -> None:
    """Each is paired with the next twelve, where all with all would be 50 million."""
    assert 12 * 10_000 - 12 * 13 // 2 == len(of_one_value(np.zeros(10_000, np.int64), np.arange(10_000), 10_000))


def test_pictures_are_paired_when_few_bits_differ() -> None:
    """Of hash 0 are found: one bit, three bits in three bands; seven bits are too many, and so is every bit."""
    hashes = np.array([0, 1 << 63, (1 << 63) | (1 << 40) | 1, 0b1111111, 2**64 - 1], np.uint64)
    assert [(0, 1), (0, 2), (1, 2)] == pairs(lookalikes(hashes, np.arange(5), 5), 5)


def test_ten_thousand_equal_pictures_give_a_number_of_pairs_that_grows_with_them() -> None:
    """Each is compared with the next 32 only."""
    assert 32 * 10_000 - 32 * 33 // 2 == len(lookalikes(np.zeros(10_000, np.uint64), np.arange(10_000), 10_000))


def test_neighbours_are_paired_when_either_is_among_the_nearest_or_both_see_each_other() -> None:
    """0 sees 1, 2 and 3; only 2 sees it, too: of 0's neighbours the first is taken, and 2, but not 3."""
    near = {10: [10, 20, 30, 40], 20: [20, 40, -1, -1], 30: [30, 40, 10, -1], 40: [40, 20, -1, -1]}

    def search(keys: np.ndarray, k: int) -> np.ndarray:
        return np.array([near[key][:k] for key in keys.tolist()], np.int64)

    found = neighbours(search, catalogue(4), np.arange(4), 3, sure=1)
    assert [(0, 1), (0, 2), (1, 3), (2, 3)] == pairs(found, 4)


def test_a_copy_that_is_a_neighbour_counts_as_the_first_of_its_content() -> None:
    """Rows 0, 1 and 2 are one content and fill the list of 3, which is paired with 0 once; copies are not asked."""

    def search(keys: np.ndarray, k: int) -> np.ndarray:
        return np.tile(np.array([[20, 10, 30, 40]])[:, :k], (len(keys), 1))

    found = neighbours(search, catalogue(4, [0, 0, 0, 3]), np.array([0, 3]), 3, sure=1)
    assert [(0, 3)] == pairs(found, 4)
