"""indexer/space/postings.py: who shares words with a question, beside the products of every row with every other."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from indexer.space import postings as module
from indexer.space.features import Features
from indexer.space.lexicon import COLUMNS, Lexicon, Rows
from indexer.space.postings import NOWHERE, Postings, Segment
from indexer.vectors import SIMILARITY_STEP, Keys

PARTS = {"text": 1}
POOL = np.sort(np.random.default_rng(0).choice(COLUMNS, 10, replace=False))


def drawn(rng: np.random.Generator, size: int) -> Rows:
    """Return words of products, in eighths, so that no sum of products is rounded and many are equal."""
    row, place = np.nonzero(rng.random((size, 10)) < 0.3)
    values = rng.integers(1, 5, len(row)) / 8
    return sparse.csr_array((values, (row, POOL[place])), shape=(size, COLUMNS), dtype=np.float32)


class Filed:
    """Postings beside a dictionary of what they should hold."""

    def __init__(self) -> None:
        self.features = Features(PARTS)
        self.postings = Postings(self.features)
        self.known: dict[int, list[float]] = {}

    def put(self, keys: Keys, words: Rows) -> None:
        """File products, replacing what was filed under their keys."""
        self.drop(keys)
        self.features.put(keys, np.zeros((len(keys), 1), np.float32), words)
        self.postings.put(keys)
        self.known.update(zip(keys.tolist(), words[:, POOL].toarray().tolist(), strict=True))

    def drop(self, keys: Keys) -> None:
        """Forget products."""
        self.postings.drop(keys)
        self.features.drop(keys)
        for key in keys.tolist():
            self.known.pop(key, None)

    def expected(self, words: Rows, k: int) -> list[list[tuple[int, float]]]:
        """Return keys and similarities by comparing each question with every product."""
        found = []
        for asked in words[:, POOL].toarray():
            alike = [(key, float(asked @ np.array(line))) for key, line in self.known.items()]
            near = sorted((pair for pair in alike if pair[1] > 0), key=lambda pair: (-pair[1], pair[0]))[:k]
            found.append(near + [(NOWHERE, 0.0)] * (k - len(near)))
        return found

    def found(self, words: Rows, k: int) -> list[list[tuple[int, float]]]:
        """Return keys and similarities as the postings find them."""
        near = self.postings.search(words, k)
        rows = zip(near.keys.tolist(), near.similarity.tolist(), strict=True)
        return [list(zip(keys, similarity, strict=True)) for keys, similarity in rows]


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
@settings(max_examples=12)
def test_the_products_that_share_most_are_found_whatever_came_and_went(seed: int, k: int) -> None:
    """Most alike first, equal ones by key, through adds, replacements, drops and joined segments."""
    rng, filed = np.random.default_rng(seed), Filed()
    for _ in range(12):
        size = int(rng.integers(1, 30))
        filed.put(rng.choice(1_400, size, replace=False), drawn(rng, size))
        filed.drop(rng.choice(1_500, 6, replace=False))
        asked = drawn(rng, 4)
        assert filed.expected(asked, k) == filed.found(asked, k)
        having = np.count_nonzero(np.array(list(filed.known.values())), axis=0)
        assert having.tolist() == filed.postings._having[POOL].tolist()


def test_segments_of_about_one_size_are_joined() -> None:
    """Products that came one by one are in few segments, each more than twice as large as the next."""
    rng, filed = np.random.default_rng(1), Filed()
    for key in range(150):
        filed.put(np.array([key]), drawn(rng, 1))
    sizes = [len(segment.keys) for segment in filed.postings._segments]
    assert 150 == sum(sizes)
    assert all(before > 2 * after for before, after in pairwise(sizes))


def test_dropped_products_are_gone_when_segments_are_joined() -> None:
    """What is joined is what was alive, so nothing is kept for ever."""
    rng, filed = np.random.default_rng(2), Filed()
    filed.put(np.arange(20), drawn(rng, 20))
    filed.drop(np.arange(15))
    filed.put(np.arange(20, 30), drawn(rng, 10))
    assert [list(range(15, 30))] == [sorted(segment.keys.tolist()) for segment in filed.postings._segments]


def test_what_is_opened_finds_what_was_filed() -> None:
    """Made anew from the features, of some keys only."""
    rng, filed = np.random.default_rng(3), Filed()
    filed.put(np.arange(40), drawn(rng, 40))
    filed.drop(np.arange(0, 40, 2))
    again, asked = Postings.of(filed.features, np.arange(1, 40, 2)), drawn(rng, 5)
    assert filed.postings.search(asked, 7).keys.tolist() == again.search(asked, 7).keys.tolist()


def test_similarities_are_cosines_of_texts() -> None:
    """Rounded to a step, so that equal products tie; words in half precision are a thousandth off."""
    texts = ["red steel mug", "red mug", "garden hose", "red mug"]
    lexicon, features = Lexicon.blank(), Features(PARTS)
    rows = lexicon.rows(texts)
    features.put(np.arange(4), np.zeros((4, 1), np.float32), rows)
    found = Postings.of(features, np.arange(4)).search(lexicon.rows(["red mug", "steel"]), 3)
    assert [[1, 3, 0], [0, -1, -1]] == found.keys.tolist()
    expected = [[1, 1, float((rows[[0]] @ rows[[1]].T).toarray()[0, 0])], [5**-0.5, 0, 0]]
    np.testing.assert_allclose(found.similarity, expected, atol=1e-3)
    steps = found.similarity / SIMILARITY_STEP
    assert steps.tolist() == np.round(steps).tolist()


def test_nothing_shared_and_nothing_stored_find_nobody() -> None:
    """Rows of -1; a question without words, and no question."""
    rng, filed = np.random.default_rng(4), Filed()
    assert [[(NOWHERE, 0.0)] * 2] * 3 == filed.found(drawn(rng, 3), 2)
    filed.put(np.arange(5), drawn(rng, 5))
    none = sparse.csr_array((2, COLUMNS), dtype=np.float32)
    assert [[(NOWHERE, 0.0)]] * 2 == filed.found(none, 1)
    assert (0, 3) == filed.postings.search(none[:0], 3).keys.shape
    filed.put(np.arange(5), sparse.csr_array((5, COLUMNS), dtype=np.float32))
    assert [[(NOWHERE, 0.0)] * 2] * 3 == filed.found(drawn(rng, 3), 2)
    filed.drop(np.array([9_999]))


def test_the_rarest_words_are_looked_for_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as are in BUDGET products together, one at least; a question that costs less is looked up whole."""
    filed = Filed()
    common, scarce, rare = POOL[:3]
    having = [[common]] * 6 + [[common, scarce]] * 3 + [[rare]]
    rows, columns = zip(*((row, column) for row, some in enumerate(having) for column in some), strict=True)
    words = sparse.csr_array((np.full(len(rows), 0.5), (rows, columns)), shape=(10, COLUMNS), dtype=np.float32)
    filed.put(np.arange(10), words)
    asked = sparse.csr_array(
        ([0.5] * 6, ([0, 0, 0, 1, 1, 2], [common, scarce, rare, common, scarce, common])),
        shape=(4, COLUMNS),
        dtype=np.float32,
    )
    assert [10, 9, 9, 0] == [sum(key >= 0 for key, _ in row) for row in filed.found(asked, 10)]
    monkeypatch.setattr(module, "BUDGET", 4)
    assert [[6, 7, 8, 9], [6, 7, 8], list(range(9)), []] == [
        sorted(key for key, _ in row if key >= 0) for row in filed.found(asked, 10)
    ]
    monkeypatch.setattr(module, "BUDGET", 13)
    assert [10, 9, 9, 0] == [sum(key >= 0 for key, _ in row) for row in filed.found(asked, 10)]


