"""service/calibration/leave_one_out.py: stored products asked about as if they were new."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from indexer import encoders
from indexer.images.lookalikes import Lookalikes
from indexer.memory.contents import Contents
from indexer.memory.labels import Label, Labels
from indexer.product import Product
from indexer.snapshots.snapshot import Built
from indexer.space import Space
from indexer.space.features import Features
from indexer.space.fit import refit
from indexer.space.learnt import Learnt
from indexer.space.lexicon import Lexicon
from indexer.space.names import Names
from indexer.space.prototypes import Own
from indexer.space.views import Views
from indexer.vectors import Keys
from indexer.vectors.exact import ExactIndex
from service.calibration.leave_one_out import COPY, Asked, ask, halves, having, listings, newcomers, stored
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

ENCODER = encoders.load("hashing:32")
LEXICON = Lexicon.blank()
TREE = Tree.from_paths([("A",), ("B",), ("C",)])
WORDS = (("mug", "cup", "saucer", "teapot"), ("hose", "rake", "spade", "hoe"), ("lead", "collar", "bowl", "kennel"))
Filed = tuple[str, int, float]
"""Text, category and voice of a product."""


def built(filed: Sequence[Filed], space: Space | None = None) -> Built:
    """Return an index of products under the keys 0, 1, 2, ..., in the raw space unless another is given."""
    views, keys = Views(ENCODER.parts, LEXICON, {"text": space or Space(ENCODER.parts)}), np.arange(len(filed))
    texts = [text for text, _, _ in filed]
    projected = views.project(ENCODER.encode([Product("", text) for text in texts]), texts)
    names = Names(ENCODER.parts, np.zeros((len(TREE), 32)))
    contents = Contents.of(
        Labels(),
        Features(ENCODER.parts),
        names,
        Lookalikes(),
        spaces=views.spaces,
        vectors={"text": ExactIndex(views.spaces["text"].dim)},
    )
    labels = [Label(key, f"p{key}", node, (), voice) for key, (_, node, voice) in enumerate(filed)]
    contents.put(keys, labels, projected)
    return Built(TREE, Vocabulary(), views, contents, grows=True)


def catalogue(size: int, seed: int = 0) -> list[Filed]:
    """Return products of three words of their category and a number."""
    rng = np.random.default_rng(seed)
    return [
        (f"{' '.join(rng.permutation(WORDS[number % 3])[:3])} no{number}", number % 3, 1.0) for number in range(size)
    ]


def voters(asked: Asked, row: int = 0) -> list[int]:
    """Return the keys of who votes on a question."""
    found = asked.questions["text"].found
    return sorted(found.keys[row][found.voters[row]].tolist())


def asking(index: Built, keys: Keys, wanted: int) -> Asked:
    """Return stored products as questions by text."""
    return ask(index, keys, wanted, ("text",), ("text",))


def own(asked: Asked) -> Own:
    """Return the category of each question as if it were not in it."""
    return asked.questions["text"].own


def test_neither_itself_nor_its_copies_vote() -> None:
    """Fifty copies of the asked product stand first among its neighbours; who else is found with them speaks."""
    copies = [("red steel mug", 0, 1.0)] * 50
    index = built([*catalogue(60), *copies])
    for wanted, heard in ((20, 0), (60, 31), (100, 60)):
        said = voters(asking(index, np.array([109]), wanted))
        assert (heard, True) == (len(said), max(said, default=0) < 60)


def test_near_copies_are_copies() -> None:
    """What is alike to COPY in the mean of parts and words; a product with another word more votes."""
    words = " ".join(f"word{number}" for number in range(30))
    index = built([(words, 0, 1.0), (f"{words} word0", 0, 1.0), (f"{words} other and more of it", 1, 1.0)])
    features = index.contents.features
    assert [[True, True, False]] == features.copies(
        features.raw(np.arange(1)), features.words(np.arange(1)), np.arange(3)[None], COPY
    ).tolist()
    assert [2] == voters(asking(index, np.array([0]), 5))


def test_who_has_no_voice_neither_votes_nor_asks() -> None:
    """A machine's label, and a product without a category."""
    filed = catalogue(12)
    filed[4], filed[5] = (filed[4][0], filed[4][1], 0.0), (filed[5][0], -1, 1.0)
    index = built(filed)
    assert [1, 2, 3, 6, 7, 8, 9, 10, 11] == voters(asking(index, np.array([0]), 20))
    assert [0, 1, 2, 3, 6, 7, 8, 9, 10, 11] == sorted(np.concatenate([keys for keys, _ in halves(index, 0)]).tolist())
    assert [-1, -1] == own(asking(index, np.array([4, 5]), 20)).nodes.tolist()


