"""service/calibration/learning.py: an index asks its own products and learns what its answers are worth."""

from collections.abc import Sequence

import numpy as np
import pytest

from indexer import encoders
from indexer.contents import Contents
from indexer.images.lookalikes import Lookalikes
from indexer.labels import Label, Labels
from indexer.product import Product
from indexer.snapshot import Built
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

    def calibrate(told: Told, new: Told, lineage: np.typing.NDArray[np.int32], *, chosen: Calibration) -> Calibration:
        taught.append([float(told.counted.sum()), float(new.counted.sum()), len(new) / len(told)])
        return calibrating.calibrate(told, new, lineage, chosen=chosen)

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