def test_a_search_between_the_pieces_of_a_change_finds_the_pieces_that_came() -> None:
    """Of a segment whose keys enter piece by piece, far beyond all keys before."""
    words = sparse.csr_array(([1.0, 1.0], ([0, 1], [POOL[0]] * 2)), shape=(2, COLUMNS), dtype=np.float32)
    filed, keys = Filed(), np.array([3, 5_000], np.int64)
    filed.features.put(keys, np.zeros((2, 1), np.float32), words)
    segment = filed.postings.ready(keys, words)
    for came in ([3], [3, 5_000]):
        filed.postings.enter(segment, np.array(came[-1:], np.int64))
        assert filed.postings.search(words[[0]], 2).keys.tolist() == [[*came, *[NOWHERE] * (2 - len(came))]]


def test_in_a_hurry_fewer_places_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine products share a common word, one of them a rare one: that alone is looked for then."""
    monkeypatch.setattr(module, "HURRIED", 4)
    common, rare = POOL[:2]
    rows, columns = [*range(9), 8], [*[common] * 9, rare]
    words = sparse.csr_array((np.full(10, 0.5), (rows, columns)), shape=(9, COLUMNS), dtype=np.float32)
    filed = Filed()
    filed.put(np.arange(9), words)
    asked = sparse.csr_array(([0.5, 0.5], ([0, 0], [common, rare])), shape=(1, COLUMNS), dtype=np.float32)
    for postings, many in ((filed.postings, 9), (filed.postings.hurried(), 1)):
        assert many == np.count_nonzero(postings.search(asked, 9).keys >= 0)


def test_no_question_has_the_matrix_copied() -> None:
    """The numbers of a question are as wide as those of its products; wider ones would cost a copy of all of them."""
    segment = Segment.of(0, np.arange(3), sparse.csr_array(np.eye(3, 8, dtype=np.float32)))
    asked = sparse.csr_array(np.ones((1, 8), np.float32))
    assert segment.scores(asked).indices.dtype == segment.matrix.indices.dtype == np.int32
