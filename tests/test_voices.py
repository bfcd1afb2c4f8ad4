"""service/vote/voices.py: how much each neighbour counts, beside the regression solved slowly."""

import numpy as np
import pytest
from scipy import sparse

from indexer.space import Projected
from indexer.space.features import Features, Floats, Kernel
from indexer.space.lexicon import COLUMNS, Rows
from indexer.vectors import Keys
from service.vote.voices import ALONE, NOISE, PART, WORDS, ridge, voices

PARTS = {"text": 3}
KERNEL = Kernel(WORDS, (PART,))
EQUAL = KERNEL.most
"""How alike a product is to itself."""


def unit(rng: np.random.Generator, size: int, wide: int) -> Floats:
    """Return unit rows of positive numbers."""
    rows = rng.random((size, wide)) ** 3
    made: Floats = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return made


def words_of(rows: Floats) -> Rows:
    """Return rows as words."""
    size, wide = rows.shape
    at = (np.repeat(np.arange(size), wide), np.tile(np.arange(wide), size))
    return sparse.csr_array((rows.ravel(), at), shape=(size, COLUMNS), dtype=np.float32)


def filed(raw: Floats, words: Rows) -> Features:
    """Return the features of products under the keys 0, 1, 2, ..."""
    made = Features(PARTS)
    made.put(np.arange(len(raw)), raw, words)
    return made


def heard(features: Features, keys: Keys, weights: Floats, raw: Floats, words: Rows) -> Floats:
    """Return the voices of neighbours of questions with these parts and words."""
    return voices(features, keys, weights, Projected(raw, words, {"text": raw}), KERNEL)


def test_ridge_weights_solve_the_regression() -> None:
    """By hand: two neighbours at 1/2 of each other, 1 and 1/2 like the question, noise 1 and 1/2."""
    alike = np.array([[1, 0.5, 1], [0.5, 1, 0.5]], np.float32)
    # (2, 1/2; 1/2, 3/2) a = (1, 1/2): a = (5/4, 1/2) / (11/4)
    np.testing.assert_allclose(ridge(alike, np.array([1, 0.5], np.float32)), [5 / 11, 2 / 11], atol=1e-6)


def test_copies_have_about_the_voice_of_one() -> None:
    """A neighbour equal to the question 0.95, fifty equal copies of it 1.00 together."""
    rng = np.random.default_rng(0)
    raw, words = np.repeat(unit(rng, 1, 3), 50, axis=0), words_of(np.repeat(unit(rng, 1, 4), 50, axis=0))
    features = filed(raw, words)
    for many, total in ((1, EQUAL / (EQUAL + NOISE)), (50, 50 * EQUAL / (50 * EQUAL + NOISE))):
        said = heard(features, np.arange(many)[None], np.ones((1, many), np.float32), raw[:1], words[:1])
        assert said.sum() == pytest.approx(total, abs=2e-3)
        np.testing.assert_allclose(said, total / many, atol=5e-3)


def test_two_copies_with_half_a_voice_are_one_with_a_whole() -> None:
    """Among others too: what the one had, both have together, and nobody else has another voice."""
    rng = np.random.default_rng(1)
    raw, words = unit(rng, 6, 3), words_of(unit(rng, 6, 4))
    raw[5], words = raw[0], words[[0, 1, 2, 3, 4, 0]]
    features, asked = filed(raw, words), (unit(rng, 1, 3), words_of(unit(rng, 1, 4)))
    once = heard(features, np.arange(5)[None], np.ones((1, 5), np.float32), *asked)[0]
    twice = heard(features, np.arange(6)[None], np.array([[0.5, 1, 1, 1, 1, 0.5]], np.float32), *asked)[0]
    assert twice[0] + twice[5] == pytest.approx(once[0], abs=1e-3)
    np.testing.assert_allclose(twice[1:5], once[1:], atol=1e-3)


@pytest.mark.parametrize("size", [1, 2, ALONE - 1, ALONE + 7])
def test_each_question_is_solved_by_itself(size: int) -> None:
    """(K + noise / weight)^-1 k over those that have a weight, with the kernel of the features, in float64."""
    rng = np.random.default_rng(size)
    raw, words = unit(rng, 30, 3), words_of(unit(rng, 30, 4))
    asked_raw, asked_words = unit(rng, size, 3), words_of(unit(rng, size, 4))
    keys = np.array([rng.choice(30, 8, replace=False) for _ in range(size)])
    weights = rng.choice([0, 0.25, 1, 2], keys.shape).astype(np.float32)
    weights[0] = 0
    every, lines = np.concatenate([raw, asked_raw]), sparse.vstack([words, asked_words])
    kernel = PART * np.maximum(every @ every.T, 0) ** 2.5 + WORDS * (lines @ lines.T).toarray()
    expected = np.zeros(keys.shape)
    for row in range(size):
        some = np.flatnonzero(weights[row])
        among = kernel[np.ix_(keys[row, some], keys[row, some])] + np.diag(NOISE / weights[row, some])
        expected[row, some] = np.linalg.solve(among.astype(np.float64), kernel[keys[row, some], 30 + row])
    found = heard(filed(raw, words), keys, weights, asked_raw, asked_words)
    np.testing.assert_allclose(found, expected, atol=5e-3)
    assert not found[weights == 0].any()


def test_a_label_that_is_believed_less_speaks_more_softly() -> None:
    """A neighbour equal to the question: 0.95 with a full voice, 0.91 with half of one, nearly nothing with none."""
    raw, words = np.eye(1, 3, dtype=np.float32), words_of(np.eye(1, 4, dtype=np.float32))
    said = [
        float(heard(filed(raw, words), np.zeros((1, 1), np.int64), np.array([[weight]], np.float32), raw, words)[0, 0])
        for weight in (1, 0.5, 1e-6, 0)
    ]
    assert said == pytest.approx([4 / 4.2, 4 / 4.4, 4 / 2e5, 0], abs=1e-4)


def test_nobody_asked_and_nobody_near() -> None:
    """Empty arrays of the right shape."""
    features, none = filed(np.eye(1, 3, dtype=np.float32), words_of(np.eye(1, 4, dtype=np.float32))), np.zeros((0, 3))
    raw = none.astype(np.float32)
    assert (0, 5) == heard(features, np.zeros((0, 5), np.int64), np.zeros((0, 5), np.float32), raw, words_of(raw)).shape
    one = np.eye(1, 3, dtype=np.float32)
    assert (1, 0) == heard(features, np.zeros((1, 0), np.int64), np.zeros((1, 0), np.float32), one, words_of(one)).shape
