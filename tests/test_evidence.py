"""service/vote/evidence.py: what speaks for which category, on four products in a plane."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.images.lookalikes import Lookalikes
from indexer.memory.contents import Contents
from indexer.memory.labels import Label, Labels
from indexer.snapshots.snapshot import Built
from indexer.space import Projected
from indexer.space.features import Features, Floats
from indexer.space.lexicon import Lexicon
from indexer.space.names import Names
from indexer.space.prototypes import Nodes
from indexer.space.views import Views
from indexer.vectors.exact import ExactIndex
from service.vote import evidence as module
from service.vote.evidence import CANDIDATES, Heard, heard, shelves, tally
from service.vote.mixture import Evidence
from service.vote.questions import questions, without
from service.vote.voices import WORDS
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

PARTS = {"text": 2}
PAIR = {"text": 2, "image": 2}
ANGLES = np.radians([0, 60, 90, 180])
VECTORS = np.column_stack([np.cos(ANGLES), np.sin(ANGLES)]).astype(np.float32)
TEXTS = ("lamp", "lamp shade", "mug", "mug tree")
TREE = Tree.from_paths([("A", "B"), ("A", "C"), ("D",)])
NAMES = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], np.float32)


def stored(*labels: tuple[int, float], grows: bool = True) -> Built:
    """Return an index of the first products, with these categories and voices."""
    views, keys = Views.raw(PARTS), np.arange(len(labels))
    contents = Contents.of(
        Labels(),
        Features(PARTS),
        Names(PARTS, NAMES),
        Lookalikes(),
        spaces=views.spaces,
        vectors={"text": ExactIndex(2)},
    )
    projected = Projected(VECTORS, Lexicon.blank().rows(TEXTS), {"text": VECTORS})[keys]
    filed = [Label(key, f"p{key}", node, (), voice) for key, (node, voice) in enumerate(labels)]
    contents.put(keys, filed, projected)
    return Built(TREE, Vocabulary(), views, contents, grows)


def ask(built: Built, *, itself: int = -1) -> Heard:
    """Ask about the first product, as a new one or as the one that is stored under `itself`."""
    asked = Projected(VECTORS[:1], Lexicon.blank().rows(TEXTS[:1]), {"text": VECTORS[:1]})
    return heard(built, questions(built, asked, ("text",), np.array([itself]), 4), WORDS)


def by_category(said: Evidence) -> dict[str, list[float]]:
    """Return voices, prototype, products and name of each candidate of the only question."""
    columns = [column[0, :, 0].tolist() for column in said.said]
    candidates = zip(said.nodes[0].tolist(), *columns, strict=True)
    return {TREE.names[node]: [round(value, 3) for value in values] for node, *values in candidates if node >= 0}


def test_neighbours_prototypes_and_names_speak() -> None:
    """Two lamps of B at 0 and 60 degrees, mugs of C and D at 90 and 180; the question lies at 0."""
    said = ask(stored((1, 1), (1, 1), (2, 1), (3, 1)))
    spoken = by_category(said.evidence)
    assert {"B", "C", "D"} == spoken.keys()
    assert spoken["B"][0] == pytest.approx(said.voices["text"][0, :2].sum(), abs=1e-3)
    assert spoken["B"][0] > 0.9
    half = np.cos(np.radians(30))
    assert [[pytest.approx(half, abs=1e-3), 2, 0], [0, 1, -1], [-1, 1, 0]] == [spoken[name][1:] for name in "BCD"]


def test_a_label_without_a_voice_says_nothing() -> None:
    """Neither as a neighbour nor in a prototype; a category that only a machine filled is no candidate at all."""
    said = ask(stored((1, 1), (2, 0), (2, 0), (3, 1)))
    assert {"B", "D"} == by_category(said.evidence).keys()
    assert [1, 1] == [by_category(said.evidence)[name][2] for name in "BD"]


def test_a_stored_product_is_no_evidence_about_itself() -> None:
    """Neither by its own voice nor in its category's prototype."""
    two = by_category(ask(stored((1, 1), (1, 1), (2, 1), (3, 1)), itself=0).evidence)
    assert [0.5, 1] == two["B"][1:3]


