"""service/evaluation/figures.py: everything that a report says, worked by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import pytest

from service.evaluation.figures import BINS, CURVE, ERRORS, MAPPED, Setting, compared, figures, wilson
from service.evaluation.gate import compare
from service.evaluation.judged import DIAL, Judged
from service.evaluation.methods import Evaluated

Judge = Callable[..., Judged]

PAN, CUP, JUG, LEAD = "Home > Kitchen > Pans", "Home > Kitchen > Cups", "Home > Kitchen > Jugs", "Pets > Leads"
SETTING = Setting("index/shop", "20300102T030405000Z-0123abcd", "hashing:64", 0.95, "auto")
ROWS: list[dict[str, Any]] = [
    {"label": PAN, "answer": PAN, "likely": 0.97, "tags": ("Steel", "flat"), "given": ("steel", "round")},
    {"label": PAN, "answer": PAN, "likely": 0.9, "tags": ("steel",), "given": ("steel",)},
    {"label": CUP, "answer": JUG, "likely": 0.96, "others": (CUP,), "decided": "Home > Kitchen"},
    {"label": CUP, "answer": JUG, "likely": 0.6, "others": (PAN, CUP), "kind": "suggest", "given": ("steel",)},
    {"label": LEAD, "answer": PAN, "likely": 0.85, "tags": ("dog",), "title": "A lead"},
    {"label": JUG, "answer": "", "likely": 0.0, "kind": "abstain", "taught": False},
]


def of(judged: Judged) -> dict[str, Any]:
    """Return the figures of products that were all that there was to ask about."""
    return figures(Evaluated(judged, "by hand", len(judged), {}, SETTING.snapshot), SETTING)


@pytest.fixture(scope="module")
def said(judge: Judge) -> dict[str, Any]:
    """Return the figures of ROWS."""
    return of(judge(*ROWS))


def test_the_figures_say_what_was_asked_and_how(judge: Judge) -> None:
    """Of what index, by which method, how many, and why not the others."""
    evaluated = Evaluated(judge(*ROWS), "by hand", 9, {"not sampled": 3}, SETTING.snapshot)
    found = figures(evaluated, SETTING)
    assert found["setting"] == {
        "index": "index/shop",
        "snapshot": "20300102T030405000Z-0123abcd",
        "encoder": "hashing:64",
        "precision": 0.95,
        "policy": "auto",
    }
    assert (found["method"], found["read"], found["asked"], found["left"]) == ("by hand", 9, 6, {"not sampled": 3})
    assert found["interval"] == 0.95
    assert {name: each["value"] for name, each in found["measures"].items()} == {
        "leaf": 0.3333,
        "macro_f1": round((2 * 2 / 5 + 0 + 0 + 0) / 4, 4),
        "hierarchical_f1": round(2 * (3 + 3 + 2 + 2) / (17 + 15), 4),
        "automatic": 0.5,
        "precision": 0.75,
        "certainty": round(1 - (0.03**2 + 0.1**2 + 0.96**2 + 0.6**2 + 0.85**2) / 6, 4),
        "tags_f1": round(2 * 2 / (3 + 4), 4),
    }


def test_every_figure_is_json(said: dict[str, Any]) -> None:
    """What is written to a file is what was said."""
    assert orjson.loads(orjson.dumps(said)) == json.loads(json.dumps(said)) == said


def test_products_without_a_category_are_asked_for_nothing(judge: Judge) -> None:
    """And none at all is refused."""
    assert of(judge(*ROWS, {"label": "", "answer": PAN}))["asked"] == 6
    with pytest.raises(ValueError, match="no product with a category"):
        of(judge({"label": "", "answer": PAN}))


def test_the_label_is_looked_for_among_the_first_few(said: dict[str, Any]) -> None:
    """First for two of six, second for one, third for another."""
    assert said["top"] == {"1": 0.3333, "2": 0.5, "3": 0.6667, "4": 0.6667, "5": 0.6667}


def test_each_level_has_its_accuracy_and_its_error(said: dict[str, Any]) -> None:
    """Right of the labels that go so deep; |probability - right| of the answers that do, each a bin of its own."""
    errors = (0.03, 0.1, 0.04, 0.4, 0.85), (0.03, 0.1, 0.04, 0.4, 0.85), (0.03, 0.1, 0.96, 0.6, 0.85)
    assert said["levels"] == [
        {"level": 1, "products": 6, "accuracy": 0.6667, "error": round(sum(errors[0]) / 5, 4)},
        {"level": 2, "products": 6, "accuracy": 0.6667, "error": round(sum(errors[1]) / 5, 4)},
        {"level": 3, "products": 5, "accuracy": 0.4, "error": round(sum(errors[2]) / 5, 4)},
    ]


def test_a_level_that_no_label_reaches_is_none(judge: Judge) -> None:
    """A tree may go deeper than all that was asked about; where no answer goes as deep there is no error."""
    found = of(judge({"label": "A > B", "answer": "A > B > C"}))["levels"]
    assert [each["level"] for each in found] == [1, 2]
    assert of(judge({"label": "A > B", "answer": "A"}))["levels"][1]["error"] is None


def test_bins_are_of_equal_size_with_what_was_right_of_them(judge: Judge) -> None:
    """From the least sure to the surest; the interval is Wilson's."""
    rows = [{"label": PAN, "answer": PAN if n % 2 else CUP, "likely": 0.5 + n / 100} for n in range(30)]
    found = of(judge(*rows))["calibration"]["bins"]
    assert len(found) == BINS
    low, high = wilson(1, 2)
    assert found[0] == {"products": 2, "probability": 0.505, "right": 0.5, "low": round(low, 4), "high": round(high, 4)}
    assert found[-1]["probability"] == 0.785


