"""Questions to an index of 60 invented products, through the whole engine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.errors import ProductError, ProductNotFound
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.sources import read
from indexer.store.records import Written
from service.answer import Answer
from service.calibration.dial import Dial
from service.engine import Engine
from service.rebuild import build
from service.settings import ServiceSettings

PAN = Product("new", title="Hollin large frying pan", description="Non-stick coating for induction hobs")


@pytest.fixture
def engine(built_index: Path, tmp_path: Path) -> Iterator[Engine]:
    """Return an engine on a copy of the index that the test may change."""
    folder = tmp_path / "index"
    shutil.copytree(built_index, folder)
    opened = Engine.open(ServiceSettings(index=folder))
    yield opened
    opened.close()


def ask(engine: Engine, product: Product) -> Answer:
    answer = engine.classify([product])[0]
    assert isinstance(answer, Answer)
    return answer


def test_a_new_product_goes_to_the_shelf_of_its_neighbours(engine: Engine) -> None:
    """Path, levels, tags and neighbours all say frying pans."""
    answer = ask(engine, PAN)
    why = "right with probability 1.00; a precision of 0.95 asks for 0.95"
    assert (answer.decision, answer.reason) == ("auto", why)
    assert answer.category is not None
    assert answer.category.path == "Kitchen > Cookware > Frying Pans"
    assert answer.category.probability == pytest.approx(1.0, abs=0.01)
    assert [level.name for level in answer.levels] == ["Kitchen", "Cookware", "Frying Pans"]
    assert {"cookware", "kitchen"} == {tag.tag for tag in answer.tags}
    assert {"Kitchen > Cookware > Frying Pans"} == {neighbour.path for neighbour in answer.neighbours}
    assert answer.neighbours[0].title == "Hollin large frying pan"


def test_neighbours_come_nearest_first_and_their_weights_make_up_the_vote(engine: Engine) -> None:
    """Similarities descend, and the weights of all who voted sum to one when that many are shown."""
    engine.settings = engine.settings.model_copy(update={"shown": 100})
    neighbours = ask(engine, PAN).neighbours
    similarities = [neighbour.similarity for neighbour in neighbours]
    assert similarities == sorted(similarities, reverse=True)
    assert sum(neighbour.weight for neighbour in neighbours) == pytest.approx(1.0, abs=1e-4)


def test_three_categories_are_always_named(engine: Engine) -> None:
    """Where nobody speaks for as many, the nearest shelves of the tree follow at probability 0."""
    engine.settings = engine.settings.model_copy(update={"alternatives": 1})
    alternatives = ask(engine, PAN).alternatives
    assert alternatives[0].path == "Kitchen > Cookware > Frying Pans"
    assert len(alternatives) == 3


def test_the_same_question_gives_the_same_answer(engine: Engine) -> None:
    """Down to the id of the prediction, alone or beside others, and another state gives another id."""
    alone = ask(engine, PAN)
    assert alone == engine.classify([replace(PAN, id="other", title="dog lead"), PAN])[1]
    engine.delete(["P001"])
    assert alone.prediction_id != ask(engine, PAN).prediction_id


def test_a_refused_product_fails_alone(engine: Engine) -> None:
    """Its error stands in its place and the others are answered."""
    answers = engine.classify([PAN, Product("empty"), PAN])
    assert isinstance(answers[0], Answer)
    assert isinstance(answers[1], ProductError)
    assert "neither text nor image" in str(answers[1])
    assert isinstance(answers[2], Answer)


def test_nothing_to_ask_gives_nothing(engine: Engine) -> None:
    """An empty batch is no error."""
    assert [] == engine.classify([])


def test_a_labelled_product_counts_at_once(engine: Engine) -> None:
    """A category that nobody had seen is the answer to the very next question."""
    kite = Product("K1", title="Stunt kite with two lines", category="Toys > Kites", tags=("outdoor", "toy"))
    written = engine.put([kite])[0]
    assert isinstance(written, Written)
    assert written.outcome == "created"
    answer = ask(engine, Product("K2", title="Stunt kite, two lines, red"))
    assert answer.alternatives[0].path == "Toys > Kites"
    assert answer.neighbours[0].id == "K1"


def test_a_deleted_product_is_no_neighbour(engine: Engine) -> None:
    """It is gone from the very next answer; deleting it again is no error."""
    first = ask(engine, PAN).neighbours[0].id
    assert ["deleted"] == [each.outcome for each in engine.delete([first])]
    assert first not in [neighbour.id for neighbour in ask(engine, PAN).neighbours]
    assert ["missing"] == [each.outcome for each in engine.delete([first])]


def test_a_stored_product_is_asked_about_without_itself(engine: Engine) -> None:
    """A product on the wrong shelf does not vouch for it."""
    engine.put([replace(PAN, id="wrong", category="Pets > Dogs > Leads")])
    answer = ask(engine, replace(PAN, id="wrong"))
    assert answer.category is not None
    assert answer.category.path == "Kitchen > Cookware > Frying Pans"
    assert "wrong" not in [neighbour.id for neighbour in answer.neighbours]


def test_equal_content_under_another_id_is_an_identical_duplicate(engine: Engine) -> None:
    """The verdict rests on the text, cleaned alike on both sides."""
    engine.put([replace(PAN, id="twin", title="Hollin  <b>large</b> frying pan")])
    duplicate = ask(engine, PAN).duplicates[0]
    assert ("twin", "identical", "equal content") == (duplicate.id, duplicate.verdict, duplicate.evidence[0])
    assert duplicate.similarity == pytest.approx(1.0, abs=1e-5)


def test_a_product_unlike_all_others_is_not_decided(engine: Engine) -> None:
    """The reason gives the nearest similarity."""
    engine.calibration = replace(engine.calibration, floor=0.9)
    answer = ask(engine, Product("x", title="zzzz qqqq"))
    assert (answer.decision, answer.category) == ("abstain", None)
    assert answer.reason.startswith("far from everything known: the nearest labelled product has similarity ")
    assert len(answer.alternatives) >= 3


def test_a_similar_product_without_a_category_is_no_ground_to_decide(engine: Engine) -> None:
    """What must be similar enough is a neighbour that votes."""
    engine.calibration = replace(engine.calibration, floor=0.99)
    engine.put([replace(PAN, id="twin")])
    answer = ask(engine, PAN)
    assert ("twin", 0.0) == (answer.neighbours[0].id, answer.neighbours[0].weight)
    assert answer.decision == "abstain"
    assert answer.reason.startswith("far from everything known: ")


def test_an_index_without_any_category_abstains(tmp_path: Path) -> None:
    """There is nothing to vote with, and no tree; neighbours are found all the same."""
    (tmp_path / "unlabelled.csv").write_text("id,title\na,Red mug\nb,Garden hose\n")
    index = tmp_path / "index"
    with read(tmp_path / "unlabelled.csv") as rows:
        build(rows, index, settings=IndexSettings(encoder="hashing"))
    with closing(Engine.open(ServiceSettings(index=index))) as unlabelled:
        answer = ask(unlabelled, Product("new", title="Red mug"))
        assert [] == unlabelled.commonest(3)
    assert ("abstain", None, (), ()) == (answer.decision, answer.category, answer.levels, answer.alternatives)
    assert ["a", "b"] == [neighbour.id for neighbour in answer.neighbours]


def test_the_commonest_categories_come_with_their_share(engine: Engine) -> None:
    """Shares of all labelled products, the largest first."""
    engine.put([replace(PAN, id=f"n{n}", category="Odd > Shelf") for n in range(60)])
    assert [("Odd > Shelf", 0.5)] == [(each.path, each.probability) for each in engine.commonest(1)]


def test_what_no_category_is_likely_for_is_not_decided(engine: Engine) -> None:
    """A policy that must answer names the likeliest root all the same."""
    engine.calibration = replace(engine.calibration, weights=(0.0,) * 7, floor=-1.0)
    answer = ask(engine, PAN)
    assert answer.decision == "abstain"
    assert answer.reason.startswith("no category is likelier than not: the best root has probability 0.4")
    covered = engine.classify([PAN], Dial(policy="coverage"))[0]
    assert isinstance(covered, Answer)
    assert covered.category is not None
    assert ("suggest", "Kitchen") == (covered.decision, covered.category.path)


def test_a_request_dials_its_own_precision_and_policy(engine: Engine) -> None:
    """A leaf is named whatever the probability; the threshold is that of the precision."""
    unsure = Product("q", title="small thing")
    leaf = engine.classify([unsure], Dial(policy="leaf"))[0]
    assert isinstance(leaf, Answer)
    assert leaf.category is not None
    assert leaf.category.path == leaf.alternatives[0].path


def test_fifty_copies_with_a_wrong_label_do_not_flip_a_right_neighbourhood(engine: Engine) -> None:
    """What neighbours have in common counts once, so a seller's fifty copies have about the voice of one."""
    wrong = [replace(PAN, id=f"copy{n}", category="Pets > Dogs > Leads") for n in range(50)]
    engine.put(wrong)
    answer = ask(engine, Product("q", title="Hollin medium frying pan", description="Non-stick coating for induction"))
    assert answer.alternatives[0].path == "Kitchen > Cookware > Frying Pans"
    assert answer.decision != "abstain"


