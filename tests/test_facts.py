"""The routes that tell of the taxonomy, the index and the service itself."""

from __future__ import annotations

from starlette.testclient import TestClient


def test_the_taxonomy_tells_its_size(reader: TestClient) -> None:
    """Beside its version."""
    summary = reader.get("/v1/taxonomy").json()
    del summary["version"]
    assert summary == {"number": 1, "open": True, "nodes": 12, "leaves": 5, "depth": 3, "labelled": 60}


def test_categories_of_others_are_mapped_or_the_reason_is_given(reader: TestClient) -> None:
    """In order; what may have been meant is named."""
    given = ["KITCHEN>coffee", "Pruners", "Prunners"]
    items = reader.post("/v1/taxonomy/map", json={"categories": given}).json()["items"]
    assert [item["given"] for item in items] == given
    assert [item["category"] and item["category"]["path"] for item in items] == [
        "Kitchen > Coffee",
        "Garden > Tools > Pruners",
        None,
    ]
    assert items[2]["candidates"][0]["path"] == "Garden > Tools > Pruners"
    assert "'Prunners' is not in the taxonomy" in items[2]["reason"]


def test_the_index_tells_what_it_holds_now(client: TestClient) -> None:
    """Counts and place in the journal follow each change; the manifest is of the snapshot."""
    client.put("/v1/products/new", json={"title": "Something unlabelled"})
    facts = client.get("/v1/index").json()
    assert facts["seq"] == 61
    assert facts["counts"] == {"products": 61, "labelled": 60, "categories": 5}
    assert facts["manifest"]["counts"]["products"] == 60
    assert facts["manifest"]["encoder_spec"] == "hashing:64"


def test_limits_are_those_of_the_settings(reader: TestClient) -> None:
    """Whoever reads them need not try."""
    limits = reader.get("/v1/limits").json()
    assert (limits["batch_items"], limits["body_bytes"], limits["product"]["id"]) == (5, 2_000, 256)
