"""service/tags/rules.py: what names a tag and who carries it, to a probability; by hand and beside slow references."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from service.tags import rules
from service.tags.rules import (
    DRAWN,
    GRID,
    ODDS,
    PSEUDO,
    PULL,
    SMOOTH,
    THRESHOLD,
    WEIGHTS,
    Doubles,
    Mask,
    TagRule,
    TagRules,
    Weighed,
    conflicting,
    fit,
    log_odds,
    sigmoid,
    weighed,
)
from service.tags.voted import Voted
from service.tags.words import LEVELS, SPEC, TEXT, UNNAMED, VALUE, Named


def flat(*pairs: tuple[int, int, float, int]) -> Weighed:
    """Return pairs of product, tag, share of the voices and level of being named."""
    row, tag, share, level = zip(*pairs, strict=True) if pairs else ((), (), (), ())
    return Weighed(
        np.array(row, np.int64), np.array(tag, np.int64), np.array(share, np.float32), np.array(level, np.int8)
    )


def carried(products: int, tags: int, *pairs: tuple[int, int]) -> Mask:
    """Return which products carry which tags."""
    made = np.zeros((products, tags), np.bool_)
    for row, tag in pairs:
        made[row, tag] = True
    return made


def test_neighbours_and_texts_are_joined() -> None:
    """In order of product and tag; who is only named has no share, who is only carried is unnamed."""
    votes = Voted(np.array([0, 1, 1]), np.array([2, 0, 1]), np.array([0.5, 0.25, 1.0], np.float32))
    named = Named(np.array([1, 0, 1]), np.array([2, 2, 0]), np.array([VALUE, SPEC, TEXT], np.int8))
    made = weighed(votes, named, 3)
    assert ([0, 1, 1, 1], [2, 0, 1, 2]) == (made.row.tolist(), made.tag.tolist())
    assert ([0.5, 0.25, 1.0, 0.0], [SPEC, TEXT, UNNAMED, VALUE]) == (made.share.tolist(), made.level.tolist())
    nothing = np.zeros(0, np.int64)
    none = weighed(
        Voted(nothing, nothing, np.zeros(0, np.float32)), Named(nothing, nothing, nothing.astype(np.int8)), 0
    )
    assert 0 == len(none.row) == len(none.level)


def test_log_odds_by_hand() -> None:
    """1/4 of the voices and named in its text: weights times (1, 1/4, 1/2, the odds of that tag at that level)."""
    odds = np.array([[0.0, 0, 0, 0], [-3.0, -2.0, 0.5, 2.0]])
    made = log_odds(flat((0, 1, 0.25, TEXT), (1, 0, 0.0, UNNAMED)), (-4.0, 8.0, 6.0, 2.0), odds)
    np.testing.assert_allclose(made, [-4 + 2 + 3 + 1, -4])
    np.testing.assert_allclose(sigmoid(np.array([0, np.log(3), -1e9, 1e9])), [0.5, 0.75, 0, 1], atol=1e-12)


def test_a_tag_s_name_is_believed_as_far_as_it_was_right() -> None:
    """Named by ten texts of which nine carry it, drawn to how all tags' names are believed, here ten of eleven."""
    pairs = [(row, 0, 0.5, TEXT) for row in range(10)] + [(10, 1, 0.5, TEXT)]
    truth = carried(20, 2, *((row, 0) for row in range(9)), (10, 1), (11, 1))
    made = fit(flat(*pairs), truth, ("red", "blue"), ())
    pooled = (10 + 1) / (11 + 2)
    assert made.odds[TEXT] == pytest.approx(logit(pooled), abs=1e-3)
    assert made.tags["red"].odds[TEXT] == pytest.approx(logit((9 + DRAWN * pooled) / (10 + DRAWN)), abs=1e-3)
    assert made.tags["blue"].odds[TEXT] == pytest.approx(logit((1 + DRAWN * pooled) / (1 + DRAWN)), abs=1e-3)
    # Not named by the other nineteen, of which one carries it: drawn to how common it is.
    unnamed = logit((1 + DRAWN * 2.5 / 21) / (19 + DRAWN))
    assert made.tags["blue"].odds[UNNAMED] == pytest.approx(unnamed, abs=1e-3)
    assert (20, ()) == (made.observations, made.conflicts)


def logit(share: float) -> float:
    """Return the log-odds of a probability."""
    return float(np.log(share / (1 - share)))