def test_half_a_weight_is_half_a_voice(engine: Engine) -> None:
    """Of two equal listings on two shelves the heavier label wins, by the share of its weight."""
    kite = Product("K1", title="Stunt kite with two lines", category="Toys > Kites", weight=0.5)
    other = replace(kite, id="K2", category="Sports > Kites", weight=1.0)
    engine.put([kite, other])
    answer = ask(engine, replace(kite, id="K3"))
    weights = {each.id: each.weight for each in answer.neighbours}
    assert weights["K2"] == pytest.approx(2 * weights["K1"], rel=1e-3)
    assert answer.alternatives[0].path == "Sports > Kites"
    engine.put([replace(kite, weight=2.0)])
    assert ask(engine, replace(kite, id="K3")).alternatives[0].path == "Toys > Kites"


def test_a_machine_s_label_has_no_voice_until_somebody_looked_at_it(engine: Engine) -> None:
    """It is shown among the neighbours and decides nothing."""
    kite = Product("K1", title="Stunt kite with two lines", category="Toys > Kites")
    engine.put([replace(kite, provenance="machine")])
    asked = Product("K2", title="Stunt kite, two lines, red")
    answer = ask(engine, asked)
    assert "Toys > Kites" not in [each.path for each in answer.alternatives if each.probability]
    assert ("K1", 0.0) == (answer.neighbours[0].id, answer.neighbours[0].weight)
    engine.put([replace(kite, provenance="human")])
    assert ask(engine, asked).alternatives[0].path == "Toys > Kites"


