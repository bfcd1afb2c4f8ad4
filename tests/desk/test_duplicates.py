"""The page *Duplicates*: groups side by side, decided about, and taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.desk.conftest import HELD_DOWN, posted, refusing

Look = Callable[[Page, str], None]
KETTLE = "Zett kettle enamel spout"
LISTINGS: dict[str, dict[str, Any]] = {
    "kettle-A": {"title": KETTLE, "brand": "Zett", "specs": {"Size": "1 l"}, "facts": {"gtin": "4006381333931"}},
    "kettle-B": {"title": f"{KETTLE} offer", "brand": "Zett", "facts": {"gtin": "4006381333931"}},
    "kettle-C": {"title": KETTLE, "brand": "Zett", "facts": {"gtin": "4006381333931"}, "description": "With a lid."},
}


@pytest.fixture
def group(page: Page, address: str) -> Iterator[Locator]:
    """Store three listings of a kettle, and give their group as the page shows it."""
    for name, product in LISTINGS.items():
        assert page.request.put(f"{address}/v1/products/{name}", data=product).ok
    page.goto("/duplicates")
    yield page.get_by_role("article").filter(has_text="kettle-A")
    for name in LISTINGS:
        assert page.request.delete(f"{address}/v1/products/{name}").ok


def left(page: Page, address: str) -> set[str]:
    """Return which of the listings are stored."""
    return {name for name in LISTINGS if page.request.get(f"{address}/v1/products/{name}").ok}


def test_a_group_is_merged_and_taken_back(page: Page, address: str, group: Locator, looked_over: Look) -> None:
    """What differs is marked; the survivor is kept with what it lacked; undo brings the others back."""
    expect(group.get_by_role("columnheader")).to_have_count(3)
    expect(group.locator("mark", has_text="offer")).to_be_visible()
    expect(group.get_by_role("rowheader", name="Size")).to_be_visible()
    expect(group).to_contain_text("Best kept is")
    page.get_by_text("pairs judged").first.click()
    expect(group.locator(".evidence li").first).to_contain_text("same product")
    looked_over(page, "duplicates")
    page.get_by_label("Your name").fill("Ann")
    group.get_by_label("Keep kettle-B").check()
    sent = posted(page)
    group.get_by_role("button", name="Merge").click()
    expect(group).to_have_count(0)
    assert left(page, address) == {"kettle-B"}
    body: dict[str, Any] = sent[0].post_data_json or {}
    assert (body["action"], body["survivor"], body["fill"], body["author"]) == ("merge", "kettle-B", True, "Ann")
    assert sent[0].headers["idempotency-key"]
    assert page.request.get(f"{address}/v1/products/kettle-B").json()["description"] == "With a lid."
    page.get_by_role("region", name="Done lately").get_by_role("button", name="Undo").click()
    expect(group).to_be_visible()
    assert left(page, address) == set(LISTINGS)


def test_a_group_is_decided_about_by_keyboard(page: Page, group: Locator) -> None:
    """One is no duplicate of the others: these are not included, D says so, and what is left of the group is shown.

    A key that is held down decides nothing.
    """
    expect(group.get_by_role("rowheader", name="Size")).to_be_visible()
    assert group.evaluate(HELD_DOWN, "m") is None
    group.focus()
    for name in ("kettle-A", "kettle-B"):
        group.get_by_label(f"Include {name}").press("Space")
    page.keyboard.press("d")
    expect(group.get_by_role("columnheader")).to_have_count(2)
    expect(page.get_by_role("status")).to_contain_text("kettle-C: not duplicates. It can be undone.")
    expect(group).to_be_focused()
    page.get_by_text("Decided lately").click()
    row = page.get_by_role("row").filter(has_text="kettle-C").first
    expect(row).to_contain_text("not duplicates")
    row.get_by_role("button", name="Undo").click()
    expect(group.get_by_role("columnheader")).to_have_count(3)


def test_a_family_without_a_survivor_is_shown_without_one(page: Page) -> None:
    """Variants may have none that is best kept; nothing stands in its place."""
    products: list[dict[str, Any]] = [
        {"id": name, "title": f"Zett kettle {name}", "path": "Kettles", "brand": "Zett", "version": 1, "picture": None}
        | {"group_id": None, "survivor": False, "reasons": []}
        for name in ("1 l", "2 l")
    ]
    family = {"id": "g1", "kind": "variants", "probability": 0.8, "survivor": None, "products": products, "pairs": []}
    page.route(
        "**/v1/duplicate-groups?*",
        lambda route: route.fulfill(json={"seq": 1, "scanning": False, "items": [family], "next": None}),
    )
    page.goto("/duplicates")
    shown = page.get_by_role("article")
    expect(shown).to_contain_text("2 products")
    expect(shown).not_to_contain_text("null")


def test_a_merge_of_one_alone_is_not_sent(page: Page, group: Locator) -> None:
    """It is said what is wanting instead."""
    for name in ("kettle-A", "kettle-B", "kettle-C"):
        group.get_by_label(f"Include {name}").uncheck()
    sent = posted(page)
    group.get_by_role("button", name="Merge").click()
    expect(page.get_by_role("status")).to_contain_text("A merge needs the product that is kept and another one")
    assert sent == []


def test_no_groups_refusals_and_a_scan_are_told(page: Page, looked_over: Look) -> None:
    """Each in words, with what helps; a scan that goes on is followed to its end, whoever began it."""
    page.clock.install()
    refusing(
        page, "**/v1/duplicate-groups?*", {"status": 503, "detail": "the index is not open yet; try again in a moment"}
    )
    page.goto("/duplicates")
    expect(page.get_by_role("alert")).to_contain_text("Try again in a moment. The index is not open yet.")
    page.unroute("**/v1/duplicate-groups?*")
    empty: dict[str, Any] = {"seq": None, "scanning": True, "items": [], "next": None}
    page.route("**/v1/duplicate-groups?*", lambda route: route.fulfill(json=empty))
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("Groups appear here when that is done.")).to_be_visible()
    expect(page.get_by_role("button", name="Look at all products anew")).to_be_disabled()
    refusing(page, "**/v1/duplicate-groups?*", {"status": 503, "detail": "try again in a moment"})
    with page.expect_response("**/v1/duplicate-groups?*"):
        page.clock.fast_forward(2_000)
    page.unroute("**/v1/duplicate-groups?*")
    empty |= {"seq": 1, "scanning": False}
    page.route("**/v1/duplicate-groups?*", lambda route: route.fulfill(json=empty))
    page.wait_for_timeout(100)
    page.clock.fast_forward(2_000)
    expect(page.get_by_text("Nothing seems to be stored twice.")).to_be_visible()
    expect(page.get_by_role("button", name="Look at all products anew")).to_be_enabled()
    looked_over(page, "duplicates-empty")
