"""Pairs of a catalogue that are worth judging: by neighbours, by article number and by picture, never all with all."""

from contextlib import nullcontext

import numpy as np

from indexer.vectors import build
from indexer.vectors.joining import Joining, Listed, joined
from service.duplicates.groups.candidates import coded, lookalikes, neighbours, of_one_value
from service.duplicates.groups.catalogue import Catalogue
from service.duplicates.groups.titles import Titles
from service.duplicates.verdicts.marks import Marks

NONE = np.zeros(0, np.int64)


def catalogue(size: int, first: list[int] | None = None, titles: list[list[int]] | None = None) -> Catalogue:
    """Return products with keys 10, 20, 30, ... without numbers or pictures. titles: the marks of each."""
    keys = np.arange(1, size + 1) * 10
    rows = np.array(first if first is not None else range(size), np.int64)
    marks = Marks.of(titles or [[]] * size)
    return Catalogue(keys, rows, rows, (NONE, NONE, NONE.astype(bool)), (NONE.astype(np.uint64), NONE), marks)


def pairs(codes: np.ndarray, size: int) -> list[tuple[int, int]]:
    return [divmod(code, size) for code in codes.tolist()]


def test_pairs_of_rows_are_numbers_in_either_order() -> None:
    """Of a hundred rows the pair of 3 and 7 is 307."""
    assert [307, 307] == coded(np.array([3, 7]), np.array([7, 3]), 100).tolist()


def test_rows_of_one_value_are_paired_with_the_next_few() -> None:
    """Five rows share the value 8: with a window of two, neighbours and next but one; 1 and 9 share with nobody."""
    values, rows = np.array([8, 1, 8, 8, 9, 8, 8]), np.arange(7)
    assert [(0, 2), (0, 3), (2, 3), (2, 5), (3, 5), (3, 6), (5, 6)] == pairs(of_one_value(values, rows, 7, window=2), 7)


def test_a_row_that_has_a_value_twice_is_no_pair_with_itself() -> None:
    """As one whose part number is the model in its title, too."""
    assert [(0, 2)] == pairs(of_one_value(np.array([8, 8, 8]), np.array([0, 0, 2]), 3, window=2), 3)


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


def near(**others: list[int]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return one batch: the nearest keys of some, the keys being named k10, k20, ..."""
    keys = np.array([int(name[1:]) for name in others], np.int64)
    return [(keys, np.array(list(others.values()), np.int64))]


def test_neighbours_are_paired_when_either_is_among_the_nearest_or_both_see_each_other() -> None:
    """10 sees 20, 30 and 40; only 30 sees it, too: of its neighbours the first is taken, and 30, but not 40."""
    batches = near(k10=[10, 20, 30, 40], k20=[20, 40, -1, -1], k30=[30, 40, 10, -1], k40=[40, 20, -1, -1])
    found = neighbours(iter(batches), catalogue(4), 3, sure=1)
    assert [(0, 1), (0, 2), (1, 3), (2, 3)] == pairs(found, 4)


def test_a_copy_that_is_a_neighbour_counts_as_the_first_of_its_content() -> None:
    """Rows 0, 1 and 2 are one content and fill the list of 3, which is paired with 0 once; copies are not asked."""
    batches = near(k10=[20, 10, 30, 40], k40=[20, 10, 30, 40])
    assert [(0, 3)] == pairs(neighbours(iter(batches), catalogue(4, [0, 0, 0, 3]), 3, sure=1), 4)


def test_vectors_in_lists_are_joined_with_the_lists_beside() -> None:
    """400 vectors around 20 directions: looking beside every list, each is next to those that an exact search finds."""
    drawn = np.random.default_rng(0)
    rows = np.repeat(drawn.standard_normal((20, 16)), 20, axis=0) + drawn.standard_normal((400, 16)) / 3
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    keys = np.arange(400) + 7
    index, exact = (build(kind, 16, keys, vectors) for kind in ("ivf", "exact"))
    assert isinstance(index, Listed)
    joining = Joining(5, lambda some: np.ones(len(some), np.bool_), nullcontext, threads=2, beside=400)
    said = {
        key: some for batch in joined(index, joining) for key, some in zip(batch[0].tolist(), batch[1], strict=True)
    }
    true = exact.search(vectors, 5).keys
    assert {key: row.tolist() for key, row in zip(keys.tolist(), true, strict=True)} == {
        key: some.tolist() for key, some in said.items()
    }


def test_who_takes_no_part_in_a_join_is_nobodys_neighbour() -> None:
    """Even keys alone take part; one list has fewer than are asked for."""
    vectors = np.eye(8, 16, dtype=np.float32)
    index = build("ivf", 16, np.arange(8), vectors)
    assert isinstance(index, Listed)
    batches = list(joined(index, Joining(6, lambda some: some % 2 == 0, nullcontext)))
    assert [0, 2, 4, 6] == sorted(key for some, _ in batches for key in some.tolist())
    assert {-1, 0, 2, 4, 6} == {key for _, some in batches for key in some.ravel().tolist()}


def by_title(titles: list[list[int]], first: list[int] | None = None) -> list[list[int]]:
    """Return the rows that are near each row by title, nearest first."""
    found = Titles.of(catalogue(len(titles), first, titles)).near()
    return [[key // 10 - 1 for key in near if key >= 0] for _, some in found for near in some.tolist()]


def test_a_second_listing_is_nearer_by_title_than_any_sibling() -> None:
    """Hoodies in four sizes (1 to 4) and three colours (5 to 7), and one of them once more with a word of a shop."""
    siblings = [[size, colour, 8, 9] for size in (1, 2, 3, 4) for colour in (5, 6, 7)]
    near = by_title([*siblings, [2, 6, 8, 9, 10]])
    original = siblings.index([2, 6, 8, 9])
    assert (original, 12) == (near[12][0], near[original][0])
    assert {3} == {len(each) for each in near}


def test_a_copy_is_nobodys_neighbour_by_title() -> None:
    """Rows 0 and 1 are one content: 0 alone is asked about, and found."""
    assert [[2], [0]] == by_title([[1, 2], [1, 2], [1, 2, 3]], [0, 0, 2])


def test_marks_that_too_many_titles_share_are_not_searched_by() -> None:
    """The word 1 is in all of 3,000 titles, 2 in two of them: the two are a pair, and nobody else."""
    near = by_title([[1, 2], [1, 2], *([1, number] for number in range(3, 3_001))])
    assert [[1], [0]] == near[:2]
    assert not any(near[2:])


def test_neighbours_whose_titles_share_next_to_nothing_are_unlike() -> None:
    """One of nine marks is shared by 0 and 1, all by 0 and 2; 3 has no title, so that nothing is said of it."""
    titles = Titles.of(catalogue(4, titles=[[1, 2, 3, 4, 5], [1, 6, 7, 8, 9], [1, 2, 3, 4, 5], []]))
    assert [True, False, False] == titles.unlike(np.array([1, 2, 3])).tolist()
