"""service/rest/taxonomies.py: the tree is changed over HTTP while answers are given in it."""

from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient

CHANGES = "/v1/taxonomy/changes"
PLANTER = {"title": "Terracotta planter, large"}
MERGE = {"change": "merge", "nodes": ["Garden > Tools > Pruners"], "into": "Garden > Planters"}
SPLIT = {
    "change": "split",
    "node": "Garden > Planters",
    "parts": [{"name": "Terracotta", "rule": {"words": ["terracotta"]}}],
}


def change(client: TestClient, *changes: dict[str, Any], status: int = 200, **said: Any) -> dict[str, Any]:
    """Ask for changes and return the answer, whose status is checked."""
    preview = said.pop("preview", False)
    answer = client.post(CHANGES, params={"preview": preview}, json={"changes": list(changes)} | said)
    assert status == answer.status_code
    found: dict[str, Any] = answer.json()
    return found


def test_a_change_counts_in_the_next_answer(client: TestClient) -> None:
    """Answers and the taxonomy name the version, before as after; a label of before is taken."""
    before = client.post("/v1/categorize", json=PLANTER).json()
    assert ("Garden > Planters", 1) == (before["category"]["path"], before["taxonomy"]["number"])
    changed = change(client, {"change": "rename", "node": "Garden", "name": "Outdoors"}, author="Ann")
    assert {"renamed": 24, "relabelled": 0, "unlabelled": 0} == changed["products"]
    assert ["Garden", "Outdoors"] == [changed["paths"][0][each] for each in ("before", "after")]
    after = client.post("/v1/categorize", json=PLANTER).json()
    summary = client.get("/v1/taxonomy").json()
    assert {"number": 2, "version": summary["version"]} == after["taxonomy"] == changed["taxonomy"]
    assert 2 == summary["number"]
    assert "Outdoors > Planters" == after["category"]["path"]
    assert before["category"]["id"] == after["category"]["id"]
    assert [each["score"] for each in before["tags"]] == [each["score"] for each in after["tags"]]
    client.put("/v1/products/new", json=PLANTER | {"category": "Garden > Planters"})
    assert "Outdoors > Planters" == client.get("/v1/products/new").json()["category"]
    mapped = client.post("/v1/taxonomy/map", json={"categories": ["Garden > Tools"]}).json()["items"]
    assert "Outdoors > Tools" == mapped[0]["category"]["path"]


def test_a_preview_changes_nothing(client: TestClient) -> None:
    """It says what would be: the same as the change, which says the place in the journal as well."""
    looked = change(client, MERGE, SPLIT, preview=True)
    assert (True, 0) == (looked["preview"], looked["seq"])
    assert {"items": []} == client.get(CHANGES).json()
    changed = change(client, MERGE, SPLIT)
    assert looked == changed | {"preview": True, "seq": 0}
    assert 60 + 1 + changed["products"]["relabelled"] == changed["seq"]
    shifts = {(each["before"]["path"], each["after"]["path"]): each["products"] for each in changed["shifts"]}
    assert 12 == shifts["Garden > Tools > Pruners", "Garden > Planters"]
    assert shifts["Garden > Planters", "Garden > Planters > Terracotta"] > 0


def test_a_rule_that_nothing_fits_is_told(client: TestClient) -> None:
    """Its category is made nevertheless: products may come."""
    parts = [*SPLIT["parts"], {"name": "Zinc", "rule": {"words": ["zinc"]}}]
    for preview in (True, False):
        assert ["Garden > Planters > Zinc"] == change(client, SPLIT | {"parts": parts}, preview=preview)["unmatched"]


