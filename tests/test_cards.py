"""One answer as people read it."""

from __future__ import annotations

from dataclasses import replace

import click

from indexer.product import Product
from indexer.sources import Problem, Row
from service.answer import Answer, Candidate, Duplicate, Level, Neighbour, TagScore, TaxonomyVersion
from service.console.cards import card

ROW = Row(2, "A1", {}, Product("A1", title="Stoneware\nmug"))
CUPS, PANS = "Home > Kitchen > Cups", "Home > Kitchen > Pans"
ANSWER = Answer(
    product_id="A1",
    prediction_id="p",
    decision="suggest",
    reason="0.75 of the vote agree, 0.90 would be sure",
    category=Candidate("k", "Home > Kitchen", 0.75),
    levels=(Level("Home", 0.8), Level("Kitchen", 0.75), Level("Cups", 0.5)),
    alternatives=(Candidate("c", CUPS, 0.5), Candidate("p", PANS, 0.25), Candidate("s", "Sports", 0.2)),
    tags=(TagScore("stoneware", 0.5, "both"), TagScore("gift", 0.4, "neighbours")),
    neighbours=(Neighbour("mug", "Big mug", CUPS, 0.96, 0.5), Neighbour("x", "Thing", "", 0.9, 0.0)),
    duplicates=(Duplicate("mug", 0.96, "same product", 0.91, ("titles overlap 0.96", "same brand")),),
    used={"text": True},
    language="en",
    snapshot="s",
    taxonomy=TaxonomyVersion(1, "v"),
    model="m",
)


def test_a_card_shows_the_answer_and_what_it_rests_on() -> None:
    """The decided path with its levels, the best leaves, tags, neighbours with their weight, duplicates."""
    assert click.unstyle(card(1, ROW, ANSWER)).splitlines() == [
        "1  A1  Stoneware mug",
        "   suggest     Home 0.80 > Kitchen 0.75",
        "   leaves      0.50  Home > Kitchen > Cups",
        "               0.25  Home > Kitchen > Pans",
        "               0.20  Sports",
        "   tags        stoneware 0.50, gift 0.40",
        "   neighbours  similarity  weight  id   category               title",
        "               0.960       0.500   mug  Home > Kitchen > Cups  Big mug",
        "               0.900       0.000   x    -                      Thing",
        "   duplicates  mug same product 0.91 (titles overlap 0.96, same brand)",
    ]


def test_who_abstains_says_why() -> None:
    """Without a decision there is no path, and lists that are empty have a dash."""
    answer = replace(ANSWER, decision="abstain", category=None, tags=(), duplicates=(), reason="the vote is divided")
    lines = click.unstyle(card(1, ROW, answer)).splitlines()
    assert (lines[1], lines[5], lines[-1]) == (
        "   abstain     the vote is divided",
        "   tags        -",
        "   duplicates  -",
    )


def test_a_row_that_cannot_be_asked_about_has_its_reason() -> None:
    """The card of a bad row is its problem."""
    row = Row(3, "", {}, problem=Problem("no_content", "neither text nor image"))
    assert click.unstyle(card(2, row, "neither text nor image")).splitlines() == [
        "2",
        "   problem     neither text nor image",
    ]


def test_long_lines_are_cut_to_the_terminal() -> None:
    """Each line fits; where it was cut there are dots."""
    row = replace(ROW, product=Product("A1", title="mug " * 40))
    lines = click.unstyle(card(1, row, ANSWER, width=40)).splitlines()
    assert max(map(len, lines)) == 40
    assert lines[0] == "1  A1  mug mug mug mug mug mug mug mug …"
