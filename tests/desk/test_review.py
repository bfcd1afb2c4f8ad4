"""The page *Review*: doubtful answers decided about by one key each, visible to the very next question."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest
from playwright.sync_api import Page, expect

from service.settings import ServiceSettings
from tests.desk.conftest import refusing, served
from tests.doubtful import MUGS, PRUNERS

Look = Callable[[Page, str], None]
MANY = 20
DECISION_MS = 50
SENT = """() => performance.getEntriesByType("resource").filter((each) => each.name.endsWith("/decision"))
    .map((each) => each.responseEnd - each.requestStart)"""


@pytest.fixture(scope="module")
def address(doubtful: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a service of its own: what is decided here changes the catalogue."""
    index = Path(shutil.copytree(doubtful, tmp_path_factory.mktemp("review") / "index"))
    with served(ServiceSettings(index=index, reach_seconds=60, upkeep=False)) as address:
        yield address


def ask(page: Page, address: str, product_id: str, title: str) -> str:
    """Ask where a product belongs so that it is doubtful; return the likeliest category."""
    product = {"id": product_id, "title": title, "facts": {"supplier": "ACME"}} if product_id else {"title": title}
    told = page.request.post(f"{address}/v1/categorize?precision=0.9999", data=product).json()
    assert told["decision"] != "auto"
    return str(told["alternatives"][0]["path"])


def stored(page: Page, address: str, product_id: str) -> str | None:
    """Return the category of a stored product, None where it is not stored."""
    answer = page.request.get(f"{address}/v1/products/{product_id}")
    return str(answer.json()["category"]) if answer.ok else None


def decided(page: Page, address: str, action: str, many: int = 1) -> None:
    """Wait until so many of the latest decisions are of that kind."""
    for _ in range(100):
        latest = page.request.get(f"{address}/v1/decisions?limit={many}").json()["items"]
        if [each["action"] for each in latest] == [action] * many:
            return
        page.wait_for_timeout(100)
    raise AssertionError(latest)


def begun(page: Page) -> None:
    """Open the page as Ann."""
    page.goto("/review")
    page.get_by_label("Your name").fill("Ann")
    page.keyboard.press("Tab")


def test_answers_are_decided_about_by_one_key_each(page: Page, address: str, looked_over: Look) -> None:
    """The next is there at once; each is a label for the very next question; undo shows the answer again."""
    page.goto("/review")
    expect(page.get_by_text("Who are you?")).to_be_visible()
    looked_over(page, "review-who")
    begun(page)
    expect(page.get_by_text("Nothing waits")).to_be_visible()
    for number, words in enumerate(("mug pan", "pan mug saucer", "planter pan"), start=1):
        ask(page, address, f"r{number}", f"Zorro {words}")
    page.reload()
    card = page.get_by_role("article")
    expect(card).to_be_focused()
    looked_over(page, "review")
    first = str(card.get_by_role("heading", level=2).text_content())
    path = str(card.locator(".others li").nth(1).text_content())
    page.keyboard.press("2")
    expect(card.get_by_role("heading", level=2)).not_to_have_text(first)
    expect(page.locator("#count")).to_have_text("1 decision made")
    decided(page, address, "correct")
    [product_id] = [name for name in ("r1", "r2", "r3") if stored(page, address, name)]
    assert str(stored(page, address, product_id)) in path
    again = page.request.post(f"{address}/v1/similar", data={"title": first, "limit": 1}).json()["items"]
    assert again[0]["id"] == product_id
    page.keyboard.press("z")
    expect(card.get_by_role("heading", level=2)).to_have_text(first)
    assert stored(page, address, product_id) is None
    page.keyboard.press("c")
    page.keyboard.type("pruners")
    expect(page.locator(".options").get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(card.get_by_role("heading", level=2)).not_to_have_text(first)
    decided(page, address, "correct")
    assert stored(page, address, product_id) == PRUNERS
    page.keyboard.press("s")
    page.keyboard.press("u")
    expect(page.get_by_text("Nothing waits")).to_be_visible()
    expect(page.locator("#count")).to_have_text("3 decisions made")
    decided(page, address, "unsure")


def test_a_score_of_decisions_takes_milliseconds_each(page: Page, address: str) -> None:
    """By keyboard alone; all that was accepted is stored as it was answered."""
    answers = {f"m{number}": ask(page, address, f"m{number}", f"mug stoneware lot {number}") for number in range(MANY)}
    begun(page)
    card = page.get_by_role("article")
    for number in range(MANY):
        expect(card).to_be_visible()
        page.keyboard.press("1")
        expect(page.locator("#count")).to_contain_text(f"{number + 1} decision")
    expect(page.get_by_text("Nothing waits")).to_be_visible()
    decided(page, address, "accept", MANY)
    assert {name: stored(page, address, name) for name in answers} == answers
    assert set(answers.values()) == {MUGS}
    took = page.evaluate(SENT)
    assert len(took) == MANY
    assert median(took) < DECISION_MS * 4  # of a busy machine; alone it takes a fifth of that


def test_a_product_without_an_id_gets_one_and_a_refusal_brings_it_back(page: Page, address: str) -> None:
    """It is not stored under none; what cannot be decided is there again, and says why."""
    ask(page, address, "", "Zorro pan lid")
    begun(page)
    card = page.get_by_role("article")
    expect(card.get_by_role("heading", level=2)).to_have_text("Zorro pan lid")
    card.focus()
    page.keyboard.press("1")
    field = page.get_by_role("textbox", name="Id it was asked about without one")
    expect(field).to_be_focused()
    detail = "'pan/1' was changed since and says something else; ask about it again"
    refusing(page, "**/v1/predictions/*/decision", {"status": 409, "detail": detail})
    page.keyboard.type("lid-1")
    card.locator(".others button").first.click()
    expect(page.get_by_role("alert")).to_contain_text("Ask about it again.")
    expect(card.get_by_role("heading", level=2)).to_have_text("Zorro pan lid")
    page.unroute("**/v1/predictions/*/decision")
    field.fill("lid-1")
    card.locator(".others button").first.click()
    expect(page.get_by_text("Nothing waits")).to_be_visible()
    for _ in range(100):
        if stored(page, address, "lid-1") is not None:
            break
        page.wait_for_timeout(100)
    assert stored(page, address, "lid-1") is not None