def test_the_calibration_error_is_the_mean_gap_of_the_bins(said: dict[str, Any]) -> None:
    """Six products are six bins."""
    gaps = (0.03, 0.1, 0.96, 0.6, 0.85, 0.0)
    assert said["calibration"]["error"] == round(sum(gaps) / 6, 4)


@pytest.mark.parametrize(
    ("hits", "of_all", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (1, 1, 0.2065, 1.0), (0, 0, 0.0, 1.0)],
)
def test_wilson_s_interval_is_as_published(hits: int, of_all: int, low: float, high: float) -> None:
    """With z = 1.96; of nothing nothing is known."""
    assert np.round(wilson(hits, of_all), 4).tolist() == [low, high]


def test_the_dial_says_what_is_answered_at_a_precision_and_how_much_of_it_is_right(said: dict[str, Any]) -> None:
    """At 0.8 four are sure, one of them of a branch and one wrongly; at 0.98 none is, so there is no precision."""
    assert [each["asked"] for each in said["dial"]] == list(DIAL)
    low, high = (round(bound, 4) for bound in wilson(3, 4))
    assert said["dial"][0] == {
        "asked": 0.8,
        "coverage": 0.6667,
        "precision": 0.75,
        "low": low,
        "high": high,
        "leaf": 0.5,
    }
    assert said["dial"][2] | {"low": 0, "high": 0} == {
        "asked": 0.95,
        "coverage": 0.3333,
        "precision": 1.0,
        "low": 0,
        "high": 0,
        "leaf": 0.1667,
    }
    assert (said["dial"][3]["coverage"], said["dial"][3]["precision"]) == (0.0, None)


def test_the_curve_takes_the_surest_answers_first(said: dict[str, Any]) -> None:
    """0.97 right, 0.96 wrong, 0.9 right, then three that are wrong."""
    shares = [1.0, 0.5, 0.6667, 0.5, 0.4, 0.3333]
    likely = [0.97, 0.96, 0.9, 0.85, 0.6, 0.0]
    assert said["curve"] == [
        {"coverage": round(place / 6, 4), "precision": share, "probability": probability}
        for place, (share, probability) in enumerate(zip(shares, likely, strict=True), start=1)
    ]


def test_a_long_curve_has_its_ends_and_no_more_points_than_a_plot_needs(judge: Judge) -> None:
    """The last is the share of all that is right."""
    curve = of(judge(*({"label": PAN, "answer": PAN if n % 4 else CUP, "likely": n / 400} for n in range(400))))[
        "curve"
    ]
    assert len(curve) == CURVE
    assert (curve[0]["coverage"], curve[-1]["coverage"], curve[-1]["precision"]) == (0.0025, 1.0, 0.75)


def test_decisions_and_what_was_never_taught_are_counted(said: dict[str, Any]) -> None:
    """Shares of all products; of those whose category the index lacks, the share that it was sure of all the same."""
    assert said["decisions"] == {"auto": 0.6667, "suggest": 0.1667, "abstain": 0.1667}
    assert said["untaught"] == {"products": 1, "auto": 0.0}


def test_a_category_has_precision_recall_and_what_it_is_taken_for(said: dict[str, Any]) -> None:
    """Those with most products first; what was never answered has no precision, what was never asked no recall."""
    assert said["categories"] == [
        {"path": PAN, "products": 2, "precision": 0.6667, "recall": 1.0, "f1": 0.8, "instead": []},
        {"path": CUP, "products": 2, "precision": None, "recall": 0.0, "f1": 0.0, "instead": [[JUG, 2]]},
        {"path": JUG, "products": 1, "precision": 0.0, "recall": 0.0, "f1": 0.0, "instead": []},
        {"path": LEAD, "products": 1, "precision": None, "recall": 0.0, "f1": 0.0, "instead": [[PAN, 1]]},
    ]


def test_confusion_is_counted_among_the_children_of_the_branch_where_it_began(said: dict[str, Any]) -> None:
    """Two cups taken for jugs, one pet taken for a thing of the home; whoever went wrong above counts nowhere below."""
    assert said["siblings"] == [
        {"path": "Home > Kitchen", "errors": 2, "children": ["Cups", "Jugs"], "counts": [[0, 2], [0, 0]]},
        {"path": "", "errors": 1, "children": ["Home", "Pets"], "counts": [[4, 0], [1, 0]]},
    ]


