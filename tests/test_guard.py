"""The guard: who is let in, to which route, how often; signing in and out; keys over REST."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import orjson
import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount
from starlette.testclient import TestClient

from indexer.store.records import Records
from service.access import passwords
from service.access.issue import issue
from service.access.scopes import SCOPES
from service.rest.access import guard, routes
from service.rest.access.session import ATTEMPTS
from service.rest.app import create_app
from service.serving import Serving
from service.settings import ServiceSettings

ROOT = Path(__file__).resolve().parent.parent
PAN = {"title": "Frying pan"}
DIFFERENT = {"action": "different", "ids": ["P001", "P002"], "author": "Eve"}
Key = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def guarded(built_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Give a client of a service that asks for keys."""
    import shutil

    index = shutil.copytree(built_index, tmp_path_factory.mktemp("guard") / "index")
    with TestClient(create_app(ServiceSettings(index=index, access="keys", upkeep=False))) as client:
        yield client


@pytest.fixture(autouse=True)
def signed_out(guarded: TestClient) -> None:
    """Let every test begin with no cookie and no attempts."""
    guarded.cookies.clear()
    guarded.app.state.attempts.forget()  # type: ignore[attr-defined]  # typed as any ASGI application


def records_of(client: TestClient) -> Records:
    """Return the record store behind a client."""
    serving: Serving = client.app.state.serving  # type: ignore[attr-defined]  # as above
    return serving.live.records


@pytest.fixture
def key(guarded: TestClient) -> Key:
    """Give what makes a key with some scopes and returns the header that shows it."""

    def made(*scopes: str, name: str = "shop", rate: int | None = None) -> dict[str, str]:
        _, token = issue(records_of(guarded).keys, name, scopes, rate=rate)
        return {"Authorization": f"Bearer {token}"}

    return made


def test_every_route_has_its_scope_in_the_table() -> None:
    """Whatever the service answers is in a row, and every row is a route."""
    app = create_app(ServiceSettings())
    served = set()
    for found in iter_route_contexts(app.routes):
        route = getattr(found, "original_route", found)
        if isinstance(route, Mount):
            served |= {f"{method} {route.path}/{{path:path}}" for method in ("GET", "HEAD")}
        else:
            served |= {f"{method} {found.path}" for method in found.methods or ()}
    assert served == set(routes.SCOPES)


def test_the_documents_tell_the_scope_of_every_route() -> None:
    """As the description of the API does, where it is no page or file."""
    described = orjson.loads((ROOT / "docs" / "openapi.json").read_bytes())
    told = {
        f"{method.upper()} {path}": operation.get("security", [{"key": [None]}])[0]["key"][0]
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }
    own = {route.replace(":rest}", "}").replace(":int}", "}"): scope for route, scope in routes.SCOPES.items()}
    assert told == {route: own[route] for route in told}
    document = (ROOT / "docs" / "rest.md").read_text("utf-8")
    assert [scope for scope in SCOPES if f"| `{scope}` |" not in document] == []


def test_what_is_in_no_row_is_not_there(reader: TestClient) -> None:
    """404, or 405 with the methods that the path takes."""
    assert reader.get("/v1/nothing").json()["code"] == "not_found"
    refused = reader.post("/v1/index")
    assert (refused.json()["code"], refused.headers["allow"]) == ("method_not_allowed", "GET")
    assert reader.request("TRACE", "/v1/products/P001").headers["allow"] == "GET, PUT, PATCH, DELETE"


@pytest.mark.parametrize("route", [route for route, scope in routes.SCOPES.items() if scope is not None])
def test_no_route_is_open_to_somebody_without_a_key(guarded: TestClient, route: str) -> None:
    """401 with what is asked for, before a body is read; pages lead to where one signs in."""
    method, _, path = route.partition(" ")
    path = path.replace(":int}", "}").replace("{number}", "1").replace("{", "").replace("}", "")
    answer = guarded.request(method, path, content=b"{", follow_redirects=False)
    if not path.startswith("/v1/"):
        assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={path}")
        return
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == 'Bearer realm="aisle"'
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/version", "/openapi.json", "/static/desk.css", "/sign-in"])
def test_what_anybody_may_ask_is_open(guarded: TestClient, path: str) -> None:
    """Whether it runs, its description, and how to sign in; a key that counts for nothing does no harm there."""
    assert guarded.get(path, headers={"Authorization": "Bearer aisle_x"}).status_code == 200


