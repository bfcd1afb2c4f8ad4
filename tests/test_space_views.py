"""indexer/space/views.py: from an encoder's output and texts to what an index keeps of them, view by view."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.encoders import Encoded
from indexer.errors import EncoderError, SnapshotMismatch
from indexer.space import IMAGE, TEXT, Space, present
from indexer.space import views as spaces
from indexer.space.bridge import Bridge
from indexer.space.learnt import FILES, Learnt
from indexer.space.lexicon import Lexicon
from indexer.space.views import LEXICON, Views, learnt

PARTS = {"text": 2, "image": 1}
RARITIES = Lexicon.fit([Lexicon.blank().count(["red mug", "blue mug"])])
LEARNT = Learnt(
    edges=(0, 2),
    columns=np.zeros(0, np.int32),
    reduction=np.zeros((0, 0), np.float32),
    centres=np.zeros(2, np.float32),
    matrix=np.array([[0, 2], [1, 0]], np.float32),
    shift=np.zeros(2, np.float32),
    shrinkage=np.array([0.1], np.float32),
)
BRIDGE = Bridge(np.zeros(1, np.float32), np.array([[3, 4]], np.float32), np.zeros(2, np.float32), (0, 2))
RAW = Views.raw(PARTS, RARITIES)
FITTED = replace(RAW, spaces={**RAW.spaces, TEXT: replace(RAW.spaces[TEXT], learnt=LEARNT)}, bridges={TEXT: BRIDGE})
ROWS = {
    "image": np.array([[1], [0], [1], [0], [0]], np.float32),
    "text": np.array([[0.6, 0.8], [0, 1], [0, 0], [0, 0], [0, 0]], np.float32),
}
ENCODED = Encoded(ROWS, {part: present(rows) for part, rows in ROWS.items()})
TEXTS = ["red mug", "mug", "", "", "blue"]
"""Of a product with both views, one with text alone, with a picture alone, with nothing, and with words alone."""


def test_raw_views_are_their_own_parts() -> None:
    """Raw rows have the parts in the order of the index, whatever the encoder's; a name that says so."""
    made = RAW.project(ENCODED, TEXTS)
    np.testing.assert_allclose(made.raw, np.hstack([ROWS["text"], ROWS["image"]]))
    np.testing.assert_allclose(made.vectors[TEXT], ROWS["text"], atol=1e-6)
    assert ROWS["image"].tolist() == made.vectors[IMAGE].tolist()
    assert RARITIES.rows(TEXTS).data.tolist() == made.words.data.tolist()
    assert (5, "raw", "raw") == (len(made), RAW.name, Views.raw(PARTS).name)


def test_learnt_views_place_by_what_each_learnt() -> None:
    """What a text learnt does nothing to pictures; stored raw rows and words are placed as they were projected."""
    made = FITTED.project(ENCODED, TEXTS)
    expected = np.array([[0.8, 1.2], [1, 0], [0, 0], [0, 0], [0, 0]]) / [[2.08**0.5], [1], [1], [1], [1]]
    np.testing.assert_allclose(made.vectors[TEXT], expected, atol=1e-6)
    assert made.vectors[IMAGE].tolist() == RAW.project(ENCODED, TEXTS).vectors[IMAGE].tolist()
    again = FITTED.placed(made.raw, made.words)
    assert {view: rows.tolist() for view, rows in made.vectors.items()} == {
        view: rows.tolist() for view, rows in again.vectors.items()
    }


def test_the_name_tells_what_was_learnt() -> None:
    """Rarities of words, either space, and each number of a bridge; the same again has the same name."""
    text, image = FITTED.spaces[TEXT], FITTED.spaces[IMAGE]
    one = np.ones(1, np.float32)
    others = [
        RAW,
        replace(RAW, bridges={TEXT: BRIDGE}),
        replace(FITTED, bridges={}),
        replace(FITTED, lexicon=Lexicon.blank()),
        replace(FITTED, spaces={TEXT: replace(text, learnt=replace(LEARNT, shift=one * 2)), IMAGE: image}),
        replace(FITTED, spaces={TEXT: text, IMAGE: replace(image, learnt=LEARNT)}),
        *(
            replace(FITTED, bridges={TEXT: replace(BRIDGE, **changed)})
            for changed in ({"start": one}, {"matrix": BRIDGE.matrix + 1}, {"end": BRIDGE.end + 1})
        ),
    ]
    assert 1 + len(others) == len({each.name for each in (FITTED, *others)})
    assert replace(FITTED).name == FITTED.name


