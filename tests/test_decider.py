"""The decider: forests as numbers, what they say of pairs, and what it learns from decisions."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import RecordError
from indexer.live import Live, open_index
from indexer.normalize import normalize, text_of
from indexer.product import Product, content_hash
from service.duplicates.verdicts.attributes import COLUMN_BITS
from service.duplicates.verdicts.comparison import COLUMN, FEATURES, Comparison, Side
from service.duplicates.verdicts.decider import CERTAIN, FACT, FAMILY_SHARE, TELLING, Decider, Head, shipped
from service.duplicates.verdicts.evidence import evidence
from service.duplicates.verdicts.forest import FEW, Forest, side_by_side
from service.duplicates.verdicts.judging import Judging
from service.duplicates.verdicts.reading import told
from service.duplicates.verdicts.surroundings import KEPT, TIE, rivals
from service.duplicates.verdicts.training import calibrated, retrained
from service.duplicates.verdicts.traits import Traits
from service.duplicates.verdicts.verdict import DIFFERENT, IDENTICAL, SAME, SAME_PICTURE, VARIANT, Verdict

STUMP = [
    {"value": 0.0, "feature": 1, "threshold": 0.5, "missing_left": True, "left": 1, "right": 2},
    {"value": -2.0},
    {"value": 3.0},
]
LISTINGS = {
    "a": Product("a", "Philips Senseo HD7810 coffee machine 1.2 l black", "Pads for one or two cups.", "Philips"),
    "again": Product("again", "PHILIPS Senseo HD-7810, coffee machine, 1,2 L, black", "For pads.", "Philips"),
    "copy": Product(
        "copy", "Philips Senseo HD7810 coffee machine 1.2 l, BLACK", "Pads for one or two cups!", "Philips"
    ),
    "red": Product("red", "Philips Senseo HD7810 coffee machine 1.2 l red", "Pads for one or two cups.", "Philips"),
    "other": Product("other", "Garden hose 25 m with reel", "Does not kink.", "Hollin"),
}


@pytest.fixture
def live(own_index: Path) -> Iterator[Live]:
    """Return an index that has LISTINGS too."""
    with closing(open_index(own_index)) as opened:
        opened.put(list(LISTINGS.values()))
        yield opened


def keys(live: Live, *names: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([live.labels.key(name) for name in names], np.int64)


def test_forest() -> None:
    """A stump sends what is at most its threshold left, what is missing where it says, and trees add up to the base."""
    forest = side_by_side([STUMP, [{"value": 0.5}]], 1.0)
    rows = np.array([[9, 0.5], [9, 0.6], [9, np.nan]], np.float32)
    assert forest.scores(rows).tolist() == [-0.5, 4.5, -0.5]
    again = Forest.from_lists(json.loads(json.dumps(forest.as_lists())), 2)
    assert again.scores(rows).tolist() == [-0.5, 4.5, -0.5]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("left", [[7, 1, 2], [0, 1, 2]], "leads out of itself"),
        ("feature", [[2, 0, 0], [0, 0, 0]], "a feature that there is not"),
        ("value", [[0, float("nan"), 0], [0, 0, 0]], "numbers that are none"),
        ("value", [[0.0]], "different sizes"),
        ("threshold", "x", "cannot be read"),
    ],
)
def test_broken_forest(name: str, value: object, said: str) -> None:
    """A forest that is none is refused, and not walked into."""
    lists = side_by_side([STUMP, [{"value": 0.5}]], 1.0).as_lists()
    with pytest.raises(ValueError, match=said):
        Forest.from_lists({**lists, name: value}, 2)


def test_decider_as_text() -> None:
    """What is shipped is read as it was written; another format or other features are refused."""
    text = shipped().to_json()
    assert Decider.from_json(text).to_json() == text
    said = json.loads(text)
    for changed in ({"format": 9}, {"features": ["text"]}, {"same": None}):
        with pytest.raises(ValueError, match=r"not of format|other features|lacks"):
            Decider.from_json(json.dumps({**said, **changed}))


def test_either_side_may_be_left() -> None:
    """Two products are compared alike from both sides, also where one says a spec twice."""
    twice = Product("p", "Mug blue 300 ml", specs=(("colour", "blue"), ("colour", "red"), ("use", "tea")))
    some = Traits.of([told(each, content_hash(each)) for each in (twice, replace(twice, specs=twice.specs[:1]))])
    one, other = (Side(some, np.array([row])) for row in (0, 1))
    compare, near = Comparison(np.ones(2**COLUMN_BITS, np.float32)), np.full((1, 3), np.nan, np.float32)
    features = compare.features(one, other, near)
    assert [1, 1] == features[0, [COLUMN["specs_common"], COLUMN["specs_equal"]]].tolist()
    assert np.array_equal(features, compare.features(other, one, near), equal_nan=True)


def test_rules() -> None:
    """Article numbers that contradict outweigh equal content, a size that does outweighs one; a picture says least."""
    head = Head(side_by_side([[{"value": -3.0}]], 0.0))
    rows = np.full((6, len(FEATURES)), np.nan, np.float32)
    rows[1, COLUMN["gtin"]] = -1
    rows[2, COLUMN["picture_bits"]] = 4
    rows[3, COLUMN["picture_bits"]] = 5
    rows[4:, COLUMN["gtin"]] = 1
    rows[5, COLUMN["size"]] = -1
    decided = Decider(head, head).decide(rows, np.array([True, True, False, False, False, False]))
    assert decided.verdicts.tolist() == [IDENTICAL, DIFFERENT, SAME_PICTURE, DIFFERENT, SAME, VARIANT]
    assert decided.same[0] == np.float32(CERTAIN)


def test_titles_that_differ_in_what_tells_articles_apart() -> None:
    """An edition parts two titles that else say the same, and none that share little; a pack is a variant."""
    head = Head(side_by_side([[{"value": 1.0}]], 0.0))
    never = Head(side_by_side([[{"value": -5.0}]], 0.0))
    rows = np.full((4, len(FEATURES)), np.nan, np.float32)
    rows[:, COLUMN["words_fewer"]], rows[:, COLUMN["containing"]] = 0, 1
    rows[1, COLUMN["edition_alone"]] = 1
    rows[2, COLUMN["edition_alone"]], rows[2, COLUMN["words_fewer"]] = 1, 5
    rows[3, COLUMN["pack_alone"]] = 1
    decided = Decider(head, never).decide(rows, np.zeros(4, bool))
    assert decided.verdicts.tolist() == [SAME, DIFFERENT, SAME, VARIANT]


def featured(one: str, other: str) -> dict[str, float]:
    """Return the features of two titles by name."""
    some = Traits.of([told(each, content_hash(each)) for each in (Product("p", one), Product("q", other))])
    left, right = (Side(some, np.array([row])) for row in (0, 1))
    compare, near = Comparison(np.ones(2**COLUMN_BITS, np.float32)), np.full((1, 3), np.nan, np.float32)
    return dict(zip(FEATURES, compare.features(left, right, near)[0].tolist(), strict=True))


@pytest.mark.parametrize(
    ("one", "other", "exchanged"),
    [
        ("Hollin Jelly Beans Cherry 200 g", "Hollin Jelly Beans Lemon 200 g", True),
        ("Hollin Jelly Beans Cherry 200 g", "Hollin Jelly Beans Chery 200 g", False),
        ("Hollin Jelly Beans 200 g", "Hollin Jelly Beans Lemon 200 g", False),
        ("Hollin Jelly Beans, sweet and sour", "Hollin Jelly Beans for children of all ages", False),
        ("Hollin HD7810 silver camera black", "Hollin HD7810 compact camera black", False),
    ],
)
def test_what_fills_one_place_of_a_template(one: str, other: str, exchanged: bool) -> None:  # a parameter
    """Other words amid equal ones are told; a slip, a word more, another ending and one model number are not."""
    assert exchanged == (featured(one, other)["exchanged"] > TELLING["exchanged"])


def test_a_letter_behind_a_model_number_parts_by_half() -> None:
    """XM5B may be XM5 in black; 5800X3D is not 5800X."""
    parts = [featured("Sony WH1000XM5 black", f"Sony {code}")["model_apart"] for code in ("WH1000XM5B", "WH1000XM53D")]
    assert [0.5, 1.0] == parts


def test_variants_vary() -> None:
    """Two of one family whose model numbers are alike are variants where a size differs, and else other articles."""
    head, sure = (Head(side_by_side([[{"value": value}]], 0.0)) for value in (-3.0, 3.0))
    rows = np.full((3, len(FEATURES)), np.nan, np.float32)
    rows[:, COLUMN["containing"]], rows[:, COLUMN["model_apart"]] = 1, 1
    rows[:2, COLUMN["codes_ratio"]], rows[2, COLUMN["codes_ratio"]] = 0.9, 0.1
    rows[1:, COLUMN["size"]] = -1
    decided = Decider(head, sure).decide(rows, np.zeros(3, bool))
    assert [DIFFERENT, VARIANT, VARIANT] == decided.verdicts.tolist()
    assert [0, True] == [decided.variant[0], decided.variant[1] >= FAMILY_SHARE * 0.9]


def test_a_gtin_of_two_that_have_nothing_in_common_is_no_proof() -> None:
    """One of them has the other's; a shared word, or texts that are alike, keep it a proof."""
    head = Head(side_by_side([[{"value": 0.0}]], 0.0))
    rows = np.full((3, len(FEATURES)), np.nan, np.float32)
    rows[:, COLUMN["gtin"]], rows[:, COLUMN["overlap"]], rows[:, COLUMN["text"]] = 1, 0, 0.1
    rows[1, COLUMN["overlap"]], rows[2, COLUMN["text"]] = 0.1, 0.6
    decided = Decider(head, head).decide(rows, np.zeros(3, bool))
    assert decided.same[0] < 0.5
    assert decided.verdicts[1:].tolist() == [SAME, SAME]


