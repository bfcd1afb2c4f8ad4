"""indexer/space/learnt.py: from parts and reduced words to one unit vector, by hand."""

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from indexer.errors import SnapshotDamaged
from indexer.space.learnt import FILES, Floats, Learnt, edges_of, joined, reduced, unit
from indexer.space.lexicon import COLUMNS, Rows

PARTS = {"text": 2, "image": 1}
LEARNT = Learnt(
    edges=(0, 2, 3),
    columns=np.array([5, 9], np.int32),
    reduction=np.array([[1.0], [2.0]], np.float32),
    centres=np.array([0.0, 0.5, 0.0, 0.0], np.float32),
    matrix=np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [0.0, -1.0]], np.float32),
    shift=np.array([1.0, 0.0], np.float32),
    shrinkage=np.array([0.2], np.float32),
)


def row(*columns: tuple[int, float]) -> Rows:
    """Return one row of words."""
    values, places = [value for _, value in columns], [column for column, _ in columns]
    return sparse.csr_array((values, ([0] * len(columns), places)), shape=(1, COLUMNS), dtype=np.float32)


def raw(*values: float) -> Floats:
    """Return one row of raw parts."""
    return np.array([values], np.float32)


def test_rows_get_length_one_and_zeros_stay_zeros() -> None:
    """Of what is shorter than a rounding error as well."""
    rows = np.array([[3, 4], [0, 0], [1e-13, 0], [0, -2]], np.float32)
    np.testing.assert_allclose(unit(rows), [[0.6, 0.8], [0.0, 0.0], [0.0, 0.0], [0.0, -1.0]])
    assert rows[0, 0] == 3
    assert (0, 2) == unit(rows[:0]).shape


def test_edges_are_where_parts_begin_and_the_end() -> None:
    """In the order of the encoder."""
    assert (0, 2, 3) == edges_of(PARTS)
    assert (0,) == edges_of({})


def test_words_are_reduced_by_their_columns_alone() -> None:
    """Columns that are not reduced, below, between and above those that are, add nothing."""
    words = sparse.vstack([row((5, 1.0), (9, 0.5)), row((1, 1.0), (7, 1.0), (1_000, 1.0)), row(), row((9, 1.0))])
    made = reduced(sparse.csr_array(words), LEARNT.columns, LEARNT.reduction)
    assert [[2.0], [0.0], [0.0], [2.0]] == made.tolist()
    nothing = reduced(row((5, 1.0)), LEARNT.columns[:0], np.zeros((0, 3), np.float32))
    assert [[0.0, 0.0, 0.0]] == nothing.tolist()


def test_each_part_is_centred_and_rescaled_by_itself() -> None:
    """A part that is missing stays zeros: it is not at the far side of the centre."""
    made = joined(raw(3.0, 4.5, 0.0), raw(2.0), LEARNT.edges, LEARNT.centres)
    np.testing.assert_allclose(made, [[0.6, 0.8, 0.0, 1.0]], atol=1e-6)
    assert [[0.0, 0.0, -1.0, 0.0]] == joined(raw(0, 0, -3), raw(0), LEARNT.edges, LEARNT.centres).tolist()


def test_a_product_is_placed_by_what_it_has() -> None:
    """(3/5, 4/5, 0, 1) times the matrix is (3/5, 3/5), less the shift (-2/5, 3/5), to length one."""
    made = LEARNT.place(raw(3.0, 4.5, 0.0), row((9, 1.0)))
    np.testing.assert_allclose(made, [[-2 / 13**0.5, 3 / 13**0.5]], atol=1e-6)


def test_a_product_without_anything_is_nowhere() -> None:
    """Neither a part nor a word that is known: zeros, which no index holds, and not the negative shift."""
    assert [[0.0, 0.0]] == LEARNT.place(raw(0, 0, 0), row((7, 1.0))).tolist()
    assert (0, 2) == LEARNT.place(np.zeros((0, 3), np.float32), row()[:0]).shape


def test_what_was_learnt_is_read_back(tmp_path: Path) -> None:
    """Every array, and so the same place for every product."""
    for name, array in LEARNT.arrays().items():
        np.save(tmp_path / name, array)
    again = Learnt.load(tmp_path, PARTS)
    assert (2, LEARNT.edges) == (again.dim, again.edges)
    assert {name: array.tolist() for name, array in again.arrays().items()} == {
        name: array.tolist() for name, array in LEARNT.arrays().items()
    }


@pytest.mark.parametrize(
    ("name", "array"),
    [("matrix", np.zeros((3, 2))), ("centres", np.zeros(3)), ("columns", np.zeros(3)), ("reduction", np.zeros((2, 2)))],
)
def test_arrays_that_do_not_fit_together_are_damage(tmp_path: Path, name: str, array: Floats) -> None:
    """So is a file that is missing, or none."""
    for file, known in (LEARNT.arrays() | {FILES[name]: array}).items():
        np.save(tmp_path / file, known)
    with pytest.raises(SnapshotDamaged, match="has arrays of different widths; rebuild the index"):
        Learnt.load(tmp_path, PARTS)
    for content in (b"no array", b""):
        (tmp_path / FILES[name]).write_bytes(content)
        with pytest.raises(SnapshotDamaged, match=r"cannot be read: .*; rebuild the index"):
            Learnt.load(tmp_path, PARTS)
    (tmp_path / FILES[name]).unlink()
    with pytest.raises(SnapshotDamaged, match=r"cannot be read: .*; rebuild the index"):
        Learnt.load(tmp_path, PARTS)
