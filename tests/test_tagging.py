"""service/calibration/tagging.py: the rules of tags, learnt by asking products without themselves and their like."""

from collections.abc import Sequence

import numpy as np
import pytest

from indexer import encoders
from indexer.images.lookalikes import Lookalikes
from indexer.memory.contents import Contents
from indexer.memory.labels import UNLABELLED, Label, Labels
from indexer.product import Product
from indexer.snapshots.snapshot import Built
from indexer.space import Projected
from indexer.space.features import Features
from indexer.space.lexicon import Lexicon
from indexer.space.names import Names
from indexer.space.views import Views
from indexer.vectors.exact import ExactIndex
from service.calibration import tagging
from service.calibration.tagging import tag_rules_of, tags_of_neighbours
from service.tags.rules import TagRules
from service.tags.words import TEXT, UNNAMED
from service.vote.search import neighbourhoods
from service.vote.voices import WORDS, kernel
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

ENCODER = encoders.load("hashing:64")
LEXICON = Lexicon.blank()
KINDS = {"mug": ("kitchen", "stoneware"), "rake": ("garden",), "lead": ("dog", "outdoor")}
Filed = tuple[Product, float]
"""A product with its tags, and its voice."""


def built(filed: Sequence[Filed], vocabulary: Vocabulary | None = None) -> Built:
    """Return an index of products without categories under the keys 0, 1, 2, ..., in the raw space."""
    views, keys, names = Views.raw(ENCODER.parts, LEXICON), np.arange(len(filed)), Names(ENCODER.parts)
    projected = asked([product for product, _ in filed])
    contents = Contents.of(
        Labels(),
        Features(ENCODER.parts),
        names,
        Lookalikes(),
        spaces=views.spaces,
        vectors={"text": ExactIndex(64)},
    )
    labels = [Label(key, product.id, UNLABELLED, product.tags, voice) for key, (product, voice) in enumerate(filed)]
    contents.put(keys, labels, projected)
    return Built(Tree.empty(), vocabulary or Vocabulary(), views, contents, grows=True)


def asked(products: Sequence[Product]) -> Projected:
    """Return products as the index sees them."""
    return Views.raw(ENCODER.parts, LEXICON).project(ENCODER.encode(products), [product.title for product in products])


def shares(index: Built, title: str, *, but: Sequence[int] = (), itself: int = -1) -> dict[str, float]:
    """Return what share of the voices each tag has, of a question's neighbours."""
    question = asked([Product("", title)])
    found = neighbourhoods(index.contents.views["text"], question, np.array([itself]), 20)
    votes = tags_of_neighbours(index, found, question, kernel(index), np.isin(found.keys, but))
    tags = index.contents.labels.tag_names
    return {tags[tag]: round(share, 3) for tag, share in zip(votes.tag.tolist(), votes.share.tolist(), strict=True)}


MUGS: list[Filed] = [
    (Product("a", "red mug", tags=("kitchen", "red")), 1.0),
    (Product("b", "red mug", tags=("kitchen",)), 1.0),
    (Product("c", "garden rake", tags=("garden",)), 1.0),
    (Product("d", "red mug"), 1.0),
]


def test_neighbours_speak_for_their_tags_with_or_without_a_category() -> None:
    """Two equal ones share the voices by half; one without tags has none to give and takes nothing from them."""
    assert {"kitchen": 1.0, "red": 0.5} == shares(built(MUGS), "red mug")


def test_who_may_not_speak_does_not() -> None:
    """Itself, those that are named, and machines."""
    index = built(MUGS)
    assert {"kitchen": 1.0} == shares(index, "red mug", itself=0)
    assert {"kitchen": 1.0, "red": 1.0} == shares(index, "red mug", but=[1])
    assert {} == shares(index, "red mug", but=[0, 1])
    assert {"kitchen": 1.0} == shares(built([(MUGS[0][0], 0.0), *MUGS[1:]]), "red mug")
    half = shares(built([(MUGS[0][0], 0.5), *MUGS[1:]]), "red mug")
    assert {"kitchen": 1.0, "red": pytest.approx(1 / 3, abs=0.01)} == half


def test_the_first_that_carry_any_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as VOTERS; who carries nothing or has no voice takes nobody's place."""
    monkeypatch.setattr(tagging, "VOTERS", 1)
    assert {"kitchen": 1.0, "red": 1.0} == shares(
        built([(Product("m", "red mug", tags=("m",)), 0.0), *MUGS]), "red mug"
    )
    assert {"kitchen": 1.0} == shares(built(MUGS[1:]), "red mug")


def catalogue(size: int, *, named: bool) -> list[Filed]:
    """Return products with the tags of their kind, which their titles may name, beside words of their own."""
    rng = np.random.default_rng(0)
    made: list[Filed] = []
    for number in range(size):
        kind = list(KINDS)[number % 3]
        own = [f"w{each}" for each in rng.integers(0, 400, 4)]
        title = " ".join([kind, *own, *(KINDS[kind] if named else ())])
        made.append((Product(f"p{number}", title, tags=KINDS[kind]), 1.0))
    return made


def rules_of(filed: Sequence[Filed], vocabulary: Vocabulary | None = None) -> TagRules:
    """Return the rules of an index of these products."""
    index, products = built(filed, vocabulary), [product for product, _ in filed]
    return tag_rules_of(index, WORDS, lambda keys: [products[key] for key in keys])


