"""indexer/space/fit.py: the learnt space against the definition of within-class whitening, and what it is good for."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from indexer.space.features import Floats
from indexer.space.fit import ENOUGH, FULL, SAMPLE, SHRINKAGES, Fitted, Nodes, fit, pooled, refit, sample
from indexer.space.learnt import Learnt, joined, reduced, unit
from indexer.space.lexicon import COLUMNS, Lexicon, Rows

PARTS = {"text": 8, "image": 4}
LINEAGE = np.array([[0, -1], [0, 1], [0, 2], [3, -1], [3, 4]], np.int32)


def wordless(size: int) -> Rows:
    """Return no words for so many products."""
    return sparse.csr_array((size, COLUMNS), dtype=np.float32)


def noisy(seed: int = 0, size: int = 300, categories: int = 3) -> tuple[Floats, Nodes]:
    """Return products whose category shows in two dimensions of the text, drowned by the others and by the picture."""
    rng = np.random.default_rng(seed)
    nodes = rng.integers(0, categories, size).astype(np.int32)
    text, image = 2 * rng.normal(size=(size, 8)), rng.normal(size=(size, 4))
    angle = 2 * np.pi * nodes / categories
    text[:, 0] = np.cos(angle) + 0.2 * rng.normal(size=size)
    text[:, 1] = np.sin(angle) + 0.2 * rng.normal(size=size)
    return np.hstack([unit(text.astype(np.float32)), unit(image.astype(np.float32))]), nodes


def right(placed: Floats, nodes: Nodes) -> float:
    """Return how often the nearest other product is of the same category."""
    alike = placed @ placed.T
    np.fill_diagonal(alike, -2)
    return float((nodes[alike.argmax(axis=1)] == nodes).mean())


def learnt(fitted: Fitted) -> Learnt:
    """Return the space; there must be one."""
    assert fitted.learnt is not None
    return fitted.learnt


def test_what_tells_categories_apart_is_found_under_noise() -> None:
    """New products find their own as their nearest in the learnt space, by chance or so in the raw one."""
    raw, nodes = noisy()
    made = fit(PARTS, raw, wordless(300), nodes)
    fresh, truth = noisy(seed=1)
    assert right(unit(fresh), truth) < 0.6
    assert right(learnt(made).place(fresh, wordless(300)), truth) > 0.8
    assert made.shrinkage in SHRINKAGES
    assert made.agreement == pytest.approx(right(learnt(made).place(fresh, wordless(300)), truth), abs=0.1)


def test_words_tell_categories_apart_where_parts_do_not() -> None:
    """They are reduced to a part of their own."""
    rng = np.random.default_rng(2)
    nodes = rng.integers(0, 3, 200).astype(np.int32)
    raw = unit(rng.normal(size=(200, 12)).astype(np.float32))
    words = Lexicon.blank().rows([f"{('mug', 'pan', 'hose')[node]} no{rng.integers(50)}" for node in nodes])
    space = learnt(fit(PARTS, raw, words, nodes))
    assert right(space.place(raw, words), nodes) > 0.95
    assert right(unit(raw), nodes) < 0.5
    assert space.reduction.shape == (len(space.columns), space.centres.shape[0] - 12)


def test_the_space_is_whitened_within_categories() -> None:
    """In all its dimensions the shrunk scatter of a category's products is the same in every direction."""
    raw, nodes = noisy()
    space = learnt(fit(PARTS, raw, wordless(300), nodes))
    rows = joined(raw, np.zeros((300, 0), np.float32), space.edges, space.centres).astype(np.float64)
    apart = np.concatenate([rows[nodes == node] - rows[nodes == node].mean(axis=0) for node in range(3)])
    within = apart.T @ apart / (300 - 3)
    shrinkage = float(space.shrinkage[0])
    shrunk = (1 - shrinkage) * within + shrinkage * np.trace(within) / 12 * np.eye(12)
    np.testing.assert_allclose(space.matrix.T @ shrunk @ space.matrix, np.eye(12), atol=1e-3)
    np.testing.assert_allclose(space.shift, rows.mean(axis=0) @ space.matrix, atol=1e-3)