def test_two_brands_make_no_variants() -> None:
    """Equal titles of two makers are different, unless a title names the other's brand."""
    head = Head(side_by_side([[{"value": -1.0}]], 0.0))
    sure = Head(side_by_side([[{"value": 3.0}]], 0.0))
    rows = np.full((2, len(FEATURES)), np.nan, np.float32)
    rows[:, COLUMN["brand"]], rows[:, COLUMN["brand_named"]] = -1, [-1, 1]
    assert Decider(head, sure).decide(rows, np.zeros(2, bool)).verdicts.tolist() == [DIFFERENT, VARIANT]


def test_calibrated() -> None:
    """A score of no use becomes the share of pairs that are the same."""
    head = Head(side_by_side([[{"value": 1.0}]], 0.0))
    rows = np.zeros((400, len(FEATURES)), np.float32)
    made = calibrated(head, rows, np.arange(400) < 100)
    assert made.probabilities(rows[:1])[0] == pytest.approx(0.25, abs=0.005)


def test_rivals() -> None:
    """A nearer other counts by how much it is nearer, either product itself never, and who is farther not at all."""
    near = np.zeros((1, KEPT), np.int64), np.zeros((1, KEPT), np.float32)
    near[0][0, :3], near[1][0, :3] = (2, 7, 8), (0.9, 0.8, 0.3)
    alone = np.zeros((1, KEPT), np.int64), np.zeros((1, KEPT), np.float32)
    ours, theirs = np.array([1]), np.array([2])
    said = rivals(np.array([0.5], np.float32), (ours, near), (theirs, alone))
    assert said[0] == pytest.approx([0.5 - 0.8 + TIE, 0, 1, 0], abs=1e-6)


