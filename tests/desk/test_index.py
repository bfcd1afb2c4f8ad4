"""The page *Index*: health, figures, snapshots, and building anew with a way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.desk.conftest import posted, refusing

Look = Callable[[Page, str], None]


HELD = {"id": "20261127T080000000Z-00000000", "state": "held", "created_at": "2026-11-27T08:00:00.000+00:00"}


def test_the_index_is_built_anew_and_that_is_cancelled(page: Page, looked_over: Look) -> None:
    """Health and figures are told; a rebuild is followed as it goes on, and stopped."""
    page.goto("/index")
    expect(page.get_by_role("region", name="Health")).to_contain_text("healthy")
    figures = page.get_by_role("region", name="How good the answers are")
    expect(figures).to_contain_text("Likeliest category right")
    expect(figures.get_by_role("row", name="99%").last).to_be_visible()
    looked_over(page, "index")
    page.get_by_label("Why").fill("new season")
    page.get_by_label("When it is done").select_option("hold")
    sent = posted(page)
    page.get_by_label("Why").press("Enter")
    expect(page.locator("#progress")).to_contain_text("being built new season")
    expect(page.get_by_role("button", name="Build anew")).to_be_disabled()
    assert sent[0].post_data_json == {"reason": "new season", "publish": "hold"}
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#progress")).to_contain_text("cancelled")
    expect(page.get_by_role("button", name="Build anew")).to_be_enabled()


def test_a_snapshot_is_published_and_gone_back_from_once_somebody_is_sure(page: Page, address: str) -> None:
    """By keyboard, too; what cannot be done is told, and a question that is cancelled does nothing."""
    index = page.request.get(f"{address}/v1/index").json()
    held = {**HELD, "encoder": "hashing:256", "seq": 80}
    before = {**held, "id": "20261126T080000000Z-11111111", "state": "previous"}
    page.route(
        "**/v1/index", lambda route: route.fulfill(json={**index, "snapshots": [*index["snapshots"], before, held]})
    )
    page.goto("/index")
    sent = posted(page)
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("dialog", name="Throw this snapshot away?").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Publish").press("Enter")
    expect(page.get_by_role("dialog", name="Serve this snapshot?")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_role("button", name="Serve it again").press("Enter")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_count(2)
    asked = [(each.url.removeprefix(address), each.post_data_json) for each in sent]
    assert asked == [("/v1/index:publish", {"snapshot": HELD["id"]}), ("/v1/index:rollback", None)]


def test_the_focus_stays_while_the_index_is_built_anew(page: Page, address: str) -> None:
    """Each look at how far it is makes anew only what has changed; at the end one may build again."""
    index = page.request.get(f"{address}/v1/index").json()
    index["snapshots"].append({**HELD, "encoder": "hashing:256", "seq": 80})
    going: dict[str, Any] = {"state": "running", "reason": "asked for", "started_at": HELD["created_at"]}
    going |= {"stage": "copying", "percent": 10, "eta_s": None, "compared": [], "error": "", "note": ""}
    index["rebuild"] = going
    page.route("**/v1/index", lambda route: route.fulfill(json=index))
    page.goto("/index")
    healthy = page.get_by_role("region", name="Health").locator(".state").element_handle()
    for percent, name in enumerate(("Cancel", "Publish"), 11):
        button = page.get_by_role("button", name=name)
        button.focus()
        going["percent"] = percent
        expect(page.locator("#progress")).to_contain_text(f"copying {percent}%")
        expect(button).to_be_focused()
    assert healthy.evaluate("each => each.isConnected")
    page.get_by_role("button", name="Cancel").focus()
    going["state"] = "cancelled"
    expect(page.get_by_role("button", name="Build anew")).to_be_focused()


def test_a_report_and_refusals_are_shown(page: Page, looked_over: Look) -> None:
    """What was evaluated is told with its interval and leads to the report; an encoder that nobody knows is refused."""
    measure = {"measure": "leaf", "name": "Category right", "what": "share", "value": 0.93, "low": 0.91, "high": 0.95}
    evaluation = {"at": "2026-11-26T10:00:00+00:00", "method": "held-out", "snapshot": "s1", "asked": 400}
    figures = {"calibration": None, "evaluation": {**evaluation, "measures": [measure]}}
    page.route("**/v1/index/figures", lambda route: route.fulfill(json=figures))
    page.goto("/index")
    expect(page.get_by_text("Not measured yet")).to_be_visible()
    expect(page.get_by_role("row", name="Category right")).to_contain_text("91.0% to 95.0%")
    expect(page.get_by_role("link", name="The whole report")).to_have_attribute("href", "/v1/index/report")
    page.get_by_label("Encoder").fill("crystal:ball")
    page.get_by_label("Encoder").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Choose one of")
    refusing(page, "**/v1/index", {"status": 503, "detail": "the index is not open yet; try again in a moment"})
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("Try again in a moment.")
    looked_over(page, "index-refused")
