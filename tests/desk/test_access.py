"""The page *Access*: keys and accounts, made, given another secret and taken away."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.desk.conftest import posted, refusing

Look = Callable[[Page, str], None]


def test_a_key_is_made_rotated_and_revoked(page: Page, address: str, looked_over: Look) -> None:
    """Its token is shown once, and does what it may; by keyboard, too, and nothing before somebody is sure."""
    page.goto("/access")
    keys = page.get_by_role("region", name="API keys", exact=True).last
    expect(keys).to_contain_text("No key was ever made")
    made = page.locator("#make-key")
    made.get_by_label("Name of a new key").fill("shop <b>feed</b>")
    made.get_by_label("write").check()
    made.get_by_label("Until").fill("2999-01-31")
    made.get_by_label("Requests a minute").fill("600")
    made.get_by_label("Requests a minute").press("Enter")
    told = page.get_by_role("dialog", name="The key of shop <b>feed</b>")
    token = told.locator(".token").inner_text()
    assert re.fullmatch(r"aisle_\w+", token)
    looked_over(page, "access-token")
    page.keyboard.press("Enter")
    row = keys.get_by_role("row", name="shop <b>feed</b>")
    expect(row).to_contain_text("counts")
    expect(row).to_contain_text("600 a minute")
    expect(row).to_contain_text("2999")
    expect(page.locator("body")).not_to_contain_text(token)
    shown = {"Authorization": f"Bearer {token}"}
    assert page.request.get(f"{address}/v1/index", headers=shown).status == 200
    assert page.request.get(f"{address}/v1/keys", headers=shown).status == 403
    looked_over(page, "access")

    row.get_by_role("button", name="Rotate").press("Enter")
    page.get_by_label("Hours that the token before counts").fill("0")
    page.keyboard.press("Enter")
    expect(told).to_be_visible()
    assert told.locator(".token").inner_text() != token
    page.keyboard.press("Enter")
    expect(told).to_have_count(0)
    assert page.request.get(f"{address}/v1/index", headers=shown).status == 401

    sent = posted(page)
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert sent == []
    row.get_by_role("button", name="Revoke").press("Enter")
    page.keyboard.press("Enter")
    expect(row).to_contain_text("revoked")
    expect(row.get_by_role("button")).to_have_count(0)


def test_an_account_is_set_and_removed(page: Page, address: str) -> None:
    """What is refused is told where it was asked for, and a password is never shown again."""
    page.goto("/access")
    accounts = page.get_by_role("region", name="Accounts", exact=True).last
    expect(accounts).to_contain_text("Nobody has an account")
    form = page.locator("#set-account")
    form.get_by_label("Name of the account").fill("Ann")
    form.get_by_label("Password").fill("four words are enough")
    form.get_by_role("button").click()
    expect(page.get_by_role("alert")).to_contain_text("scopes")
    form.get_by_label("review").check()
    form.get_by_role("button").click()
    row = accounts.get_by_role("row", name="Ann")
    expect(row).to_contain_text("review")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(form.get_by_label("Password")).to_have_value("")
    signed = page.request.post(f"{address}/v1/session", data={"name": "Ann", "password": "four words are enough"})
    assert signed.json()["scopes"] == ["read", "review"]
    page.request.delete(f"{address}/v1/session")
    row.get_by_role("button", name="Remove Ann").click()
    page.keyboard.press("Enter")
    expect(accounts).to_contain_text("Nobody has an account")


def test_whoever_may_not_is_told_so(page: Page) -> None:
    """As where the lists would be."""
    refusing(
        page, "**/v1/keys", {"status": 403, "detail": "this takes the scope 'admin'; ask whoever runs the service"}
    )
    page.goto("/access")
    expect(page.get_by_role("alert")).to_contain_text("Ask whoever runs the service.")
