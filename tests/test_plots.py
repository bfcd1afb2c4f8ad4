"""service/evaluation/plots.py: what is drawn of which figures, and that no text of a product is more than text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import pytest

from service.evaluation import plots as drawing
from service.evaluation.figures import Setting, figures
from service.evaluation.judged import Judged
from service.evaluation.methods import Evaluated
from service.evaluation.plots import BRANCHES, QUIET, WRONG, escape, plots

Judge = Callable[..., Judged]

HOSTILE = '</script><script>alert("1")</script> & 24" <b>screen</b>'
SHOWN = '&lt;/script&gt;&lt;script&gt;alert("1")&lt;/script&gt; &amp; 24" &lt;b&gt;screen&lt;/b&gt;'


SHELF = 'Home > <script src="alert(1)" & 24"'
"""A category's name has no `>`, for paths are written with it."""


def said(judge: Judge, *rows: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of products by hand, which lie on a circle."""
    placed = [{"vector": (1.0, number)} | row for number, row in enumerate(rows)]
    judged = judge(*placed)
    evaluated = Evaluated(judged, "by hand", len(judged), {}, "S")
    return figures(evaluated, Setting("index/shop", "S", "hashing:64", 0.95, "auto"))


@pytest.fixture(scope="module")
def shop(judge: Judge) -> dict[str, Any]:
    """Return the figures of six products, with every text as bad as it can be."""
    tags = {"tags": (HOSTILE, "blue"), "given": (HOSTILE,)}
    right = {"label": SHELF, "answer": SHELF, "title": HOSTILE, "likely": 0.9, **tags}
    wrong = {"label": "Home > Cups", "answer": SHELF, "title": HOSTILE, "likely": 0.6, "id": HOSTILE}
    return said(judge, *[right] * 4, wrong, {"label": "Pets", "answer": "Pets", "likely": 0.99})


def test_there_is_a_plot_of_everything_that_there_are_figures_of(shop: dict[str, Any], judge: Judge) -> None:
    """Without tags, confusion or a map there is none of these."""
    assert list(plots(shop)) == ["reliability", "coverage", "categories", "siblings", "tags", "plane"]
    few = said(judge, {"label": "Pets", "answer": "Pets"})
    assert list(plots(few)) == ["reliability", "coverage", "categories"]


def test_a_product_s_text_ends_no_script(shop: dict[str, Any]) -> None:
    """The only scripts are those that draw."""
    for name, html in plots(shop).items():
        assert len(re.findall("<script", html)) == len(re.findall("</script", html)) == 1, name


def test_every_text_that_plotly_reads_for_tags_is_escaped(shop: dict[str, Any]) -> None:
    """Names, hover texts, axes and menus show `<` as it is written, and quotes too."""
    for draw in (drawing.categories, drawing.siblings, drawing.tags, drawing.plane):
        figure = draw(shop)
        assert figure is not None
        shown = json.dumps(figure.to_plotly_json(), default=str, ensure_ascii=False)
        assert "<script" not in shown, draw.__name__
        assert "alert(" in shown, draw.__name__


def test_quotes_are_no_entities() -> None:
    """Plotly would show those as they are: it knows &lt;, &gt; and &amp;."""
    assert escape(HOSTILE) == SHOWN


def test_reliability_draws_the_bins_with_their_intervals(shop: dict[str, Any]) -> None:
    """Share right by mean probability; bars reach from the low to the high bound."""
    drawn = drawing.reliability(shop).data[1]
    bins = shop["calibration"]["bins"]
    assert list(drawn.x) == [each["probability"] for each in bins]
    assert list(drawn.y) == [each["right"] for each in bins]
    high = [up + right for up, right in zip(drawn.error_y.array, drawn.y, strict=True)]
    low = [right - down for down, right in zip(drawn.error_y.arrayminus, drawn.y, strict=True)]
    assert high == pytest.approx([each["high"] for each in bins])
    assert low == pytest.approx([each["low"] for each in bins])


def test_coverage_draws_the_curve_and_what_the_dial_reaches(shop: dict[str, Any]) -> None:
    """A precision at which nothing is answered has no place on the plot."""
    curve, dial = drawing.coverage(shop).data
    assert list(curve.y) == [each["precision"] for each in shop["curve"]]
    assert list(dial.text) == ["0.8", "0.9", "0.95", "0.98", "0.99"]
    nothing = shop | {"dial": [each | {"precision": None} for each in shop["dial"]]}
    assert list(drawing.coverage(nothing).data[1].text) == []


def test_confusion_is_drawn_as_shares_of_the_label_with_its_counts(judge: Judge) -> None:
    """Rows are labels, columns answers; the menu has the branch with most errors first."""
    rows = [{"label": "A > B", "answer": "A > C"}] * 3 + [{"label": "A > B", "answer": "A > B"}] * 1
    figure = drawing.siblings(said(judge, *rows, {"label": "D", "answer": "A > B"}))
    assert figure is not None
    first, second = figure.data
    assert (list(first.x), list(first.y)) == (["B", "C"], ["B", "C"])
    assert [list(row) for row in first.z] == [[0.25, 0.75], [0, 0]]
    assert [list(row) for row in first.text] == [["1", "3"], ["", ""]]
    assert (first.visible, second.visible) == (True, False)
    labels = [button.label for button in figure.layout.updatemenus[0].buttons]
    assert labels == ["A: 3 wrong", "all top categories: 1 wrong"]


def test_cousins_of_one_name_are_rows_of_their_own(judge: Judge) -> None:
    """Long names that are cut to the same are told apart by what nobody sees."""
    long = "x" * 40
    figure = drawing.siblings(said(judge, {"label": f"A > {long}1", "answer": f"A > {long}2"}))
    assert figure is not None
    one, other = figure.data[0].x
    assert one != other
    assert one.rstrip("\u200b") == other.rstrip("\u200b") == "x" * 31 + "…"


def colours(figure: go.Figure) -> dict[str, str]:
    """Return the colour of each trace by its name."""
    return {trace.name: trace.marker.color for trace in figure.data}


def test_the_map_is_coloured_by_branch_and_by_error(judge: Judge) -> None:
    """The commonest branches have colours of their own; what is right steps back behind what is wrong."""
    rows = [{"label": f"B{number % 13:02}", "answer": "B00"} for number in range(26)]
    figure = drawing.plane(said(judge, *rows))
    assert figure is not None
    found = colours(figure)
    assert len(figure.data) == BRANCHES + 3
    assert (found["others"], found["right"], found["wrong"]) == (QUIET, QUIET, WRONG)
    assert len(set(found.values())) == BRANCHES + 2
    menu = [list(button.args[0]["visible"]) for button in figure.layout.updatemenus[0].buttons]
    assert menu == [[True] * (BRANCHES + 1) + [False] * 2, [False] * (BRANCHES + 1) + [True] * 2]
    assert sum(len(trace.x) for trace in figure.data[:-2]) == 26


def test_a_branch_that_has_nearly_everything_is_parted_further(judge: Judge) -> None:
    """Nine of ten in one department: the colours are those of the level below."""
    rows = [{"label": f"Home > B{number % 3}", "answer": "Pets"} for number in range(9)]
    figure = drawing.plane(said(judge, *rows, {"label": "Pets", "answer": "Pets"}))
    assert figure is not None
    assert set(colours(figure)) == {"B0", "B1", "B2", "Pets", "right", "wrong"}