def test_a_key_does_what_its_scopes_say(guarded: TestClient, key: Key) -> None:
    """Else 403, with the scope that it takes."""
    asks: dict[str, Callable[[dict[str, str]], httpx2.Response]] = {
        "read": lambda shown: guarded.post("/v1/categorize", json=PAN, headers=shown),
        "write": lambda shown: guarded.put("/v1/products/NEW", json=PAN, headers=shown),
        "review": lambda shown: guarded.post("/v1/duplicates:decide", json=DIFFERENT, headers=shown),
        "admin": lambda shown: guarded.get("/v1/keys", headers=shown),
    }
    for scope in SCOPES:
        shown = key(scope)
        allowed = [name for name, ask in asks.items() if ask(shown).status_code < 400]
        assert allowed == {"read": ["read"], "write": ["read", "write"], "review": ["read", "review"]}.get(
            scope, [*SCOPES]
        )
    refused = asks["write"](key("review", name="Ann"))
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert refused.json()["detail"].startswith("this takes the scope 'write', which 'Ann' does not have")
    assert refused.headers["www-authenticate"].endswith('error="insufficient_scope", scope="write"')


def test_what_is_decided_is_decided_by_whoever_signed_in(guarded: TestClient, key: Key) -> None:
    """Whatever name the body gives."""
    decided = guarded.post("/v1/duplicates:decide", json=DIFFERENT, headers=key("review", name="Ann")).json()
    assert decided["author"] == "Ann"
    undone = guarded.post(
        f"/v1/decisions/{decided['number']}:undo", json={"author": "Eve"}, headers=key("review", name="Bob")
    )
    assert undone.json()["author"] == "Bob"


def test_an_answer_is_never_replayed_to_another_caller(guarded: TestClient, key: Key) -> None:
    """The same Idempotency-Key stands for another request when somebody else sends it."""
    once = {"Idempotency-Key": "k-1"}
    ann, bob = key("write"), key("write")
    assert guarded.post("/v1/products", json={"id": "ONE", **PAN}, headers=ann | once).status_code == 201
    again = guarded.post("/v1/products", json={"id": "ONE", **PAN}, headers=ann | once)
    assert again.headers["idempotency-replayed"] == "true"
    other = guarded.post("/v1/products", json={"id": "ONE", **PAN}, headers=bob | once)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_conflict")


def test_a_key_that_counts_for_nothing_is_told_from_none(guarded: TestClient, key: Key) -> None:
    """It is never repeated, and never taken from the address; what a proxy is let in by is no key of ours."""
    shown = key("read")["Authorization"]
    refused = guarded.get("/v1/index", headers={"Authorization": shown[:-1]})
    assert refused.headers["www-authenticate"] == 'Bearer realm="aisle", error="invalid_token"'
    assert "unknown, has expired or was revoked" in refused.json()["detail"]
    assert shown.split()[1][:-1] not in refused.text
    assert guarded.get(f"/v1/index?key={shown.split()[1]}").status_code == 401
    for other in ("Basic YTpi", "Bearer eyJhbGciOiJub25lIn0"):
        assert guarded.get("/v1/index", headers={"Authorization": other}).status_code == 401
    assert guarded.get("/v1/index", headers={"Authorization": shown.replace("Bearer", "bearer")}).status_code == 200


def test_no_secret_is_in_the_log(guarded: TestClient, key: Key, caplog: pytest.LogCaptureFixture) -> None:
    """The line of a request has the id of the key."""
    caplog.set_level(logging.DEBUG)
    shown = key("read")
    token = shown["Authorization"].split()[1]
    guarded.get("/v1/index", headers=shown)
    guarded.post("/v1/session", json={"key": token})
    guarded.post("/v1/session", json={"name": "Ann", "password": "four words are secret"})
    assert f" caller={token[6:16]}" in caplog.text
    assert token not in caplog.text
    assert "four words" not in caplog.text
    assert guarded.cookies["aisle_session"] not in caplog.text


def test_a_rate_is_told_and_held(guarded: TestClient, key: Key) -> None:
    """By the headers of the IETF's draft; beyond it 429 with a time to come back; the limits say it too."""
    shown = key("read", rate=2)
    first = guarded.get("/v1/limits", headers=shown)
    assert first.json()["rate"] == {"requests": 2, "seconds": 60}
    assert (first.headers["ratelimit-policy"], first.headers["ratelimit"]) == (
        '"requests";q=2;w=60',
        '"requests";r=1;t=30',
    )
    assert guarded.get("/v1/products/NOBODY", headers=shown).headers["ratelimit"] == '"requests";r=0;t=60'
    refused = guarded.get("/v1/limits", headers=shown)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_exceeded")
    assert (refused.headers["ratelimit"], refused.headers["retry-after"]) == ('"requests";r=0;t=60', "30")
    assert guarded.get("/v1/limits", headers=key("read")).json()["rate"] == {"requests": 6000, "seconds": 60}
    anything = guarded.get("/v1/limits", headers=key("read", rate=0))
    assert (anything.json()["rate"], "ratelimit" in anything.headers) == (None, False)