def test_a_category_that_only_the_asked_product_is_in_is_no_candidate() -> None:
    """A tree of labels would not have it; in one that was given a leaf stands empty and is known by its name."""
    labels = (1, 1), (2, 1), (2, 1), (3, 1)
    assert "B" not in by_category(ask(stored(*labels), itself=0).evidence)
    assert [0, 0, 0] == by_category(ask(stored(*labels, grows=False), itself=0).evidence)["B"][:3]
    branch = (0, 1), (2, 1), (2, 1), (3, 1)
    assert "A" not in by_category(ask(stored(*branch, grows=False), itself=0).evidence)


def test_a_category_without_products_is_known_by_its_name() -> None:
    """In a tree that was given, where somebody means it to be filled; in one of labels there is none."""
    given_tree = by_category(ask(stored((2, 1), (2, 1), (2, 1), (2, 1), grows=False)).evidence)
    assert [0, 0, 0, 0] == given_tree["B"]
    assert [0, 0, 0, 0] == given_tree["D"]
    assert {"C"} == by_category(ask(stored((2, 1), (2, 1), (2, 1), (2, 1))).evidence).keys()


def test_shelves_are_what_has_products_and_the_leaves_that_were_given() -> None:
    """A branch that has products itself is one; one that a machine's label is alone on is none."""
    labels = [(0, 1), (2, 1), (3, 0)]
    assert [0, 2] == shelves(stored(*labels)).tolist()
    assert [0, 1, 2, 3] == shelves(stored(*labels, grows=False)).tolist()
    assert [1, 2, 3] == shelves(stored(grows=False)).tolist()
    assert [] == shelves(stored()).tolist()


def test_nothing_stored_is_no_evidence() -> None:
    """No candidate, and no error."""
    assert {} == by_category(ask(stored()).evidence)


@given(st.integers(0, 2**32 - 1), st.integers(0, 5))
def test_a_tally_adds_up_the_voices_of_each_category(seed: int, wide: int) -> None:
    """Labels that are not among those asked for, and -1, count nowhere."""
    rng = np.random.default_rng(seed)
    voices = rng.normal(size=(3, 6)).astype(np.float32)
    labels = rng.integers(-1, 8, (3, 6)).astype(np.int32)
    nodes = np.sort(rng.choice(8, wide, replace=False)).astype(np.int32)
    expected = [[voices[row][labels[row] == node].sum() for node in nodes] for row in range(3)]
    np.testing.assert_allclose(tally(voices, labels, nodes), np.reshape(expected, (3, wide)), atol=1e-5)


def candidates(voices: list[float], prototype: list[float], products: list[float], name: list[float]) -> Evidence:
    """Choose the candidates of one question among categories 0, 1, 2, ..."""
    said = [np.array([column], np.float32)[..., None] for column in (voices, prototype, products, name)]
    nodes: Nodes = np.arange(len(voices), dtype=np.int32)
    return module._candidates(nodes, Evidence(nodes, *said), np.ones((1, len(nodes)), np.bool_))


def test_candidates_come_in_by_voice_by_prototype_and_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """One by each: a name only where products are few, a prototype only where there is one."""
    monkeypatch.setattr(module, "BY_PROTOTYPE", 1)
    monkeypatch.setattr(module, "BY_NAME", 1)
    made = candidates([0.4, 0, 0, 0, 0], [0.1, 0.9, 0.95, 0.2, 0.3], [9, 9, 0, 4, 5], [0, 0.7, 0.2, 0.8, 0.9])
    assert [0, 1, 3] == sorted(made.nodes[0][made.nodes[0] >= 0].tolist())
    assert [[0.4], [0.1], [9], [0]] == [pytest.approx(column[0][made.nodes[0] == 0][0]) for column in made.said]


