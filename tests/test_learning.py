"""service/calibration/learning.py: an index asks its own products and learns what its answers are worth."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from indexer import encoders
from indexer.images.lookalikes import Lookalikes
from indexer.memory.contents import Contents
from indexer.memory.labels import Label, Labels
from indexer.product import Product
from indexer.snapshots.snapshot import Built
from indexer.space import views as viewing
from indexer.space.features import Features
from indexer.space.lexicon import Lexicon
from indexer.space.names import Names
from indexer.space.views import Views
from indexer.vectors import Keys
from indexer.vectors.exact import ExactIndex
from service.calibration import calibrate as calibrating
from service.calibration import learning, leave_one_out
from service.calibration.calibrate import Calibration, Told
from service.calibration.learning import NEIGHBOURS, WORDS, calibration_of
from service.calibration.leave_one_out import Asked
from service.vote.mixture import PRIOR
from service.vote.questions import Pattern
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

ENCODER = encoders.load("hashing:32")
LEXICON = Lexicon.blank()
TREE = Tree.from_paths([("A", "B"), ("A", "C"), ("D", "E"), ("D", "F")])
SHELVES = [node for node in range(len(TREE)) if TREE.leaves[node]]
WORDS_OF = {1: "mug cup saucer teapot", 2: "pan pot wok lid", 4: "hose rake spade hoe", 5: "lead collar bowl kennel"}
Filed = tuple[Product, int, float]
"""A product, its category and its voice."""


def catalogue(size: int, *, wrong: float = 0.1) -> list[Filed]:
    """Return products sorted by category, of three words of theirs and of whatever; some are on a wrong shelf."""
    rng = np.random.default_rng(0)
    made: list[Filed] = []
    for number in range(size):
        node = SHELVES[number * len(SHELVES) // size]
        own = rng.permutation(WORDS_OF[node].split())[:2]
        title = f"{' '.join(own)} {' '.join(f'w{each}' for each in rng.integers(0, 30, 4))}"
        shelf = SHELVES[int(rng.integers(len(SHELVES)))] if rng.random() < wrong else node
        made.append((Product(f"p{number}", title), shelf, 1.0))
    return made


def calibrated(filed: Sequence[Filed], *, sample: int = 1_000, seed: int = 0, grows: bool = True) -> Calibration:
    """Return what an index of products under the keys 0, 1, 2, ... learns about itself."""
    products = [product for product, _, _ in filed]
    return calibration_of(
        indexed(filed, grows=grows), lambda some: [products[key] for key in some], sample=sample, seed=seed
    )


def indexed(filed: Sequence[Filed], *, grows: bool = True) -> Built:
    """Return an index of products under the keys 0, 1, 2, ..., in the raw space."""
    views, keys = Views.raw(ENCODER.parts, LEXICON), np.arange(len(filed))
    products = [product for product, _, _ in filed]
    projected = views.project(ENCODER.encode(products), [product.title for product in products])
    names = Names(ENCODER.parts, np.zeros((len(TREE), 32)))
    contents = Contents.of(
        Labels(),
        Features(ENCODER.parts),
        names,
        Lookalikes(),
        spaces=views.spaces,
        vectors={"text": ExactIndex(32)},
    )
    labels = [Label(key, product.id, node, product.tags, voice) for key, (product, node, voice) in enumerate(filed)]
    contents.put(keys, labels, projected)
    return Built(TREE, Vocabulary(), views, contents, grows)


@pytest.fixture(scope="module")
def learnt() -> Calibration:
    """Return what an index of 160 products, a tenth of them on a wrong shelf, learnt about itself."""
    return calibrated(catalogue(160))


def test_every_labelled_product_is_asked(learnt: Calibration) -> None:
    """About nine in ten are right, and the last step brings the probabilities nearer to what is right."""
    assert 160 == learnt.observations
    assert learnt.accuracy == pytest.approx(0.9, abs=0.05)
    assert learnt.error[1] < learnt.error[0]
    assert learnt.neighbours in NEIGHBOURS
    assert learnt.words in WORDS
    assert learnt.weights != PRIOR


def test_a_threshold_is_read_off_what_was_asked(learnt: Calibration) -> None:
    """For 0.8 one that answers most; nothing can be so precise as nobody's labels are."""
    threshold = learnt.curves["auto"].threshold(0.8)
    assert threshold is not None
    assert learnt.curves["auto"].coverage(threshold) > 0.9
    assert None is learnt.curves["auto"].threshold(0.999)
    assert 160 == pytest.approx(learnt.curves["leaf"].total)