def test_a_question_finds_its_category_without_itself() -> None:
    """And without its copies, which count once in it: what remains are the others."""
    index = built([("red mug", 0, 1.0), ("red mug", 0, 1.0), ("blue mug", 0, 1.0), ("hose", 1, 1.0)])
    asked = asking(index, np.array([0, 1, 2, 3]), 5)
    assert ([0, 0, 0, 1], [1, 1, 1, 0]) == (own(asked).nodes.tolist(), own(asked).counts.tolist())
    rows = stored(index, np.arange(4)).vectors["text"]
    expected = np.stack([rows[2], rows[2], rows[0], 0 * rows[3]])
    np.testing.assert_allclose(own(asked).sums, expected, atol=1e-3)


def test_in_the_raw_space_an_index_is_its_own_twin() -> None:
    """There is nothing that labels taught; every product is asked in one of the halves."""
    index = built(catalogue(31))
    parts = halves(index, 0)
    assert [index, index] == [twin for _, twin in parts]
    assert (16, 15) == tuple(len(keys) for keys, _ in parts)
    assert list(range(31)) == sorted(np.concatenate([keys for keys, _ in parts]).tolist())
    assert parts[0][0].tolist() != halves(index, 1)[0][0].tolist()


BLANK = Learnt(
    edges=(0, 32),
    columns=np.zeros(0, np.int32),
    reduction=np.zeros((0, 0), np.float32),
    centres=np.zeros(32, np.float32),
    matrix=np.eye(32, 4, dtype=np.float32),
    shift=np.zeros(4, np.float32),
    shrinkage=np.array([0.2], np.float32),
)
"""A space that is refitted to 4 dimensions of the parts."""


def test_each_half_is_asked_in_the_space_of_the_other() -> None:
    """Made of the other's products and labels alone; everybody is placed in it, and so are the prototypes."""
    index = built(catalogue(80), Space(ENCODER.parts, learnt=BLANK))
    (first, of_second), (second, of_first) = halves(index, 0)
    features, labels = index.contents.features, index.contents.labels
    for told, twin in ((second, of_second), (first, of_first)):
        raw, words, voices = features.raw(told), features.words(told), np.ones(40, np.float32)
        expected = refit(BLANK, raw, words, labels.nodes(told), voices)
        learnt, view = twin.space.spaces["text"].learnt, twin.contents.views["text"]
        assert learnt is not None
        np.testing.assert_allclose(learnt.matrix, expected.matrix, rtol=1e-3, atol=1e-4)
        placed = expected.place(features.raw(np.arange(80)), features.words(np.arange(80)))
        near = view.vectors.search(placed[:5], 1)
        assert [0, 1, 2, 3, 4] == near.keys[:, 0].tolist()
        sums = [placed[number::3].sum(axis=0) for number in range(3)]
        np.testing.assert_allclose(view.prototypes.sums, sums, atol=0.05)
        assert [27, 27, 26] == view.prototypes.counts.tolist()


def test_a_half_s_own_labels_change_nothing_about_how_it_is_asked() -> None:
    """With all labels of the first half exchanged it is asked in the same space."""
    filed = catalogue(80)
    space = Space(ENCODER.parts, learnt=BLANK)
    first = halves(built(filed, space), 0)[0][0]
    mine = set(first.tolist())
    moved = [(text, (node + (key in mine)) % 3, voice) for key, (text, node, voice) in enumerate(filed)]
    before, after = (halves(built(some, space), 0)[0][1].space.spaces["text"].learnt for some in (filed, moved))
    assert before is not None
    assert after is not None
    assert before.matrix.tolist() == after.matrix.tolist()


def test_listings_of_the_same_words_share_a_voice() -> None:
    """Three copies count as much together as one other product; without words it is the parts that must be equal."""
    index = built([("red mug", 0, 1.0)] * 3 + [("hose", 1, 1.0), ("x", 2, 1.0), ("y", 2, 1.0)])
    np.testing.assert_allclose(listings(index, np.arange(6)), [1 / 3, 1 / 3, 1 / 3, 1, 1, 1])


