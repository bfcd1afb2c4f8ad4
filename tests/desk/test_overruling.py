"""The page *Review*, where another person has labelled what somebody has before him."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from service.settings import ServiceSettings
from tests.desk.conftest import posted, served
from tests.doubtful import POTS, PRUNERS

Look = Callable[[Page, str], None]


@pytest.fixture
def address(doubtful: Path, tmp_path: Path) -> Iterator[str]:
    """Yield the address of a service of its own."""
    index = Path(shutil.copytree(doubtful, tmp_path / "index"))
    with served(ServiceSettings(index=index, upkeep=False)) as address:
        yield address


def test_a_label_that_somebody_gives_meanwhile_is_shown_before_it_is_replaced(page: Page, looked_over: Look) -> None:
    """A decision is refused with what stands; the next one is made with that in view, and so is one after an undo."""
    product = "pan-Hollin-alba"

    def stored() -> tuple[str, str]:
        told = page.request.get(f"/v1/products/{product}").json()
        return told["category"], told["provenance"]

    def given(category: str) -> None:
        answer = page.request.patch(f"/v1/products/{product}", data={"category": category, "provenance": "human"})
        assert answer.status == 200, answer.text()

    told = page.request.post("/v1/review:nominate", data={"ids": [product], "author": "Bob"}).json()
    sent = posted(page)
    page.goto(f"/review?nomination={told['number']}")
    page.keyboard.type("Ann")
    page.keyboard.press("Enter")
    standing, other = page.get_by_role("article").locator(".kept"), page.locator(".choices .name").first
    expect(standing).to_contain_text("by supplier")
    wanted = str(other.text_content())
    given(PRUNERS)
    page.keyboard.press("1")
    expect(page.get_by_role("alert")).to_contain_text("look at it again")
    expect(standing).to_contain_text("by human")
    assert stored() == (PRUNERS, "human")
    looked_over(page, "review-overruled")
    given(POTS)
    page.keyboard.press("1")
    expect(standing).to_contain_text("Pots")
    assert stored() == (POTS, "human")

    for _ in range(2):
        with page.expect_response("**/decision"):
            page.keyboard.press("1")
        assert stored() == (wanted, "human")
        with page.expect_response("**/decisions/*:undo"):
            page.keyboard.press("u")
        expect(standing).to_be_visible()
        assert stored() == (POTS, "human")
    decisions = [each for each in sent if each.url.endswith("/decision")]
    assert [each.headers.get("if-match") for each in decisions] == [None, '"2"', '"3"', None]