def test_the_first_dimensions_tell_most() -> None:
    """Two of twelve place three categories as well as all; a narrower space is the beginning of a wider one."""
    raw, nodes = noisy()
    wide, narrow = (learnt(fit(PARTS, raw, wordless(300), nodes, dim=dim)) for dim in (256, 2))
    assert (12, 2) == (wide.dim, narrow.dim)
    again = refit(replace(narrow, shrinkage=wide.shrinkage), raw, wordless(300), nodes, np.ones(300, np.float32))
    np.testing.assert_allclose(np.abs(wide.matrix[:, :2]), np.abs(again.matrix), rtol=1e-3, atol=1e-4)
    assert right(narrow.place(raw, wordless(300)), nodes) > 0.85


def test_the_same_products_make_the_same_space() -> None:
    """Bit by bit; another seed may choose otherwise."""
    raw, nodes = noisy()
    first, again = (learnt(fit(PARTS, raw, wordless(300), nodes, seed=3)) for _ in range(2))
    assert [each.tolist() for each in first.arrays().values()] == [each.tolist() for each in again.arrays().values()]


def test_a_refit_is_the_fit_of_those_products_alone() -> None:
    """With all of them the space itself; with half, that of the half, its words and centres as they were."""
    raw, nodes = noisy()
    space, one = learnt(fit(PARTS, raw, wordless(300), nodes)), np.ones(300, np.float32)
    whole = refit(space, raw, wordless(300), nodes, one)
    np.testing.assert_allclose(np.abs(whole.matrix), np.abs(space.matrix), rtol=1e-3, atol=1e-4)
    half = refit(space, raw[::2], wordless(150), nodes[::2], one[::2])
    assert half.centres is space.centres
    rows = joined(raw[::2], np.zeros((150, 0), np.float32), space.edges, space.centres)
    np.testing.assert_allclose(half.shift, rows.mean(axis=0) @ half.matrix, atol=1e-3)


def test_voices_count_as_they_compare() -> None:
    """All at a half are all at one; a product at twice the voice is as good as two of it."""
    raw, nodes = noisy()
    space = learnt(fit(PARTS, raw, wordless(300), nodes))
    one = np.ones(300, np.float32)
    whole = refit(space, raw, wordless(300), nodes, one)
    halved = refit(space, raw, wordless(300), nodes, np.full(300, 0.5, np.float32))
    np.testing.assert_allclose(halved.matrix, whole.matrix, rtol=1e-3, atol=1e-4)
    quiet = one.copy()
    quiet[100:] = 1e-6
    few = refit(space, raw[:100], wordless(100), nodes[:100], one[:100])
    hushed = refit(space, raw, wordless(300), nodes, quiet)
    fresh, truth = noisy(seed=1)
    placed = [each.place(fresh, wordless(300)) for each in (few, hushed)]
    assert right(placed[1], truth) == pytest.approx(right(placed[0], truth), abs=0.05)


def test_products_without_a_category_teach_nothing_about_categories() -> None:
    """With their labels hidden the scatter is that of the rest: far-off ones do not pull at it."""
    raw, nodes = noisy()
    hidden = nodes.copy()
    hidden[150:] = -1
    space = learnt(fit(PARTS, raw, wordless(300), hidden))
    rows = joined(raw, np.zeros((300, 0), np.float32), space.edges, space.centres).astype(np.float64)
    told = rows[:150]
    apart = np.concatenate([told[nodes[:150] == node] - told[nodes[:150] == node].mean(axis=0) for node in range(3)])
    within = apart.T @ apart / (150 - 3)
    shrinkage = float(space.shrinkage[0])
    shrunk = (1 - shrinkage) * within + shrinkage * np.trace(within) / 12 * np.eye(12)
    np.testing.assert_allclose(space.matrix.T @ shrunk @ space.matrix, np.eye(12), atol=1e-3)


