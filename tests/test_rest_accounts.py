"""The routes of accounts, what keys and accounts may be called, and attempts to sign in."""

from __future__ import annotations

import asyncio

import pytest
from starlette.testclient import TestClient

from service.rest.access.session import AT_ONCE, ATTEMPTS, Attempts, network_of
from service.rest.problems import RateExceeded

WORDS = "four words are enough"


def test_an_admin_sets_lists_and_removes_accounts(client: TestClient) -> None:
    """Nobody is ever told a password or its hash; whoever is signed in is signed out by another one."""
    assert client.get("/v1/accounts").json() == {"items": []}
    made = client.put("/v1/accounts/Ann", json={"password": WORDS, "scopes": ["review", "review"]}).json()
    assert made == {"name": "Ann", "scopes": ["review"], "created_at": made["created_at"], "last_used_at": None}
    began = client.post("/v1/session", json={"name": "Ann", "password": WORDS})
    assert began.json()["scopes"] == ["read", "review"]
    client.cookies.clear()
    shown = {"Cookie": f"aisle_session={began.cookies['aisle_session']}"}
    assert client.get("/v1/session", headers=shown).json()["signed_in"] is True
    told = client.get("/v1/accounts/Ann")
    assert (told.json()["last_used_at"] is None, WORDS in told.text, "scrypt" in told.text) == (False, False, False)
    assert client.get("/v1/accounts").json()["items"] == [told.json()]

    client.put("/v1/accounts/Ann", json={"password": f"{WORDS}!", "scopes": ["read"]})
    assert client.get("/v1/session", headers=shown).json()["signed_in"] is False
    tried = [
        client.post("/v1/session", json={"name": "Ann", "password": each}).status_code for each in (WORDS, f"{WORDS}!")
    ]
    assert tried == [401, 200]
    client.cookies.clear()
    assert client.delete("/v1/accounts/Ann").json()["scopes"] == ["read"]
    for gone in (client.get("/v1/accounts/Ann"), client.delete("/v1/accounts/Ann")):
        assert (gone.status_code, gone.json()["code"]) == (404, "account_not_found")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"password": "eleven char", "scopes": ["read"]}, "/password"),
        ({"password": WORDS, "scopes": []}, "/scopes"),
        ({"password": WORDS, "scopes": ["root"]}, "/scopes/0"),
        ({"password": WORDS, "scopes": ["read"], "name": "Bob"}, "/name"),
    ],
)
def test_an_account_is_set_to_what_can_be(client: TestClient, body: dict[str, object], pointer: str) -> None:
    """A password of twelve characters, a scope that there is; what was given is not told again."""
    told = client.put("/v1/accounts/Ann", json=body)
    assert (told.status_code, [each["pointer"] for each in told.json()["errors"]]) == (422, [pointer])
    assert str(body["password"]) not in told.text


@pytest.mark.parametrize("name", ["An\u200bn", "An\u202en", " "])
def test_a_name_can_be_seen(client: TestClient, name: str) -> None:
    """So that none looks like another's: no letter without width, none that turns the line, and not nothing."""
    account = client.put(f"/v1/accounts/{name}", json={"password": WORDS, "scopes": ["read"]})
    key = client.post("/v1/keys", json={"name": name, "scopes": ["read"]})
    assert [each.json()["code"] for each in (account, key)] == ["invalid_request"] * 2
    assert key.json()["errors"][0]["pointer"] == "/name"


def test_whoever_signs_in_anew_is_signed_out_before(client: TestClient) -> None:
    """What a browser showed until then is nobody's."""
    client.put("/v1/accounts/Ann", json={"password": WORDS, "scopes": ["read"]})
    ann = {"name": "Ann", "password": WORDS}
    first = client.post("/v1/session", json=ann).cookies["aisle_session"]
    second = client.post("/v1/session", json=ann).cookies["aisle_session"]
    client.cookies.clear()
    signed_in = [
        client.get("/v1/session", headers={"Cookie": f"aisle_session={secret}"}).json()["signed_in"]
        for secret in (first, second)
    ]
    assert signed_in == [False, True]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("testclient", "testclient"),
    ],
)
def test_whoever_has_a_network_is_one(address: str, network: str) -> None:
    """Of IPv6 anybody has more addresses than could ever be counted; one of IPv4 in it is itself."""
    assert network_of(address) == network


def test_attempts_of_a_network_count_together_and_few_go_on_at_a_time() -> None:
    """A crowd that guesses holds up neither threads nor cores; beyond its attempts it is refused."""
    going, most = 0, 0

    async def attempt(attempts: Attempts, at: int) -> bool:
        nonlocal going, most
        try:
            async with attempts.one(f"2001:db8::{at:x}", None):
                going += 1
                most = max(most, going)
                await asyncio.sleep(0.001)
                going -= 1
        except RateExceeded:
            return False
        return True

    async def crowd() -> list[bool]:
        attempts = Attempts()
        return await asyncio.gather(*(attempt(attempts, at) for at in range(ATTEMPTS + 5)))

    assert asyncio.run(crowd()) == [True] * ATTEMPTS + [False] * 5
    assert most == AT_ONCE
