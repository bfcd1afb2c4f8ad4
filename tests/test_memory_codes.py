"""indexer/memory/codes.py: who shares a code, as a list of pairs would say, whatever came and went."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import SnapshotDamaged
from indexer.memory import codes as module
from indexer.memory.codes import FILES, Codes

STEPS = st.lists(
    st.tuples(st.booleans(), st.dictionaries(st.integers(0, 9), st.sets(st.integers(0, 5)), max_size=4)), max_size=12
)
BIG = 2**63


def keys_of(*keys: int) -> npt.NDArray[np.int64]:
    return np.array(keys, np.int64)


def found(codes: Codes, *asked: int, most: int = 99) -> list[int]:
    """Return who shares one of the codes asked for."""
    return [int(key) for key in codes.search([asked], most)[1]]


@given(STEPS, st.booleans())
@settings(max_examples=100)
def test_any_coming_and_going_leaves_what_a_dictionary_has(
    steps: list[tuple[bool, dict[int, set[int]]]], settles: bool
) -> None:
    """`put` replaces all that its keys had, `drop` forgets them, and sorting in changes nothing."""
    codes, known = Codes.of(keys_of(1, 2), [(0, 1), (1,)]), {1: {0, 1}, 2: {1}}
    for comes, some in steps:
        keys = keys_of(*some)
        if comes:
            codes.put(keys, [tuple(BIG + each if each > 3 else each for each in numbers) for numbers in some.values()])
        else:
            codes.drop(keys)
        known = {**{key: held for key, held in known.items() if key not in some}, **(some if comes else {})}
        if settles:
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(module, "LATELY_LEAST", 0)
                codes.settle()
    for number in range(6):
        assert sorted(key for key, held in known.items() if number in held) == found(
            codes, BIG + number if number > 3 else number
        )
    assert len(codes) == sum(map(len, known.values()))


def test_what_is_gone_takes_no_place_among_the_first() -> None:
    """The first `most` of a code are found of those that still have it, whoever was deleted or changed before them."""
    codes = Codes.of(np.arange(1, 10), [(7,)] * 9)
    codes.drop(keys_of(1, 2, 4))
    codes.put(keys_of(3), [(8,)])
    assert [5, 6] == found(codes, 7, most=2)
    assert [5, 6, 7, 8, 9] == found(codes, 7, most=6)
    rows, keys = codes.search([(8,), (7, 8), (9,)], 1)
    assert ([0, 1, 1], [3, 3, 5]) == (rows.tolist(), keys.tolist())
    codes.drop(np.arange(1, 10))
    assert [] == found(codes, 7, most=2)


def test_many_questions_at_once() -> None:
    """By question and key, each once, however many codes two products share."""
    codes = Codes.of(keys_of(4, 7, 9), [(1, 2), (2, BIG), (BIG,)])
    codes.put(keys_of(5), [(1,)])
    places, keys = codes.search([(1, 2), (), (BIG, 77)], 10)
    assert (places.tolist(), keys.tolist()) == ([0, 0, 0, 2, 2], [4, 5, 7, 7, 9])
    assert [each.tolist() for each in codes.search([], 10)] == [[], []]
    assert found(Codes(), 1) == []


def test_a_code_that_very_many_have_finds_a_few() -> None:
    """So that a number that is on everything costs no more than others."""
    codes = Codes.of(keys_of(*range(100)), [(8,)] * 100)
    codes.put(keys_of(200), [(8,)])
    assert found(codes, 8, most=3) == [0, 1, 2, 200]


def test_what_was_saved_is_read_back(tmp_path: Path) -> None:
    """With what came and went since, and it can be changed again."""
    codes = Codes.of(keys_of(1, 2), [(7,), (BIG,)])
    codes.put(keys_of(3, 1), [(7, 8), ()])
    assert [path.name for path in codes.save(tmp_path)] == list(FILES)
    read = Codes.load(tmp_path)
    read.put(keys_of(4), [(BIG,)])
    assert (found(read, 7), found(read, BIG), len(read)) == ([3], [2, 4], 4)


def test_files_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    """In length or type, missing or cut off, with what helps."""
    with pytest.raises(SnapshotDamaged, match="cannot be read"):
        Codes.load(tmp_path)
    for arrays in ([np.zeros(1, np.uint64), keys_of(1, 2)], [keys_of(1), keys_of(1)]):
        for name, array in zip(FILES, arrays, strict=True):
            np.save(tmp_path / name, array)
        with pytest.raises(SnapshotDamaged, match="do not fit together; rebuild the index"):
            Codes.load(tmp_path)