def test_verdicts(live: Live) -> None:
    """The same machine is told from a copy of its listing, from one of another colour, and from a garden hose."""
    judging = Judging.of(live)
    with live.reading():
        judged = judging.stored(keys(live, *["a"] * 4), keys(live, "copy", "again", "red", "other"))
        told = judged.tell(range(4))
    assert judged.verdicts.tolist() == [IDENTICAL, SAME, VARIANT, DIFFERENT]
    assert told[0][0] == "equal content"
    assert "model HD7810 in both titles" in told[1]
    assert told[2][:2] == ("model HD7810 in both titles", "colour differs: black and red")


def test_asked_as_stored(live: Live) -> None:
    """A stored product that is asked about is judged as it is by its key, whichever side it is on."""
    judging = Judging.of(live)
    others = keys(live, "copy", "again", "red", "other")
    product = normalize(LISTINGS["a"])
    asked = live.space.project(live.encode([product]), [text_of(product)])
    with live.reading():
        stored = judging.stored(keys(live, *["a"] * 4), others)
        turned = judging.stored(others, keys(live, *["a"] * 4))
        new = judging.asked([product], asked, np.zeros(4, np.int64), others)
        judging.load()
        loaded = judging.stored(keys(live, *["a"] * 4), others)
    for each in (turned, new, loaded):
        assert each.probability == pytest.approx(stored.probability, abs=2e-3)
        assert each.verdicts.tolist() == stored.verdicts.tolist()


