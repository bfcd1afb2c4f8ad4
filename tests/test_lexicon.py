"""indexer/space/lexicon.py: words of texts as sparse rows, beside scikit-learn's TF-IDF and a slow reference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from indexer.space.lexicon import COLUMNS, WORDS, Lexicon, Rows

TEXTS = ["red mug", "blue mug", "blue garden hose", "mug mug mug", "hose"]
words = st.sampled_from(["red", "blue", "mug", "hose", "pan", "x1", "größe"])
texts = st.lists(st.lists(words, max_size=8).map(" ".join), max_size=6)


def cosines(rows: Rows) -> list[list[float]]:
    """Return the products of all rows."""
    made: list[list[float]] = (rows @ rows.T).toarray().tolist()
    return made


def fitted(listed: list[str]) -> Lexicon:
    """Return the lexicon of some texts."""
    return Lexicon.fit([Lexicon.blank().count(listed)])


@given(texts.filter(any))
@settings(max_examples=20)
def test_rows_are_those_of_tf_idf(listed: list[str]) -> None:
    """Single words and pairs, sublinear and smoothed as scikit-learn has them; only columns are hashed."""
    reference = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit_transform(listed)
    np.testing.assert_allclose(cosines(fitted(listed).rows(listed)), cosines(reference), atol=1e-5)


def test_a_word_is_rarer_the_fewer_texts_have_it() -> None:
    """log((1 + n) / (1 + texts with it)) + 1: mug in three of five, garden in one, and what nobody had."""
    lexicon = fitted(TEXTS)
    for word, having in (("mug", 3), ("garden", 1), ("kettle", 0)):
        column = lexicon.count([word]).indices[0]
        assert lexicon.rarity[column] == pytest.approx(np.log(6 / (1 + having)) + 1)


def test_batches_are_learnt_from_like_one() -> None:
    """However many texts come at a time; to a blank lexicon every word is as rare."""
    counted = [Lexicon.blank().count(TEXTS[start : start + 2]) for start in (0, 2, 4)]
    assert Lexicon.fit(counted).rarity.tolist() == fitted(TEXTS).rarity.tolist()
    assert {1.0} == set(Lexicon.fit([]).rarity.tolist()) == set(Lexicon.blank().rarity.tolist())


def test_occurrences_count_by_their_logarithm() -> None:
    """Three times the word, twice the pair of it with itself."""
    assert sorted(Lexicon.blank().count(["mug mug mug"]).data.tolist()) == pytest.approx([1 + np.log(2), 1 + np.log(3)])


def test_a_text_without_words_is_an_empty_row() -> None:
    """Between others too; no text gives no row."""
    made = fitted(TEXTS).rows(["mug", "", "* a !", "mug"])
    assert [0, 1, 1, 1, 2] == made.indptr.tolist()
    assert (0, COLUMNS) == fitted(TEXTS).rows([]).shape


@pytest.mark.parametrize("seed", range(5))
def test_the_heaviest_columns_are_kept(seed: int) -> None:
    """Of equal ones the lower; what remains is a unit row, its columns ascending."""
    rng = np.random.default_rng(seed)
    lexicon = Lexicon(rng.integers(1, 4, COLUMNS).astype(np.float32))
    text = " ".join(f"w{number}" for number in rng.integers(0, 90, 80))
    counted, made = lexicon.count([text]), lexicon.rows([text])
    weights = {int(c): float(v * lexicon.rarity[c]) for c, v in zip(counted.indices, counted.data, strict=True)}
    kept = sorted(sorted(weights, key=lambda column: (-np.float32(weights[column]), column))[:WORDS])
    assert kept == made.indices.tolist()
    values = np.array([weights[column] for column in kept])
    np.testing.assert_allclose(made.data, values / np.linalg.norm(values), rtol=1e-5)


def test_texts_are_weighed_one_by_one() -> None:
    """A row is the same whatever stands beside it."""
    lexicon = fitted(TEXTS)
    together = lexicon.rows(TEXTS)
    for row, text in enumerate(TEXTS):
        alone = lexicon.rows([text])
        assert alone.indices.tolist() == together[[row]].indices.tolist()
        assert alone.data.tolist() == together[[row]].data.tolist()
