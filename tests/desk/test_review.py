"""The page *Review*: answers decided about by single keys, sent behind, and taken back."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Locator, Page, Route, expect

from indexer.store.place import open_store
from service.access.issue import issue
from service.review.queue import Item, Looking, Queue
from service.settings import ServiceSettings
from tests.desk.conftest import posted, refusing, served
from tests.doubtful import POTS, SHELVES

Look = Callable[[Page, str], None]
WORDS = [words.split() for words in SHELVES.values()]


def questions() -> list[dict[str, Any]]:
    """Return products of which each says as much of one shelf as of another."""
    found = []
    for one, here in enumerate(WORDS):
        for other, there in enumerate(WORDS):
            if one != other:
                title = " ".join([*here[:3], *there[1:3], "edit"])
                specs = {"Diameter": "24 cm", "Stock": str(10 * one + other)}
                found.append(
                    {
                        "id": f"new-{one}{other}",
                        "title": title,
                        "brand": f"Maker {one}{other}",
                        "description": "Sold by a supplier. ",
                        "specs": specs,
                        "facts": {"supplier": "ACME" if one else "Hollin", "price": f"{9 + one}.50 EUR"},
                    }
                )
    return found


@pytest.fixture
def address(doubtful: Path, tmp_path: Path) -> Iterator[str]:
    """Yield the address of a service of its own."""
    index = Path(shutil.copytree(doubtful, tmp_path / "index"))
    with served(ServiceSettings(index=index, upkeep=False)) as address:
        yield address


@pytest.fixture
def page(page: Page) -> Page:
    """Return the page at work, for Ann, after twelve products that are hard to place were asked about."""
    ask(page, questions())
    page.goto("/review")
    expect(page.get_by_text("Who looks?")).to_be_visible()
    expect(page.get_by_label("Your name")).to_be_focused()
    page.keyboard.type("Ann")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article")).to_be_visible()
    return page


def ask(page: Page, items: list[dict[str, Any]], **headers: str) -> None:
    """Ask about products."""
    answer = page.request.post("/v1/categorize:batch", data={"items": items}, headers=headers)
    assert {each["status"] for each in answer.json()["items"]} == {200}


def title(page: Page) -> str:
    """Return what is before the person."""
    return str(page.get_by_role("article").get_by_role("heading", level=2).text_content())


def press(page: Page, key: str) -> str:
    """Press a key that decides, and return the title that it was about; the next is there at once."""
    before = title(page)
    page.keyboard.press(key)
    assert title(page) != before
    return before


def stored(page: Page, address: str, name: str) -> dict[str, Any]:
    """Return the stored product with that title."""
    for each in questions():
        if each["title"] == name:
            found: dict[str, Any] = page.request.get(f"{address}/v1/products/{each['id']}").json()
            return found
    raise AssertionError(name)


def test_answers_are_decided_about_by_single_keys(page: Page, address: str, looked_over: Look) -> None:
    """Accept, another category by its number, coarser, skip and not sure; what is stored is what was meant."""
    expect(page.locator("#coming li")).to_have_count(4)
    looked_over(page, "review")
    sent = posted(page)
    answered = str(page.locator(".levels .accept .name").last.text_content())
    accepted = press(page, "a")
    expect(page.locator("#said")).to_contain_text(re.compile("Accepted: .* Next: "))
    other = page.locator(".choices .name").first.text_content()
    corrected = press(page, "1")
    coarser = press(page, "c")
    press(page, "s")
    press(page, "n")
    expect(page.locator("#figures")).to_contain_text("5 by you")
    page.wait_for_timeout(500)
    assert stored(page, address, accepted)["category"].split(" > ")[-1] in answered
    assert stored(page, address, corrected)["category"] == other
    assert stored(page, address, coarser)["category"] in {"Kitchen", "Garden"}
    decisions = [each.post_data_json for each in sent if each.url.endswith("/decision")]
    assert [each["decision"] for each in decisions if each] == ["accept", "correct", "coarser", "skip", "unsure"]
    assert {each["author"] for each in decisions if each} == {"Ann"}


def test_decisions_are_taken_back_one_after_the_other(page: Page, address: str) -> None:
    """Each item is before the person again; its product is as it was before."""
    names = [press(page, "a") for _ in range(3)]
    for name in reversed(names):
        page.keyboard.press("u")
        assert title(page) == name
    page.keyboard.press("u")
    expect(page.locator("#said")).to_have_text("There is nothing to take back.")
    expect(page.locator("#figures")).to_contain_text("0 by you")
    page.wait_for_timeout(500)
    assert page.request.get(f"{address}/v1/products/new-01").status == 404
    with page.expect_response(re.compile("/decision$")):
        assert press(page, "a") == names[0]
    assert stored(page, address, names[0])["provenance"] == "human"


def test_another_category_is_searched_and_tags_are_left_out(page: Page, address: str) -> None:
    """P, some letters and Enter; T and the space bar; no key decides while somebody types.

    A tag that stands in its field counts with Enter or without; Escape leaves none there.
    """
    first = title(page)
    page.keyboard.press("t")
    tag = page.locator(".toggles button").first
    expect(tag).to_be_focused()
    left_out = str(tag.evaluate("each => each.firstChild.textContent"))
    page.keyboard.press("Space")
    expect(tag).to_have_attribute("aria-pressed", "false")
    page.get_by_label("Add a tag").fill("dropped")
    page.keyboard.press("Escape")
    page.get_by_label("Add a tag").fill("rare")
    page.keyboard.press("Enter")
    page.get_by_label("Add a tag").fill("blue")
    page.get_by_role("article").focus()
    page.keyboard.press("p")
    expect(page.get_by_role("combobox", name="Another category")).to_be_focused()
    page.keyboard.type("garden po")
    expect(page.locator("#another-options").get_by_role("option")).to_have_count(1)
    assert title(page) == first
    page.keyboard.press("Enter")
    expect(page.get_by_role("article").get_by_role("heading", level=2)).not_to_have_text(first)
    page.wait_for_timeout(500)
    product = stored(page, address, first)
    assert product["category"] == POTS
    assert {"rare", "blue"} <= set(product["tags"])
    assert not {left_out, "dropped"} & set(product["tags"])


def test_a_decision_that_is_refused_brings_its_item_back(page: Page) -> None:
    """With what the service says helps; it can be left to others."""
    conflict = {"status": 409, "detail": "'x' says something else than was asked about; ask about it again"}
    refusing(page, "**/v1/predictions/*/decision", conflict)
    before = title(page)
    page.keyboard.press("a")
    expect(page.get_by_role("alert")).to_contain_text("Ask about it again.")
    assert title(page) == before
    expect(page.locator("#figures")).to_contain_text("0 by you")
    page.get_by_role("button", name="Leave it to others").click()
    assert title(page) != before


def test_leases_end_when_the_page_is_left(page: Page, address: str) -> None:
    """Others have the same items as soon as it is gone; what was decided at the last moment is not lost."""
    first = press(page, "a")
    page.goto("/taxonomy")
    page.wait_for_load_state("networkidle")
    held = page.request.post(f"{address}/v1/review:next", data={"reviewer": "Bob", "limit": 20}).json()["items"]
    told = page.request.get(f"{address}/v1/predictions", params={"decision": "auto"}).json()["items"]
    assert len(held) + len(told) == 11  # what the decision taught may be sure by now
    assert stored(page, address, first)["provenance"] == "human"


def test_what_a_page_was_about_to_be_given_when_it_is_left_others_are_given(
    page: Page, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the service takes to choose it."""
    given = Queue.next

    def slowly(self: Queue, looking: Looking) -> list[Item]:
        found = given(self, looking)
        time.sleep(1)
        return found

    page.wait_for_load_state("networkidle")
    with monkeypatch.context() as patched:
        patched.setattr(Queue, "next", slowly)
        for _ in range(3):
            press(page, "s")
        page.wait_for_timeout(300)
        page.goto("/taxonomy")
        page.wait_for_timeout(2000)
    held = page.request.post(f"{address}/v1/review:next", data={"reviewer": "Bob", "limit": 20}).json()["items"]
    assert len(held) == 12


