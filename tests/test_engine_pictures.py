"""service/engine.py, asked by text, by picture and by both: titles say what a thing is, pictures its colour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from indexer.encoders import load
from indexer.picture import Picture
from indexer.product import Product
from indexer.settings import IndexSettings
from service.answer import Answer
from service.calibration.dial import Dial
from service.engine import Engine
from service.evaluation.trial import fill
from service.rebuild import rebuild
from service.settings import ServiceSettings

SPEC = "hashing:64+precomputed:image=8"
TWO_TOWERS = "hashing:64+precomputed:caption=8,image=8"
NOUNS = {"mug": "Mugs", "pan": "Pans"}
COLOURS = ("Red", "Blue")
WORDS = ("oak", "dune", "fern", "slate", "birch", "cove", "peat", "reed", "moss", "tarn", "gorse", "shale")
BOTH = ("text", "image")


def photo(colour: str, seed: int) -> npt.NDArray[np.float32]:
    """Return the vector of a photo of something that has a colour."""
    rng = np.random.default_rng(seed)
    vector = np.eye(8)[COLOURS.index(colour)] + rng.normal(0, 0.1, 8)
    made: npt.NDArray[np.float32] = (vector / np.linalg.norm(vector)).astype(np.float32)
    return made


def product(name: str, noun: str = "", colour: str = "", seed: int = 9_999, category: str = "") -> Product:
    """Return a product that has a title, when it has a noun, and a photo, when it has a colour."""
    rng = np.random.default_rng(seed)
    title = " ".join([noun, *rng.permutation(WORDS)[:4]]) if noun else ""
    return Product(name, title=title, category=category, vectors={"image": photo(colour, seed)} if colour else {})


def catalogue() -> list[Product]:
    """Return 100 products, 25 of each noun in each colour."""
    kinds = [(noun, colour) for noun in NOUNS for colour in COLOURS]
    return [
        product(f"{noun}{colour}{number}", noun, colour, number, f"{NOUNS[noun]} > {colour}")
        for number, (noun, colour) in enumerate(kinds * 25)
    ]


def blind(products: Sequence[Product]) -> list[Product]:
    """Return products without their photos."""
    return [replace(each, vectors={}) for each in products]


@contextmanager
def opened(products: Sequence[Product], folder: Path, spec: str = SPEC, space: str = "learnt") -> Iterator[Engine]:
    """Build an index of products and open it."""
    encoder = load(spec)
    fill(products, folder, encoder)
    rebuild(folder, settings=IndexSettings(encoder=spec, space=space), encoder=encoder)
    with closing(Engine.open(ServiceSettings(index=folder, shown=100), encoder)) as engine:
        yield engine


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Return an engine over all products, each with title and photo; nobody changes it."""
    with opened(catalogue(), tmp_path_factory.mktemp("pictured")) as made:
        yield made


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Return an engine over the same titles, of an encoder that knows no pictures."""
    with opened(blind(catalogue()), tmp_path_factory.mktemp("blind"), "hashing:64") as made:
        yield made


def ask(engine: Engine, product: Product, dial: Dial = Dial()) -> Answer:  # noqa: B008  # it is frozen
    answer = engine.classify([product], dial)[0]
    assert isinstance(answer, Answer)
    return answer


def likely(answer: Answer) -> Mapping[str, float]:
    """Return the probability of each category that is named."""
    return {each.path: each.probability for each in answer.alternatives}


@pytest.mark.parametrize("colour", COLOURS)
def test_the_picture_decides_where_words_leave_it_open(engine: Engine, colour: str) -> None:
    """One title, two photos: each is put on the shelf of its colour, surely."""
    answer = ask(engine, product("q", "mug", colour))
    assert answer.category is not None
    assert (answer.decision, answer.category.path) == ("auto", f"Mugs > {colour}")
    assert {"text": True, "image": True} == answer.used
    assert answer.category.probability > 0.95


def test_a_text_alone_says_what_it_is_and_not_its_colour(engine: Engine) -> None:
    """The branch is sure, its two leaves are even."""
    answer = ask(engine, product("q", "mug"))
    assert answer.category is not None
    assert ("auto", "Mugs") == (answer.decision, answer.category.path)
    assert {"text": True, "image": False} == answer.used
    assert likely(answer)["Mugs > Red"] + likely(answer)["Mugs > Blue"] == pytest.approx(1, abs=0.05)
    assert max(likely(answer).values()) < 0.8


def test_a_picture_alone_says_its_colour_and_not_what_it_is(engine: Engine) -> None:
    """The two red leaves have all that there is, and neither is sure."""
    answer = ask(engine, product("q", colour="Red"))
    assert {"text": False, "image": True} == answer.used
    assert likely(answer)["Mugs > Red"] + likely(answer)["Pans > Red"] == pytest.approx(1, abs=0.05)
    assert max(likely(answer).values()) < 0.8
    assert answer.decision != "auto"


def test_who_brought_a_neighbour_is_said(engine: Engine) -> None:
    """By a text it is the text or words of it, by a photo the photo, by both whoever has it near."""
    by_text, by_photo, by_both = (
        {each.id: each.brought_by for each in ask(engine, asked).neighbours}
        for asked in (product("q", "mug"), product("q", colour="Red"), product("q", "mug", "Red"))
    )
    assert {("text",)} == set(by_text.values())
    assert {("image",)} == set(by_photo.values())
    assert {BOTH} == set(by_both.values())
    assert 100 == len(by_text) == len(by_photo) == len(by_both)


def test_neighbours_are_as_similar_as_in_the_view_where_they_are_nearest(engine: Engine) -> None:
    """Most similar first; the weights of both views make up one whole."""
    by_text, by_photo, by_both = (
        {each.id: each.similarity for each in ask(engine, asked).neighbours}
        for asked in (product("q", "mug"), product("q", colour="Red"), product("q", "mug", "Red"))
    )
    assert by_both == pytest.approx({each: max(by_text[each], by_photo[each]) for each in by_both}, abs=2e-6)
    assert sorted(by_both.values(), reverse=True) == list(by_both.values())
    weights = [each.weight for each in ask(engine, product("q", "mug", "Red")).neighbours]
    assert sum(weights) == pytest.approx(1, abs=1e-3)


def test_what_the_answer_would_be_without_the_picture(engine: Engine) -> None:
    """That of the text alone, beside what the picture makes of it; not said unless it is asked for and one was used."""
    dial, asked = Dial(without_image=True), product("q", "mug", "Red")
    answer, plain = ask(engine, asked, dial), ask(engine, product("q", "mug"))
    assert answer.without_image is not None
    assert (plain.decision, plain.category) == (answer.without_image.decision, answer.without_image.category)
    assert answer.without_image.changed
    assert replace(answer, without_image=None) == ask(engine, asked)
    assert None is ask(engine, product("q", "mug"), dial).without_image


def test_without_its_picture_nothing_is_known_of_what_has_no_text(engine: Engine) -> None:
    """The answer would be none; that is no change where there is none with it either."""
    dial = Dial(without_image=True, policy="leaf")
    said = ask(engine, product("q", colour="Red"), dial).without_image
    assert said is not None
    assert ("abstain", None, True) == (said.decision, said.category, said.changed)


def test_texts_are_answered_as_by_an_index_without_pictures(engine: Engine, reading: Engine) -> None:
    """The same settings of the vote, categories, probabilities and neighbours, whatever was learnt of pictures."""
    known, plain = engine.calibration.of(("text",)), reading.calibration.of(("text",))
    assert (BOTH, ("text",)) == (engine.calibration.pattern, reading.calibration.pattern)
    assert (plain.neighbours, plain.words) == (known.neighbours, known.words)
    assert (plain.neighbours, plain.words) == (engine.calibration.neighbours, engine.calibration.words)
    assert (100, plain.accuracy) == (known.observations, known.accuracy)
    np.testing.assert_allclose(known.weights, plain.weights, atol=1e-3)
    for number in range(8):
        asked = product("q", ("mug", "pan")[number % 2], seed=500 + number)
        with_pictures, without = ask(engine, asked), ask(reading, asked)
        assert with_pictures.decision == without.decision
        assert [each.path for each in with_pictures.alternatives] == [each.path for each in without.alternatives]
        np.testing.assert_allclose(
            [each.probability for each in with_pictures.alternatives],
            [each.probability for each in without.alternatives],
            atol=1e-3,
        )
        near, expected = (
            {each.id: each.similarity for each in answer.neighbours} for answer in (with_pictures, without)
        )
        assert list(expected) == list(near)
        assert expected == pytest.approx(near, abs=1e-5)


def test_a_mixed_batch_keeps_its_order(engine: Engine) -> None:
    """Each is answered as it would be alone, whoever else has a text or a photo."""
    kinds = [("mug", ""), ("", "Blue"), ("pan", "Red"), ("pan", ""), ("mug", "Blue"), ("", "Red")]
    batch = [product(f"q{place}", noun, colour, 700 + place) for place, (noun, colour) in enumerate(kinds)]
    together = engine.classify(batch, Dial(without_image=True))
    for asked, answer in zip(batch, together, strict=True):
        alone = ask(engine, asked, Dial(without_image=True))
        assert isinstance(answer, Answer)
        assert (asked.id, alone.decision, alone.used) == (answer.product_id, answer.decision, answer.used)
        assert likely(answer) == pytest.approx(likely(alone), abs=1e-4)
        assert alone.without_image == answer.without_image or alone.without_image is not None


def test_who_lacks_a_photo_is_found_by_its_text_as_if_nobody_had_one(reading: Engine, tmp_path: Path) -> None:
    """With the similarity that it has in an index of texts alone, asked by text or by both."""
    products = catalogue()
    some = [*blind(products[:30]), *products[30:]]
    with opened(some, tmp_path / "index") as engine:
        expected = {each.id: each.similarity for each in ask(reading, product("q", "mug")).neighbours}
        for asked in (product("q", "mug"), product("q", "mug", "Red")):
            found = {each.id: each for each in ask(engine, asked).neighbours}
            for each in products[:30]:
                assert ("text",) == found[each.id].brought_by
                assert found[each.id].similarity == pytest.approx(expected[each.id], abs=1e-5)


def test_a_photo_finds_who_lacks_one_over_the_bridge(tmp_path: Path) -> None:
    """As by the text that such a photo comes with; where nobody lacks one there is no need to."""
    rng, products = np.random.default_rng(0), catalogue()
    titled = [replace(each, title=f"{each.category.split()[-1]} {each.title}") for each in products]
    some = [each if rng.random() < 0.7 else replace(each, vectors={}) for each in titled]
    with opened(some, tmp_path / "index") as engine:
        assert BOTH == engine.calibration.of(("image",)).views
        found = ask(engine, product("q", colour="Red")).neighbours
    lacking = {each.id for each in some if not each.vectors}
    assert {("text",)} == {each.brought_by for each in found if each.id in lacking}
    reds = [each.path.endswith("Red") for each in found if each.id in lacking and each.similarity > -1]
    assert reds[:5] == [True] * 5


@pytest.mark.parametrize("space", ["raw", "learnt"])
def test_a_photo_says_nothing_to_texts_that_no_bridge_leads_to(tmp_path: Path, space: str) -> None:
    """No stored product has a photo, and none of the parts is a caption: the answer says so instead of guessing."""
    with opened(blind(catalogue()), tmp_path / "index", space=space) as engine:
        answer = ask(engine, product("q", colour="Red"))
        assert ("abstain", None, ()) == (answer.decision, answer.category, answer.neighbours)
        assert answer.reason == "there is nothing to compare with: no stored product has a picture; give it a title"
        by_text = ask(engine, product("q", "mug", "Red"))
        assert by_text.alternatives[0].path.startswith("Mugs > ")


def test_a_photo_finds_captions_of_the_same_model(tmp_path: Path) -> None:
    """No stored product has a photo, but one model made captions and photos: it finds its colour, and is never sure."""
    captioned = [
        replace(each, vectors={"caption": photo(each.category.split()[-1], 900 + place)})
        for place, each in enumerate(catalogue())
    ]
    with opened(captioned, tmp_path / "index", TWO_TOWERS, "raw") as engine:
        answer = ask(engine, product("q", colour="Red"))
    assert {"text": False, "image": True} == answer.used
    assert {("text",)} == {each.brought_by for each in answer.neighbours if each.similarity > -1}
    assert {"Red"} == {each.path.split()[-1] for each in answer.neighbours[:20]}
    assert answer.decision != "auto"


def test_an_index_of_pictures_alone(tmp_path: Path) -> None:
    """It answers by the photo, reads no text, and knows nothing without one."""
    photos = [replace(each, category=each.category.split()[-1]) for each in catalogue()]
    with opened(photos, tmp_path / "index", "precomputed:image=8") as engine:
        answer = ask(engine, product("q", colour="Red"), Dial(without_image=True))
        blank = ask(engine, product("q", "mug"))
    assert answer.category is not None
    assert ("auto", "Red", {"text": False, "image": True}) == (answer.decision, answer.category.path, answer.used)
    assert answer.without_image is not None
    assert ("abstain", None) == (answer.without_image.decision, answer.without_image.category)
    assert "abstain" == blank.decision
    assert blank.reason.startswith("this index reads pictures and the product has none that can be read")


def pictured(each: Product, phash: int) -> Product:
    """Return a product with a photo that has this perceptual hash."""
    return replace(each, images=(f"{phash:x}.jpg",), pictures=(Picture(f"{phash:032x}", phash=phash),))


def test_a_product_with_the_same_picture_may_be_the_same(tmp_path: Path) -> None:
    """Up to 4 of 64 bits apart, whatever the texts; never itself, never who is there already."""
    first, second, third, far = (product(name, "mug", "Red", place) for place, name in enumerate("abcd"))
    twin = replace(first, id="twin")
    stored = [pictured(first, 0b1), pictured(second, 0b11), pictured(third, 0b11111), pictured(far, 0b111111)]
    with opened([*stored, *catalogue()], tmp_path / "index") as engine:
        asked = pictured(product("q", "pan", "Blue", 77), 0b1)
        found = [each for each in ask(engine, asked).duplicates if each.verdict == "same picture"]
        itself = ask(engine, stored[0]).duplicates
        copy = ask(engine, pictured(twin, 0b1)).duplicates
        bare = ask(engine, product("q", "pan", "Blue", 77)).duplicates
    assert "same picture" not in [each.verdict for each in bare]
    assert {
        (each.id, evidence) for each in found for evidence in each.evidence if evidence.startswith("pictures differ")
    } == {
        ("a", "pictures differ in 0 of 64 bits"),
        ("b", "pictures differ in 1 of 64 bits"),
        ("c", "pictures differ in 4 of 64 bits"),
    }
    assert "a" not in [each.id for each in itself]
    assert ["identical"] == [each.verdict for each in copy if each.id == "a"]