def test_padding_stands_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a category that neighbours speak against, too; all that was said of padding is 0."""
    monkeypatch.setattr(module, "BY_PROTOTYPE", 1)
    monkeypatch.setattr(module, "BY_NAME", 1)
    made = candidates([-0.3, 0, 0.2, 0, 0.5], [0.1, 0.9, 0, 0.2, 0], [9] * 5, [0.5] * 5)
    assert [[1, 4, 2, 0, -1]] == made.nodes.tolist()
    assert [0, 0, 0, 0] == [column[0, -1, 0] for column in made.said]


def test_few_of_many_categories_are_weighed() -> None:
    """Those with most voice after those that come in otherwise."""
    voices, size = np.linspace(0, 1, 200), 200
    made = candidates(voices.tolist(), [0.0] * size, [0.0] * size, [-1.0] * size)
    assert list(range(size - 1, size - 1 - CANDIDATES, -1)) == made.nodes[0].tolist()


def test_who_is_asked_about_is_taken_out_of_its_own_category() -> None:
    """As if it had never been stored: the sums of the others; a machine's label and a question about none have none."""
    built = stored((1, 1), (1, 0.5), (2, 0), (-1, 1))
    own = without(built.contents.views["text"], np.array([0, 1, 2, 3, -1]))
    assert [1, 1, -1, -1, -1] == own.nodes.tolist()
    assert [1, 1, 0, 0, 0] == own.counts.tolist()
    expected: Floats = np.concatenate([[0.5 * VECTORS[1], VECTORS[0]], np.zeros((3, 2))])
    np.testing.assert_allclose(own.sums, expected, atol=1e-3)


def test_each_view_speaks_for_itself() -> None:
    """B has one product, at 0 degrees and without a photo; C one photo, at 60 degrees and without a text.

    Asked by both at 0: B is 1 by text and nothing by photo, C nothing by text and half by photo.
    """
    views, keys, raw = Views.raw(PAIR), np.arange(2), np.zeros((3, 4), np.float32)
    raw[0, :2], raw[1, 2:], raw[2] = VECTORS[0], VECTORS[1], [*VECTORS[0], *VECTORS[0]]
    placed = views.placed(raw, Lexicon.blank().rows(("lamp", "", "")))
    contents = Contents.of(
        Labels(),
        Features(PAIR),
        Names(PAIR, np.zeros((4, 4))),
        Lookalikes(),
        spaces=views.spaces,
        vectors={"text": ExactIndex(2), "image": ExactIndex(2)},
    )
    contents.put(keys, [Label(0, "b", 1), Label(1, "c", 2)], placed[:2])
    built = Built(TREE, Vocabulary(), views, contents, grows=True)
    said = heard(built, questions(built, placed[2:], ("text", "image"), np.array([-1]), 4), WORDS)
    assert ["text", "image"] == list(said.voices)
    found = {TREE.names[node]: place for place, node in enumerate(said.evidence.nodes[0].tolist()) if node >= 0}
    assert {"B", "C"} == found.keys()
    voices, prototype, products, _ = (column[0] for column in said.evidence.said)
    np.testing.assert_allclose(prototype[[found["B"], found["C"]]], np.diag([1, 0.5]), atol=1e-3)
    assert [[1, 0], [0, 1]] == products[[found["B"], found["C"]]].tolist()
    # a neighbour equal to the question, and one of the cosine 1/2, where only a part of weight 2 is compared
    near, far = 2 / 2.2, 2 * 0.5**2.5 / 2.2
    np.testing.assert_allclose(voices[[found["B"], found["C"]]], np.diag([near, far]), atol=2e-3)


def test_more_views_have_room_for_more_candidates() -> None:
    """As many for each; the sum of their voices is what ranks them."""
    size = 200
    nodes: Nodes = np.arange(size, dtype=np.int32)
    rising = np.linspace(0, 1, size, dtype=np.float32)
    voices = np.stack([rising, 3 * rising[::-1]], axis=1)[None]
    nothing = np.zeros_like(voices)
    made = module._candidates(
        nodes, Evidence(nodes, voices, nothing, nothing, nothing - 1), np.ones((1, size), np.bool_)
    )
    assert list(range(2 * CANDIDATES)) == made.nodes[0].tolist()
    np.testing.assert_allclose(made.voices[0], voices[0, : 2 * CANDIDATES])
