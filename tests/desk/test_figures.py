"""The page *Figures*: how answers were received, drawn and as tables, of a time to choose, and as CSV."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.desk.conftest import refusing

Look = Callable[[Page, str], None]
FIGURES = re.compile("/v1/predictions:figures")
TODAY = datetime.now(UTC).date()


def rates(value: str, accept: int = 0, correct: int = 0, **others: int) -> dict[str, Any]:
    """Return what is told of one value of a group; its interval is a made-up one."""
    actions = dict.fromkeys(("accept", "correct", "coarser", "finer", "tags", "skip", "unsure"), 0)
    actions |= {"accept": accept, "correct": correct, **others}
    many = sum(actions[name] for name in ("accept", "correct", "coarser", "finer"))
    share = accept / many if many else None
    return {
        "value": value,
        "decided": many,
        "actions": actions,
        "acceptance": share,
        "override": None if share is None else round(1 - share, 6),
        "interval": [max(0, share - 0.1), min(1, share + 0.05)] if share is not None else [0, 1],
    }


def figures() -> dict[str, Any]:
    """Return figures of three weeks, with names that are long, that are formulas, and that are none."""
    long = "Home & Garden > Outdoor Living > " + " > ".join(["Furniture, cushions and accessories"] * 3)
    return {
        "kept": 1234,
        "undecided": 900,
        "lost": 3,
        "total": rates("", 240, 40, coarser=9, finer=6),
        "abstained": rates("", 0, 12, skip=4),
        "sample": {
            "share": 0.02,
            "sampled": 61,
            "decided": 50,
            "right": 48,
            "precision": 0.96,
            "interval": [0.865, 0.989],
        },
        "category": [rates(long, 90, 10), *(rates(f"Kitchen > Shelf {n}", 40 - 2 * n, n) for n in range(15))],
        "confidence": [
            *(rates("0 to 0.5", 3, 9), rates("0.6 to 0.7", 12, 8), rates("0.9 to 0.95", 45, 3)),
            *(rates("0.95 to 0.99", 70, 2), rates("0.99 to 1", 110, 1)),
        ],
        "supplier": [rates("=ACME", 120, 20), rates("<b>bold</b>", 60, 10), rates("", 60, 10)],
        "day": [rates(str(TODAY - timedelta(days=n)), 20 - n, n % 4) for n in range(20) if n != 5],
    }


@pytest.fixture
def asked(page: Page) -> list[str]:
    """Let the page have figures, and return what will hold the addresses that it asks."""
    found: list[str] = []

    def told(route: Route) -> None:
        found.append(route.request.url)
        route.fulfill(json=figures())

    page.route(FIGURES, told)
    page.goto("/figures")
    expect(page.get_by_role("region", name="In all")).to_contain_text("81.4%")
    return found


def test_figures_are_drawn_and_stand_in_tables(page: Page, asked: list[str], looked_over: Look) -> None:
    """Days with their numbers, classes of confidence, categories and suppliers; what a supplier writes is text."""
    assert len(asked) == 1
    whole = page.get_by_role("region", name="In all")
    expect(whole).to_contain_text("55 of 295 decided")
    expect(whole).to_contain_text("12 correct and 4 skip")
    expect(page.get_by_role("region", name="Sure answers, by a sample")).to_contain_text("86.5% to 98.9%, with 95%")
    expect(page.get_by_role("img", name="96% right, between 86.5% to 98.9%")).to_be_visible()
    days = page.get_by_role("region", name="By day")
    assert days.locator("svg .accepted").count() == days.locator("svg .overruled").count() == 19
    heights = days.locator("svg .accepted").evaluate_all("all => all.map((each) => each.height.baseVal.value)")
    assert max(heights) == heights[-1]
    days.get_by_text("As a table").click()
    expect(days.get_by_role("row")).to_have_count(13)
    confidence = page.get_by_role("region", name="By confidence")
    assert confidence.locator("svg .whisker").count() == 5
    confidence.get_by_text("As a table").click()
    expect(confidence.get_by_role("row", name="99% to 100%")).to_contain_text("111")
    categories = page.get_by_role("region", name="By category")
    expect(categories.get_by_role("row")).to_have_count(13)
    looked_over(page, "figures")
    categories.get_by_role("button", name="Show all 16").click()
    expect(categories.get_by_role("row")).to_have_count(17)
    suppliers = page.get_by_role("region", name="By supplier")
    expect(suppliers.get_by_role("row", name="<b>bold</b>")).to_be_visible()
    expect(suppliers.get_by_role("row", name="none named")).to_be_visible()


def test_a_time_and_a_supplier_are_chosen(page: Page, asked: list[str]) -> None:
    """The days of it are those of UTC, its last day is in it; all filters are taken back."""
    month = TODAY - timedelta(days=29)
    assert f"since={month}T00%3A00%3A00.000Z" in asked[-1]
    page.get_by_label("Answered in").select_option("all the time that is kept")
    expect(page.locator("#figures:not([aria-busy])")).to_be_visible()
    assert "since" not in asked[-1]
    page.get_by_label("Answered in").select_option("days to choose")
    page.get_by_label("From").fill("2026-02-01")
    page.get_by_label("to", exact=True).fill("2026-02-28")
    page.get_by_role("textbox", name="Supplier").fill("ACME")
    page.locator("#decision").select_option("sure")
    page.wait_for_timeout(600)
    for each in ("since=2026-02-01T00", "until=2026-03-01T00", "supplier=ACME", "decision=auto"):
        assert each in asked[-1]
    page.get_by_role("button", name="No filters").click()
    page.wait_for_timeout(200)
    assert asked[-1] == asked[0]
    expect(page.get_by_label("From")).to_be_hidden()


def test_all_of_it_is_exported(page: Page, asked: list[str], tmp_path: Any) -> None:
    """A row for each value of each group, and no cell is a formula to a spreadsheet."""
    assert asked
    with page.expect_download() as download:
        page.get_by_role("button", name="Export CSV").click()
    download.value.save_as(tmp_path / "figures.csv")
    with (tmp_path / "figures.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert download.value.suggested_filename == "figures.csv"
    assert [row["group"] for row in rows[:3]] == ["all", "named no category", "sample of sure answers"]
    assert (rows[0]["decided"], rows[0]["accept"], rows[0]["coarser"]) == ("295", "240", "9")
    assert (rows[2]["decided"], rows[2]["acceptance"], rows[2]["low"]) == ("50", "0.96", "0.865")
    assert [row["value"] for row in rows if row["group"] == "supplier"] == ["'=ACME", "<b>bold</b>", ""]
    assert len(rows) == 3 + 16 + 5 + 3 + 19


def test_nothing_and_refusals_are_told(page: Page, looked_over: Look) -> None:
    """No answer, no decision, and what to do when the service does not answer."""
    nothing = {**figures(), "kept": 0}
    page.route(FIGURES, lambda route: route.fulfill(json=nothing))
    page.goto("/figures")
    expect(page.get_by_text("No answer was kept in this time")).to_be_visible()
    expect(page.get_by_role("button", name="Export CSV")).to_be_disabled()
    none = {**figures(), "total": rates(""), "abstained": rates(""), "lost": 0}
    none |= {name: [] for name in ("category", "confidence", "supplier", "day")}
    none["sample"] = {"share": 0.02, "sampled": 3, "decided": 0, "right": 0, "precision": None, "interval": [0, 1]}
    page.unroute(FIGURES)
    page.route(FIGURES, lambda route: route.fulfill(json=none))
    page.reload()
    expect(page.get_by_text("Not known yet")).to_be_visible()
    expect(page.get_by_role("region", name="By day")).to_contain_text("Nobody has decided about these answers yet")
    looked_over(page, "figures-none")
    page.unroute(FIGURES)
    refusing(page, "**/v1/predictions:figures*", {"status": 503, "detail": "the index is not open yet; try again"})
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("Try again.")


def test_what_people_decide_is_on_the_page(page: Page, address: str) -> None:
    """From the service itself: one accepted answer of today."""
    answer = page.request.post(f"{address}/v1/categorize", data={"id": "fig-1", "title": "mug stoneware handle coffee"})
    prediction = answer.json()["prediction_id"]
    page.request.post(f"{address}/v1/predictions/{prediction}/decision", data={"decision": "accept", "author": "Ann"})
    page.goto("/figures")
    expect(page.get_by_role("region", name="In all")).to_contain_text("100%")
    expect(page.get_by_role("region", name="By category").get_by_role("row", name="Kitchen > Mugs")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("1 day"))).to_be_visible()
    assert page.request.delete(f"{address}/v1/products/fig-1").ok
