"""service/review/choosing.py: which of many predictions is looked at next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.review.choosing import COPY, Case, Likeness, Near, choose, likeness_of, weights_of


def case(number: int, doubt: float, near: str = "", value: float | None = None) -> Case:
    """Return a case whose neighbours are letters."""
    return Case(number, doubt, frozenset(near), value)


def test_likeness_is_the_share_of_neighbours_in_common() -> None:
    """Two of four; all; none, also where nobody is near."""
    assert like("abc", "bcd") == 0.5
    assert like("ab", "abc", "ab", "cd") == 1.0
    assert like("ab", "abc") == pytest.approx(2 / 3)
    assert [like("ab", "cd"), like("", ""), like("", "a"), like("ab")] == [0.0, 0.0, 0.0, 0.0]


def like(near: str, *seen: str) -> float:
    """Return how like a case is to others that were seen."""
    likeness = Likeness([frozenset("xyz"), frozenset(near)])
    for each in seen:
        likeness.see(frozenset(each))
    return likeness[1]


def test_a_copy_of_what_was_taken_comes_last() -> None:
    """Twenty copies of the most doubted case leave room for all others first."""
    copies = [case(number, 0.9, "abcd") for number in range(20)]
    others = [case(100, 0.2, "wxyz"), case(101, 0.5, "abyz")]
    chosen = choose([*copies, *others], (), 4)
    assert [each.number for each in chosen] == [0, 101, 100, 1]
    assert [each.likeness for each in chosen] == [0.0, pytest.approx(1 / 3), pytest.approx(1 / 3), 1.0]
    assert chosen[1].score == pytest.approx(0.5 * 1.0 * 2 / 3)


def test_a_copy_of_what_somebody_has_before_him_waits() -> None:
    """And of what is taken here; one that cannot be asked about anew comes all the same, after all others."""
    near, words = frozenset("abcd"), frozenset(["blue", "mug"])
    copies = [Case(number, 0.9, near, words=words, waits=True) for number in range(3)]
    other, stubborn = (
        Case(10, 0.1, frozenset("wxyz"), words=frozenset(["pot"]), waits=True),
        Case(11, 0.9, near, words=words),
    )
    unlike = Case(12, 0.05, near, words=frozenset(["red", "pan", "mug"]), waits=True)
    assert [each.number for each in choose([*copies, other], (), 4)] == [0, 10]
    assert [each.number for each in choose([*copies, other], (), 4, held=copies)] == [10]
    assert [each.number for each in choose([*copies, unlike], (), 4)] == [0, 12]  # near the same, and another thing
    assert [each.number for each in choose([*copies, other, stubborn], (), 4)] == [0, 10, 11]
    lone = Case(13, 0.05, frozenset("wxyz"), words=words, waits=True)
    assert [each.number for each in choose([*copies, lone], (), 4)] == [0]  # named the same, near to anything
    assert [each.number for each in choose(copies, [near], 1)] == [0]  # what was decided about holds none


def test_of_ten_neighbours_eight_make_a_copy() -> None:
    """Seven do not; two that have no neighbour are none of each other."""
    ten = frozenset("abcdefghij")
    assert likeness_of(ten, frozenset("abcdefghyz")) >= COPY > likeness_of(ten, frozenset("abcdefgxyz"))
    assert likeness_of(frozenset(), frozenset()) == 0.0


def test_what_was_looked_at_lately_counts_like_what_was_taken() -> None:
    """The case that is like it waits."""
    cases = [case(1, 0.9, "abcd"), case(2, 0.4, "wxyz")]
    assert [each.number for each in choose(cases, [frozenset("abcd")], 1)] == [2]


def test_a_dear_item_comes_before_a_cheap_one_of_equal_doubt() -> None:
    """One at the median, or without a price, weighs 1; none weighs 2 or more."""
    cases = [case(1, 0.5, value=10), case(2, 0.5, value=30), case(3, 0.5, value=1_000_000), case(4, 0.5)]
    assert weights_of(cases) == [0.5, 1.0, pytest.approx(1.99994), 1.0]
    assert [each.number for each in choose(cases, (), 4)] == [3, 2, 4, 1]


_NEAR = st.frozensets(st.sampled_from("abcdef"))
_CASES = st.lists(st.tuples(st.floats(0, 1), _NEAR, st.none() | st.floats(0, 1e6)), max_size=12)


@given(_CASES, st.lists(_NEAR, max_size=3), st.integers(0, 15))
def test_each_case_is_taken_once_and_the_best_that_is_left(
    given_: list[tuple[float, Near, float | None]], lately: list[Near], limit: int
) -> None:
    """As many as are asked for and there; scores never rise; and each is what its parts say."""
    cases = [Case(number, *each) for number, each in enumerate(given_)]
    chosen = choose(cases, lately, limit)
    assert len({each.number for each in chosen}) == len(chosen) == min(limit, len(cases))
    scores = [each.score for each in chosen]
    assert scores == sorted(scores, reverse=True)
    seen = list(lately)
    for each in chosen:
        near = cases[each.number].near
        shares = [len(near & other) / len(near | other) for other in seen if near & other]
        assert each.likeness == max(shares, default=0.0)
        seen.append(near)
