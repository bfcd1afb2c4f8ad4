"""indexer/space: one view's vectors of raw parts and words, raw or learnt."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import EncoderError, SnapshotDamaged
from indexer.space import IMAGE, TEXT, Space, present, spaces_of, view_of
from indexer.space.learnt import FILES, Learnt
from indexer.space.lexicon import Lexicon, none

PARTS = {"text": 2, "image": 1}
LEARNT = Learnt(
    edges=(0, 2, 3),
    columns=np.zeros(0, np.int32),
    reduction=np.zeros((0, 0), np.float32),
    centres=np.zeros(3, np.float32),
    matrix=np.array([[1, 0], [0, 1], [1, 0]], np.float32),
    shift=np.zeros(2, np.float32),
    shrinkage=np.array([0.1], np.float32),
)
RAW = np.array([[0.6, 0.8, 1], [0, 1, 0], [0, 0, 0]], np.float32)
WORDS = Lexicon.blank().rows(["red mug", "", "mug"])


def test_a_raw_space_is_its_parts_side_by_side() -> None:
    """To length one; nothing is learnt, so the name is always the same."""
    space = Space(PARTS)
    np.testing.assert_allclose(space.place(RAW, WORDS), RAW / [[2**0.5], [1], [1]], atol=1e-6)
    assert (3, "raw") == (space.dim, space.name)


def test_a_learnt_space_places_by_what_it_learnt() -> None:
    """And is called by it: another matrix makes another space."""
    space = Space(PARTS, learnt=LEARNT)
    placed = space.place(RAW, WORDS)
    np.testing.assert_allclose(placed, [[1.6 / 3.2**0.5, 0.8 / 3.2**0.5], [0, 1.0], [0, 0]], atol=1e-6)
    other = Space(PARTS, learnt=replace(LEARNT, matrix=2 * LEARNT.matrix))
    assert 3 == len({each.name for each in (space, other, Space(PARTS))})
    assert (2, space.name) == (space.dim, Space(PARTS, learnt=LEARNT).name)


def test_each_view_has_its_own_parts_and_text_has_the_words() -> None:
    """Columns of the raw rows as the encoder orders its parts; a part is of pictures when its name begins so."""
    spaces = spaces_of({"text": 3, "caption": 2, "image": 2, "image_back": 1})
    assert [TEXT, IMAGE] == list(spaces)
    assert [slice(0, 5), slice(5, 8)] == [space.columns for space in spaces.values()]
    assert [({"text": 3, "caption": 2}, True), ({"image": 2, "image_back": 1}, False)] == [
        (space.parts, space.words) for space in spaces.values()
    ]
    assert [IMAGE, IMAGE, TEXT, TEXT] == [view_of(part) for part in ("image", "image_back", "caption", "outline")]
    assert [IMAGE, TEXT] == list(spaces_of({"image": 2, "text": 1}))
    assert [TEXT] == list(spaces_of({"text": 3, "outline": 2}))


def test_a_view_looks_at_its_own_columns_alone() -> None:
    """Its vectors are the same, whatever the other view holds; words are no picture."""
    text, image = spaces_of(PARTS).values()
    np.testing.assert_allclose(text.place(RAW, WORDS), RAW[:, :2], atol=1e-6)
    assert [[1.0], [0.0], [0.0]] == image.place(RAW, WORDS).tolist()
    assert [True, True, True] == text.seen(RAW, WORDS).tolist()
    assert [True, True, False] == text.seen(RAW, none(3)).tolist()
    assert [True, False, False] == image.seen(RAW, WORDS).tolist()
    assert text.read(WORDS) is WORDS
    assert (WORDS.shape, 0) == (image.read(WORDS).shape, image.read(WORDS).nnz)


@pytest.mark.parametrize("parts", [["text", "image", "caption"], ["image", "text", "image_back"]])
def test_parts_that_mix_the_views_are_refused(parts: list[str]) -> None:
    """The message names them in their order, and the remedy."""
    with pytest.raises(EncoderError, match=f"the parts {', '.join(parts)} mix the views; put those of pictures last"):
        spaces_of(dict.fromkeys(parts, 2))


def test_what_has_nothing_is_not_present() -> None:
    """Rows of zeros."""
    assert [True, True, False] == present(RAW).tolist()


@pytest.mark.parametrize("learnt", [None, LEARNT])
def test_a_space_is_read_back(tmp_path: Path, learnt: Learnt | None) -> None:
    """To the bit; of a raw one nothing is written."""
    space = Space(PARTS, learnt=learnt)
    files = space.save(tmp_path)
    assert [tmp_path / name for name in FILES.values() if learnt] == files
    again = Space(PARTS).loaded(tmp_path)
    assert space.name == again.name
    assert space.place(RAW, WORDS).tolist() == again.place(RAW, WORDS).tolist()


def test_what_was_learnt_of_other_parts_does_not_fit(tmp_path: Path) -> None:
    """It is damage, named as such."""
    Space(PARTS, learnt=LEARNT).save(tmp_path)
    with pytest.raises(SnapshotDamaged, match="has arrays of different widths"):
        Space({"text": 2}).loaded(tmp_path)
