"""service/rest/categories.py: the tree level by level, and categories by what somebody types."""

from __future__ import annotations

from starlette.testclient import TestClient

NODES = "/v1/taxonomy/nodes"


def test_the_taxonomy_is_walked_from_the_top_with_the_products_below(reader: TestClient) -> None:
    """Each category's products are those of its whole branch; its own are told apart."""
    top = reader.get(NODES).json()["items"]
    assert [(node["name"], node["children"], node["products"], node["own"]) for node in top] == [
        ("Garden", 2, 24, 0),
        ("Kitchen", 2, 24, 0),
        ("Pets", 1, 12, 0),
    ]
    below = reader.get(NODES, params={"parent": top[0]["id"]}).json()
    assert below["parent"] == top[0]["id"]
    assert [(node["path"], node["children"], node["products"], node["own"]) for node in below["items"]] == [
        ("Garden > Planters", 0, 12, 12),
        ("Garden > Tools", 1, 12, 0),
    ]


def test_categories_are_found_by_words(reader: TestClient) -> None:
    """In the whole tree or in a branch; words that say nothing list the level."""
    found = reader.get(NODES, params={"q": "PRESS cof"}).json()
    assert [node["path"] for node in found["items"]] == ["Kitchen > Coffee > French Presses"]
    assert [node["path"] for node in reader.get(NODES, params={"q": "k", "limit": 1}).json()["items"]] == ["Kitchen"]
    garden = reader.get(NODES, params={"q": "garden"}).json()["items"][0]
    below = reader.get(NODES, params={"q": "p", "parent": garden["id"]}).json()["items"]
    assert [node["path"] for node in below] == ["Garden > Planters", "Garden > Tools > Pruners"]
    assert len(reader.get(NODES, params={"q": " "}).json()["items"]) == 3
    assert reader.get(NODES, params={"q": "p", "parent": "nope"}).json()["code"] == "category_not_found"