def test_parts_that_mix_the_views_have_no_raw_views() -> None:
    """As spaces_of says."""
    with pytest.raises(EncoderError, match="the parts text, image, caption mix the views"):
        Views.raw({"text": 2, "image": 1, "caption": 1})


def test_questions_are_told_apart_by_the_views_they_have() -> None:
    """In the order of the first of each kind; nothing counts as the first view, and words are text."""
    asked = RAW.project(ENCODED, TEXTS)
    assert {(TEXT, IMAGE): [0], (TEXT,): [1, 3, 4], (IMAGE,): [2]} == RAW.patterns(asked)
    assert [(IMAGE,), (TEXT,)] == list(RAW.patterns(asked[np.array([2, 1])]))
    one = Views.raw({"text": 2}, RARITIES)
    assert {(TEXT,): [0, 1, 2, 3, 4]} == one.patterns(one.project(ENCODED, TEXTS))
    assert {} == RAW.patterns(asked[:0])


def test_a_question_crosses_into_the_view_it_lacks() -> None:
    """As its picture would look in words of nobody; zeros where it has none, or where no bridge leads."""
    asked = FITTED.project(ENCODED, TEXTS)
    made = FITTED.crossed(asked, TEXT)
    looks = np.array([[0.6, 0.8], [0, 0], [0.6, 0.8], [0, 0], [0, 0]])
    np.testing.assert_allclose(made.raw, np.hstack([looks, np.zeros((5, 1))]), atol=1e-6)
    assert ([TEXT], 0) == (list(made.vectors), made.words.nnz)
    np.testing.assert_allclose(made.vectors[TEXT], FITTED.placed(made.raw, made.words).vectors[TEXT])
    assert made.vectors[TEXT][0].any()
    other = FITTED.crossed(asked, IMAGE)
    assert (False, [IMAGE]) == (bool(other.raw.any() or other.vectors[IMAGE].any()), list(other.vectors))


def test_some_of_what_was_projected() -> None:
    """By slice, mask or positions, all columns alike."""
    made = RAW.project(ENCODED, TEXTS)
    for some in (slice(0, 2), np.array([True, True, False, False, False]), np.array([0, 1])):
        cut = made[some]
        assert (2, made.raw[:2].tolist()) == (len(cut), cut.raw.tolist())
        for view in (TEXT, IMAGE):
            assert made.vectors[view][:2].tolist() == cut.vectors[view].tolist()
        assert made.words[:2].toarray().nonzero()[1].tolist() == cut.words.toarray().nonzero()[1].tolist()


@pytest.mark.parametrize("views", [RAW, FITTED])
def test_views_are_read_back(tmp_path: Path, views: Views) -> None:
    """To the bit, with the rarities of words, in raw views too; files that make others are refused."""
    files = views.save(tmp_path)
    inside = [file.relative_to(tmp_path).as_posix() for file in files]
    fitted = ["bridge_text.npz", *(f"text/{name}" for name in FILES.values())]
    assert [LEXICON, *(fitted if views is FITTED else [])] == inside
    again = spaces.load(tmp_path, views.name, PARTS)
    made = [each.project(ENCODED, TEXTS) for each in (views, again)]
    for view in (TEXT, IMAGE):
        assert made[0].vectors[view].tolist() == made[1].vectors[view].tolist()
        crossed = [each.crossed(some, view) for each, some in zip((views, again), made, strict=True)]
        assert crossed[0].raw.tolist() == crossed[1].raw.tolist()
    assert made[0].words.data.tolist() == made[1].words.data.tolist()
    with pytest.raises(SnapshotMismatch, match=f"searches in 'another', its files make '{views.name}'; rebuild it"):
        spaces.load(tmp_path, "another", PARTS)


def test_spaces_that_were_learnt_come_with_bridges() -> None:
    """Between the views of products that have both: here a picture of 1 goes with the text (0.6, 0.8)."""
    rows = np.tile(np.array([[0.6, 0.8, 1], [-0.6, -0.8, -1]], np.float32), (20, 1))
    made = learnt(RAW, FITTED.spaces, rows)
    assert (FITTED.spaces, [TEXT, IMAGE]) == (made.spaces, list(made.bridges))
    crossed = made.crossed(made.placed(np.array([[0, 0, 1]], np.float32), RARITIES.rows([""])), TEXT)
    np.testing.assert_allclose(crossed.raw, [[0.6, 0.8, 0]], atol=1e-5)
    one = Views.raw({"text": 2})
    assert {} == learnt(one, {TEXT: Space({"text": 2})}, rows[:, :2]).bridges