def test_tags_that_texts_name_are_believed_when_they_are_named() -> None:
    """More than 256 products, so in two batches: each text is beside the tags of its own product."""
    made = rules_of(catalogue(300, named=True))
    assert (300, 1.0) == (made.observations, made.f1)
    assert {tag for tags in KINDS.values() for tag in tags} == made.tags.keys()
    for rule in made.tags.values():
        assert rule.odds[TEXT] > 2 > -2 > rule.odds[UNNAMED]


def test_tags_that_neighbours_carry_are_given_for_them() -> None:
    """Nobody names them, of which nothing is known then, and nearly all are right by who is near."""
    made = rules_of(catalogue(90, named=False))
    assert made.f1 > 0.95
    assert {0.0} == {rule.odds[TEXT] for rule in made.tags.values()}


def test_what_is_much_alike_vouches_for_nothing() -> None:
    """Pairs of one article in two sizes carry a tag of their own: only the other size could tell it."""
    rng = np.random.default_rng(0)
    filed: list[Filed] = []
    for number in range(30):
        words = " ".join(f"w{each}" for each in rng.integers(0, 1_000, 12))
        filed += [(Product(f"{number}{size}", f"{words} {size}", tags=(f"article{number}",)), 1.0) for size in "sm"]
    assert rules_of(filed).f1 < 0.2


def test_an_alias_is_a_name_of_its_tag() -> None:
    """As the vocabulary has it."""
    tags = ("plain", "heatproof")
    filed = [(Product(f"p{n}", f"{('simple', 'oven-proof')[n % 2]} dish", tags=(tags[n % 2],)), 1.0) for n in range(40)]
    assert rules_of(filed, Vocabulary(aliases={"oven proof": "heatproof"})).tags["heatproof"].odds[TEXT] > 2
    assert rules_of(filed).tags["heatproof"].odds[TEXT] < rules_of(filed).odds[TEXT] + 1e-6


def test_a_machine_s_tags_teach_nothing() -> None:
    """Neither as a question nor as an answer: the rules are those of an index in which it carries none."""
    machine = [(Product(f"m{n}", f"mug rake w{n}", tags=("dog", "wrong")), 0.0) for n in range(20)]
    bare = [(Product(product.id, product.title), 1.0) for product, _ in machine]
    taught, untaught = (rules_of([*catalogue(60, named=False), *some]) for some in (machine, bare))
    assert (60, 60) == (taught.observations, untaught.observations)
    assert "wrong" not in taught.tags
    np.testing.assert_allclose(taught.weights, untaught.weights, atol=1e-3)


def test_tags_that_exclude_each_other_are_noticed() -> None:
    """Among all products that carry any, whether they were asked or not."""
    filed = [(Product(f"p{n}", f"shoe w{n}", tags=("men" if n % 2 else "women", "shoe")), 1.0) for n in range(60)]
    assert [{"men", "women"}] == [set(pair[:2]) for pair in rules_of(filed).conflicts]


def test_a_sample_is_asked_where_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer where there are many tags; the same ones for the same seed."""
    monkeypatch.setattr(tagging, "SAMPLE", 50)
    first, again = (rules_of(catalogue(90, named=True)) for _ in range(2))
    assert 50 == first.observations
    assert first == again
    monkeypatch.setattr(tagging, "PAIRS", 5 * 20)
    assert 20 == rules_of(catalogue(90, named=True)).observations


def test_without_tags_the_rules_are_those_that_hold_anywhere() -> None:
    """A machine's tags alone are none."""
    assert TagRules() == rules_of([])
    assert TagRules() == rules_of([(Product("a", "red mug"), 1.0), (Product("b", "red mug", tags=("red",)), 0.0)])


def test_products_known_by_pictures_alone_learn_tags_from_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each product is asked by what it has, in batches where some have a text, some a photo; all are right."""
    monkeypatch.setattr(tagging, "BATCH", 16)
    parts, rng = {**ENCODER.parts, "image": 4}, np.random.default_rng(3)
    kinds, known = [number % 3 for number in range(90)], rng.integers(3, size=90)
    titles = [
        f"{list(KINDS)[kind]} {' '.join(f'w{each}' for each in rng.integers(0, 400, 4))}" if how != 1 else ""
        for kind, how in zip(kinds, known.tolist(), strict=True)
    ]
    photos = (np.eye(4)[kinds] + rng.normal(0, 0.2, (90, 4))) * (known > 0)[:, None]
    photos /= np.maximum(np.linalg.norm(photos, axis=1, keepdims=True), 1e-9)
    products = [
        Product(f"p{place}", title, tags=KINDS[list(KINDS)[kind]])
        for place, (kind, title) in enumerate(zip(kinds, titles, strict=True))
    ]
    raw = np.concatenate([ENCODER.encode(products).parts["text"], photos], axis=1).astype(np.float32)
    views = Views.raw(parts, LEXICON)
    contents = Contents.of(
        Labels(),
        Features(parts),
        Names(parts),
        Lookalikes(),
        spaces=views.spaces,
        vectors={"text": ExactIndex(64), "image": ExactIndex(4)},
    )
    labels = [Label(key, product.id, UNLABELLED, product.tags) for key, product in enumerate(products)]
    contents.put(np.arange(90), labels, views.placed(raw, LEXICON.rows(titles)))
    index = Built(Tree.empty(), Vocabulary(), views, contents, grows=True)
    made = tag_rules_of(index, WORDS, lambda keys: [products[key] for key in keys])
    assert (90, True) == (made.observations, made.f1 > 0.95)
