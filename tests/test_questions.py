"""service/vote/questions.py: what each view is asked, on six products in two planes, some without text or photo."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from indexer.images.lookalikes import Lookalikes
from indexer.memory.contents import Contents
from indexer.memory.labels import Label, Labels
from indexer.snapshots.snapshot import Built
from indexer.space import Projected
from indexer.space.bridge import Bridge
from indexer.space.features import Features
from indexer.space.lexicon import Lexicon
from indexer.space.names import Names
from indexer.space.views import Views
from indexer.vectors.exact import ExactIndex
from service.vote.questions import Questions, first, nearest, questions, restricted, saying, without
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

Floats = npt.NDArray[np.float32]

PARTS = {"text": 2, "image": 2}
TREE = Tree.from_paths([("A",), ("B",)])
NOBODY = np.array([-1])
TURN = Bridge(np.zeros(2, np.float32), np.array([[0, 1], [-1, 0]], np.float32), np.zeros(2, np.float32), (0, 2))
"""Leads from one view to the other by a quarter of a turn."""
BRIDGES = {"text": TURN, "image": TURN}
Angles = tuple[float | None, float | None]
"""Where a product lies in each view, in degrees; None where it lacks it."""
WHOLE: list[Angles] = [(0, 0), (60, 90), (90, 180)]
PART: list[Angles] = [(0, 0), (60, None), (None, 90)]


def at(angles: Sequence[float | None]) -> Floats:
    """Return unit rows, or zeros for None."""
    rows = [(0.0, 0.0) if each is None else (np.cos(np.radians(each)), np.sin(np.radians(each))) for each in angles]
    return np.array(rows, np.float32).reshape(-1, 2)


def projected(views: Views, products: Sequence[Angles], word: str = "") -> Projected:
    """Return products as an index sees them, those with text with a word of their own, if with any."""
    raw = np.concatenate([at([each[0] for each in products]), at([each[1] for each in products])], axis=1)
    texts = [f"{word}{place}" if word and text is not None else "" for place, (text, _) in enumerate(products)]
    return views.placed(raw, Lexicon.blank().rows(texts))


def stored(
    products: Sequence[Angles], *, nodes: Sequence[int] = (0, 1, 1), bridges: dict[str, Bridge] | None = None
) -> Built:
    """Return an index of products in the raw space, with these categories and bridges."""
    raw, keys = Views.raw(PARTS), np.arange(len(products))
    views = Views(PARTS, raw.lexicon, raw.spaces, BRIDGES if bridges is None else bridges)
    contents = Contents.of(
        Labels(),
        Features(PARTS),
        Names(PARTS, np.zeros((2, 4))),
        Lookalikes(),
        spaces=views.spaces,
        vectors={"text": ExactIndex(2), "image": ExactIndex(2)},
    )
    labels = [Label(key, f"p{key}", node) for key, node in zip(keys.tolist(), nodes, strict=False)]
    contents.put(keys, labels, projected(views, products, "mug"))
    return Built(TREE, Vocabulary(), views, contents, grows=True)


def asking(built: Built, product: Angles, views: tuple[str, ...], *, itself: int = -1, wanted: int = 3) -> Questions:
    """Ask some views about one product, by the views that it has."""
    asked = projected(built.space, [product])
    pattern = tuple(name for name, angle in zip(PARTS, product, strict=True) if angle is not None)
    return questions(built, restricted(built, asked, pattern), views, np.array([itself]), wanted)


def neighbours(asked: Questions, view: str) -> dict[int, float]:
    """Return who is near in a view, and how near."""
    found = asked[view].found
    return {
        key: round(float(similarity), 3)
        for key, similarity, here in zip(found.keys[0].tolist(), found.similarity[0], found.present[0], strict=True)
        if here
    }


@pytest.mark.parametrize(
    ("products", "pattern", "expected"),
    [
        (WHOLE, ("text",), ("text",)),
        (WHOLE, ("image",), ("image",)),
        (WHOLE, ("text", "image"), ("text", "image")),
        (PART, ("text",), ("text", "image")),
        (PART, ("image",), ("text", "image")),
        ([(0, 0), (60, None)], ("text",), ("text",)),
        ([(0, 0), (60, None)], ("image",), ("text", "image")),
        ([(0, None)], ("image",), ("text", "image")),
    ],
)
def test_a_bridge_is_taken_only_where_own_views_leave_products_out(
    products: list[Angles], pattern: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    """Who has every product within reach needs none; without a bridge a question has a say by its own views alone."""
    assert expected == saying(stored(products), pattern)
    assert pattern == saying(stored(products, bridges={}), pattern)


@pytest.mark.parametrize(("lacking", "expected"), [(1, ("text",)), (2, ("text", "image"))])
def test_one_in_a_hundred_may_be_left_out(lacking: int, expected: tuple[str, ...]) -> None:
    """Of 100 products one without a text is no reason to take the bridge, two are."""
    products: list[Angles] = [(None if place < lacking else 0.0, 0.0) for place in range(100)]
    assert expected == saying(stored(products, nodes=[0] * 100), ("text",))


def test_questions_are_restricted_to_some_views() -> None:
    """Raw parts and words of the others are gone, as if the product had never had them; its own are as before."""
    built = stored(WHOLE)
    whole = projected(built.space, [(30, 120)], "mug")
    text, image = (restricted(built, whole, (view,)) for view in ("text", "image"))
    assert (["text"], ["image"]) == (list(text.vectors), list(image.vectors))
    np.testing.assert_allclose(text.raw, np.concatenate([at([30]), at([None])], axis=1))
    np.testing.assert_allclose(image.raw, np.concatenate([at([None]), at([120])], axis=1))
    assert (whole.words.nnz, 0) == (text.words.nnz, image.words.nnz)
    assert whole.vectors["image"].tolist() == image.vectors["image"].tolist()
    assert whole is restricted(built, whole, ("text", "image"))


def test_each_view_is_asked_by_what_the_product_has() -> None:
    """Neighbours of the text among texts, of the photo among photos; who lacks a view is not there."""
    asked = asking(stored(PART), (0, 90), ("text", "image"))
    assert {0: 1.0, 1: 0.5} == neighbours(asked, "text")
    assert {2: 1.0, 0: 0.0} == neighbours(asked, "image")


def test_a_view_that_the_product_lacks_is_asked_over_the_bridge() -> None:
    """A photo at 90 degrees is a text at 180, a text at 0 a photo at 90: as the bridge turns them."""
    by_photo = asking(stored(PART), (None, 90), ("text", "image"))
    assert {1: -0.5, 0: -1.0} == neighbours(by_photo, "text")
    np.testing.assert_allclose(by_photo["text"].asked.raw, [[-1, 0, 0, 0]], atol=1e-6)
    by_text = asking(stored(PART), (0, None), ("text", "image"))
    assert {2: 1.0, 0: 0.0} == neighbours(by_text, "image")


def test_who_crosses_a_bridge_has_no_words_there() -> None:
    """Nobody is found by words that no text has."""
    found = asking(stored(PART), (None, 0), ("text", "image"))["text"]
    assert 0 == found.asked.words.nnz
    assert {0: 0.0, 1: 0.866} == neighbours({"text": found}, "text")


def test_a_stored_product_finds_itself_in_no_view() -> None:
    """By text, by photo and over the bridge; in its category it is not counted either, where it has the view."""
    asked = asking(stored(WHOLE), (60, 90), ("text", "image"), itself=1)
    assert [[0, 2], [0, 2]] == [sorted(neighbours(asked, view)) for view in asked]
    assert [1, 1] == [asked[view].own.counts[0] for view in asked]


def test_a_product_that_lacks_a_view_was_not_in_it() -> None:
    """1 has no photo: its category keeps there what it has, the photo of 2; by text nothing is left of it."""
    built = stored(PART)
    text, image = (without(built.contents.views[view], np.array([1, -1])) for view in ("text", "image"))
    assert ([1, -1], [0, 0]) == (text.nodes.tolist(), text.counts.tolist())
    assert ([-1, -1], [0, 0]) == (image.nodes.tolist(), image.counts.tolist())
    prototype, products = built.contents.views["image"].prototypes.similarity(
        at([90]), np.array([0, 1], np.int32), without(built.contents.views["image"], np.array([1]))
    )
    np.testing.assert_allclose(prototype, [[0, 1]], atol=1e-3)
    assert [[1, 1]] == products.tolist()


def test_the_first_of_the_voters_are_kept() -> None:
    """As many in each row; the others stay neighbours without a vote."""
    question = asking(stored(WHOLE), (0, None), ("text",))["text"]
    kept = first(question, 2).found
    assert [3, 2] == [question.found.voters.sum(), kept.voters.sum()]
    assert [0, 1] == kept.keys[kept.voters].tolist()
    assert question.found.present.tolist() == kept.present.tolist()


def test_the_nearest_voter_of_any_view_counts() -> None:
    """The photo at 90 degrees by 1.0, though the nearest text has 0.5; nobody near is -1, and who cannot vote too."""
    built = stored(PART, nodes=(-1, 0, 1))
    assert [1.0] == pytest.approx(nearest(asking(built, (0, 90), ("text", "image"))).tolist())
    assert [0.5] == pytest.approx(nearest(asking(built, (0, None), ("text",))).tolist())
    assert [-1] == nearest(asking(stored(PART, nodes=(-1, -1, -1)), (0, 90), ("text", "image"))).tolist()
    assert [-1] == nearest(asking(stored([]), (0, 90), ("text", "image"))).tolist()
