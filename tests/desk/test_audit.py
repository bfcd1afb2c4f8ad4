"""The page *Wrong shelf*: doubted labels put right or found right, one by one and by patterns, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Request, expect

from tests.desk.conftest import HELD_DOWN, holding, posted, refusing
from tests.doubtful import MISFILED, MUGS, PANS, POTS

Look = Callable[[Page, str], None]
MUG = "mug stoneware handle coffee dishwasher alba"


def category_of(page: Page, address: str, product_id: str) -> str:
    """Return the category that a product is stored in."""
    return str(page.request.get(f"{address}/v1/products/{product_id}").json()["category"])


def test_a_label_is_put_right_and_taken_back(page: Page, address: str, looked_over: Look) -> None:
    """The worst first, with what says so; a fix names what was seen, and undo brings the former label back."""
    page.goto("/audit")
    items = page.get_by_role("article")
    expect(items).to_have_count(5)
    worst = items.first
    expect(worst.get_by_role("heading", name=MUG)).to_be_visible()
    expect(worst.locator(".was")).to_have_text(POTS)
    expect(worst.locator(".to")).to_have_text(MUGS)
    expect(worst.locator(".witnesses li").first).to_contain_text(MUGS)
    worst.get_by_text("The product").click()
    expect(worst.locator(".known")).to_contain_text("Arbel")
    expect(page.locator("#state")).to_contain_text("labels looked at")
    looked_over(page, "audit")
    sent = posted(page)
    worst.get_by_role("button", name="As suggested").click()
    expect(items).to_have_count(4)
    expect(page.locator("#labels-count")).to_have_text("4")
    assert category_of(page, address, "mug-Arbel-alba") == MUGS
    assert sent[0].headers["if-match"] == '"1"'
    body: dict[str, Any] = sent[0].post_data_json or {}
    assert set(body) == {"decision", "stored", "category", "author"}
    page.get_by_role("button", name="Undo").click()
    expect(items).to_have_count(5)
    expect(page.locator("#labels-count")).to_have_text("5")
    assert category_of(page, address, "mug-Arbel-alba") == POTS


def test_labels_are_decided_about_by_keyboard(page: Page, address: str) -> None:
    """J goes on, C asks for another category, found by typing; R finds a label right; the next gets the focus."""
    page.goto("/audit")
    items = page.get_by_role("article")
    expect(items).to_have_count(5)
    items.first.focus()
    page.keyboard.press("j")
    expect(items.nth(1)).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("c")
    field = page.get_by_role("combobox", name="Category type words")
    expect(field).to_be_focused()
    page.keyboard.type("pru")
    options = page.locator(".options").get_by_role("option")
    expect(options).to_have_count(1)
    expect(options.first).to_contain_text("Garden > Pruners")
    page.keyboard.press("Enter")
    expect(field).to_have_value("Garden > Pruners")
    expect(page.get_by_role("button", name="Put it there")).to_be_focused()
    page.keyboard.press("Enter")
    expect(items).to_have_count(4)
    expect(items.first).to_be_focused()
    assert category_of(page, address, "mug-Arbel-alba") == "Garden > Pruners"
    page.keyboard.press("r")
    expect(items).to_have_count(3)
    page.get_by_text("Decided lately").click()
    for number, action in enumerate(("found right", "put right")):
        row = page.get_by_role("row").filter(has=page.get_by_role("button", name="Undo")).first
        expect(row).to_contain_text(action)
        row.get_by_role("button", name="Undo").click()
        expect(items).to_have_count(4 + number)
    assert category_of(page, address, "mug-Arbel-alba") == POTS


def test_a_key_that_is_held_down_or_pressed_again_decides_once(page: Page) -> None:
    """Whatever card has the focus by then, and however long the answer takes."""
    refusing(page, "**/v1/audit/labels/*/decision", {"status": 409, "detail": "it was changed; look at it again"})
    page.goto("/audit")
    card = page.get_by_role("article").first
    sent = posted(page)
    card.evaluate("made => [1, 2].map(() => made.dispatchEvent(new KeyboardEvent('keydown', { key: 'f' })))")
    expect(page.get_by_role("alert")).to_have_count(1)
    expect(card).not_to_have_attribute("aria-busy", "true")
    assert card.evaluate(HELD_DOWN, "f") is None
    assert len(sent) == 1


def test_a_category_is_chosen_along_the_tree(page: Page) -> None:
    """The down arrow opens the top of the tree, right goes down a level, left goes back, Escape closes the list."""
    page.goto("/audit")
    field = page.get_by_role("combobox", name="Stored in")
    field.press("ArrowDown")
    options = page.locator(".options").get_by_role("option")
    expect(options).to_have_count(2)
    meant = str(field.get_attribute("aria-activedescendant"))
    expect(page.locator(f"#{meant}")).to_contain_text("Garden")
    field.press("ArrowRight")
    expect(options.first).to_contain_text("Garden > Pots")
    field.press("ArrowLeft")
    expect(options).to_contain_text(["Garden", "Kitchen"])
    field.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    field.fill("garden po")
    expect(options).to_have_count(1)
    field.press("Enter")
    expect(page.get_by_role("article")).to_have_count(1)
    expect(page.get_by_role("article").first).to_contain_text(MUG)


def test_enter_takes_a_category_only_where_it_answers_what_was_typed(page: Page) -> None:
    """Not one of the words before, and none where the search failed, which is told."""
    problem = {"status": 503, "detail": "the index is not open yet; try again in a moment"}
    refusing(page, "**/v1/taxonomy/nodes?*", problem)
    page.goto("/audit")
    items = page.get_by_role("article")
    expect(items).to_have_count(5)
    field = page.get_by_role("combobox", name="Stored in")
    field.press_sequentially("garden")
    expect(page.locator(".options")).to_contain_text("Try again in a moment. The index is not open yet.")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(field).to_have_value("garden")
    page.unroute("**/v1/taxonomy/nodes?*")
    field.press_sequentially(" po")
    expect(page.locator(".options").get_by_role("option")).to_have_count(1)
    page.keyboard.type("x")
    page.keyboard.press("Enter")
    expect(page.locator(".options").get_by_role("option", name="Garden 41 products")).to_be_visible()
    expect(field).to_have_value("garden pox")
    expect(items).to_have_count(5)


def test_a_pattern_is_fixed_in_one_go(page: Page, address: str, looked_over: Look) -> None:
    """All labels of a brand that stands in the wrong place as a whole; its labels can be looked at first."""
    page.goto("/audit")
    page.get_by_role("link", name="Patterns 1").click()
    pattern = page.get_by_role("article")
    expect(pattern.get_by_role("heading", name="Brand Hollin")).to_be_visible()
    looked_over(page, "audit-patterns")
    pattern.get_by_role("link", name="Show 4 labels").click()
    expect(page.get_by_text("Those of one pattern alone.")).to_be_visible()
    expect(page.get_by_role("article")).to_have_count(4)
    page.get_by_role("link", name="Patterns").click()
    pattern.get_by_role("button", name="Put 4 right").click()
    expect(page.get_by_text("No brand, supplier or old category")).to_be_visible()
    assert {category_of(page, address, name) for name in MISFILED} == {PANS}
    page.get_by_role("button", name="Undo").click()
    expect(pattern).to_be_visible()
    assert {category_of(page, address, name) for name in MISFILED} == {MUGS}


def test_a_view_is_not_replaced_by_the_one_before_it(page: Page) -> None:
    """Labels that come once somebody has gone on to patterns."""
    held = holding(page, "**/v1/audit/labels?*")
    page.goto("/audit")
    page.get_by_role("link", name="Patterns 1").click()
    expect(page.get_by_role("heading", name="Brand Hollin")).to_be_visible()
    [labels] = held
    labels.continue_()
    expect(page.locator("#labels-count")).to_have_text("5")
    expect(page.get_by_role("article")).to_have_count(1)
    expect(page.get_by_role("heading", name="Brand Hollin")).to_be_visible()


def test_more_of_a_list_comes_once(page: Page) -> None:
    """However often it is asked for at a time; where it does not come, that is told once."""
    fault = {"tag": "steel", "fault": "missing", "probability": 0.91}
    items = [{"id": name, "title": name, "path": PANS, "faults": [fault], "version": 1} for name in ("a pan", "a lid")]
    first, last = [{"seq": 1, "items": [item], "next": more} for item, more in zip(items, ("c", None), strict=True)]
    page.route("**/v1/audit/tags?*", lambda route: route.fulfill(json=last if "cursor" in route.request.url else first))
    page.goto("/audit#tags")
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if "cursor" in request.url else None)
    more = page.get_by_role("button", name="Show more")
    for detail in ("no answer yet", "still no answer"):
        refusing(page, "**/v1/audit/tags?*cursor=c*", {"status": 503, "detail": detail})
        more.evaluate("each => [1, 2].map(() => each.click())")
        expect(page.get_by_role("alert")).to_contain_text(detail, ignore_case=True)
    expect(page.get_by_role("alert")).to_have_count(1)
    page.unroute("**/v1/audit/tags?*cursor=c*")
    more.evaluate("each => [1, 2].map(() => each.click())")
    expect(page.get_by_role("article")).to_have_count(2)
    expect(page.get_by_role("alert")).to_have_count(0)
    assert len(asked) == 3


def test_a_sweep_that_somebody_else_began_is_followed_to_its_end(page: Page) -> None:
    """Though nobody answers for a while; what it found is shown then."""
    page.clock.install()
    told: dict[str, Any] = {"items": [], "ambiguous": [], "swept_at": None, "audited": 0}
    told["sweep"] = {"stage": "labels", "done": 1, "total": 4}
    page.route("**/v1/audit/patterns", lambda route: route.fulfill(json=told))
    page.goto("/audit")
    anew = page.get_by_role("button", name="Look at all labels anew")
    expect(page.locator("#state")).to_have_text("All labels are being looked at, labels: 25%.")
    expect(page.get_by_role("article")).to_have_count(5)
    expect(anew).to_be_disabled()
    refusing(page, "**/v1/audit/patterns", {"status": 503, "detail": "try again in a moment"})
    with page.expect_response("**/v1/audit/patterns"):
        page.clock.fast_forward(1_500)
    page.unroute("**/v1/audit/patterns")
    page.wait_for_timeout(100)
    with page.expect_response("**/v1/audit/labels?*"):
        page.clock.fast_forward(1_500)
    expect(anew).to_be_enabled()


def test_tags_and_pairs_of_categories_are_shown(page: Page, looked_over: Look) -> None:
    """A tag that is missing is added when it is checked; categories that are mixed up are merged after a look."""
    tag = {"tag": "steel", "fault": "missing", "probability": 0.91}
    wrong = {"tag": "dog", "fault": "wrong", "probability": 0.83}
    item = {"id": "pan/1", "title": "A pan", "path": PANS, "faults": [tag, wrong], "version": 3}
    page.route("**/v1/audit/tags?*", lambda route: route.fulfill(json={"seq": 1, "items": [item], "next": None}))
    page.goto("/audit#tags")
    page.get_by_label("remove dog").uncheck()
    looked_over(page, "audit-tags")
    conflict = {"status": 409, "detail": "'pan/1' has other tags by now; look at it again"}
    refusing(page, "**/v1/audit/tags/*/decision", conflict)
    sent = posted(page)
    page.get_by_role("button", name="Add and remove these").click()
    expect(page.get_by_role("alert")).to_contain_text("Look at it again. 'pan/1' has other tags by now.")
    assert sent[0].url.endswith("/v1/audit/tags/pan%2F1/decision")
    assert sent[0].post_data_json == {"action": "fix", "tags": ["steel"], "author": ""}
    page.get_by_role("link", name="Pairs of categories").click()
    expect(page.get_by_text("No two categories take each other's products.")).to_be_visible()