def test_signing_in_by_key_and_out(guarded: TestClient, key: Key) -> None:
    """The cookie is for this site's own requests and for no script; its session does what the key may do."""
    token = key("review", name="Ann")["Authorization"].split()[1]
    assert guarded.get("/v1/session").json() == {
        "required": True,
        "signed_in": False,
        "name": "",
        "scopes": [],
        "expires_at": None,
    }
    done = guarded.post("/v1/session", json={"key": token})
    assert (done.json()["name"], done.json()["signed_in"], done.json()["scopes"]) == ("Ann", True, ["read", "review"])
    cookie = done.headers["set-cookie"]
    assert cookie.startswith("aisle_session=")
    assert cookie.endswith("; HttpOnly; Max-Age=43199; Path=/; SameSite=strict")
    assert guarded.get("/v1/session").json()["signed_in"]
    page = guarded.get("/")
    assert "Signed in as <b>Ann</b>" in page.text
    assert guarded.put("/v1/products/NEW", json=PAN).status_code == 403
    assert guarded.post("/v1/duplicates:decide", json=DIFFERENT).json()["author"] == "Ann"

    out = guarded.delete("/v1/session")
    assert (out.json()["signed_in"], 'aisle_session=""; ' in out.headers["set-cookie"]) == (False, True)
    guarded.cookies.set("aisle_session", cookie.partition(";")[0].partition("=")[2])
    assert guarded.get("/v1/index").status_code == 401
    assert guarded.get("/", follow_redirects=False).status_code == 303


def test_signing_in_by_name_and_password(guarded: TestClient) -> None:
    """A wrong name and a wrong password are told alike."""
    records_of(guarded).accounts.put("Ann", passwords.hashed("four words are enough"), ["review"])
    wrong = [
        guarded.post("/v1/session", json={"name": name, "password": "no words are enough"}).json()
        for name in ("Ann", "Bob")
    ]
    assert [(each["status"], each["code"]) for each in wrong] == [(401, "sign_in_failed")] * 2
    assert wrong[0]["detail"] == wrong[1]["detail"]
    done = guarded.post("/v1/session", json={"name": "Ann", "password": "four words are enough"})
    assert (done.status_code, done.json()["name"]) == (200, "Ann")
    assert guarded.get("/v1/index").status_code == 200


def test_over_https_the_cookie_keeps_to_it(guarded: TestClient, key: Key) -> None:
    """As a proxy in front says it."""
    token = key("read")["Authorization"].split()[1]
    done = guarded.post("https://testserver/v1/session", json={"key": token})
    assert done.headers["set-cookie"].endswith("SameSite=strict; Secure")


@pytest.mark.parametrize(
    "body", [{}, {"name": "Ann"}, {"key": "k", "name": "Ann"}, {"key": "k", "password": "p"}, {"password": "p"}]
)
def test_who_signs_in_says_it_in_one_way(guarded: TestClient, body: dict[str, str]) -> None:
    """422 for half of a way, or for two."""
    answer = guarded.post("/v1/session", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_attempts_to_sign_in_are_throttled(guarded: TestClient) -> None:
    """Those of one address, right ones among them."""
    statuses = [guarded.post("/v1/session", json={"key": "aisle_x"}).status_code for _ in range(ATTEMPTS + 1)]
    assert statuses == [401] * ATTEMPTS + [429]
    refused = guarded.post("/v1/session", json={"key": "aisle_x"})
    assert (refused.json()["code"], refused.headers["retry-after"]) == ("rate_exceeded", "30")


def test_a_body_of_somebody_unknown_is_small(guarded: TestClient) -> None:
    """And says how long it is."""
    large = guarded.post("/v1/session", json={"key": "x" * guard.SMALL})
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
    endless = guarded.post("/v1/session", content=iter([b"{}"]))
    assert endless.status_code == 413


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://testserver"}, 200),
        ({}, 200),
    ],
)
def test_another_site_changes_nothing_behind_a_persons_back(
    reader: TestClient, headers: dict[str, str], status: int
) -> None:
    """Also where nobody is asked for a key; reading is left to the browser's own rules."""
    answer = reader.post("/v1/similar", json=PAN, headers=headers)
    assert answer.status_code == status
    assert status == 200 or answer.json()["code"] == "cross_site"
    assert reader.get("/v1/index", headers=headers).status_code == 200