def test_listings_count_by_their_labels() -> None:
    """A label of twice the weight is twice the question; all weights have the mean 1."""
    index = built([("red mug", 0, 1.0), ("hose", 1, 0.5), ("rake", 1, 1.5), ("rake", 1, 1.0)])
    np.testing.assert_allclose(listings(index, np.arange(4)), [1, 0.5, 0.75, 0.5])


@pytest.mark.parametrize("remaining", [0, 1, 2, 5])
def test_a_newcomer_s_category_has_few_others(remaining: int) -> None:
    """They alone vote for it and make its prototype; those of other categories vote as before."""
    index = built(catalogue(30))
    asked = asking(index, np.arange(6), 29)
    made = newcomers(index, asked, remaining, 29, np.random.default_rng(0))
    rows = stored(index, np.arange(30)).vectors["text"]
    for row in range(6):
        kin = [key for key in voters(made, row) if key % 3 == row % 3]
        assert [key for key in range(30) if key % 3 != row % 3] == sorted(set(voters(made, row)) - set(kin))
        assert (remaining, remaining, False) == (len(kin), own(made).counts[row], row in kin)
        np.testing.assert_allclose(own(made).sums[row], rows[kin].sum(axis=0) if kin else 0 * rows[0], atol=1e-3)
    assert own(asked).nodes.tolist() == own(made).nodes.tolist()


def test_a_newcomer_has_no_copies() -> None:
    """Its category had only these: nothing remains that could vouch for it, as a voter or in the prototype."""
    index = built([*[("red steel mug", 0, 1.0)] * 15, *catalogue(30)[1::3], ("teapot", 0, 1.0)])
    for seed in range(5):
        made = newcomers(index, asking(index, np.array([3]), 60), 2, 60, np.random.default_rng(seed))
        assert (1, [*range(15, 26)]) == (own(made).counts[0], voters(made))


def test_as_many_vote_on_a_newcomer_as_on_others() -> None:
    """Who is left out makes room for the next."""
    index = built(catalogue(60))
    made = newcomers(index, asking(index, np.arange(3), 40), 1, 12, np.random.default_rng(0))
    assert [12, 12, 12] == [len(voters(made, row)) for row in range(3)]


PAIR = {"text": 32, "image": 4}


def pictured(filed: Sequence[Filed], photos: Sequence[int | None], learnt: bool = False) -> Built:
    """Return an index of products with one of four photos, or None; in raw spaces unless they are to be refitted."""
    raw, keys, texts = Views.raw(PAIR), np.arange(len(filed)), [text for text, _, _ in filed]
    spaces = {
        "text": replace(raw.spaces["text"], learnt=BLANK if learnt else None),
        "image": replace(raw.spaces["image"], learnt=FLAT if learnt else None),
    }
    views = replace(raw, spaces=spaces)
    rows = ENCODER.encode([Product("", text) for text in texts]).parts["text"]
    seen = np.array([np.eye(4)[photo] if photo is not None else np.zeros(4) for photo in photos])
    placed = views.placed(np.concatenate([rows, seen], axis=1).astype(np.float32), LEXICON.rows(texts))
    contents = Contents.of(
        Labels(),
        Features(PAIR),
        Names(PAIR, np.zeros((len(TREE), 36))),
        Lookalikes(),
        spaces=spaces,
        vectors={view: ExactIndex(space.dim) for view, space in spaces.items()},
    )
    labels = [Label(key, f"p{key}", node, (), voice) for key, (_, node, voice) in enumerate(filed)]
    contents.put(keys, labels, placed)
    return Built(TREE, Vocabulary(), views, contents, grows=True)


FLAT = replace(BLANK, edges=(0, 4), centres=np.zeros(4, np.float32), matrix=np.eye(4, 2, dtype=np.float32))
FLAT = replace(FLAT, shift=np.zeros(2, np.float32))
"""A space that is refitted to 2 dimensions of the photo."""
SHELF: list[Filed] = [("red mug", 0, 1.0), ("red mug", 0, 1.0), ("teapot", 0, 1.0), ("garden rake", 1, 1.0)]


def voting(asked: Asked) -> dict[str, list[int]]:
    """Return by view the keys of who votes on the first question."""
    found = {view: question.found for view, question in asked.questions.items()}
    return {view: sorted(each.keys[0][each.voters[0]].tolist()) for view, each in found.items()}


