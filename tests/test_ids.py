"""indexer/memory/ids.py: ids by key and keys by id, as two dictionaries would have them, before and after a restart."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.memory.ids import FILES, Ids, hashed

changes = st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["", "a", "bb", "é", "a" * 256, "7"])), max_size=20)
"""Key and the id that it gets; "" drops it."""


def told(ids: Ids, said: list[tuple[int, str]], model: dict[int, str]) -> None:
    """Make changes, in both, of ids that no other key has."""
    for key, product_id in said:
        if product_id and product_id not in model.values():
            ids.put(key, product_id)
            model[key] = product_id
        elif not product_id:
            ids.drop(key)
            model.pop(key, None)


def agree(ids: Ids, model: dict[int, str]) -> None:
    """Assert that both hold the same."""
    assert [model.get(key, "") for key in range(12)] == [ids[key] for key in range(12)]
    for product_id in ["a", "bb", "é", "a" * 256, "7", "other"]:
        expected = next((key for key, each in model.items() if each == product_id), None)
        assert expected == ids.key(product_id)


@given(changes, changes)
@settings(max_examples=50)
def test_ids_are_those_of_two_dictionaries(first: list[tuple[int, str]], then: list[tuple[int, str]]) -> None:
    """Through puts and drops, a restart, and more of them."""
    with TemporaryDirectory() as folder:
        ids, model = Ids(), dict[int, str]()
        told(ids, first, model)
        agree(ids, model)
        assert [Path(folder) / name for name in FILES] == ids.save(Path(folder), 10)
        again = Ids.load(Path(folder))
        assert [key in model for key in range(10)] == again.known.tolist()
        agree(again, model)
        told(again, then, model)
        agree(again, model)


def test_ids_that_share_a_hash_are_told_apart() -> None:
    """By their letters, each in its turn."""
    letters, ends = np.frombuffer(b"abbmug", np.uint8), np.array([1, 3, 6])
    shared = np.full(3, hashed("bb"), np.uint64)
    ids = Ids(letters, ends, shared, np.array([2, 1, 0]))
    assert [1, None, None] == [ids.key(each) for each in ("bb", "mug", "b")]
    ids.drop(1)
    assert ids.key("bb") is None


def test_a_product_that_is_written_again_takes_no_more_room(tmp_path: Path) -> None:
    """Its id lies in the snapshot."""
    ids = Ids()
    ids.put(3, "mug")
    ids.save(tmp_path, 4)
    again = Ids.load(tmp_path)
    again.put(3, "mug")
    again.drop(2)
    assert not again._since


def test_files_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    """Fewer letters than the ids end at, and more keys than hashes."""
    ids = Ids()
    ids.put(0, "mug")
    ids.save(tmp_path, 1)
    for name in ("labels_id_letters.npy", "labels_id_hashes.npy"):
        whole = (tmp_path / name).read_bytes()
        np.save(tmp_path / name, np.load(tmp_path / name)[:-1])
        with pytest.raises(ValueError, match="different lengths"):
            Ids.load(tmp_path)
        (tmp_path / name).write_bytes(whole)