def test_where_nobody_is_asked_a_key_counts_all_the_same(client: TestClient) -> None:
    """It names the author, and does what its scopes say; a false one is refused; a session that ended is nobody's."""
    assert client.get("/v1/session").json()["required"] is False
    assert client.get("/v1/session").json()["scopes"] == [*SCOPES]
    assert client.post("/v1/duplicates:decide", json=DIFFERENT).json()["author"] == "Eve"
    assert "Sign in</a>" not in client.get("/").text
    _, token = issue(records_of(client).keys, "Ann", ["review"])
    shown = {"Authorization": f"Bearer {token}"}
    assert client.post("/v1/duplicates:decide", json=DIFFERENT, headers=shown).json()["author"] == "Ann"
    assert client.put("/v1/products/NEW", json=PAN, headers=shown).status_code == 403
    assert client.get("/v1/index", headers={"Authorization": "Bearer aisle_false"}).status_code == 401
    assert 'href="/sign-in">Sign in</a>' in client.get("/").text
    client.cookies.set("aisle_session", "ended")
    assert client.get("/v1/index").status_code == 200


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Real-IP"])
def test_what_a_proxy_passes_on_is_asked_for_a_key(reader: TestClient, header: str) -> None:
    """It comes from elsewhere, although the service listens to this machine alone."""
    assert reader.get("/v1/index", headers={header: "203.0.113.7"}).status_code == 401
    assert reader.get("/livez", headers={header: "203.0.113.7"}).status_code == 200


def test_an_open_service_asks_nobody_whatever_a_proxy_says(own_index: Path) -> None:
    """For whoever has something else that keeps strangers out."""
    everybody = ServiceSettings(index=own_index, host="0.0.0.0", access="open", upkeep=False)  # noqa: S104  (not bound)
    with TestClient(create_app(everybody)) as client:
        assert client.get("/v1/index", headers={"X-Forwarded-For": "203.0.113.7"}).status_code == 200


def test_before_the_index_is_open_nobody_with_a_key_is_let_in(built_index: Path) -> None:
    """503, since keys are kept there; whether it runs can be asked."""
    client = TestClient(create_app(ServiceSettings(index=built_index, access="keys", upkeep=False)))
    assert client.get("/v1/index", headers={"Authorization": "Bearer aisle_x"}).json()["code"] == "not_ready"
    assert client.get("/v1/index").status_code == 401
    assert client.get("/livez").status_code == 200


def test_an_admin_makes_lists_rotates_and_revokes_keys(guarded: TestClient, key: Key) -> None:
    """A token is told when it is made or rotated, and never else; what is revoked is refused at once."""
    admin = key("admin", name="Root")
    body = {"name": "feed", "scopes": ["write"], "expires_at": "2999-01-01T00:00:00+01:00", "rate": 60, "author": "x"}
    made = guarded.post("/v1/keys", json=body, headers=admin)
    told = made.json()
    assert (made.status_code, made.headers["location"]) == (201, f"/v1/keys/{told['id']}")
    assert made.headers["cache-control"] == "no-store"
    assert (told["author"], told["expires_at"], told["rate"]) == ("Root", "2998-12-31T23:00:00.000+00:00", 60)
    token = told.pop("token")
    assert guarded.get(f"/v1/keys/{told['id']}", headers=admin).json() == told
    assert told in guarded.get("/v1/keys", headers=admin).json()["items"]
    shown = {"Authorization": f"Bearer {token}"}
    assert guarded.get("/v1/index", headers=shown).status_code == 200

    rotated = guarded.post(f"/v1/keys/{told['id']}:rotate", json={"overlap_hours": 0}, headers=admin).json()
    assert (rotated["id"], rotated["token"] != token) == (told["id"], True)
    assert guarded.get("/v1/index", headers=shown).status_code == 401
    assert guarded.get("/v1/index", headers={"Authorization": f"Bearer {rotated['token']}"}).status_code == 200
    again = guarded.post(f"/v1/keys/{told['id']}:rotate", headers=admin).json()
    assert guarded.get("/v1/index", headers={"Authorization": f"Bearer {rotated['token']}"}).status_code == 200

    revoked = guarded.delete(f"/v1/keys/{told['id']}", headers=admin).json()
    assert revoked["state"] == "revoked"
    assert guarded.get("/v1/index", headers={"Authorization": f"Bearer {again['token']}"}).status_code == 401
    refused = guarded.post(f"/v1/keys/{told['id']}:rotate", headers=admin)
    assert (refused.status_code, refused.json()["code"]) == (409, "key_revoked")
    assert guarded.delete("/v1/keys/nobody", headers=admin).json()["code"] == "key_not_found"


@pytest.mark.parametrize("moment", ["2020-01-01T00:00:00Z", "2999-01-01T00:00:00", "soon"])
def test_a_key_expires_in_the_future_of_some_zone(guarded: TestClient, key: Key, moment: str) -> None:
    """Anything else is refused, at its place."""
    body = {"name": "feed", "scopes": ["read"], "expires_at": moment}
    told = guarded.post("/v1/keys", json=body, headers=key("admin")).json()
    assert (told["code"], [each["pointer"] for each in told["errors"]]) == ("invalid_request", ["/expires_at"])