def test_a_near_copy_is_none_in_a_view_where_it_is_another() -> None:
    """1 has the text of 0 and votes by its photo alone, 2 has the photo of 0 and votes by its text alone."""
    index, views = pictured(SHELF, [0, 1, 0, 2]), ("text", "image")
    assert {"text": [2, 3], "image": [1, 3]} == voting(ask(index, np.array([0]), 5, views, views))
    assert {"text": [2, 3]} == voting(ask(index, np.array([0]), 5, ("text",), ("text",)))
    assert {"image": [1, 3]} == voting(ask(index, np.array([0]), 5, ("image",), ("image",)))


def test_a_stored_product_is_asked_about_by_the_views_of_the_pattern() -> None:
    """Nothing of its text is in a question by photo, and its category is that of the photos."""
    index = pictured(SHELF, [0, 1, None, 2])
    asked = ask(index, np.array([0]), 5, ("image",), ("image",)).questions["image"]
    assert 0 == asked.asked.words.nnz
    assert not asked.asked.raw[:, :32].any()
    assert ([0], [1]) == (asked.own.nodes.tolist(), asked.own.counts.tolist())
    np.testing.assert_allclose(asked.own.sums, np.eye(4)[[1]], atol=1e-3)


def test_who_has_every_view_of_a_pattern_can_be_asked_so() -> None:
    """By text, by photo, by both."""
    index, keys = pictured([*SHELF[:3], ("", 1, 1.0)], [0, 1, None, 2]), np.arange(4)
    assert [True, True, True, False] == having(index, keys, ("text",)).tolist()
    assert [True, True, False, True] == having(index, keys, ("image",)).tolist()
    assert [True, True, False, False] == having(index, keys, ("text", "image")).tolist()


def test_listings_of_one_text_with_other_photos_are_not_copies() -> None:
    """Each has a voice of its own; those of one text and one photo share one."""
    index = pictured([SHELF[0]] * 4, [0, 0, 1, None])
    np.testing.assert_allclose(listings(index, np.arange(4)), [0.5, 0.5, 1, 1])


def test_a_newcomer_s_category_has_few_others_in_every_view() -> None:
    """Those that remain are the same ones, each in the views that it has."""
    filed: list[Filed] = [(f"{'mug' if place % 2 else 'rake'} no{place}", place % 2, 1.0) for place in range(16)]
    photos = [None if place % 3 == 2 else place % 4 for place in range(16)]
    index, views = pictured(filed, photos), ("text", "image")
    asked = ask(index, np.array([0]), 16, views, views)
    for seed in range(6):
        made = newcomers(index, asked, 2, 16, np.random.default_rng(seed))
        by_text, by_photo = ([key for key in some if key % 2 == 0] for some in voting(made).values())
        assert 2 == len(by_text)
        assert by_photo == [key for key in by_text if photos[key] is not None]
        counts = {view: each.own.counts[0] for view, each in made.questions.items()}
        assert {"text": 2, "image": len(by_photo)} == counts
        assert [key for key in range(1, 16, 2) if photos[key] is not None] == [
            key for key in voting(made)["image"] if key % 2
        ]


def test_each_view_of_a_half_is_refitted_by_those_that_have_it() -> None:
    """The space of the photos by the products of the other half that have one."""
    photos = [None if place % 5 == 0 else place % 4 for place in range(80)]
    index = pictured(catalogue(80), photos, learnt=True)
    (first, of_second), (second, of_first) = halves(index, 0)
    features, labels = index.contents.features, index.contents.labels
    for told, twin in ((second, of_second), (first, of_first)):
        some = np.array([key for key in told.tolist() if photos[key] is not None])
        raw, words = features.raw(some)[:, 32:], LEXICON.rows([""] * len(some))
        expected = refit(FLAT, raw, words, labels.nodes(some), np.ones(len(some), np.float32))
        learnt, view = twin.space.spaces["image"].learnt, twin.contents.views["image"]
        assert learnt is not None
        np.testing.assert_allclose(learnt.matrix, expected.matrix, rtol=1e-3, atol=1e-4)
        assert (64, 80) == (len(view.vectors), len(twin.contents.views["text"].vectors))
        assert view.space is twin.space.spaces["image"]