def test_filters_say_which_answers_come(page: Page, looked_over: Look) -> None:
    """By supplier and what an item is worth; nothing that fits is said so, and filters are cleared."""
    page.get_by_text("Filters: none").click()
    page.get_by_label("Supplier").fill("Hollin")
    expect(page.locator("#filtered")).to_have_text("of Hollin")
    expect(page.locator("#coming li")).to_have_count(2)
    page.get_by_label("Weigh by").fill("stock")
    expect(page.locator("#filtered")).to_have_text("of Hollin, weighed by stock")
    expect(page.locator(".verdict")).to_contain_text("Weighed")
    looked_over(page, "review-filters")
    page.get_by_label("Supplier").fill("nobody")
    expect(page.get_by_text("Nothing to look at")).to_be_visible()
    page.get_by_role("button", name="No filters").click()
    expect(page.locator("#coming li")).to_have_count(4)
    expect(page.locator("#filtered")).to_have_text("none")


def test_a_product_without_a_title_is_called_by_its_description(page: Page) -> None:
    """How its first line begins, as a supplier's file may have no title at all."""
    plain = f"{' '.join([*WORDS[0][:3], *WORDS[1][1:3]])} {'of cast iron ' * 9}"
    ask(page, [{"id": "plain", "description": plain, "facts": {"supplier": "Solo"}}])
    page.get_by_text("Filters: none").click()
    page.get_by_label("Supplier").fill("Solo")
    expect(page.locator("#filtered")).to_have_text("of Solo")
    expect(page.get_by_role("article", name=f"{plain[:80]} …")).to_be_visible()


