"""Pairs to groups in which everybody belongs with everybody else, in any order and without quadratic time."""

from itertools import combinations
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.duplicates.groups.grouping import (
    ALWAYS,
    NEVER,
    Floats,
    Groups,
    Judge,
    Keys,
    Linkage,
    Scores,
    components,
    grouped,
)

Weights = dict[tuple[int, int], float]

weights = st.dictionaries(
    st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda pair: pair[0] < pair[1]),
    st.integers(0, 100).map(lambda hundredths: hundredths / 100),
    max_size=40,
)


def scores(said: Weights) -> Scores:
    left, right = (np.array([pair[side] for pair in said], np.int64) for side in (0, 1))
    return Scores.of(left, right, np.array(list(said.values()), np.float32))


def sets(groups: Groups) -> list[list[int]]:
    return [groups.keys[groups.group == name].tolist() for name in np.unique(groups.group)]


def judging(said: Weights, asked: list[tuple[int, int]]) -> Judge:
    def judge(left: Keys, right: Keys) -> Floats:
        pairs = list(zip(left.tolist(), right.tolist(), strict=True))
        asked.extend(pairs)
        return np.array([said.get(pair, 0.0) for pair in pairs], np.float32)

    return judge


def test_a_chain_is_cut_where_its_ends_do_not_belong_together() -> None:
    """1-2 and 2-3 are alike and 1-3 are not: the surer pair is a group and the third product is alone."""
    assert [[1, 2]] == sets(grouped(scores({(1, 2): 0.9, (2, 3): 0.8, (1, 3): 0.1})))
    assert [[2, 3]] == sets(grouped(scores({(1, 2): 0.8, (2, 3): 0.9, (1, 3): 0.1})))


def test_a_pair_that_nobody_judged_supports_nothing_until_it_is_asked_for() -> None:
    """Without a judge the chain 1-2-3 stays cut; a judge is asked for 1-3 alone, and what it says decides."""
    chain = {(1, 2): 0.9, (2, 3): 0.8}
    asked: list[tuple[int, int]] = []
    assert [[1, 2]] == sets(grouped(scores(chain)))
    found = grouped(scores(chain), judging({(1, 3): 0.4}, asked))
    assert [[1, 2, 3]] == sets(found)
    assert [(1, 3)] == asked == list(zip(found.asked.left.tolist(), found.asked.right.tolist(), strict=True))


def test_groups_are_joined_by_the_mean_of_the_pairs_between_them() -> None:
    """0.6 and 0.3 between 3 and the group 1-2 are 0.45 in the mean: not enough at 0.5, enough at 0.4."""
    pairs = scores({(1, 2): 0.9, (1, 3): 0.6, (2, 3): 0.3})
    assert [[1, 2]] == sets(grouped(pairs))
    assert [[1, 2, 3]] == sets(grouped(pairs, linkage=Linkage(least=0.4)))
    assert [[1, 2]] == sets(grouped(pairs, linkage=Linkage(least=0.4, floor=0.35)))


def test_who_a_person_parted_is_never_together_and_who_was_put_together_is() -> None:
    """A person's word overrules any probability, and where two people contradict each other the parting holds."""
    assert [[1, 2]] == sets(grouped(scores({(1, 2): 0.9, (2, 3): 0.9, (1, 3): NEVER})))
    assert [[1, 2, 3]] == sets(grouped(scores({(1, 2): ALWAYS, (2, 3): ALWAYS, (1, 3): 0.0})))
    assert [[1, 2]] == sets(grouped(scores({(1, 2): ALWAYS, (2, 3): ALWAYS, (1, 3): NEVER})))


def test_a_third_product_must_belong_with_both_that_a_person_put_together() -> None:
    """3 is like 1 and unlike 2: that a person put 1 and 2 together does not make it like 2."""
    assert [[1, 2]] == sets(grouped(scores({(1, 2): ALWAYS, (1, 3): 0.95, (2, 3): 0.1})))


@given(weights, weights)
def test_no_pair_inside_a_group_is_below_the_floor(said: Weights, more: Weights) -> None:
    """Every two members were judged, at the floor or above, with a judge and without."""
    for judge in (None, judging(more, [])):
        found = grouped(scores(said), judge)
        for some in sets(found):
            for pair in combinations(some, 2):
                weight = said.get(pair, more.get(pair, 0.0) if judge else 0.0)
                assert weight >= Linkage().floor, pair


@given(weights, weights, st.randoms())
def test_the_order_of_the_pairs_makes_no_difference(said: Weights, more: Weights, drawn: Random) -> None:
    """Shuffled, and with left and right exchanged, the same pairs give the same groups."""
    pairs = list(said.items())
    drawn.shuffle(pairs)
    left, right = (np.array([pair[side] for pair, _ in pairs], np.int64) for side in (1, 0))
    shuffled = Scores.of(left, right, np.array([weight for _, weight in pairs], np.float32))
    one, other = grouped(scores(said), judging(more, [])), grouped(shuffled, judging(more, []))
    assert sets(one) == sets(other)


@given(weights)
def test_asking_for_what_is_missing_gives_what_knowing_it_all_gives(said: Weights) -> None:
    """Of the pairs that are not alike only those that matter are asked for; the groups are those of a full table."""
    every = {pair: said.get(pair, 0.0) for pair in combinations(range(12), 2)}
    alike = {pair: weight for pair, weight in every.items() if weight >= Linkage().least}
    thorough = Linkage(rounds=50)
    asked = grouped(scores(alike), judging(every, []), thorough)
    assert sets(grouped(scores(every), linkage=thorough)) == sets(asked)


def test_a_group_has_no_more_members_than_allowed() -> None:
    """Ten products that all belong together make two groups of five where a group may have five."""
    every = dict.fromkeys(combinations(range(10), 2), 0.9)
    assert [5, 5] == [len(some) for some in sets(grouped(scores(every), linkage=Linkage(most=5)))]


def test_a_long_chain_asks_for_a_number_of_pairs_that_grows_with_its_length() -> None:
    """3,000 products in a row, each like the next alone: pairs by two, and some 3 pairs asked for each product."""
    chain = {(key, key + 1): 0.9 for key in range(3_000)}
    asked: list[tuple[int, int]] = []
    found = grouped(scores(chain), judging({}, asked))
    assert {2} == {len(some) for some in sets(found)}
    assert len(asked) < 10_000


def test_components_are_named_by_their_least_key() -> None:
    """Chains of pairs lead to one name: 5-9-2 to 2, 7-8 to 7."""
    nodes, label = components(scores({(5, 9): 1.0, (2, 9): 1.0, (7, 8): 1.0}))
    assert {2: 2, 5: 2, 7: 7, 8: 7, 9: 2} == dict(zip(nodes.tolist(), label.tolist(), strict=True))
