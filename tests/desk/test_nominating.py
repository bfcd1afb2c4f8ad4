"""From a lasso on *Map*, and from *Wrong shelf*, to *Review*: what people want looked at is there first, and alone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from service.settings import ServiceSettings
from tests.desk.conftest import served
from tests.desk.test_map import audited, frame
from tests.desk.test_review import ask, questions, title
from tests.doubtful import MISFILED, MUGS

Look = Callable[[Page, str], None]
MANY = """() => import("/static/selection.js").then(({ selectionIn }) => {
    const item = (point) => ({ point, id: `x${point}`, title: "", path: "", doubt: 0 });
    const asked = async (points) => points.map(item);
    return selectionIn(document.getElementById("list"), { asked, doubt: () => 0 })([...Array(501).keys()], "");
})"""
"""Lists one product more than a nomination takes."""


@pytest.fixture
def address(doubtful: Path, tmp_path: Path) -> Iterator[str]:
    """Yield the address of a service of its own."""
    index = Path(shutil.copytree(doubtful, tmp_path / "index"))
    with served(ServiceSettings(index=index, upkeep=False)) as address:
        yield address


@pytest.fixture
def drawn(page: Page) -> Page:
    """Return the page *Map* before Ann, after products were asked about that are hard to place."""
    ask(page, questions())
    page.goto("/map")
    expect(page.locator("#legend li").first).to_be_visible(timeout=60_000)
    page.get_by_label("Your name").fill("Ann")
    page.keyboard.press("Tab")
    return page


def caught(page: Page, corners: list[tuple[float, float]]) -> list[str]:
    """Draw a lasso; return the titles of what it caught."""
    box = frame(page)
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in corners]
    page.get_by_role("button", name="Lasso").click()
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=3)
    page.mouse.up()
    expect(page.locator("#list b")).to_be_visible()
    return [str(each.evaluate("li => li.firstChild.textContent")) for each in page.locator("#list ol li").all()]


def waiting(page: Page, reviewer: str, **wanted: Any) -> list[dict[str, Any]]:
    """Return what somebody would be given, and give it back."""
    body = {"reviewer": reviewer, "limit": 20, **wanted}
    found: list[dict[str, Any]] = page.request.post("/v1/review:next", data=body).json()["items"]
    for each in found:
        page.request.post(f"/v1/review/{each['prediction']['id']}:release", data={"reviewer": reviewer})
    return found


def pruners(page: Page) -> list[str]:
    """Catch all pruners; return their titles."""
    page.get_by_role("combobox", name="Only").fill("pruners")
    expect(page.locator(".options li")).to_have_count(1)
    page.keyboard.press("Enter")
    return caught(page, [(0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99)])


def test_a_lasso_fills_the_review_queue(drawn: Page, looked_over: Look) -> None:
    """With a reason; the link shows these alone, others have them first, and a decision changes the stored product."""
    titles = pruners(drawn)
    assert len(titles) == 20
    reason = drawn.get_by_label("Why people should look at them")
    expect(reason).to_have_value("lasso on the map")
    reason.fill("are these garden tools?")
    looked_over(drawn, "map-lasso")
    drawn.get_by_role("button", name="Put into the review queue").click()
    expect(drawn.locator("#list .note")).to_contain_text("20 products wait on Review, before all else.")
    expect(drawn.locator("#list .note a")).to_be_focused()
    looked_over(drawn, "map-put")
    others = waiting(drawn, "Bob")
    assert {each["why"] for each in others} == {"nominated"}
    assert sorted(each["stored"]["title"] for each in others) == sorted(titles)
    drawn.keyboard.press("Enter")
    page = drawn
    expect(page).to_have_url(re.compile(r"/review\?nomination=\d+$"))
    expect(page.locator("#only")).to_contain_text(
        "Only what Ann put here just now, 20 products: are these garden tools?"
    )
    expect(page.get_by_role("article")).to_be_visible()
    expect(page.locator(".wanted")).to_contain_text("Ann put it here just now: are these garden tools?")
    expect(page.locator(".kept")).to_contain_text("Pruners")
    looked_over(page, "review-nominated")
    seen = set()
    for _ in range(20):
        expect(page.get_by_role("article")).to_be_visible()
        seen.add(title(page))
        with page.expect_response(re.compile("/decision$")) as decided:
            page.keyboard.press("k")
        assert decided.value.ok, decided.value.text()
    assert seen == set(titles)
    expect(page.get_by_text("Nothing of it waits")).to_be_visible()
    product = page.request.get("/v1/products/pruner-Arbel-alba").json()
    assert (product["category"], product["provenance"]) == ("Garden > Pruners", "human")
    page.keyboard.press("u")
    expect(page.locator(".wanted")).to_be_visible()
    page.get_by_role("button", name="All that waits").click()
    expect(page).to_have_url(re.compile("/review$"))
    expect(page.locator("#only")).to_be_hidden()
    expect(page.locator("#coming li")).to_have_count(4)


def test_what_was_put_there_is_taken_back(drawn: Page) -> None:
    """From the notice, where it was done, and from the page *Review*; what waits otherwise stays."""
    before = len(waiting(drawn, "Bob"))
    pruners(drawn)
    drawn.get_by_role("button", name="Put into the review queue").click()
    expect(drawn.get_by_role("region", name="Done lately")).to_contain_text("20 products wait on Review")
    drawn.get_by_role("button", name="Undo").click()
    expect(drawn.get_by_role("button", name="Put into the review queue")).to_be_visible()
    assert len(waiting(drawn, "Bob")) == before
    drawn.get_by_role("button", name="Put into the review queue").click()
    drawn.locator("#list").get_by_role("link", name="Look at them").click()
    expect(drawn.get_by_role("article")).to_be_visible()
    drawn.get_by_role("button", name="Take it back").click()
    expect(drawn).to_have_url(re.compile("/review$"))
    expect(drawn.get_by_role("region", name="Done lately")).to_contain_text("waits no more")
    expect(drawn.get_by_role("article")).to_be_visible()
    drawn.wait_for_load_state("networkidle")
    drawn.goto("/taxonomy")
    drawn.wait_for_load_state("networkidle")
    assert len(waiting(drawn, "Bob")) == before


def test_products_are_put_there_without_a_mouse(drawn: Page) -> None:
    """By the colours and by what is in view; too many are refused with what to do."""
    drawn.locator("#legend").get_by_role("button", name="no category").press("Enter")
    drawn.get_by_role("button", name="Put into the review queue").press("Enter")
    expect(drawn.locator("#list .note a")).to_be_focused()
    (item, *_) = waiting(drawn, "Bob", queue="nominated")
    assert (item["stored"]["category"], item["nominations"][0]["reason"]) == ("", "no category")
    drawn.keyboard.press("Enter")
    expect(drawn.locator("#case")).to_contain_text("It is stored without a category.")
    drawn.goto("/map")
    drawn.evaluate(MANY)
    expect(drawn.get_by_role("button", name="Put into the review queue")).to_be_disabled()
    expect(drawn.locator("#limit")).to_have_text("500 at most in one go: zoom in, or keep the map to a category.")


def test_a_doubted_label_is_left_to_review(page: Page) -> None:
    """By a key on *Wrong shelf*; there the label that it has stands beside what its neighbours say."""
    audited(page)
    page.goto("/audit")
    card = page.get_by_role("article").first
    expect(card).to_be_visible()
    card.focus()
    card.press("p")
    done = page.get_by_role("region", name="Done lately")
    expect(done).to_contain_text("1 product waits on Review")
    done.get_by_role("link", name="Look at them").click()
    expect(page.get_by_text("Who looks?")).to_be_visible()
    page.get_by_label("Your name").fill("Ann")
    page.keyboard.press("Enter")
    expect(page.locator(".wanted")).to_contain_text("Somebody put it here just now: doubted label, perhaps ")
    (item, *_) = page.request.post("/v1/review:next", data={"reviewer": "Ann"}).json()["items"]
    expect(page.locator(".kept")).to_contain_text(item["stored"]["category"].split(" > ")[-1])
    if item["stored"]["id"] in MISFILED:
        assert item["stored"]["category"] == MUGS
