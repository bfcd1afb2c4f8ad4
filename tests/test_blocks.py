"""indexer/memory/blocks.py: rows in blocks behave as one array, and a file that they begin in stays as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.memory.blocks import LEAST, Blocks, mapped


@given(st.integers(0, 2**32 - 1), st.integers(0, 3_000))
def test_rows_in_blocks_are_the_rows_of_one_array(seed: int, first: int) -> None:
    """Whatever the order and shape in which they are asked for, all columns or some."""
    rng = np.random.default_rng(seed)
    whole = rng.integers(0, 1_000, (6_000, 3)).astype(np.int32)
    made = Blocks(whole[:first].copy())
    made.reserve(6_000)
    rows = rng.permutation(np.arange(first, 6_000))
    made.put(rows, whole[rows])
    asked = rng.integers(0, 6_000, (4, 50))
    assert whole[asked].tolist() == made.take(asked).tolist()
    assert whole[asked, 1:3].tolist() == made.take(asked, slice(1, 3)).tolist()
    some = np.unique(asked)
    made.put(some, 7)
    whole[some] = 7
    assert whole.tolist() == made.take(np.arange(6_000)).tolist()


def test_what_is_there_is_not_copied_to_make_room() -> None:
    """New rows are zeros in blocks of their own; few are as many as there are."""
    first = np.arange(5)
    made = Blocks(first)
    made.reserve(5)
    assert 5 == len(made)
    made.reserve(6)
    assert 5 + LEAST == len(made)
    made.put(np.array([0, 5]), np.array([9, 8]))
    assert [9, 1, 2, 3, 4] == first.tolist()
    assert [4, 8, 0] == made.take(np.array([4, 5, 6])).tolist()


def test_a_file_is_not_changed_by_what_is_changed_in_memory(tmp_path: Path) -> None:
    """What is saved then holds the changes, and of all rows those that were asked for; none is an array, too."""
    np.save(tmp_path / "first.npy", np.arange(8, dtype=np.float16).reshape(4, 2))
    before = (tmp_path / "first.npy").read_bytes()
    made = Blocks(mapped(tmp_path / "first.npy"))
    made.reserve(6)
    made.put(np.array([1, 5]), np.array([[50, 51], [60, 61]]))
    made.save(tmp_path / "again.npy", 6)
    assert before == (tmp_path / "first.npy").read_bytes()
    assert [[0, 1], [50, 51], [4, 5], [6, 7], [0, 0], [60, 61]] == mapped(tmp_path / "again.npy").tolist()
    made.save(tmp_path / "none.npy", 0)
    assert ((0, 2), "float16") == (mapped(tmp_path / "none.npy").shape, mapped(tmp_path / "none.npy").dtype.name)


def test_a_file_that_is_cut_is_no_array(tmp_path: Path) -> None:
    """It is refused when it is opened, not when somebody looks at what is missing."""
    np.save(tmp_path / "rows.npy", np.arange(5_000))
    whole = (tmp_path / "rows.npy").read_bytes()
    for content in (whole[:-8], whole[:50], b"", b"no array"):
        (tmp_path / "rows.npy").write_bytes(content)
        with pytest.raises((ValueError, EOFError)):
            mapped(tmp_path / "rows.npy")