def drawn(seed: int, products: int = 120, tags: int = 4) -> tuple[Weighed, Mask]:
    """Return what speaks for some tags, and who carries them: likelier with a share, likelier when named."""
    rng = np.random.default_rng(seed)
    share = rng.random((products, tags)) * (rng.random((products, tags)) < 0.7)
    level = rng.integers(0, LEVELS, (products, tags)) * (rng.random((products, tags)) < 0.5)
    truth = rng.random((products, tags)) < sigmoid(-3 + 4 * share + 1.5 * level)
    row, tag = np.nonzero((share > 0) | (level > 0))
    at = (row, tag)
    return Weighed(row, tag, share[at].astype(np.float32), level[at].astype(np.int8)), truth


@pytest.mark.parametrize("seed", [0, 1])
def test_the_odds_of_a_product_do_not_know_its_own_tags(seed: int) -> None:
    """How far a name is believed for a product is what the other products say."""
    said, truth = drawn(seed)
    names = rules._Names.of(said, truth)
    without = names.without(said, truth[said.row, said.tag])
    for place in range(0, len(said.row), 7):
        row, tag, level = int(said.row[place]), int(said.tag[place]), int(said.level[place])
        others = np.arange(len(truth)) != row
        like = _named_as(said, tag, level, len(truth)) & others
        drawn_to = names.base[tag] if level == UNNAMED else names.pooled[level]
        expected = (truth[like, tag].sum() + DRAWN * drawn_to) / (like.sum() + DRAWN)
        assert without[place] == pytest.approx(logit(float(np.clip(expected, 1e-4, 1 - 1e-4))), abs=1e-9)


def _named_as(said: Weighed, tag: int, level: int, products: int) -> Mask:
    """Return which products are named so; without a pair they are not named."""
    levels = np.full(products, UNNAMED)
    some = said.tag == tag
    levels[said.row[some]] = said.level[some]
    made: Mask = levels == level
    return made


def test_the_weights_are_the_likeliest_drawn_to_the_prior() -> None:
    """As scipy finds them for the terms that the fit sees."""
    said, truth = drawn(2)
    right = truth[said.row, said.tag]
    odds = rules._Names.of(said, truth).without(said, right)
    share = said.share.astype(np.float64)
    x = np.stack([np.ones_like(share), share, np.sqrt(share), odds], axis=1)

    def loss(at: Doubles) -> float:
        line = x @ at
        lost = np.logaddexp(0, np.where(right, -line, line)).sum()
        return float(lost + PULL / 2 * ((at - np.array(WEIGHTS)) ** 2).sum())

    made = fit(said, truth, tuple("abcd"), ())
    np.testing.assert_allclose(made.weights, minimize(loss, np.array(WEIGHTS), method="BFGS").x, atol=5e-3)


def test_thresholds_are_the_best_for_f1() -> None:
    """For all tags together, and for each after PSEUDO carriers that behave as all do; averaged with those near it."""
    said, truth = drawn(3)
    right, tags = truth[said.row, said.tag], tuple("abcd")
    odds = rules._Names.of(said, truth).without(said, right)
    share = said.share.astype(np.float64)
    made = fit(said, truth, tags, ())
    likely = sigmoid(np.stack([np.ones_like(share), share, np.sqrt(share), odds], axis=1) @ np.array(made.weights))
    every = {least: _f1(likely >= least, right, truth.sum()) for least in GRID.tolist()}
    assert made.threshold == best_around(every)
    assert made.f1 == pytest.approx(every[made.threshold], abs=2e-3)
    for number, tag in enumerate(tags):
        some, carriers = said.tag == number, int(truth[:, number].sum())
        own = {}
        for least in GRID.tolist():
            given_tags = likely[some] >= least
            hits = 2 * (given_tags & right[some]).sum() + 2 * PSEUDO * every[least]
            own[least] = hits / (given_tags.sum() + carriers + 2 * PSEUDO)
        assert made.tags[tag].threshold == pytest.approx(best_around(own), abs=0.0201)


def best_around(f1: Mapping[float, float]) -> float:
    """Return the threshold with the highest F1 on average, nearer ones counting more."""

    def around(least: float) -> float:
        near = {each: float(np.exp(-((each - least) ** 2) / (2 * SMOOTH**2))) for each in f1}
        return sum(f1[each] * near[each] for each in f1) / sum(near.values())

    return max(f1, key=around)


