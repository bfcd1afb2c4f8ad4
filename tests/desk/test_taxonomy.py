"""The page *Taxonomy*: the tree level by level, and changes that are looked at first, made, and taken back."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.desk.conftest import refusing
from tests.doubtful import POTS

Look = Callable[[Page, str], None]


def paths(page: Page, address: str) -> list[str]:
    """Return the categories of the garden."""
    return [node["path"] for node in page.request.get(f"{address}/v1/taxonomy/nodes?q=garden").json()["items"]]


def test_a_category_is_renamed_after_a_look_and_taken_back(page: Page, address: str, looked_over: Look) -> None:
    """The preview says which paths change; the tree follows at once; undo is one press."""
    page.goto("/taxonomy")
    garden = page.get_by_role("treeitem", name="Garden")
    expect(garden).to_contain_text("41 products")
    garden.locator(".sign").click()
    page.get_by_role("treeitem", name="Pots").locator(".name").click()
    panel = page.get_by_role("region", name="Category")
    expect(panel.locator(".path")).to_contain_text(POTS)
    looked_over(page, "taxonomy")
    panel.get_by_role("button", name="Rename").click()
    page.get_by_label("New name").fill("Planters")
    page.get_by_role("button", name="See what changes").click()
    dialog = page.get_by_role("dialog", name="Rename Garden > Pots to Planters")
    expect(dialog.get_by_role("row").nth(1)).to_have_text("Garden > PotsGarden > Planters")
    expect(dialog).to_contain_text("1 category gets another path")
    looked_over(page, "taxonomy-preview")
    dialog.get_by_role("button", name="Change it").click()
    expect(page.get_by_role("treeitem", name="Planters")).to_be_visible()
    expect(panel.locator(".path")).to_contain_text("Garden > Planters")
    assert "Garden > Planters" in paths(page, address)
    page.get_by_text("Changes made lately").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("Garden > Pots is called Planters")
    page.get_by_role("button", name="Undo").first.click()
    expect(page.get_by_role("treeitem", name="Pots")).to_be_visible()
    assert POTS in paths(page, address)


def test_the_tree_is_walked_by_keyboard(page: Page) -> None:
    """Right opens and goes in, left goes out and closes, down and up go on, Enter shows."""
    page.goto("/taxonomy")
    top = page.get_by_role("treeitem")
    expect(top).to_have_count(2)
    top.first.focus()
    page.keyboard.press("ArrowRight")
    expect(top).to_have_count(4)
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("treeitem", name="Pots")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#chosen .path")).to_contain_text("Garden > Pruners")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(top).to_have_count(2)


def test_a_category_is_found_and_merged_with_another(page: Page, address: str) -> None:
    """Found by words, shown in its place in the tree; where its products go is chosen and shown before it is done."""
    assert page.request.put(f"{address}/v1/products/t1", data={"title": "tray oak", "category": "Kitchen > Trays"}).ok
    page.goto("/taxonomy")
    expect(page.get_by_role("treeitem")).to_have_count(2)
    page.get_by_role("combobox", name="Find a category").fill("tray")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("treeitem", name="Trays")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#chosen")).to_contain_text("thin")
    page.get_by_role("button", name="Merge").click()
    page.get_by_role("combobox", name="Category type words").fill("kitchen pan")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Merge Kitchen > Trays into Kitchen > Pans")
    expect(dialog).to_contain_text("1 product goes to another category")
    dialog.get_by_role("button", name="Change it").click()
    expect(page.get_by_role("treeitem", name="Trays")).to_have_count(0)
    expect(page.locator("#chosen")).to_contain_text("It is not there any more")
    assert page.request.get(f"{address}/v1/products/t1").json()["category"] == "Kitchen > Pans"
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("treeitem", name="Trays")).to_be_visible()
    retired = {"changes": [{"change": "retire", "node": "Kitchen > Trays"}]}
    assert page.request.post(f"{address}/v1/taxonomy/changes", data=retired).ok
    assert page.request.delete(f"{address}/v1/products/t1").ok


def test_a_name_that_is_taken_and_a_refusal_are_told(page: Page) -> None:
    """A change that cannot be made cannot be confirmed; a tree that cannot be had is asked for again."""
    refusing(
        page, "**/v1/taxonomy/nodes*", {"status": 503, "detail": "the index is not open yet; try again in a moment"}
    )
    page.goto("/taxonomy")
    expect(page.get_by_role("alert")).to_contain_text("Try again in a moment. The index is not open yet.")
    page.unroute("**/v1/taxonomy/nodes*")
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("treeitem", name="Garden").locator(".name").click()
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("New name").fill("Kitchen")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Change it")).to_be_disabled()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_category_is_split_by_words_and_by_more_after_a_look(page: Page, address: str, looked_over: Look) -> None:
    """What is missing is told first; from the look one comes back to the parts; undo joins them again."""
    page.goto("/taxonomy")
    page.get_by_role("treeitem", name="Kitchen").locator(".sign").click()
    page.get_by_role("treeitem", name="Mugs").locator(".name").click()
    page.get_by_role("button", name="Split").press("Enter")
    dialog = page.get_by_role("dialog", name="Split Kitchen > Mugs")
    part = dialog.get_by_role("group", name="Part 1")
    part.get_by_label("Name of the new category").fill("Alba")
    dialog.get_by_role("button", name="See what changes").click()
    message = part.get_by_label("Title has one of").evaluate("(each) => each.validationMessage")
    assert message == "Say what tells its products: words of the title, or more below."
    part.get_by_label("Title has one of").fill("alba, aurora")
    dialog.get_by_role("button", name="Add a part").click()
    other = dialog.get_by_role("group", name="Part 2")
    expect(other.get_by_label("Name of the new category")).to_be_focused()
    other.get_by_label("Name of the new category").fill("Nobody's")
    other.get_by_text("More that must hold").click()
    other.get_by_label("Brand").fill("Nobody")
    looked_over(page, "taxonomy-split")
    dialog.get_by_role("button", name="See what changes").click()
    look = page.get_by_role("dialog", name="Split Kitchen > Mugs")
    expect(look).to_contain_text("2 categories get another path")
    expect(look.get_by_role("row").nth(1)).to_contain_text("Kitchen > Mugs > Alba")
    expect(look).to_contain_text("No product fits Kitchen > Mugs > Nobody's: nothing would be in there.")
    looked_over(page, "taxonomy-split-preview")
    look.get_by_role("button", name="Cancel").click()
    expect(other.get_by_label("Brand")).to_have_value("Nobody")
    other.get_by_role("button", name="Take it out").click()
    expect(part.get_by_label("Name of the new category")).to_be_focused()
    dialog.get_by_label("The new categories are").select_option("beside Mugs")
    dialog.get_by_role("button", name="See what changes").click()
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_role("treeitem", name="Alba")).to_be_visible()
    found = page.request.get(f"{address}/v1/taxonomy/nodes?q=alba").json()["items"]
    assert [(each["path"], each["own"]) for each in found] == [("Kitchen > Alba", 5)]
    page.get_by_text("Changes made lately").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("Kitchen > Mugs is split: Alba")
    page.get_by_role("region", name="Done lately").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("treeitem", name="Alba")).to_have_count(0)


def test_a_split_that_is_refused_keeps_what_was_said(page: Page) -> None:
    """The reason stands in the dialog, beside what is to be said otherwise."""
    page.goto("/taxonomy")
    page.get_by_role("treeitem", name="Garden").locator(".name").click()
    page.get_by_role("button", name="Split").click()
    dialog = page.get_by_role("dialog", name="Split Garden")
    expect(dialog).to_contain_text("No product is right in it")
    dialog.get_by_label("Name of the new category").fill("A > B")
    dialog.get_by_label("Title has one of").fill("steel")
    dialog.get_by_role("button", name="See what changes").click()
    expect(dialog.get_by_role("alert")).to_contain_text("A > B")
    expect(dialog.get_by_label("Name of the new category")).to_have_value("A > B")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_where_the_products_of_a_retired_category_go_is_asked(page: Page, address: str, looked_over: Look) -> None:
    """To the one above, to another one, or nowhere; one at the top has none above."""
    assert page.request.put(f"{address}/v1/products/t2", data={"title": "tray oak", "category": "Trays"}).ok
    page.goto("/taxonomy")
    page.get_by_role("treeitem", name="Trays").locator(".name").click()
    page.get_by_role("button", name="Retire").click()
    dialog = page.get_by_role("dialog", name="Retire Trays")
    expect(dialog.get_by_label("Its products").locator("option")).to_have_text(
        ["go to another category", "lose their category"]
    )
    expect(dialog.get_by_role("button", name="See what changes")).to_be_disabled()
    looked_over(page, "taxonomy-retire")
    dialog.get_by_role("combobox", name="Category").fill("pans")
    expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    look = page.get_by_role("dialog", name="Retire Trays")
    expect(look).to_contain_text("1 product goes to another category")
    look.get_by_role("button", name="Change it").click()
    expect(page.get_by_role("treeitem", name="Trays")).to_have_count(0)
    assert page.request.get(f"{address}/v1/products/t2").json()["category"] == "Kitchen > Pans"
    page.get_by_text("Changes made lately").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("Trays is retired, its products go to Kitchen > Pans")
    page.get_by_role("region", name="Done lately").get_by_role("button", name="Undo").click()
    page.get_by_role("treeitem", name="Trays").locator(".name").click()
    page.get_by_role("button", name="Retire").click()
    dialog.get_by_label("Its products").select_option("lose their category")
    dialog.get_by_role("button", name="See what changes").click()
    expect(look).to_contain_text("1 product loses the category")
    look.get_by_role("button", name="Change it").click()
    expect(page.get_by_role("treeitem", name="Trays")).to_have_count(0)
    assert page.request.get(f"{address}/v1/products/t2").json()["category"] == ""
    assert page.request.delete(f"{address}/v1/products/t2").ok
