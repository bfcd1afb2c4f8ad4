"""The page to sign in, before a service that asks for keys."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from indexer.store.place import open_store
from service.access import passwords
from service.access.issue import issue
from service.settings import ServiceSettings
from tests.desk.conftest import served

Look = Callable[[Page, str], None]


@pytest.fixture(scope="module")
def token(doubtful: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Yield the address of a service that asks for keys, and a key of Bob; Ann has an account."""
    index = Path(shutil.copytree(doubtful, tmp_path_factory.mktemp("sign-in") / "index"))
    with closing(open_store(index)) as records:
        _, token = issue(records.keys, "Bob", ["read"])
        records.accounts.put("Ann", passwords.hashed("four words are enough"), ["review"])
    with served(ServiceSettings(index=index, access="keys", upkeep=False)) as guarded:
        yield guarded, token


@pytest.fixture
def address(token: tuple[str, str]) -> str:
    """Return the address of that service, which the browser is opened at."""
    return token[0]


def test_a_person_signs_in_and_out_by_keyboard(page: Page, looked_over: Look) -> None:
    """The page that was wanted follows; a wrong password is told, and what was typed can be typed over.

    Who could not be signed out is told so.
    """
    page.goto("/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_label("Name")).to_be_focused()
    looked_over(page, "sign-in")
    page.keyboard.type("Ann")
    page.keyboard.press("Tab")
    page.keyboard.type("four words are wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not those of anybody who is let in")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type("four words are enough")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Signed in as Ann")).to_be_visible()
    expect(page.get_by_role("heading", name="Try")).to_be_visible()
    page.get_by_label("Title").fill("mug stoneware handle coffee 350 ml")
    page.get_by_role("button", name="Find its shelf").click()
    expect(page.locator(".levels .decided .name")).to_have_text("Mugs")
    looked_over(page, "signed-in")
    page.route("**/v1/session", lambda route: route.abort())
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("alert")).to_contain_text("Check that it runs and try again.")
    page.unroute("**/v1/session")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example/", "/.//evil.example/", "/%5Cevil.example"]
)
def test_signing_in_leads_to_no_page_of_elsewhere(page: Page, token: tuple[str, str], elsewhere: str) -> None:
    """Whatever the address says that was wanted, and however a browser may read it."""
    page.goto(f"/sign-in?next={elsewhere}")
    page.get_by_label("Or an API key").fill(token[1])
    with page.expect_navigation():
        page.get_by_role("button", name="Sign in with the key").click()
    assert page.url.startswith(f"{token[0]}/")


def test_a_key_signs_in_too_and_a_session_that_ends_leads_back(page: Page, token: tuple[str, str]) -> None:
    """Without its cookie a page sends nobody's question and asks to sign in."""
    page.goto("/sign-in")
    page.get_by_label("Or an API key").fill(token[1])
    page.get_by_role("button", name="Sign in with the key").click()
    expect(page.get_by_text("Signed in as Bob")).to_be_visible()
    assert page.url == f"{token[0]}/"
    expect(page.locator("#examples")).to_be_visible()  # nothing is asked any more
    page.context.clear_cookies()
    page.get_by_label("Title").fill("mug")
    page.get_by_role("button", name="Find its shelf").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.url == f"{token[0]}/sign-in?next=%2F"