def test_a_change_is_taken_back(client: TestClient) -> None:
    """Answers are what they were; the history keeps both."""
    before = client.post("/v1/categorize", json=PLANTER).json()
    retired = change(client, {"change": "retire", "node": "Garden > Planters", "unlabelled": True}, author="Ann")
    assert (12, 12) == (retired["products"]["unlabelled"], len(retired["examples"]))
    assert client.post(f"{CHANGES}/2:undo", params={"preview": True}).json()["undoes"] == 2  # nobody need say who
    undo = client.post(f"{CHANGES}/2:undo", json={"author": "Bob"})
    assert (200, 2, 3) == (undo.status_code, undo.json()["undoes"], undo.json()["taxonomy"]["number"])
    after = client.post("/v1/categorize", json=PLANTER).json()
    same = ("decision", "category", "levels", "alternatives", "tags", "neighbours")
    assert {name: before[name] for name in same} == {name: after[name] for name in same}
    assert before["taxonomy"]["version"] == after["taxonomy"]["version"]
    history = client.get(CHANGES).json()["items"]
    assert [(1, "", None, None), (2, "Ann", None, 3), (3, "Bob", 2, None)] == [
        (each["number"], each["author"], each["undoes"], each["undone"]) for each in history
    ]
    assert "retire" == history[1]["changes"][0]["change"]


def test_what_is_refused_says_why(client: TestClient) -> None:
    """A form that is none, an unknown category, a name that is taken, another version, and no change at all."""
    rename = {"change": "rename", "node": "Garden", "name": "Kitchen"}
    assert "invalid_request" == change(client, rename, status=422, by="Ann")["code"]
    assert "a change is an object" in change(client, {"change": "paint"}, status=422)["detail"]
    unknown = change(client, {"change": "retire", "node": "Hats"}, status=409)
    assert ("change_refused", True) == (unknown["code"], "'Hats' is not in the taxonomy" in unknown["detail"])
    taken = change(client, rename, status=409)
    assert ("name_taken", True) == (taken["code"], "merge the two" in taken["detail"])
    assert [taken["detail"]] == change(client, rename, preview=True)["conflicts"]
    other = change(client, {"change": "rename", "node": "Garden", "name": "G"}, status=409, expected=7)
    assert "taxonomy_conflict" == other["code"]
    assert 404 == client.post(f"{CHANGES}/9:undo", json={}).status_code
    assert 422 == client.post(f"{CHANGES}/0:undo", json={}).status_code
    assert 409 == client.post(f"{CHANGES}/1:undo", json={}, params={"preview": True}).status_code


TITLES = (
    "Terracotta planter",
    "Bypass pruner",
    "French press, 1 litre",
    "Frying pan, large",
    "Nylon dog lead",
)


def decided(client: TestClient) -> list[tuple[str, str]]:
    """Return decision and category of each of TITLES."""
    answers = [client.post("/v1/categorize", json={"title": title}).json() for title in TITLES]
    return [(each["decision"], each["category"]["path"] if each["category"] else "") for each in answers]


def test_decisions_stay_where_only_names_change(client: TestClient) -> None:
    """Renamed and moved, every product is answered as before, under the new name and in the new place."""
    before = decided(client)
    change(
        client,
        {"change": "rename", "node": "Garden > Planters", "name": "Pots"},
        {"change": "move", "node": "Kitchen > Coffee", "parent": None},
    )
    expected = [
        (decision, path.replace("Garden > Planters", "Garden > Pots").replace("Kitchen > Coffee", "Coffee"))
        for decision, path in before
    ]
    assert expected == decided(client)


def test_merged_votes_join_and_split_ones_part(client: TestClient) -> None:
    """Who voted for either category votes for the one that is left; who was sorted out votes for where it went."""
    pruner = "Garden > Tools > Pruners"
    assert ("auto", pruner) == decided(client)[1]
    assert ("auto", "Garden > Planters") == decided(client)[0]
    change(client, MERGE)
    merged = decided(client)
    assert [("auto", "Garden > Planters")] * 2 == merged[:2]
    parts = [{"name": "Pruning", "rule": {"words": ["pruner"]}}, {"name": "Potting", "rule": {"words": ["planter"]}}]
    change(client, {"change": "split", "node": "Garden > Planters", "parts": parts, "beside": True})
    assert [("auto", "Garden > Potting"), ("auto", "Garden > Pruning")] == decided(client)[:2]