def test_a_machine_s_tags_are_given_to_nobody(engine: Engine) -> None:
    """Not to who is like it, not even to who names one, until somebody looked at it."""
    kite = Product("K1", title="Stunt kite with two lines", category="Toys > Kites", tags=("windy",))
    asked = Product("K2", title="Stunt kite with two lines for windy days")
    engine.put([replace(kite, provenance="machine")])
    assert "windy" not in [tag.tag for tag in ask(engine, asked).tags]
    engine.put([kite])
    assert ask(engine, asked).tags[0].tag == "windy"


def test_a_picture_alone_cannot_be_judged_yet(engine: Engine) -> None:
    """Text encoders say what they miss."""
    answer = ask(engine, Product("x", images=("pan.jpg",)))
    assert answer.decision == "abstain"
    assert answer.reason == "this index reads text and the product has none; give it a title"
    assert (answer.levels, answer.neighbours, answer.tags) == ((), (), ())
    assert [each.probability for each in answer.alternatives] == [each.probability for each in engine.commonest(3)]


def test_similar_products_are_found_for_a_stored_id_and_for_text(engine: Engine) -> None:
    """A stored product is not its own neighbour; an unknown id is an error that names it."""
    assert 3 == len(engine.similar("P013", 3))
    assert "P013" not in [each.id for each in engine.similar("P013", 20)]
    assert {"Pets > Dogs > Leads"} == {each.path for each in engine.similar(Product("q", title="dog lead"), 5)}
    with pytest.raises(ProductNotFound, match="'nowhere'"):
        engine.similar("nowhere", 3)
    with pytest.raises(ProductError):
        engine.similar(Product("q"), 3)


def test_stored_products_can_be_read_one_by_one_and_by_page(engine: Engine) -> None:
    """Pages follow each other by key, without gap or repetition."""
    assert engine.get("P007").record.product.brand == "Hollin"
    first = engine.page(0, 40)
    second = engine.page(first[-1].key, 40)
    ids = [stored.record.product.id for stored in first + second]
    assert [f"P{number:03}" for number in range(1, 61)] == ids
