"""service/evaluation/gate.py: what is let through and what is not, beside another index on the same questions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from indexer.errors import SourceError
from service.evaluation import gate
from service.evaluation.gate import LEAST, compare
from service.evaluation.judged import Judged
from service.evaluation.measures import MEASURES, Outcomes

Judge = Callable[..., Judged]

ALL, HALF = np.arange(200) >= 0, np.arange(200) % 2 > 0
LABELS = ("Home > Pans", "Home > Cups", "Pets > Leads")


@pytest.fixture(autouse=True)
def _fewer_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw a fifth of the samples, with which these tests are as plain."""
    monkeypatch.setattr(gate, "RESAMPLES", 400)


def rows(right: np.ndarray[Any, np.dtype[np.bool_]], **said: Any) -> list[dict[str, Any]]:
    """Return products of three categories in turn, the right ones and the wrong ones."""
    return [
        {"label": LABELS[n % 3], "answer": LABELS[n % 3 if good else (n + 1) % 3], "likely": 0.9, **said}
        for n, good in enumerate(right.tolist())
    ]


def worse(this: Judged, other: Judged, tolerance: float = 0.0) -> list[str]:
    """Return the measures that this is worse by."""
    return [each.measure for each in compare(this, other, precision=0.95, tolerance=tolerance) if each.worse]


def test_an_index_is_not_worse_than_itself(judge: Judge) -> None:
    """Every difference is nothing, with nothing for bounds."""
    judged = judge(*rows(np.arange(60) % 5 > 0, tags=("a",), given=("a",)))
    found = compare(judged, judged, precision=0.95)
    assert [each.measure for each in found] == list(MEASURES)
    assert {(each.difference, each.low, each.high, each.worse) for each in found} == {(0.0, 0.0, 0.0, False)}
    assert {each.measure: each.this for each in found}["leaf"] == 0.8


def test_half_of_the_answers_wrong_is_worse_by_every_measure(judge: Judge) -> None:
    """The difference is told as this minus the other, with its bounds below zero."""
    bad, good = judge(*rows(np.arange(200) % 2 > 0)), judge(*rows(np.arange(200) >= 0))
    leaf = compare(bad, good, precision=0.95)[0]
    assert (leaf.measure, leaf.this, leaf.other, leaf.difference) == ("leaf", 0.5, 1.0, -0.5)
    assert leaf.low < -0.5 < leaf.high < 0
    assert worse(bad, good) == [name for name in MEASURES if name != "tags_f1"]
    assert worse(good, bad) == []


def test_what_chance_explains_is_let_through(judge: Judge) -> None:
    """Four more wrong of 200 and none more right are no sign of anything, as coins fall alike once in 16; ten are."""
    other = np.arange(200) % 10 > 0
    few, many = other.copy(), other.copy()
    few[1:5] = False
    many[11:20], many[21] = False, False
    assert worse(judge(*rows(few)), judge(*rows(other))) == []
    assert "leaf" in worse(judge(*rows(many)), judge(*rows(other)))


def test_the_chance_is_that_of_coins(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of n answers that differ, all for the worse, the toss that shows no less is one of 2 to the n."""
    monkeypatch.setattr(gate, "RESAMPLES", 4_000)
    other = Outcomes.of(judge(*rows(np.arange(40) >= 0)), {})
    for n in (1, 3):
        this = Outcomes.of(judge(*rows(np.arange(40) >= n)), {})
        found = gate._chances(this, other, ["leaf"], {}, 0)
        assert found["leaf"] == pytest.approx(0.5**n, rel=0.15)


def test_a_tolerance_lets_through_what_is_worse_by_no_more(judge: Judge) -> None:
    """Beyond it the bounds of the difference still have to lie."""
    bad, good = judge(*rows(np.arange(200) % 2 > 0)), judge(*rows(np.arange(200) >= 0))
    assert worse(bad, good, tolerance=0.3) != []
    assert worse(bad, good, tolerance=0.6) == []


def test_a_measure_may_have_a_tolerance_of_its_own(judge: Judge) -> None:
    """The others keep theirs."""
    bad, good = (judge(*rows(right, tags=("a",), given=given)) for right, given in ((HALF, ()), (ALL, ("a",))))
    found = compare(bad, good, precision=0.95, tolerance=0.3, tolerances={"leaf": 0.6})
    assert [each.measure for each in found if each.worse] == [each.measure for each in found if each.measure != "leaf"]


def test_only_products_that_both_were_asked_about_are_compared(judge: Judge) -> None:
    """In whichever order they come."""
    right = np.arange(40) % 4 > 0
    said = [{**row, "id": f"P{n:02}"} for n, row in enumerate(rows(right))]
    this, other = judge(*said), judge(*said[:1:-1], {"label": "A", "answer": "B", "id": "else"})
    found = compare(this, other, precision=0.95)
    assert {each.difference for each in found} == {0.0}
    assert found[0].this == round(float(right[2:].mean()), 4)


def test_too_few_questions_in_common_are_refused(judge: Judge) -> None:
    """A few answers that all happen to be better prove nothing; how many there are is said, and how to have more."""
    said = rows(np.arange(LEAST) >= 0)
    this, other = judge(*said), judge(*said[1:], {"label": "A", "answer": "A", "id": "else"})
    assert len(compare(this, this, precision=0.95)) == 6
    with pytest.raises(SourceError, match="both indexes were asked about 29 products, and a comparison needs 30 at"):
        compare(this, other, precision=0.95)


def test_precision_above_what_was_asked_for_is_no_goal(judge: Judge) -> None:
    """From 100% to 97% nothing is lost where 95% was asked for; where 99% was, it is."""
    exact, close = judge(*rows(np.arange(400) >= 0)), judge(*rows(np.arange(400) % 33 > 0))

    def said(precision: float) -> list[bool]:
        return [each.worse for each in compare(close, exact, precision=precision) if each.measure == "precision"]

    assert (said(0.95), said(0.99)) == ([False], [True])


def test_precision_is_compared_only_where_both_decide(judge: Judge) -> None:
    """An index that decides nothing is worse by what it decides, not by a precision that it does not have."""
    good = np.arange(60) >= 0
    this, other = judge(*rows(good, kind="suggest")), judge(*rows(good))
    assert worse(this, other) == ["automatic"]