def test_confusion_below_one_branch_adds_up(judge: Judge) -> None:
    """Off the diagonal stand the errors, on it what was right or went wrong further down; a label above is no child."""
    rows = [
        *[{"label": "A > B > C", "answer": "A > B > D"}] * 3,
        *[{"label": "A > E", "answer": "A > B > C"}] * 2,
        *[{"label": "A > B > C", "answer": "A > E"}] * 4,
        {"label": "A", "answer": "A > E"},
        {"label": "A > E", "answer": "A > E"},
    ]
    found = of(judge(*rows))["siblings"]
    assert found[0] == {"path": "A", "errors": 6, "children": ["B", "E"], "counts": [[3, 4], [2, 1]]}
    assert found[1] == {"path": "A > B", "errors": 3, "children": ["C", "D"], "counts": [[0, 3], [0, 0]]}


def test_tags_are_counted_over_the_products_that_carry_any(said: dict[str, Any]) -> None:
    """By spelling without capitals; a tag that only products without tags were given does not count."""
    assert said["tags"] == {
        "products": 3,
        "precision": 0.6667,
        "recall": 0.5,
        "each": [
            {"tag": "steel", "products": 2, "precision": 1.0, "recall": 1.0, "f1": 1.0},
            {"tag": "dog", "products": 1, "precision": None, "recall": 0.0, "f1": 0.0},
            {"tag": "flat", "products": 1, "precision": None, "recall": 0.0, "f1": 0.0},
            {"tag": "round", "products": 0, "precision": 0.0, "recall": None, "f1": 0.0},
        ],
    }


def test_without_tags_nothing_is_said_of_tags(judge: Judge) -> None:
    """Neither a table nor a measure."""
    found = of(judge({"label": PAN, "answer": PAN, "given": ("steel",)}))
    assert found["tags"] is None
    assert "tags_f1" not in found["measures"]


def test_the_surest_errors_come_first(said: dict[str, Any]) -> None:
    """What had no answer is no error to look at."""
    assert [each["id"] for each in said["errors"]] == ["J003", "J005", "J004"]
    assert said["errors"][1] == {
        "id": "J005",
        "title": "A lead",
        "label": LEAD,
        "answer": PAN,
        "probability": 0.85,
        "decision": "auto",
    }


def test_no_more_errors_are_listed_than_anybody_reads(judge: Judge) -> None:
    """The rest is in the measures."""
    assert len(of(judge(*[{"label": PAN, "answer": CUP}] * (ERRORS + 5)))["errors"]) == ERRORS


def test_the_map_has_products_of_one_index_that_lie_somewhere(judge: Judge) -> None:
    """Each with its title, label, answer and place; two clusters of the space are two clusters of the plane."""
    rng = np.random.default_rng(0)
    rows = [
        {"label": PAN, "answer": PAN, "vector": (1.0, *rng.normal(0, 0.01, 3)), "title": "pan"} for _ in range(12)
    ] + [{"label": LEAD, "answer": PAN, "vector": (*rng.normal(0, 0.01, 3), 1.0), "title": "lead"} for _ in range(12)]
    elsewhere = [
        {"label": PAN, "answer": PAN, "vector": (0.0,) * 4},
        {"label": PAN, "answer": PAN, "vector": (1.0,) * 4, "fold": 1},
    ]
    found = of(judge(*rows, *elsewhere))["map"]
    assert [each["id"] for each in found] == [f"J{n:03}" for n in range(1, 25)]
    assert (found[12]["title"], found[12]["label"], found[12]["answer"], found[12]["right"]) == (
        "lead",
        LEAD,
        PAN,
        False,
    )
    plane = np.array([(each["x"], each["y"]) for each in found])
    apart = np.linalg.norm(plane[:, None] - plane[None], axis=2)
    assert apart[:12, :12].max() < apart[:12, 12:].min()


def test_a_map_of_too_few_products_is_left_out(judge: Judge) -> None:
    """Four have no neighbourhood, and neither have products that all lie in one place."""
    rows = [row | {"vector": (1.0, number)} for number, row in enumerate(ROWS)]
    assert of(judge(*rows[:4]))["map"] == []
    assert len(of(judge(*rows[:5]))["map"]) == 5 < MAPPED
    assert of(judge(*ROWS))["map"] == []


def test_a_gate_is_told_beside_the_figures(judge: Judge, said: dict[str, Any]) -> None:
    """The other index, how many both were asked about, each comparison, and the measures that are worse."""
    judged = judge(*ROWS * 5)
    found = compared(said, SETTING, 6, compare(judged, judged, precision=0.95))
    assert {name: value for name, value in found.items() if name != "gate"} == said
    assert (found["gate"]["other"], found["gate"]["products"], found["gate"]["worse"]) == (said["setting"], 6, [])
    assert found["gate"]["comparisons"][0] == {
        "measure": "leaf",
        "this": 0.3333,
        "other": 0.3333,
        "difference": 0.0,
        "low": 0.0,
        "high": 0.0,
        "worse": False,
    }
