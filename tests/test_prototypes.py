"""indexer/space/prototypes.py: one vector per category, beside means that are computed from scratch."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import SnapshotDamaged
from indexer.space.learnt import unit
from indexer.space.prototypes import FILES, Floats, Nodes, Own, Prototypes

DIM = 4
Known = dict[int, tuple[int, Floats, float]]
"""Category, search vector and voice of each product that came in."""


def nodes_of(*nodes: int) -> Nodes:
    """Return tree positions as an array."""
    return np.array(nodes, np.int32)


def nobody(size: int) -> Own:
    """Return the own categories of questions about products that are not stored."""
    return Own(np.full(size, -1, np.int32), np.zeros((size, DIM), np.float32), np.zeros(size, np.float32))


def from_scratch(known: Known, nodes: int) -> tuple[Floats, Floats]:
    """Return the direction and the number of the products in each category."""
    sums, counts = np.zeros((nodes, DIM)), np.zeros(nodes)
    for node, vector, voice in known.values():
        if node >= 0:
            sums[node] += voice * vector
            counts[node] += 1
    return unit(sums.astype(np.float32)), counts.astype(np.float32)


def played(rng: np.random.Generator) -> tuple[Prototypes, Known]:
    """Let products come, move to other categories and go, in batches."""
    made, known = Prototypes(2, DIM), Known()
    for _ in range(30):
        keys = rng.choice(40, int(rng.integers(1, 8)), replace=False).tolist()
        there = [key for key in keys if key in known]
        columns = [np.array(column) for column in zip(*(known.pop(key) for key in there), strict=True)]
        if there:
            made.add(columns[0].astype(np.int32), columns[1], -1, columns[2].astype(np.float32))
        if rng.random() < 0.7:
            vectors = unit(rng.normal(size=(len(keys), DIM)).astype(np.float32))
            nodes, voices = rng.integers(-1, 6, len(keys)).astype(np.int32), rng.choice([0.25, 1, 2], len(keys))
            made.add(nodes, vectors, 1, voices.astype(np.float32))
            known.update(zip(keys, zip(nodes.tolist(), vectors, voices.tolist(), strict=True), strict=True))
    made.reserve(6)
    return made, known


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_running_sums_are_what_the_products_add_up_to(seed: int) -> None:
    """After any coming, moving and going: directions, numbers, and nothing left of a category that is empty again."""
    rng = np.random.default_rng(seed)
    made, known = played(rng)
    queries = unit(rng.normal(size=(3, DIM)).astype(np.float32))
    directions, counts = from_scratch(known, 6)
    similarity, products = made.similarity(queries, nodes_of(*range(6)), nobody(3))
    np.testing.assert_allclose(similarity, queries @ directions.T, atol=1e-3)
    assert [counts.tolist()] * 3 == products.tolist()
    assert not similarity[:, counts == 0].any()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_a_product_that_asks_finds_its_category_without_itself(seed: int) -> None:
    """What it sees is what the others alone would have made, of every category."""
    rng = np.random.default_rng(seed)
    made, known = played(rng)
    for key, (node, vector, voice) in known.items():
        own = made.without(nodes_of(node), vector[None], np.array([voice], np.float32))
        others = {other: said for other, said in known.items() if other != key}
        directions, counts = from_scratch(others, 6)
        similarity, products = made.similarity(vector[None], nodes_of(*range(6)), own)
        np.testing.assert_allclose(similarity, vector[None] @ directions.T, atol=1e-3)
        assert [counts.tolist()] == products.tolist()


def test_a_prototype_is_the_direction_of_the_mean() -> None:
    """Two products of one category and one of another, seen by somebody else and by the first of them."""
    made, rows = Prototypes(3, 2), np.array([[1, 0], [0, 1], [0, -1]], np.float32)
    made.add(nodes_of(0, 0, 2), rows)
    asked, half = rows[:1], 0.5**0.5
    none = Own(nodes_of(-1), np.zeros((1, 2), np.float32), np.zeros(1, np.float32))
    similarity, products = made.similarity(asked, nodes_of(0, 1, 2), none)
    np.testing.assert_allclose(similarity, [[half, 0, 0]], atol=1e-6)
    assert [[2, 0, 1]] == products.tolist()
    own = made.without(nodes_of(0), asked)
    assert ([[0.0, 1.0]], [1.0]) == (own.sums.tolist(), own.counts.tolist())
    assert ([[0.0, 0.0]], [[1.0, 1.0]]) == tuple(each.tolist() for each in made.similarity(asked, nodes_of(0, 2), own))
    last = made.without(nodes_of(2), rows[2:])
    similarity, products = made.similarity(rows[2:], nodes_of(0, 2), last)
    np.testing.assert_allclose(similarity, [[-half, 0]], atol=1e-6)
    assert [[2, 0]] == products.tolist()


def test_questions_see_only_their_own_category_differently() -> None:
    """A batch of a stored product, one that is not stored, and one whose category is not among those asked for."""
    made, rows = Prototypes(3, DIM), np.eye(3, DIM, dtype=np.float32)
    made.add(nodes_of(0, 0, 2), rows)
    own = made.without(nodes_of(0, -1, 2), rows)
    similarity, products = made.similarity(np.ones((3, DIM), np.float32), nodes_of(0, 1), own)
    np.testing.assert_allclose(similarity, [[1.0, 0.0], [2**0.5, 0.0], [2**0.5, 0.0]], atol=1e-6)
    assert [[1, 0], [2, 0], [2, 0]] == products.tolist()


def test_without_categories_there_is_nothing_to_be_like() -> None:
    """No node asked for, no question asked, and products that nobody knows a category of."""
    made = Prototypes(0, DIM)
    made.add(nodes_of(-1, -1), np.ones((2, DIM), np.float32))
    assert (0, DIM) == made.sums.shape
    assert ((2, 0), (2, 0)) == tuple(
        each.shape for each in made.similarity(np.ones((2, DIM), np.float32), nodes_of(), nobody(2))
    )
    made.reserve(2)
    none = np.zeros((0, DIM), np.float32)
    assert (0, 2) == made.similarity(none, nodes_of(0, 1), nobody(0))[0].shape
    own = made.without(nodes_of(-1), np.ones((1, DIM), np.float32))
    assert ([[0.0] * DIM], [0.0]) == (own.sums.tolist(), own.counts.tolist())


def test_what_was_saved_is_loaded_and_goes_on(tmp_path: Path) -> None:
    """Sums, numbers and directions; who came before can go afterwards."""
    made, known = played(np.random.default_rng(7))
    assert [tmp_path / name for name in FILES] == made.save(tmp_path)
    again = Prototypes.load(tmp_path)
    every, asked = nodes_of(*range(6)), np.eye(DIM, dtype=np.float32)
    before, after = (each.similarity(asked, every, nobody(DIM)) for each in (made, again))
    assert [each.tolist() for each in before] == [each.tolist() for each in after]
    for node, vector, voice in known.values():
        again.add(nodes_of(node), vector[None], -1, np.array([voice], np.float32))
    assert not again.similarity(asked, every, nobody(DIM))[0].any()


@pytest.mark.parametrize("name", FILES)
def test_files_that_do_not_fit_together_are_damage(tmp_path: Path, name: str) -> None:
    """One of another length, and one that is no array."""
    Prototypes(3, DIM).save(tmp_path)
    np.save(tmp_path / name, np.load(tmp_path / name)[:-1])
    with pytest.raises(SnapshotDamaged, match=r"the prototypes in .* are of different lengths; rebuild the index"):
        Prototypes.load(tmp_path)
    for content in (b"no array", b""):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SnapshotDamaged, match=r"the prototypes in .* cannot be read: .*; rebuild the index"):
            Prototypes.load(tmp_path)