@pytest.mark.parametrize(
    "nodes",
    [
        np.zeros(300, np.int32),
        np.full(300, -1, np.int32),
        np.arange(300, dtype=np.int32),
        np.where(np.arange(300) < ENOUGH - 1, np.arange(300) % 2, -1).astype(np.int32),
    ],
    ids=["one category", "none", "each its own", "too few"],
)
def test_without_enough_to_learn_from_the_space_is_raw(nodes: Nodes) -> None:
    """Whitening needs categories with two products and more."""
    assert Fitted(None, 1.0, 0.0) == fit(PARTS, noisy()[0], wordless(300), nodes)


def test_the_raw_space_is_kept_where_nothing_is_better() -> None:
    """Categories that raw vectors tell apart perfectly, of copies alone, and products that have nothing at all."""
    nodes = np.repeat([0, 1], 32).astype(np.int32)
    copies = np.eye(12, dtype=np.float32)[nodes]
    assert Fitted(None, 1.0, 1.0) == fit(PARTS, copies, wordless(64), nodes)
    nothing = fit(PARTS, np.zeros((64, 12), np.float32), wordless(64), nodes)
    assert (None, 1.0) == (nothing.learnt, nothing.shrinkage)


def test_copies_alone_can_be_refitted() -> None:
    """Where no product of a category differs from another there is no scatter to divide by; places stay finite."""
    raw, nodes = noisy()
    space = learnt(fit(PARTS, raw, wordless(300), nodes))
    copies = np.repeat([[1] + [0] * 11, [0, 1] + [0] * 10], 32, axis=0).astype(np.float32)
    twin = refit(
        replace(space, centres=0 * space.centres),
        copies,
        wordless(64),
        np.repeat([0, 1], 32).astype(np.int32),
        np.ones(64, np.float32),
    )
    placed = twin.place(copies, wordless(64))
    np.testing.assert_allclose(placed[:32] @ placed[32:].T, -1, atol=1e-3)


def test_a_thin_category_teaches_as_the_one_above_it() -> None:
    """Its own from FULL products on, else the deepest ancestor with as many under it, else its root."""
    nodes = np.repeat([1, 2, 4, -1], [FULL, FULL - 1, 3, 2]).astype(np.int32)
    assert np.repeat([1, 0, 3, -1], [FULL, FULL - 1, 3, 2]).tolist() == pooled(nodes, LINEAGE).tolist()
    assert [-1, -1] == pooled(np.array([-1, -1], np.int32), np.zeros((0, 0), np.int32)).tolist()


def test_a_sample_is_all_there_are_up_to_its_limit() -> None:
    """Ascending and each once; of more another seed draws others."""
    assert list(range(50)) == sample(50, 0).tolist()
    some, other = sample(SAMPLE + 10_000, 0), sample(SAMPLE + 10_000, 1)
    assert SAMPLE == len(np.unique(some)) == len(some)
    assert (np.diff(some) > 0).all()
    assert some.tolist() != other.tolist()


def test_reduced_words_keep_who_is_alike() -> None:
    """Of texts with a few topics their cosines survive a reduction to as many dimensions as there are columns."""
    rng = np.random.default_rng(5)
    texts = [f"{('mug', 'pan', 'hose')[number % 3]} {('red', 'blue')[number % 2]}" for number in range(120)]
    words = Lexicon.blank().rows(texts)
    nodes = (np.arange(120) % 3).astype(np.int32)
    space = learnt(fit(PARTS, unit(rng.normal(size=(120, 12)).astype(np.float32)), words, nodes))
    lexical = reduced(words, space.columns, space.reduction)
    np.testing.assert_allclose(lexical @ lexical.T, (words @ words.T).toarray(), atol=0.05)
