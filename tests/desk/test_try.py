"""The page *Try*: a product that is typed, pasted or dropped, and where it belongs."""

from __future__ import annotations

import json
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.desk.conftest import refusing

Look = Callable[[Page, str], None]
PRUNER = {"title": "pruner bypass blade", "brand": "Norr", "specs": {"Blade": "steel"}}


def test_a_product_is_typed_and_its_shelf_is_shown(page: Page, looked_over: Look) -> None:
    """With the probability of each level, tags with who says so, and the neighbours that decided."""
    page.goto("/")
    expect(page.get_by_role("link", name="Try")).to_have_attribute("aria-current", "page")
    looked_over(page, "try-empty")
    page.get_by_label("Title").fill("mug stoneware handle coffee 350 ml")
    page.get_by_role("button", name="Find its shelf").click()
    answer = page.get_by_role("region", name="Its shelf")
    expect(answer.locator(".levels .name")).to_have_text(["Kitchen", "Mugs"])
    expect(answer.locator(".tags li").first).to_contain_text("mug")
    expect(answer.locator(".tags li").first).to_contain_text("its text and its neighbours")
    expect(answer.locator(".neighbours li").first).to_contain_text("found by text")
    expect(answer.get_by_role("heading", name="Other categories")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Kitchen > Mugs")
    looked_over(page, "try")


def test_a_product_is_asked_about_by_keyboard_alone(page: Page) -> None:
    """The first tab is past the navigation; Enter in the title asks."""
    page.goto("/")
    expect(page.get_by_label("Title")).to_be_focused()
    page.keyboard.type("planter terracotta drainage saucer")
    page.keyboard.press("Enter")
    expect(page.locator(".levels .decided .name")).to_have_text("Pots")
    page.keyboard.press("Shift+Tab")
    for _ in range(20):
        if page.evaluate("document.activeElement.className") == "skip":
            break
        page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_a_product_in_json_is_pasted_anywhere(page: Page) -> None:
    """Its fields are filled in, and it is asked about at once."""
    page.goto("/")
    page.evaluate(
        """text => {
            const data = new DataTransfer();
            data.setData("text/plain", text);
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
        }""",
        json.dumps(PRUNER),
    )
    expect(page.get_by_label("Specs")).to_have_value("Blade: steel")
    expect(page.locator(".levels .decided .name")).to_have_text("Pruners")


def test_a_stored_product_shows_what_it_may_be_a_duplicate_of(page: Page, address: str) -> None:
    """With verdict and evidence, and text of a supplier is never markup."""
    title = "pruner bypass <img src=x onerror=alert(1)> roses"
    for name in ("try-1", "try-2"):
        assert page.request.put(f"{address}/v1/products/{name}", data={"title": title, "brand": "Zett"}).ok
    page.goto("/")
    page.get_by_label("Title").fill(title)
    page.get_by_role("button", name="Find its shelf").click()
    found = page.locator(".duplicates li")
    expect(found).to_have_count(2)
    expect(found.first).to_contain_text("the same product")
    expect(found.first.locator(".evidence")).to_contain_text("titles overlap 1.00")
    expect(page.locator("#result img")).to_have_count(0)
    for name in ("try-1", "try-2"):
        assert page.request.delete(f"{address}/v1/products/{name}").ok


def test_a_refusal_says_first_what_helps(page: Page) -> None:
    """The remedy of the detail is in bold before the cause, with a button to try again."""
    page.goto("/")
    page.get_by_role("button", name="Find its shelf").click()
    told = page.get_by_role("alert")
    expect(told.locator("b")).to_have_text("Give the product a title, a description or a photo.")
    detail = "4,097 products wait already; try again in a moment"
    refusing(page, "**/v1/categorize*", {"status": 503, "title": "Too much is waiting", "detail": detail})
    page.get_by_label("Title").fill("mug")
    page.get_by_role("button", name="Find its shelf").click()
    expect(told).to_have_text("Try again in a moment. 4,097 products wait already.Try againRequest r1")
    page.unroute("**/v1/categorize*")
    told.get_by_role("button", name="Try again").click()
    expect(page.locator(".levels .decided .name")).to_be_visible()
