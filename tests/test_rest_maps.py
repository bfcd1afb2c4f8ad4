"""service/rest/maps.py: the map over HTTP."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from starlette.testclient import TestClient

from service.rest.app import create_app
from service.settings import ServiceSettings

MAP = "/v1/map"


def drawn(client: TestClient) -> dict[str, Any]:
    """Return the map once it is drawn."""
    while (seen := client.get(MAP).json())["drawing"] is not None:
        assert seen["version"] is None
        time.sleep(0.02)
    told: dict[str, Any] = seen
    return told


def test_points_are_nine_bytes_each_and_name_their_products(client: TestClient) -> None:
    """Categories by their places, x and y within the map; a point tells its product."""
    told = drawn(client)
    assert (told["points"], told["unseen"], told["view"], len(told["categories"])) == (60, 0, "text", 5)
    assert 0 <= told["kept"] <= 1
    answer = client.get(f"{MAP}/points", params={"version": told["version"]})
    assert answer.headers["content-type"] == "application/octet-stream"
    body = answer.content
    assert len(body) == 60 * 9
    nodes = np.frombuffer(body, "<i4", 60)
    assert np.bincount(nodes).tolist() == [12] * 5
    assert not any(body[60 * 8 :])
    asked = client.post(f"{MAP}/products", json={"version": told["version"], "points": [59, 0]}).json()["items"]
    assert [each["point"] for each in asked] == [59, 0]
    assert (asked[1]["id"], asked[1]["doubt"]) == ("P001", 0.0)
    for each in asked:
        assert told["categories"][nodes[each["point"]]]["path"] == each["path"]


def test_the_map_says_how_far_the_audit_is(own_index: Path) -> None:
    """Null before anybody looked at the labels; then when that was, and how many changes it is behind."""
    with TestClient(create_app(ServiceSettings(index=own_index, upkeep=False))) as client:
        assert drawn(client)["audited"] is None
        client.post("/v1/audit:sweep")
        while (swept := client.get("/v1/audit/patterns").json())["swept_at"] is None:
            time.sleep(0.02)
        assert drawn(client)["audited"] == {"at": swept["swept_at"], "behind": 0}
        client.delete("/v1/products/P001")
        assert drawn(client)["audited"]["behind"] == 1


def test_what_is_gone_is_told(client: TestClient) -> None:
    """A product that was deleted since has no name; a map or a point that is not there is 404."""
    version = drawn(client)["version"]
    client.delete("/v1/products/P001")
    gone = client.post(f"{MAP}/products", json={"version": version, "points": [0]}).json()["items"][0]
    assert gone == {"point": 0, "id": None, "title": None, "path": None, "doubt": 0.0}
    assert drawn(client)["points"] == 59
    for named, points in (("other", [0]), (version, [60])):
        refused = client.post(f"{MAP}/products", json={"version": named, "points": points})
        assert (refused.status_code, refused.json()["code"]) == (404, "map_not_found")
