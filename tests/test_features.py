"""indexer/space/features.py: raw parts and words by key, beside plain dictionaries and slow sums."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from indexer.errors import SnapshotDamaged
from indexer.space import Space, spaces_of
from indexer.space.features import FILES, Features, Floats, Kernel
from indexer.space.lexicon import COLUMNS, Rows

PARTS = {"text": 3, "image": 2}
SPACES = spaces_of(PARTS)
WHOLE = Space(PARTS)
"""One view of both parts, as an encoder of texts may have several."""
EDGES = ((0, 3), (3, 5))
POOL = np.sort(np.random.default_rng(0).choice(COLUMNS, 12, replace=False))
KERNEL = Kernel(1.5, (2.0, 0.5))


def drawn(rng: np.random.Generator, size: int) -> tuple[Floats, Rows]:
    """Return raw parts and words of some products, of which one in four lacks each of them."""
    raw = rng.normal(size=(size, 5)) + 0.5
    dense = rng.random((size, 12)) * (rng.random((size, 12)) < 0.4)
    for rows, spans in ((raw, EDGES), (dense, ((0, 12),))):
        for start, end in spans:
            rows[rng.random(size) < 0.25, start:end] = 0
            rows[:, start:end] /= np.maximum(np.linalg.norm(rows[:, start:end], axis=1, keepdims=True), 1e-12)
    row, place = np.nonzero(dense)
    words = sparse.csr_array((dense[row, place], (row, POOL[place])), shape=(size, COLUMNS), dtype=np.float32)
    return raw.astype(np.float32), words


def narrow(words: Rows) -> Floats:
    """Return words as a dense array of the columns in POOL."""
    made: Floats = words[:, POOL].toarray()
    return made


@pytest.fixture
def features() -> Features:
    """Return the features of twenty products under the keys 0 to 19."""
    made = Features(PARTS)
    made.put(np.arange(20), *drawn(np.random.default_rng(1), 20))
    return made


def test_the_last_that_was_filed_under_a_key_is_there() -> None:
    """Through replacements, drops, growth and the closing of gaps: as a dictionary would have it, in half precision."""
    rng, made = np.random.default_rng(2), Features(PARTS)
    known: dict[int, tuple[Floats, Floats]] = {}
    for _ in range(150):
        keys = rng.choice(1_500, 40, replace=False)
        raw, words = drawn(rng, 40)
        made.put(keys, raw, words)
        known.update(zip(keys.tolist(), zip(raw, narrow(words), strict=True), strict=True))
        gone = rng.choice(2_000, 20, replace=False)
        made.drop(gone)
        known.update(
            (key, (np.zeros(5, np.float32), np.zeros(12, np.float32))) for key in gone.tolist() if key in known
        )
    keys = np.array(list(known))
    np.testing.assert_allclose(made.raw(keys), [raw for raw, _ in known.values()], atol=1e-3)
    np.testing.assert_allclose(narrow(made.words(keys)), [words for _, words in known.values()], atol=1e-3)
    assert len(made._columns) < 80_000  # gaps are filled: 150 times 40 products have 170,000 words


def test_keys_may_be_asked_for_in_any_order(features: Features) -> None:
    """Twice, too; none is no error."""
    keys = np.array([7, 3, 7])
    every = narrow(features.words(np.arange(20)))
    assert every[keys].tolist() == narrow(features.words(keys)).tolist()
    assert ((0, 5), (0, COLUMNS)) == (features.raw(keys[:0]).shape, features.words(keys[:0]).shape)
    features.put(keys[:0], np.zeros((0, 5), np.float32), features.words(keys[:0]))
    features.drop(np.array([5_000]))
    assert every.tolist() == narrow(features.words(np.arange(20))).tolist()


def kernel_of(first: tuple[Floats, Floats], second: tuple[Floats, Floats]) -> float:
    """Return how alike two products are, as the docstring of Kernel says."""
    cosines = [float(first[0][start:end] @ second[0][start:end]) for start, end in EDGES]
    parts = sum(weight * max(cosine, 0) ** 2.5 for weight, cosine in zip(KERNEL.weights, cosines, strict=True))
    return KERNEL.words * float(first[1] @ second[1]) + float(parts)


@given(st.integers(0, 2**32 - 1), st.integers(0, 8))
def test_likeness_is_that_of_the_kernel(seed: int, size: int) -> None:
    """Each stored product to each, and last to the one that is asked about; of none there are no rows."""
    rng, made = np.random.default_rng(seed), Features(PARTS)
    made.put(np.arange(10), *drawn(rng, 10))
    keys, (raw, words) = rng.choice(10, size, replace=False), drawn(rng, 1)
    said = list(zip(made.raw(keys), narrow(made.words(keys)), strict=True))
    asked = (raw[0], narrow(words)[0])
    expected = np.array([[kernel_of(one, other) for other in (*said, asked)] for one in said]).reshape(size, size + 1)
    np.testing.assert_allclose(made.alike(keys, (raw, words), KERNEL), expected, atol=2e-3)


def test_a_kernel_is_at_most_what_all_its_parts_give() -> None:
    """A product with words and both parts beside itself."""
    made = Features(PARTS)
    raw = np.array([[1, 0, 0, 0, 1]], np.float32)
    words = sparse.csr_array(([1.0], ([0], [POOL[3]])), shape=(1, COLUMNS), dtype=np.float32)
    made.put(np.array([0]), raw, words)
    assert [[KERNEL.most] * 2] == [
        pytest.approx(row) for row in made.alike(np.array([0]), (raw, words), KERNEL).tolist()
    ]
    assert 4.0 == KERNEL.most


@given(st.integers(0, 2**32 - 1))
def test_cosines_are_the_mean_over_the_parts_that_both_have(seed: int) -> None:
    """Without a part in common 0; never above 1, though half precision rounds."""
    rng, made = np.random.default_rng(seed), Features(PARTS)
    made.put(np.arange(10), *drawn(rng, 10))
    raw, _ = drawn(rng, 3)
    raw[2] = made.raw(np.array([4]))[0]
    others = rng.integers(0, 10, (3, 4))
    others[2, 0] = 4
    expected = np.zeros((3, 4))
    for row, place in np.ndindex(3, 4):
        one, other = raw[row], made.raw(others[row, place : place + 1])[0]
        both = [(one[s:e], other[s:e]) for s, e in EDGES if one[s:e].any() and other[s:e].any()]
        cosines = [a @ b / np.linalg.norm(b) for a, b in both]
        expected[row, place] = min(float(np.mean(cosines)), 1) if both else 0
    found = made.cosines(raw, others)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.max() <= 1


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.3, 0.6, 0.9]))
@settings(max_examples=25)
def test_copies_are_alike_in_all_that_either_has(seed: int, least: float) -> None:
    """The mean of the cosines of parts and words, 0 for what only one of them has."""
    rng, made = np.random.default_rng(seed), Features(PARTS)
    raw, words = drawn(rng, 10)
    raw[1], raw[2, :3] = raw[0], raw[0, :3]
    made.put(np.arange(10), raw, words)
    asked, others = np.array([0, 1, 5]), rng.integers(0, 10, (3, 6))
    expected = np.zeros((3, 6))
    for row, place in np.ndindex(3, 6):
        pair = (int(asked[row]), int(others[row, place]))
        raw = made.raw(np.array(pair))
        told = [raw[:, start:end] for start, end in EDGES] + [narrow(made.words(np.array(pair)))]
        cosines = [float(one @ other) for one, other in told if one.any() or other.any()]
        expected[row, place] = np.mean(cosines) if cosines else 1
    found = made.copies(made.raw(asked), made.words(asked), others, least)
    sure = np.abs(expected - least) > 2e-3
    assert (expected >= least)[sure].tolist() == found[sure].tolist()


def test_equal_content_has_equal_fingerprints(features: Features) -> None:
    """The words, or without any the parts; another product has another."""
    raw, words = drawn(np.random.default_rng(1), 20)
    features.put(np.arange(40, 60), raw, words)
    first = features.fingerprints(np.arange(20), WHOLE).tolist()
    assert first == features.fingerprints(np.arange(40, 60), WHOLE).tolist()
    contents = zip((narrow(words) > 0).tolist(), raw.tolist(), strict=True)
    assert len({tuple(line if any(line) else part) for line, part in contents}) == len(set(first))


def test_equal_pictures_have_equal_fingerprints_in_the_view_of_pictures() -> None:
    """Whatever their texts; texts alike have equal ones in the view of texts, whatever their pictures."""
    made = Features(PARTS)
    raw = np.array([[1, 0, 0, 0.6, 0.8], [0, 1, 0, 0.6, 0.8], [1, 0, 0, 0, 1], [1, 0, 0, 0.6, 0.8]], np.float32)
    row, place = np.arange(3), np.array([1, 2, 1])
    made.put(
        np.arange(4), raw, sparse.csr_array((np.ones(3), (row, POOL[place])), shape=(4, COLUMNS), dtype=np.float32)
    )
    text, image = (made.fingerprints(np.arange(4), SPACES[view]).tolist() for view in ("text", "image"))
    assert [text[0] == other for other in text] == [True, False, True, False]  # the last has no words
    assert [image[0] == other for other in image] == [True, True, False, True]


def test_a_product_is_seen_by_the_views_it_has_anything_of(features: Features) -> None:
    """Words count as text, and for pictures not at all; as the space says of raw rows and words."""
    keys = np.arange(20)
    features.drop(np.array([3]))
    raw, words = features.raw(keys), features.words(keys)
    worded = narrow(words).any(axis=1)
    assert (raw[:, :3].any(axis=1) | worded).tolist() == features.seen(keys, SPACES["text"]).tolist()
    assert raw[:, 3:].any(axis=1).tolist() == features.seen(keys, SPACES["image"]).tolist()
    assert [False, False] == [bool(features.seen(keys, space)[3]) for space in SPACES.values()]
    for space in SPACES.values():
        assert space.seen(raw, words).tolist() == features.seen(keys, space).tolist()
    assert {True, False} == set(features.seen(keys, SPACES["image"]).tolist())


def test_what_a_question_lacks_weighs_nothing(features: Features) -> None:
    """Its words, or a part of it; one that has all is compared by all."""
    words = sparse.csr_array(([1.0], ([0], [POOL[3]])), shape=(1, COLUMNS), dtype=np.float32)
    without = sparse.csr_array((1, COLUMNS), dtype=np.float32)
    whole = np.array([[1, 0, 0, 0, 1]], np.float32)
    no_picture, no_text = whole * np.array([1, 1, 1, 0, 0]), whole * np.array([0, 0, 0, 1, 1])
    assert KERNEL is features.had(KERNEL, whole, words)
    assert Kernel(0.0, (2.0, 0.5)) == features.had(KERNEL, whole, without)
    assert Kernel(1.5, (2.0, 0.0)) == features.had(KERNEL, no_picture, words)
    assert Kernel(0.0, (0.0, 0.5)) == features.had(KERNEL, no_text, without)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.3, 0.6, 0.9]))
@settings(max_examples=25)
def test_copies_in_one_view_are_alike_in_all_that_either_has_of_it(seed: int, least: float) -> None:
    """Text: the mean of the cosines of its parts and words. Pictures: of their parts alone. Nothing is no copy."""
    rng, made = np.random.default_rng(seed), Features(PARTS)
    raw, words = drawn(rng, 10)
    raw[1], raw[2, :3] = raw[0], raw[0, :3]
    made.put(np.arange(10), raw, words)
    asked, others = np.array([0, 1, 5]), rng.integers(0, 10, (3, 6))
    for view, (start, end) in zip(SPACES, EDGES, strict=True):
        expected = np.zeros((3, 6))
        for row, place in np.ndindex(3, 6):
            pair = np.array([asked[row], others[row, place]])
            told = [made.raw(pair)[:, start:end]] + [narrow(made.words(pair))] * (view == "text")
            cosines = [float(one @ other) for one, other in told if one.any() or other.any()]
            expected[row, place] = np.mean(cosines) if cosines else 0
        found = made.copies(made.raw(asked), made.words(asked), others, least, SPACES[view])
        sure = np.abs(expected - least) > 2e-3
        assert (expected >= least)[sure].tolist() == found[sure].tolist()


def test_what_was_saved_is_loaded_and_goes_on(features: Features, tmp_path: Path) -> None:
    """Gaps are not written; new keys and replaced ones are filed as before."""
    features.drop(np.array([3, 19]))
    assert [tmp_path / name for name in FILES] == features.save(tmp_path)
    again, every = Features.load(tmp_path, PARTS), np.arange(20)
    assert features.raw(every).tolist() == again.raw(every).tolist()
    assert narrow(features.words(every)).tolist() == narrow(again.words(every)).tolist()
    raw, words = drawn(np.random.default_rng(4), 30)
    again.put(np.arange(10, 40), raw, words)
    np.testing.assert_allclose(narrow(again.words(np.arange(10, 40))), narrow(words), atol=1e-3)
    assert narrow(features.words(every[:10])).tolist() == narrow(again.words(every[:10])).tolist()
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    Features(PARTS).save(nothing)
    empty = Features.load(nothing, PARTS)
    empty.put(np.arange(30), raw, words)
    np.testing.assert_allclose(narrow(empty.words(np.arange(30))), narrow(words), atol=1e-3)


@pytest.mark.parametrize("name", FILES)
def test_files_that_do_not_fit_together_are_damage(features: Features, tmp_path: Path, name: str) -> None:
    """One of another length, and one that is no array."""
    features.save(tmp_path)
    np.save(tmp_path / name, np.load(tmp_path / name)[:-1])
    with pytest.raises(SnapshotDamaged, match="are of different lengths; rebuild the index"):
        Features.load(tmp_path, PARTS)
    for content in (b"no array", b""):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SnapshotDamaged, match=r"cannot be read: .*; rebuild the index"):
            Features.load(tmp_path, PARTS)


def test_another_encoder_s_features_are_refused(features: Features, tmp_path: Path) -> None:
    """Parts of another width cannot be compared."""
    features.save(tmp_path)
    with pytest.raises(SnapshotDamaged, match="are of different lengths"):
        Features.load(tmp_path, {"text": 4})