def test_the_same_index_learns_the_same(learnt: Calibration) -> None:
    """To the last digit, though two threads ask; and what was learnt is read back from its text."""
    first, again = (calibrated(catalogue(60)) for _ in range(2))
    assert first == again
    assert learnt == Calibration.from_json(learnt.to_json())


def test_labels_without_a_voice_teach_nothing() -> None:
    """Products on wrong shelves, put there by a machine, leave the calibration what it was, but for rounding."""
    machine = [(Product(f"m{node}", f"{words} w1"), 1 if node > 1 else 5, 0.0) for node, words in WORDS_OF.items()] * 8
    alone, beside = calibrated(catalogue(40)), calibrated([*catalogue(40), *machine])
    assert (40, alone.accuracy) == (beside.observations, beside.accuracy)
    np.testing.assert_allclose(beside.weights, alone.weights, atol=1e-3)
    np.testing.assert_allclose(beside.reliability.levels, alone.reliability.levels, atol=1e-3)
    assert (
        alone.weights != calibrated([*catalogue(40), *((product, node, 1.0) for product, node, _ in machine)]).weights
    )


def test_a_sample_is_taken_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an index that was filled category by category, products of all of them are asked about, in trials as well."""
    asked: list[list[int]] = []

    def ask(built: Built, keys: Keys, wanted: int, pattern: Pattern, views: Pattern) -> Asked:
        asked.append(built.contents.labels.nodes(keys).tolist())
        return leave_one_out.ask(built, keys, wanted, pattern, views)

    monkeypatch.setattr(learning, "ask", ask)
    monkeypatch.setattr(learning, "TRIAL", 40)
    monkeypatch.setattr(learning, "NEW", 40)
    assert 120 == calibrated(catalogue(160), sample=120).observations
    assert [set(SHELVES)] * len(asked) == [set(some) for some in asked]
    assert {20, 60} == {len(some) for some in asked}


@pytest.mark.parametrize(("grows", "rounds"), [(True, 3), (False, 4)])
def test_newcomers_count_as_a_small_share(monkeypatch: pytest.MonkeyPatch, grows: bool, rounds: int) -> None:
    """Two in a hundred of all questions, however often each is asked; with none left only in a tree that was given."""
    taught: list[list[float]] = []

    def calibrate(told: Told, new: Told, lineage: np.typing.NDArray[np.int32], **given: Any) -> Calibration:
        taught.append([float(told.counted.sum()), float(new.counted.sum()), len(new) / len(told)])
        return calibrating.calibrate(told, new, lineage, **given)

    monkeypatch.setattr(learning, "calibrate", calibrate)
    calibrated(catalogue(60), grows=grows)
    np.testing.assert_allclose(taught, [[60, 1.2, rounds]])


def test_without_labels_nothing_is_learnt() -> None:
    """What holds anywhere stands; one labelled product alone cannot be asked about either."""
    nothing = [(product, -1, 1.0) for product, _, _ in catalogue(8)]
    assert Calibration() == calibrated(nothing)
    assert 1 == calibrated([*nothing, catalogue(8)[0]]).observations


def test_few_products_give_no_threshold() -> None:
    """Under a hundred questions there is no curve, and nothing is called novel before its time."""
    few = calibrated(catalogue(40))
    assert (40, {}, Calibration().floor) == (few.observations, few.curves, few.floor)


def test_progress_is_told_by_the_products_asked() -> None:
    """Up to all of them."""
    told: list[int] = []
    calibration_of(indexed(catalogue(20)), lambda _: [], tell=told.append)
    assert [10, 20] == told


def pictured(filed: Sequence[Filed], lacking: int) -> Built:
    """Return an index of products with photos that tell their category, every `lacking`-th without one."""
    parts = {**ENCODER.parts, "image": 6}
    rng, keys, products = np.random.default_rng(1), np.arange(len(filed)), [product for product, _, _ in filed]
    photos = np.eye(6)[[node for _, node, _ in filed]] + rng.normal(0, 0.2, (len(filed), 6))
    photos /= np.linalg.norm(photos, axis=1, keepdims=True)
    photos[::lacking] = 0
    raw = np.concatenate([ENCODER.encode(products).parts["text"], photos], axis=1).astype(np.float32)
    blank = Views.raw(parts, LEXICON)
    views = viewing.learnt(blank, blank.spaces, raw)
    contents = Contents.of(
        Labels(),
        Features(parts),
        Names(parts, np.zeros((len(TREE), 38))),
        Lookalikes(),
        spaces=views.spaces,
        vectors={"text": ExactIndex(32), "image": ExactIndex(6)},
    )
    contents.put(
        keys,
        [Label(key, product.id, node) for key, (product, node, _) in enumerate(filed)],
        views.placed(raw, LEXICON.rows([product.title for product in products])),
    )
    return Built(TREE, Vocabulary(), views, contents, grows=True)


def test_each_kind_of_question_is_learnt_from_who_can_be_asked_so() -> None:
    """Most by text; 120 by photo and by both. A photo asks the texts too, where products lack one; a text need not."""
    made = calibration_of(pictured(catalogue(160), 4), lambda _: [])
    assert (("text",), ("text",), 160) == (made.pattern, made.views, made.observations)
    assert {"image", "text+image"} == made.others.keys()
    photo, both = made.of(("image",)), made.of(("text", "image"))
    assert (("image",), ("text", "image"), 120) == (photo.pattern, photo.views, photo.observations)
    assert (("text", "image"), ("text", "image"), 120) == (both.pattern, both.views, both.observations)
    assert [7, 14, 14] == [len(each.weights) for each in (made, photo, both)]
    assert {(made.neighbours, made.words)} == {(each.neighbours, each.words) for each in made.others.values()}
    assert made == Calibration.from_json(made.to_json())


def test_photos_that_tell_the_category_make_answers_right() -> None:
    """A tenth of the texts is on a wrong shelf and misleads; their photos, which show it, do not."""
    made = calibration_of(pictured(catalogue(160), 4), lambda _: [])
    assert made.accuracy == pytest.approx(0.9, abs=0.05)
    assert made.of(("image",)).accuracy > 0.98
    assert made.of(("text", "image")).accuracy > 0.98


def test_texts_teach_the_same_beside_pictures() -> None:
    """What is chosen and learnt of questions by text is what an index without pictures learns of them."""
    plain, beside = calibrated(catalogue(80)), calibration_of(pictured(catalogue(80), 4), lambda _: [])
    assert (plain.neighbours, plain.words) == (beside.neighbours, beside.words)
    assert (plain.observations, plain.accuracy, plain.error) == (beside.observations, beside.accuracy, beside.error)
    np.testing.assert_allclose(beside.weights, plain.weights, atol=1e-6)


def test_where_all_have_both_most_questions_are_by_both() -> None:
    """Of kinds with as many products the first is that of most views."""
    made = calibration_of(pictured(catalogue(40), 1_000), lambda _: [])
    assert ("text",) == made.pattern  # one has no photo
    whole = pictured(catalogue(40), 1_000)
    whole.contents.drop(np.arange(1))
    made = calibration_of(whole, lambda _: [])
    assert ("text", "image") == made.pattern
    assert {"text": 39, "image": 39} == {name: each.observations for name, each in made.others.items()}
    assert [("text",), ("image",)] == [each.views for each in made.others.values()]


def test_a_kind_that_no_product_can_be_asked_by_is_not_learnt() -> None:
    """No product has a photo: what is known is of texts, and a question by photo is never sure."""
    made = calibration_of(pictured(catalogue(40), 1), lambda _: [])
    assert (("text",), {}) == (made.pattern, made.others)
    assert None is made.of(("image",)).curves["auto"].threshold(0.5)
