"""service/evaluation/samples.py: who is held out together, and who is drawn."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.evaluation.samples import drawn, parts

IDS = st.lists(st.text(max_size=8, alphabet=st.characters(codec="utf-8")), unique=True, max_size=30)


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(-1, 4)), min_size=1, max_size=60),
    st.integers(2, 5),
    st.integers(0, 9),
)
def test_a_group_is_in_one_part_and_a_category_in_all_that_it_can(
    products: list[tuple[int, int]], many: int, seed: int
) -> None:
    """Of the groups of one category no part has two more than another; those of all categories fill every part."""
    group, nodes = (np.array(column) for column in zip(*products, strict=True))
    part = parts(group.astype(np.int64), nodes.astype(np.int32), many, seed)
    category: dict[int, int] = {}
    place: dict[int, set[int]] = {}
    for one, node, where in zip(group.tolist(), nodes.tolist(), part.tolist(), strict=True):
        category[one] = max(node, category.get(one, -1))
        place.setdefault(one, set()).add(where)
    assert {len(where) for where in place.values()} == {1}
    shares: dict[int, Counter[int]] = {}
    for one, node in category.items():
        shares.setdefault(node, Counter()).update(place[one])
    for share in shares.values():
        assert max(share.values()) - min(share[each] for each in range(many)) <= 1
    labelled = {where for one, where in ((one, min(place[one])) for one in place) if category[one] >= 0}
    assert len(labelled) == min(many, sum(node >= 0 for node in category.values()))


def test_parts_are_by_chance_and_equal_seeds_draw_the_same() -> None:
    """Another seed holds out others."""
    group, nodes = np.arange(40), np.repeat(np.arange(4, dtype=np.int32), 10)
    first, again, other = (parts(group, nodes, 4, seed).tolist() for seed in (1, 1, 2))
    assert first == again != other


@given(IDS, st.integers(0, 5))
def test_two_lists_draw_what_they_share_in_the_same_order(ids: list[str], seed: int) -> None:
    """Whatever else is in either, and in whatever order it came."""
    some = ids[::2]
    order = [ids[place] for place in drawn(ids, seed).tolist()]
    assert sorted(order) == sorted(ids)
    assert [each for each in order if each in some] == [some[place] for place in drawn(some, seed).tolist()]
    turned = ids[::-1]
    assert [turned[place] for place in drawn(turned, seed).tolist()] == order


def test_another_seed_draws_others() -> None:
    """Of two hundred, other tens."""
    ids = [f"P{number:03}" for number in range(200)]
    assert set(drawn(ids, 0)[:10].tolist()) != set(drawn(ids, 1)[:10].tolist())