def test_nobody(live: Live) -> None:
    """No pairs give no verdicts, and what is not stored any more is like nothing."""
    judging = Judging.of(live)
    none = np.zeros(0, np.int64)
    gone = keys(live, "other")
    live.delete(["other"])
    with live.reading():
        assert len(judging.stored(none, none)) == 0
        assert judging.stored(keys(live, "a"), gone).verdicts.tolist() == [DIFFERENT]


def test_retrained(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    """Many decisions turn a verdict, a single one hardly moves it; what was learnt is kept with the index."""
    with live.reading():
        judging = Judging.of(live)
        left, right = keys(live, "a", "a"), keys(live, "red", "other")
        before = judging.stored(left, right).probability
        once = retrained(judging, left[:1], right[:1], ["same product"])
        said: list[Verdict] = ["same product"] * 200
        said += ["different"] * 200
        often = retrained(judging, np.repeat(left, 200), np.repeat(right, 200), said)
        few = Judging(live, once).stored(left, right).probability
    assert before[0] < few[0] < before[0] + 0.2
    live.records.set_fact(FACT, often.to_json())
    with live.reading():
        own = Judging.of(live)
        assert own.decider.taught == 400
        assert own.stored(left, right).verdicts.tolist() == [SAME, DIFFERENT]
    live.records.set_fact(FACT, json.dumps(json.loads(often.to_json()) | {"features": ["text"]}))
    with caplog.at_level("WARNING"):
        assert Judging.of(live).decider.taught == 0
    assert "aisle duplicates --train" in caplog.text
    live.records.set_fact(FACT, "{}")
    with pytest.raises(RecordError, match="decider of this index cannot be read"):
        Judging.of(live)


def test_few_rows_score_as_many_do() -> None:
    """All trees at once, or one after the other: the same numbers to the last bit, what is missing included."""
    drawn = np.random.default_rng(4)
    rows = drawn.normal(0, 2, (FEW + 9, len(FEATURES))).astype(np.float32)
    rows[drawn.random(rows.shape) < 0.3] = np.nan
    forest = shipped().same.forest
    many = forest.scores(rows)
    few = np.concatenate([forest.scores(rows[start : start + FEW]) for start in range(0, len(rows), FEW)])
    assert many.tobytes() == few.tobytes()
    assert forest.scores(rows[:0]).shape == (0,)


def test_words_of_one_title_alone_are_told() -> None:
    """Which of two flavours is said by which title; what is told as a colour or an edition is not told again."""
    nothing = np.full(len(FEATURES), np.nan, np.float32)
    nut, fig, red = (
        told(Product("p", title), "0" * 16) for title in ("Nut bar 40 g blue", "Fig bar 40 g red", "Nut bar red")
    )
    assert "only one title says nut, the other fig" in evidence(nut, fig, nothing, equal=False)
    assert evidence(nut, red, nothing, equal=False) == ("colour differs: blue and red",)
