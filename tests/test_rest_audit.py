"""service/rest/audit.py: doubted labels over HTTP, and what people decide about them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from indexer.store.suspects import Suspect
from service.audit.ambiguity import Pair
from service.audit.audit import findings_of
from service.audit.findings import FINDINGS
from service.rest.app import create_app
from service.settings import ServiceSettings
from tests.doubtful import MISFILED, MUGS, PANS, POTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from service.serving import Serving

LABELS, PATTERNS, TAGS = "/v1/audit/labels", "/v1/audit/patterns", "/v1/audit/tags"
NONE = dict.fromkeys(("slip", "systematic", "ambiguous", "conflict"), 0)
MUG = f"{LABELS}/mug-Arbel-alba/decision"


@pytest.fixture
def client(doubtful: Path, tmp_path: Path) -> Iterator[TestClient]:
    """Return a client of a service whose labels are partly wrong, and that nobody has asked for duplicates."""
    index = shutil.copytree(doubtful, tmp_path / "index")
    with TestClient(create_app(ServiceSettings(index=index, reach_seconds=60, upkeep=False))) as client:
        yield client


def listed(client: TestClient, **asked: Any) -> dict[str, Any]:
    """Return a page of doubted labels."""
    answer = client.get(LABELS, params=asked)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def test_doubted_labels_are_listed_without_being_asked_to_look(client: TestClient) -> None:
    """The worst first, with counts that add up; pages follow each other."""
    page = listed(client, limit=2)
    assert (page["seq"], page["total"], page["kinds"]) == (80, 5, NONE | {"slip": 1, "systematic": 4})
    worst = page["items"][0]
    assert (worst["id"], worst["stored"]["path"], worst["suggested"]["path"]) == ("mug-Arbel-alba", POTS, MUGS)
    assert (worst["severity"], worst["kind"], worst["pattern"], worst["version"]) == (1.0, "slip", None, 1)
    assert {each["path"] for each in worst["neighbours"]} == {MUGS}
    ids = [each["id"] for each in page["items"]]
    while page["next"]:
        page = listed(client, limit=2, cursor=page["next"])
        ids += [each["id"] for each in page["items"]]
    assert len(ids) == 5
    assert set(ids) == MISFILED | {"mug-Arbel-alba"}


def test_doubted_labels_are_asked_for_by_kind_and_branch(client: TestClient) -> None:
    """A branch by its path or id."""
    assert {each["id"] for each in listed(client, kind="systematic")["items"]} == MISFILED
    (slip,) = listed(client, branch="Garden")["items"]
    assert slip["id"] == "mug-Arbel-alba"
    assert listed(client, branch=slip["stored"]["id"])["total"] == 1
    assert listed(client, kind="conflict") == {"seq": 80, "total": 0, "kinds": NONE, "items": [], "next": None}
    refused = client.get(LABELS, params={"branch": "Nowhere"})
    assert (refused.status_code, refused.json()["code"]) == (404, "category_not_found")
    refused = client.get(LABELS, params={"cursor": "WzEsMl0="})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_cursor")


def test_categories_tell_how_many_of_their_labels_are_doubted(client: TestClient) -> None:
    """Of the whole branch, and only as long as the label is the doubted one."""
    listed(client)
    doubted = {each["path"]: each["doubted"] for each in client.get("/v1/taxonomy/nodes").json()["items"]}
    assert doubted == {"Kitchen": 4, "Garden": 1}
    client.post(MUG, json={"decision": "fix"})
    pots = client.get("/v1/taxonomy/nodes", params={"q": "pots"}).json()["items"][0]
    assert (pots["path"], pots["doubted"]) == (POTS, 0)


def test_a_change_is_seen_in_the_next_answer(client: TestClient) -> None:
    """Whoever asks after a change is told of it."""
    assert listed(client)["total"] == 5
    client.patch(
        "/v1/products/mug-Arbel-alba", json={"category": MUGS}, headers={"Content-Type": "application/merge-patch+json"}
    )
    page = listed(client)
    assert (page["seq"], page["total"]) == (81, 4)
    client.put("/v1/products/new", json={"title": "mug stoneware handle coffee dishwasher eden", "category": PANS})
    page = listed(client)
    assert page["seq"] == 82
    assert page["items"][0]["id"] == "new"


def test_a_label_is_put_right_and_taken_back(client: TestClient) -> None:
    """Each in one call, with who did it."""
    listed(client)
    decided = client.post(MUG, json={"decision": "fix", "stored": POTS, "author": "Ann"}).json()
    assert (decided["action"], decided["author"], decided["subject"]) == ("fix", "Ann", "mug-Arbel-alba")
    assert decided["items"] == [{"id": "mug-Arbel-alba", "outcome": "updated", "version": 2}]
    product = client.get("/v1/products/mug-Arbel-alba").json()
    assert (product["category"], product["provenance"]) == (MUGS, "human")
    assert listed(client)["total"] == 4

    undone = client.post(f"/v1/decisions/{decided['number']}:undo", json={"author": "Ben"})
    assert undone.status_code == 200, undone.text
    product = client.get("/v1/products/mug-Arbel-alba").json()
    assert (product["category"], product["provenance"]) == (POTS, "supplier")
    assert listed(client)["total"] == 5


def test_a_label_gets_the_category_that_a_person_names(client: TestClient) -> None:
    """Whatever was suggested."""
    decided = client.post(MUG, json={"decision": "fix", "category": PANS}, headers={"If-Match": '"1"'})
    assert decided.status_code == 200
    assert client.get("/v1/products/mug-Arbel-alba").json()["category"] == PANS


def test_a_label_that_is_found_right_is_doubted_no_more(client: TestClient) -> None:
    """Nothing is changed."""
    listed(client)
    decided = client.post(MUG, json={"decision": "keep"}).json()
    assert (decided["action"], decided["seq"], decided["items"]) == ("keep", 80, [])
    page = listed(client)
    assert (page["total"], page["kinds"]) == (4, NONE | {"systematic": 4})


def test_a_pattern_is_put_right_at_once(client: TestClient) -> None:
    """Listed with its numbers; gone when no doubted label belongs to it."""
    listed(client)
    page = client.get(PATTERNS).json()
    assert (page["products"], page["audited"], page["unlabelled"]) == (80, 79, 1)
    (pattern,) = page["items"]
    assert (pattern["attribute"], pattern["value"]) == ("brand", "Hollin")
    assert (pattern["stored"]["path"], pattern["suggested"]["path"]) == (MUGS, PANS)
    assert (pattern["support"], pattern["products"], pattern["left"]) == (4, 4, 4)
    decided = client.post(f"{PATTERNS}/{pattern['id']}/decision", json={"decision": "fix", "author": "Ann"}).json()
    assert {each["id"] for each in decided["items"]} == MISFILED
    assert client.get(PATTERNS).json()["items"] == []
    again = client.post(f"{PATTERNS}/{pattern['id']}/decision", json={"decision": "fix"})
    assert (again.status_code, again.json()["code"]) == (404, "pattern_not_found")


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        ({"decision": "fix", "stored": PANS}, {}, 409, "decision_conflict"),
        ({"decision": "fix"}, {"If-Match": '"7"'}, 412, "version_conflict"),
        ({"decision": "drop"}, {}, 422, "invalid_request"),
    ],
)
def test_what_cannot_be_decided_changes_nothing(
    client: TestClient, body: dict[str, Any], headers: dict[str, str], status: int, code: str
) -> None:
    """The label is another by now, or the product."""
    listed(client)
    refused = client.post(MUG, json=body, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert client.get("/v1/products/mug-Arbel-alba").json()["category"] == POTS


def test_tags_are_put_right_found_right_and_taken_back(client: TestClient) -> None:
    """All that are told from a half on, in one call; a decision about what was seen otherwise changes nothing."""
    listed(client)
    serving: Serving = client.app.state.serving  # type: ignore[attr-defined]  # typed as any ASGI application
    mug, url = "mug-Arbel-bora", f"{TAGS}/mug-Arbel-bora/decision"
    with serving.live.reading():
        key = serving.live.labels.key(mug)
    assert key is not None
    faults = (("clay", "missing", 0.9), ("mug", "wrong", 0.7), ("blue", "missing", 0.4))
    serving.live.records.suspects.replace([key], [Suspect(key, tags=faults)])
    for body, headers, status, code in (
        ({"action": "fix", "carried": ["cup"]}, {}, 409, "decision_conflict"),
        ({"action": "fix", "tags": ["red"]}, {}, 409, "decision_conflict"),
        ({"action": "fix"}, {"If-Match": '"7"'}, 412, "version_conflict"),
        ({"action": "drop"}, {}, 422, "invalid_request"),
    ):
        refused = client.post(url, json=body, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (status, code)
    fixed = client.post(url, json={"action": "fix", "carried": ["mug"], "author": "Ann"}).json()
    assert (fixed["missing"], fixed["wrong"], fixed["author"]) == (["clay"], ["mug"], "Ann")
    assert fixed["items"] == [{"id": mug, "outcome": "updated", "version": 2}]
    product = client.get(f"/v1/products/{mug}").json()
    assert (product["tags"], product["provenance"], product["category"]) == (["clay"], "human", MUGS)
    told = client.get("/v1/decisions", params={"kind": "tags"}).json()["items"]
    assert [(each["number"], each["detail"]) for each in told] == [
        (fixed["number"], {"ids": [mug], "missing": ["clay"], "wrong": ["mug"], "seqs": [81, 81]})
    ]
    undone = client.post(f"/v1/decisions/{fixed['number']}:undo", json={"author": "Ben"})
    assert undone.status_code == 200, undone.text
    product = client.get(f"/v1/products/{mug}").json()
    assert (product["tags"], product["provenance"]) == (["mug"], "supplier")
    listed(client)  # all that changed is looked at
    serving.live.records.suspects.replace([key], [Suspect(key, tags=faults)])
    kept = client.post(url, json={"action": "keep", "tags": ["clay"]}).json()
    assert (kept["items"], kept["missing"], kept["wrong"]) == ([], ["clay"], [])
    gone = client.post(f"{TAGS}/nobody/decision", json={"action": "keep"})
    assert (gone.status_code, gone.json()["code"]) == (404, "product_not_found")


def test_nobody_can_be_decided_about(client: TestClient) -> None:
    """An id that is not stored."""
    refused = client.post(f"{LABELS}/a%2Fb/decision", json={"decision": "keep"})
    assert (refused.status_code, refused.json()["code"]) == (404, "product_not_found")


def test_ambiguous_pairs_come_with_examples_and_with_the_change_that_joins_them(client: TestClient) -> None:
    """Both counts; the remedy is taken by the route of the taxonomy as it is, and then the pair is told no more."""
    listed(client)
    serving: Serving = client.app.state.serving  # type: ignore[attr-defined]  # typed as any ASGI application
    records, tree = serving.live.records, serving.live.tree
    mugs, pans = (tree.ids[[tree.text(node) for node in range(len(tree))].index(path)] for path in (MUGS, PANS))
    findings = findings_of(records)
    assert findings is not None
    pair = Pair(mugs, pans, 4, 3, 23, 16, (1, 21, 999))
    records.set_fact(FINDINGS, replace(findings, ambiguous=(pair,)).to_json())
    (shown,) = client.get(PATTERNS).json()["ambiguous"]
    assert [shown[name] for name in ("one_to_other", "one_of", "other_to_one", "other_of")] == [4, 23, 3, 16]
    assert (shown["one"], shown["other"]) == ({"id": mugs, "path": MUGS}, {"id": pans, "path": PANS})
    assert [each["id"] for each in shown["examples"]] == [each.id for each in records.suspects.listed([1, 21]).values()]
    assert shown["remedy"] == {"change": "merge", "nodes": [pans], "into": mugs}
    merged = client.post("/v1/taxonomy/changes", json={"changes": [shown["remedy"]]})
    assert merged.status_code == 200, merged.text
    assert client.get(PATTERNS).json()["ambiguous"] == []


def test_tags_are_listed(client: TestClient) -> None:
    """As far as the audit is."""
    page = client.get(TAGS).json()
    assert page["seq"] == 80


def test_a_label_is_put_right_once_however_often_it_is_sent(client: TestClient) -> None:
    """The answer under a key is kept with the decision, what became of the product with it; another body is refused."""
    listed(client)
    key = {"Idempotency-Key": "fix-1"}
    first = client.post(MUG, json={"decision": "fix"}, headers=key)
    again = client.post(MUG, json={"decision": "fix"}, headers=key)
    assert first.json()["items"] == [{"id": "mug-Arbel-alba", "outcome": "updated", "version": 2}]
    assert (first.content, again.headers["Idempotency-Replayed"]) == (again.content, "true")
    assert client.post(MUG, json={"decision": "keep"}, headers=key).status_code == 422
    assert [each["number"] for each in client.get("/v1/decisions").json()["items"]] == [1]
