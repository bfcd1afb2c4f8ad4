"""service/evaluation/measures.py: each measure by hand or by another's implementation, and intervals by resampling."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import f1_score

from service.evaluation.judged import Judged
from service.evaluation.measures import LEVEL, MEASURES, Outcomes, figures_of, macro_f1, measured, resampled

Judge = Callable[..., Judged]

SHELF = "Home > Kitchen > {}"
PAN, CUP, JUG, LEAD = (SHELF.format("Pans"), SHELF.format("Cups"), SHELF.format("Jugs"), "Pets > Leads")


@pytest.fixture
def four(judge: Judge) -> Judged:
    """Return four products: right, taken for a sibling, taken for another department, and not answered."""
    return judge(
        {"label": PAN, "answer": PAN, "likely": 0.9, "tags": ("Steel", "flat"), "given": ("steel", "round")},
        {"label": CUP, "answer": JUG, "likely": 0.75, "decided": "Home > Kitchen", "tags": ("clay",)},
        {"label": PAN, "answer": LEAD, "likely": 0.5, "kind": "suggest", "given": ("dog",)},
        {"label": CUP, "answer": "", "likely": 0.0, "kind": "abstain"},
    )


def taken(judged: Judged) -> dict[str, float]:
    """Return every measure of all products, each counting once."""
    some = Outcomes.of(judged, {})
    return {name: round(measure(some, np.ones(len(some))), 6) for name, measure in MEASURES.items()}


def test_every_measure_is_what_it_comes_to_by_hand(four: Judged) -> None:
    """Of pans 1 of 2 is found and nothing else taken for one: F1 2/3; cups, jugs and leads have 0.

    Paths share 3 + 2 + 0 + 0 categories, of 3 + 3 + 2 + 0 answered and 4 x 3 labelled. The second is `auto`, and right
    as far as it goes. Of the tags that the first two carry, 1 of 3 is given, beside 1 that is wrong.
    """
    assert taken(four) == {
        "leaf": 0.25,
        "macro_f1": round(2 / 3 / 4, 6),
        "hierarchical_f1": 0.5,
        "automatic": 0.5,
        "precision": 1.0,
        "certainty": round(1 - (0.1**2 + 0.75**2 + 0.5**2 + 0) / 4, 6),
        "tags_f1": 0.4,
    }


def test_an_answer_that_stops_beside_the_label_is_no_precision(judge: Judge) -> None:
    """`auto` is right at or above the label's category, never below it or elsewhere."""
    kitchen = "Home > Kitchen"
    decided = (kitchen, PAN, JUG)
    rows = [
        {"label": label, "answer": PAN, "decided": node}
        for label, node in zip((PAN, kitchen, PAN), decided, strict=True)
    ]
    assert taken(judge(*rows))["precision"] == round(1 / 3, 6)


def test_products_without_a_category_are_left_out(judge: Judge) -> None:
    """They are neither right nor wrong."""
    known = {"label": PAN, "answer": PAN}
    assert taken(judge(known, {"label": "", "answer": CUP})) == taken(judge(known, {**known, "id": "J009"}))


def test_macro_f1_is_that_of_scikit_learn() -> None:
    """With categories that are only labels or only answers, and answers that are missing, which are of none."""
    rng = np.random.default_rng(7)
    truth = rng.integers(0, 12, 400)
    said = np.where(rng.random(400) < 0.5, truth, rng.integers(3, 15, 400))
    said[rng.random(400) < 0.1] = -1
    zeros = np.zeros(400)
    some = Outcomes(truth, said, (truth == said).astype(np.float64), *[zeros] * 9)
    occurring = np.union1d(truth, said[said >= 0])
    expected = f1_score(truth, said, labels=occurring, average="macro", zero_division=0)
    assert macro_f1(some, np.ones(400)) == pytest.approx(expected, abs=1e-12)


def test_there_is_no_precision_of_no_answers_and_no_f1_of_no_tags(four: Judged, judge: Judge) -> None:
    """A measure of nothing is left out, where 0 would look like a fault."""
    some = Outcomes.of(judge({"label": PAN, "answer": PAN, "kind": "suggest", "given": ("steel",)}), {})
    assert measured(Outcomes.of(four, {})) == list(MEASURES)
    assert measured(some) == ["leaf", "macro_f1", "hierarchical_f1", "automatic", "certainty"]
    assert list(figures_of(some)) == measured(some)


def test_a_weight_is_how_often_a_product_counts(four: Judged) -> None:
    """Measured with weights is measured over a list in which each stands as often; the scale of weights is nothing."""
    weight = np.array([2, 1, 0, 3])
    some, expected = Outcomes.of(four, {}), taken(four[np.repeat(np.arange(4), weight)])
    for scale in (1.0, 0.01):
        found = {name: round(measure(some, scale * weight), 6) for name, measure in MEASURES.items()}
        assert found == expected


def test_every_sample_weighs_all_products(four: Judged) -> None:
    """By exponential draws, which equal seeds repeat; so no category is ever missing, as a rare one often would be."""
    some, rng = Outcomes.of(four, {}), np.random.default_rng(3)
    found = resampled(some, times=3, seed=3)
    for time in range(3):
        weight = rng.exponential(size=4)
        expected = {name: measure(some, weight) for name, measure in MEASURES.items()}
        assert {name: values[time] for name, values in found.items()} == expected


def test_macro_f1_lies_inside_its_interval_where_categories_are_rare(judge: Judge) -> None:
    """Of sixty categories with one product each, a third right; drawn with replacement, 22 would always be missing."""
    said = [{"label": f"C{n:02}", "answer": f"C{n:02}" if n < 20 else f"C{(n + 1) % 60:02}"} for n in range(60)]
    figure = figures_of(Outcomes.of(judge(*said), {}))["macro_f1"]
    assert figure.low < figure.value < figure.high


def test_an_interval_is_made_of_the_quantiles_of_its_samples(four: Judged) -> None:
    """All but LEVEL of the samples lie inside."""
    some = Outcomes.of(four, {})
    samples = resampled(some, seed=0)["hierarchical_f1"]
    figure = figures_of(some)["hierarchical_f1"]
    assert figure.value == 0.5
    assert [figure.low, figure.high] == np.round(np.quantile(samples, (LEVEL / 2, 1 - LEVEL / 2)), 4).tolist()


def test_categories_of_two_trees_are_the_same_when_their_paths_are(judge: Judge) -> None:
    """Whatever their positions and their capitals, as long as the names are kept together."""
    names: dict[str, int] = {}
    one = Outcomes.of(judge({"label": PAN, "answer": CUP}), names)
    other = Outcomes.of(judge({"label": CUP.upper(), "answer": PAN.lower()}), names)
    assert (one.truth.tolist(), one.said.tolist()) == (other.said.tolist(), other.truth.tolist())