def test_all_keys_are_told_and_can_be_turned_off(page: Page, looked_over: Look) -> None:
    """With modifiers they are the browser's; a key that is held down decides once."""
    before = title(page)
    page.keyboard.press("Control+a")
    page.keyboard.press("Alt+s")
    page.evaluate("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'a', repeat: true, bubbles: true}))")
    assert title(page) == before
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_contain_text("a level coarser")
    page.keyboard.press("s")
    assert title(page) == before
    looked_over(page, "review-keys")
    dialog.get_by_label("Single keys do this").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    assert title(page) == before
    page.get_by_role("button", name="Accept").click()
    assert title(page) != before


def test_a_photo_that_was_asked_about_is_shown(page: Page) -> None:
    """Before the product is stored; what has none beside it keeps its place."""
    file = BytesIO()
    Image.new("RGB", (300, 200), (200, 30, 30)).save(file, "PNG")
    asked = "planter mug stoneware saucer"
    photo = FilePayload(name="front.png", mimeType="image/png", buffer=file.getvalue())
    page.request.post("/v1/categorize?precision=0.9999", multipart={"title": asked, "id": "pictured", "image": photo})
    for _ in range(13):
        if title(page) == asked:
            break
        page.keyboard.press("s")
    picture = page.get_by_role("img", name="Photo of planter mug stoneware saucer")
    expect(picture).to_be_visible()
    page.wait_for_function("document.querySelector('.photos img').naturalWidth === 192")


def test_what_a_supplier_writes_is_text(page: Page) -> None:
    """Nothing of it is markup, wherever it stands; a long description is cut, and whole for whoever asks."""

    def spiteful(route: Route) -> None:
        told = route.fetch().json()
        for number, item in enumerate(told["items"]):
            one = item["prediction"]
            markup = f"<b>bold{number}</b><img src=/livez?{number}>"
            one["product"] |= {"title": markup, "brand": markup, "description": markup * 20}
            one["tags"] = [{"tag": markup, "score": 0.5, "source": "text"}]
            for each in (*one["levels"], *one["alternatives"]):
                each |= {"name": markup, "path": markup}
            for each in item["near"]:
                each["title"] = markup
        route.fulfill(json=told)

    page.route("**/v1/review:next", spiteful)
    page.reload()
    expect(page.get_by_role("article").get_by_role("heading", level=2)).to_contain_text("<b>bold0</b>")
    assert page.locator("#case b, #coming b, #case img").count() == 0
    page.get_by_text("Whole description").click()
    expect(page.locator(".more-text > p")).to_be_visible()


def test_a_product_without_an_id_is_stored_under_one(page: Page, address: str) -> None:
    """Of its own choosing, or the one that stands there."""
    asked = {"title": "mug induction coated coffee handle skillet terracotta"}
    page.request.post(f"{address}/v1/categorize", data=asked)
    for _ in range(13):
        if title(page) == asked["title"]:
            break
        page.keyboard.press("s")
    field: Locator = page.get_by_label("Stored as")
    field.fill("own-1")
    page.get_by_role("article").focus()
    page.keyboard.press("Shift+1")
    page.wait_for_timeout(500)
    assert page.request.get(f"{address}/v1/products/own-1").json()["category"] in {"Kitchen", "Garden"}


def test_fifteen_decisions_are_each_known_to_the_next_question(page: Page, address: str) -> None:
    """The label is among the neighbours of whatever is asked right after the decision."""
    more = [{"id": f"m{n}", "title": f"mug pan frying planter series{n} lot{n}"} for n in range(8)]
    ask(page, more)
    for number in range(15):
        with page.expect_response(re.compile("/decision$")) as decided:
            press(page, "a" if number % 3 else "1") if number < 14 else page.keyboard.press("a")
        product_id = decided.value.json()["items"][0]["id"]
        known = page.request.get(f"{address}/v1/products/{product_id}").json()
        answer = page.request.post(f"{address}/v1/categorize", data={"title": known["title"], "brand": known["brand"]})
        assert product_id in {each["id"] for each in answer.json()["neighbours"]}


@pytest.mark.parametrize("scope", ["review", "read"])
def test_the_page_works_signed_in_and_says_what_is_missing(
    chromium: Browser, doubtful: Path, tmp_path: Path, scope: str
) -> None:
    """A key with the scope review has all; with read alone the queue says which scope it takes."""
    index = Path(shutil.copytree(doubtful, tmp_path / "index"))
    with closing(open_store(index)) as records:
        _, token = issue(records.keys, "Bob", ["read", scope] if scope != "read" else ["read"])
    with served(ServiceSettings(index=index, access="keys", upkeep=False)) as guarded:
        page = chromium.new_context(base_url=guarded).new_page()
        ask(page, questions(), Authorization=f"Bearer {token}")
        page.goto("/review")
        page.get_by_label("Or an API key").fill(token)
        page.get_by_role("button", name="Sign in with the key").click()
        expect(page.get_by_text("Signed in as Bob")).to_be_visible()
        expect(page.get_by_label("Your name")).to_have_value("Bob")
        if scope == "review":
            press(page, "a")
            expect(page.locator("#figures")).to_contain_text("1 by you")
        else:
            expect(page.get_by_role("alert").first).to_contain_text("review")
        page.context.close()