def test_a_threshold_is_no_peak_of_chance() -> None:
    """At 0.6 alone, between three wrong ones and two right ones, nothing is wrong; anywhere above it little is."""
    likely = np.concatenate([np.full(30, 0.95), np.full(2, 0.6), np.full(3, 0.58)])
    right = np.concatenate([np.ones(32), np.zeros(3)]).astype(np.bool_)
    threshold, own, f1 = rules._thresholds(likely, np.zeros(35, np.int64), right, np.array([32.0]))
    assert threshold > 0.62
    assert own.tolist() == [threshold]
    assert f1 == pytest.approx(60 / 62)


def _f1(given_tags: Mask, right: Mask, carriers: int) -> float:
    return float(2 * (given_tags & right).sum() / (given_tags.sum() + carriers))


def test_a_tag_that_nobody_asked_about_carries_has_no_rule() -> None:
    """It has the odds and the threshold of all; without anything said the prior stands."""
    made = fit(flat((0, 0, 0.5, UNNAMED)), carried(4, 2, (0, 0)), ("red", "blue"), ())
    assert ["red"] == list(made.tags)
    none = fit(flat(), carried(4, 1, (0, 0)), ("red",), ())
    assert WEIGHTS == none.weights
    assert 0.0 == none.f1


tag_lists = st.lists(st.lists(st.integers(0, 5), unique=True, max_size=6), min_size=1, max_size=60)


@given(tag_lists, st.integers(1, 5))
def test_conflicts_are_pairs_that_are_seldom_together(lists: list[list[int]], often: int) -> None:
    """By counting every pair: each often enough, expected together by chance, and hardly ever so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "OFTEN", often)
        patch.setattr(rules, "EXPECTED", 0.5)
        patch.setattr(rules, "SELDOM", 0.4)
        row, tag = flattened(lists)
        found = {(one, other): fall for one, other, fall in conflicting(row, tag, tuple("abcdef"), len(lists))}
    expected: dict[tuple[str, str], float] = {}
    for one, other in combinations(range(6), 2):
        first, second = (sum(each in some for some in lists) for each in (one, other))
        both, chance = sum({one, other} <= set(some) for some in lists), first * second / len(lists)
        if min(first, second) >= often and chance >= 0.5 and both < 0.4 * min(first, second):
            expected["abcdef"[one], "abcdef"[other]] = float(np.log((chance + 1) / (both + 1)))
    assert pytest.approx(expected, abs=1e-3) == found


def flattened(lists: list[list[int]]) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], ...]:
    """Return the tags of products, flat."""
    row = [number for number, some in enumerate(lists) for _ in some]
    return np.array(row, np.int64), np.array([tag for some in lists for tag in some], np.int64)


def test_men_and_women_conflict() -> None:
    """Half of a hundred shoes are for each and none for both: the odds fall by 26 to 1."""
    row, tag = flattened([[0, 2]] * 50 + [[1, 2]] * 50)
    assert [("men", "women", round(float(np.log(26)), 3))] == conflicting(row, tag, ("men", "women", "shoes"), 100)


def test_only_the_commonest_tags_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue may have tens of thousands; a table of all pairs would not fit in memory."""
    monkeypatch.setattr(rules, "COMMONEST", 2)
    row, tag = flattened([[0]] * 40 + [[1]] * 40 + [[2]] * 20)
    assert [("a", "b")] == [pair[:2] for pair in conflicting(row, tag, ("a", "b", "c"), 100)]


def test_rules_are_read_back_from_what_json_holds() -> None:
    """Lists become tuples; what has other terms is refused."""
    known = TagRules(
        tags={"red": TagRule((1.0, 2, 3, 4), 0.3)}, conflicts=(("red", "blue", 2.5),), observations=3, f1=0.5
    )
    said: Mapping[str, object] = {
        "weights": list(WEIGHTS),
        "odds": list(ODDS),
        "threshold": THRESHOLD,
        "tags": {"red": {"odds": [1, 2, 3, 4], "threshold": 0.3}},
        "conflicts": [["red", "blue", 2.5]],
        "observations": 3,
        "f1": 0.5,
    }
    assert known == TagRules.read(said)
    for change in ({"weights": [1.0]}, {"odds": [1.0]}, {"tags": {"red": {"odds": [1.0], "threshold": 0.3}}}):
        with pytest.raises(ValueError, match="the rules of its tags have other terms"):
            TagRules.read({**said, **change})
