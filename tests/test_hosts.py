"""service/access/hosts.py, and who is answered under which name: any page can give this machine another one."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.access.hosts import is_own
from service.access.issue import issue
from service.rest.app import create_app
from service.serving import Serving
from service.settings import ServiceSettings

PAN = {"title": "Frying pan"}


NAMES = """localhost localhost:8000 LOCALHOST. a.localhost:80 127.0.0.1 127.0.0.1:8000 192.168.1.5 [::1]:8000
aisle:8000 shop.example SHOP.example.:443"""
OTHERS = """evil.example evil.example:8000 evil.example. 127.0.0.1.evil.example localhost.evil.example a@evil.example
[::1 [evil.example] shop.example.evil.example evilshop.example evillocalhost.example"""


@pytest.mark.parametrize("host", ["", *NAMES.split()])
def test_names_that_no_stranger_can_give_to_this_machine_are_its_own(host: str) -> None:
    """Addresses, names without a dot, those that end in .localhost, and those that somebody named."""
    assert is_own(host, {"shop.example"})


@pytest.mark.parametrize("host", OTHERS.split())
def test_names_of_others_are_not(host: str) -> None:
    """However much they look like one."""
    assert not is_own(host, {"shop.example"})


@pytest.mark.parametrize("path", ["/v1/index", "/v1/keys", "/", "/v1/index/report"])
def test_a_page_that_names_this_machine_is_not_answered(reader: TestClient, path: str) -> None:
    """To its browser it is of the same site; whether the service runs may be asked under any name."""
    there = {"Host": "evil.example:8000", "Sec-Fetch-Site": "same-origin"}
    refused = reader.get(path, headers=there)
    assert (refused.status_code, refused.json()["code"]) == (403, "unknown_host")
    assert refused.json()["detail"].endswith("ask under its address, or name it so in AISLE_HOSTS")
    assert reader.post("/v1/categorize", json=PAN, headers=there).json()["code"] == "unknown_host"
    assert reader.get("/livez", headers=there).status_code == 200


def test_names_can_be_set_and_a_key_is_let_in_under_any(own_index: Path) -> None:
    """Also where nobody is ever asked for one."""
    named = ServiceSettings(index=own_index, access="open", hosts="shop.example, Other.example", upkeep=False)
    with TestClient(create_app(named)) as client:
        answers = {
            host: client.get("/v1/index", headers={"Host": host}).status_code
            for host in ("shop.example", "other.example:8000", "evil.example", "testserver")
        }
        assert answers == {"shop.example": 200, "other.example:8000": 200, "evil.example": 403, "testserver": 200}
        serving: Serving = client.app.state.serving  # type: ignore[attr-defined]  # typed as any ASGI application
        _, token = issue(serving.live.records.keys, "shop", ["read"])
        shown = {"Authorization": f"Bearer {token}", "Host": "evil.example"}
        assert client.get("/v1/index", headers=shown).status_code == 200


def test_what_a_proxy_lets_a_browser_in_by_excuses_no_page_of_elsewhere(reader: TestClient) -> None:
    """A browser sends it of its own accord, for pages of other sites too; a key of ours it does not."""
    crossed = {"Sec-Fetch-Site": "cross-site"}
    refused = reader.post("/v1/similar", json=PAN, headers={**crossed, "Authorization": "Basic YTpi"})
    assert refused.json()["code"] == "cross_site"
    key = reader.post("/v1/similar", json=PAN, headers={**crossed, "Authorization": "Bearer aisle_false"})
    assert key.json()["code"] == "unauthorized"
