"""indexer/space: from an encoder's output and a text to what an index keeps, raw or learnt."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer import space as spaces
from indexer.encoders import Encoded
from indexer.errors import SnapshotMismatch
from indexer.space import Space, present
from indexer.space.learnt import FILES, Learnt
from indexer.space.lexicon import Lexicon

PARTS = {"text": 2, "image": 1}
LEXICON = Lexicon.fit([Lexicon.blank().count(["red mug", "blue mug"])])
LEARNT = Learnt(
    edges=(0, 2, 3),
    columns=np.zeros(0, np.int32),
    reduction=np.zeros((0, 0), np.float32),
    centres=np.zeros(3, np.float32),
    matrix=np.array([[1, 0], [0, 1], [1, 0]], np.float32),
    shift=np.zeros(2, np.float32),
    shrinkage=np.array([0.1], np.float32),
)
TEXT = np.array([[0.6, 0.8], [0, 1], [0, 0]], np.float32)
IMAGE = np.array([[1], [0], [0]], np.float32)
ENCODED = Encoded({"image": IMAGE, "text": TEXT}, {"image": present(IMAGE), "text": present(TEXT)})
TEXTS = ["red mug", "mug", ""]


def test_the_raw_space_is_the_parts_side_by_side() -> None:
    """In the order that the space has them, to length one; nothing is learnt, so the name is always the same."""
    space = Space.raw(PARTS, LEXICON)
    made = space.project(ENCODED, TEXTS)
    np.testing.assert_allclose(made.raw, [[0.6, 0.8, 1], [0, 1.0, 0], [0, 0.0, 0]])
    np.testing.assert_allclose(made.vectors, made.raw / [[2**0.5], [1], [1]], atol=1e-6)
    assert LEXICON.rows(TEXTS).data.tolist() == made.words.data.tolist()
    assert (3, "raw", 3) == (space.dim, space.name, len(made))
    assert "raw" == Space.raw(PARTS).name


def test_a_learnt_space_places_by_what_it_learnt() -> None:
    """And is called by it: another matrix, or other rarities of words, make another space."""
    space = Space(PARTS, LEXICON, LEARNT)
    made = space.project(ENCODED, TEXTS)
    np.testing.assert_allclose(made.vectors, [[1.6 / 3.2**0.5, 0.8 / 3.2**0.5], [0, 1.0], [0, 0]], atol=1e-6)
    assert made.vectors.tolist() == space.place(made.raw, made.words).tolist()
    others = [Space(PARTS, LEXICON, replace(LEARNT, matrix=2 * LEARNT.matrix)), Space(PARTS, Lexicon.blank(), LEARNT)]
    assert 3 == len({each.name for each in (space, *others)})
    assert (2, space.name) == (space.dim, Space(PARTS, LEXICON, LEARNT).name)


def test_some_of_what_was_projected() -> None:
    """By slice, mask or positions, all columns alike."""
    made = Space.raw(PARTS, LEXICON).project(ENCODED, TEXTS)
    for some in (slice(0, 2), np.array([True, True, False]), np.array([0, 1])):
        cut = made[some]
        assert (made.raw[:2].tolist(), made.vectors[:2].tolist()) == (cut.raw.tolist(), cut.vectors.tolist())
        assert made.words[:2].toarray().nonzero()[1].tolist() == cut.words.toarray().nonzero()[1].tolist()


def test_what_has_nothing_is_not_present() -> None:
    """Rows of zeros."""
    assert [True, True, False] == present(TEXT).tolist()


@pytest.mark.parametrize("learnt", [None, LEARNT])
def test_a_space_is_read_back(tmp_path: Path, learnt: Learnt | None) -> None:
    """With the rarities of words, in the raw space too; files that make another space are refused."""
    space = Space(PARTS, LEXICON, learnt)
    files = space.save(tmp_path)
    assert len(FILES) * (learnt is not None) + 1 == len(files)
    again = spaces.load(tmp_path, space.name, PARTS)
    made = [each.project(ENCODED, TEXTS) for each in (space, again)]
    assert made[0].vectors.tolist() == made[1].vectors.tolist()
    assert made[0].words.data.tolist() == made[1].words.data.tolist()
    with pytest.raises(SnapshotMismatch, match=f"searches in 'another', its files make '{space.name}'; rebuild it"):
        spaces.load(tmp_path, "another", PARTS)
