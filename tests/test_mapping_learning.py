"""service/mapping: what foreign categories mean, from votes, and the command, ingest and route that use it."""

from __future__ import annotations

import csv
import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from indexer.product import Product
from indexer.sources.rows import Row
from indexer.store.place import open_store
from service.cli import aisle
from service.engine import Engine
from service.mapping.ballots import Ballot
from service.mapping.learning import SAMPLE, Learning
from service.mapping.meaning import Demand, lower_bound, meaning_of
from service.settings import ServiceSettings
from taxonomy.foreign import STATUSES, Meaning
from taxonomy.likeness import Likeness
from taxonomy.tree import Tree

TREE = Tree.from_paths([("Home", "Kitchen", "Mugs"), ("Home", "Kitchen", "Pans"), ("Sports", "Balls"), ("Toys",)])
MUGS, PANS, BALLS, TOYS = (
    TREE.find(path) or 0
    for path in (("Home", "Kitchen", "Mugs"), ("Home", "Kitchen", "Pans"), ("Sports", "Balls"), ("Toys",))
)
LEASH = "Pets > Dogs > Leads"
PRESS = "Kitchen > Coffee > French Presses"


def meant(text: str, **votes: int) -> Meaning:
    """Return what a foreign category means for which so many products speak for a leaf each."""
    ballot = Ballot(text)
    for name, many in votes.items():
        for number in range(many):
            ballot.add([({"mugs": MUGS, "pans": PANS, "balls": BALLS, "toys": TOYS}[name], 1.0)], f"{name} {number}")
    return meaning_of(ballot, TREE, Likeness(TREE))


def test_a_share_is_counted_on_as_far_as_products_allow() -> None:
    """Wilson's lower bound at z = 1.645, computed by hand: n / (n + z2) where all agree."""
    assert lower_bound(1.0, 5) == pytest.approx(5 / (5 + 1.645**2))
    assert lower_bound(0.8, 10) == pytest.approx(0.541, abs=5e-4)
    assert lower_bound(0.0, 10) == lower_bound(1.0, 0) == 0.0


MEANINGS = {
    "many that agree": (meant("xyz", mugs=9, balls=1), "Home > Kitchen > Mugs", "map", 0.9),
    "too few": (meant("xyz", mugs=2), "Home > Kitchen > Mugs", "review", 1.0),
    "too divided": (meant("xyz", mugs=7, balls=3), "Home > Kitchen > Mugs", "review", 0.7),
    "divided below one node": (meant("xyz", mugs=5, pans=5), "Home > Kitchen", "review", 1.0),
    "scattered": (meant("xyz", mugs=4, balls=4, toys=3), "Home > Kitchen > Mugs", "ignore", 4 / 11),
    "a name like ours and one product": (meant("Kitchen | mug", mugs=1), "Home > Kitchen > Mugs", "map", 1.0),
    "a name that is ours": (meant("Home > Kitchen > Mugs"), "Home > Kitchen > Mugs", "map", 1.0),
    "a name that is ours, with others below": (meant("Home > Kitchen"), "Home > Kitchen", "review", 1.0),
    "a name of nothing": (meant("xyz"), "", "review", 0.0),
}


@pytest.mark.parametrize("name", MEANINGS)
def test_what_a_foreign_category_means(name: str) -> None:
    """The deepest node with enough votes, and whether it may be applied without a person."""
    meaning, path, status, share = MEANINGS[name]
    assert (meaning.path, meaning.status) == (path, status)
    assert meaning.share == pytest.approx(share)


def test_what_speaks_for_a_meaning_is_told() -> None:
    """Purity is the chance that two votes agree; examples are of the node first, others have their shares."""
    meaning = meant("xyz", mugs=8, balls=2)
    assert meaning.purity == pytest.approx(0.8**2 + 0.2**2)
    assert (meaning.products, meaning.examples) == (10, ("mugs 0", "mugs 1", "mugs 2"))
    assert [path for path, _ in meaning.others] == ["Sports > Balls"]
    assert meaning.others[0][1] == pytest.approx(0.2)


@given(st.dictionaries(st.sampled_from(["mugs", "pans", "balls", "toys"]), st.integers(1, 30)), st.floats(0.5, 1))
def test_what_is_applied_has_what_was_demanded(votes: dict[str, int], share: float) -> None:
    """No mapping is applied below its share and confidence, whatever the votes; others never exceed the whole."""
    ballot = Ballot("xyz")
    for name, many in votes.items():
        for _ in range(many):
            ballot.add([({"mugs": MUGS, "pans": PANS, "balls": BALLS, "toys": TOYS}[name], 1.0)], "")
    meaning = meaning_of(ballot, TREE, Likeness(TREE), Demand(share=share))
    assert meaning.status in STATUSES
    assert meaning.status != "map" or (meaning.share >= share and meaning.confidence >= 0.5)
    assert 0 <= meaning.confidence <= meaning.share <= 1
    assert sum(other for _, other in meaning.others) <= 1 + 1e-9


def carry(index: Path, foreign: str, *ids: str) -> None:
    """Let stored products carry a foreign category."""
    with closing(open_store(index)) as records:
        from dataclasses import replace

        found = records.get(ids)
        facts = (("foreign_category", foreign),)
        records.write(
            [replace(found[each].record, product=replace(found[each].record.product, facts=facts)) for each in ids]
        )


@pytest.fixture
def leashes(own_index: Path) -> list[str]:
    """Return the ids of six leads."""
    with closing(open_store(own_index)) as records:
        return [each.record.product.id for each in records.page(0, 99) if each.record.product.category == LEASH][:6]


def test_stored_products_and_those_of_a_source_vote(own_index: Path, leashes: list[str]) -> None:
    """Labels vote whole; a source's row without a label is asked about, so many of a category; counts add up."""
    carry(own_index, "Leinen", *leashes)
    with closing(Engine.open(ServiceSettings(index=own_index))) as engine:
        learning = Learning(engine)
        learning.hear_stored()
        assert (learning.heard.read, learning.heard.labelled, learning.heard.bare) == (60, 6, 54)
        rows = [
            *(
                Row(n, f"n{n}", {}, Product(f"n{n}", "Brewmont french press coffee maker", category="Kaffee"))
                for n in range(SAMPLE + 2)
            ),
            Row(98, "y", {}, Product("y", "Dog lead", category=LEASH, facts=(("foreign_category", "leinen"),))),
            Row(99, "z", {}, Product("z", "Bare")),
        ]
        learning.hear(rows)
        heard = learning.heard
        assert (heard.labelled, heard.asked, heard.beyond, heard.bare) == (7, SAMPLE, 2, 55)
        assert heard.read == heard.labelled + heard.asked + heard.beyond + heard.bare == 60 + SAMPLE + 4
        found = {meaning.foreign: meaning for meaning in learning.meanings()}
    assert list(found) == ["Kaffee", "Leinen"]
    assert (found["Leinen"].path, found["Leinen"].status, found["Leinen"].products) == (LEASH, "map", 7)
    assert (found["Kaffee"].path, found["Kaffee"].products) == (PRESS, SAMPLE)


def test_a_mapping_is_learnt_edited_and_applied(own_index: Path, leashes: list[str], tmp_path: Path) -> None:
    """Aisle taxonomy map writes the file, never over another; aisle add --mapping places by it and says how many."""
    carry(own_index, "Leinen", *leashes)
    out, run = tmp_path / "mapping.csv", CliRunner()
    told = run.invoke(aisle, ["taxonomy", "map", "--index", str(own_index), "-o", str(out), "--json"])
    assert json.loads(told.stdout) == {
        "foreign_categories": 1,
        "map": 1,
        "review": 0,
        "ignore": 0,
        "products": 6,
        "products_mapped": 6,
        "read": 60,
        "labelled": 6,
        "asked": 0,
        "beyond": 0,
        "bare": 54,
    }
    with out.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["foreign_category"], row["path"], row["status"], row["products"]) == ("Leinen", LEASH, "map", "6")
    again = run.invoke(aisle, ["taxonomy", "map", "--index", str(own_index), "-o", str(out)])
    assert "is there already, perhaps with what a person decided" in str(again.exception)

    (tmp_path / "new.csv").write_text("id,title,category\nN1,Lead,LEINEN\nN2,Lead,Sale\n")
    with out.open("a") as file:
        file.write("Sale,,ignore\n")
    added = run.invoke(
        aisle, ["add", str(tmp_path / "new.csv"), "--index", str(own_index), "--mapping", str(out), "--json"]
    )
    assert json.loads(added.stdout)["mapping"] == {"mapped": 1, "ignored": 1}
    with closing(open_store(own_index)) as records:
        stored = records.get(["N1", "N2"])
    first, second = (stored[each].record.product for each in ("N1", "N2"))
    assert (first.category, first.known) == (LEASH, {"foreign_category": "LEINEN"})
    assert (second.category, second.known) == ("", {"foreign_category": "Sale"})


def test_the_service_says_what_a_foreign_category_means(client: TestClient) -> None:
    """By the labels of the products that carry it, with their shares; a string that none carries has no nodes."""
    items = [
        {"op": "put", "id": f"N{n}", "title": f"Lead {n}", "category": LEASH, "facts": {"foreign_category": "Leinen"}}
        for n in range(6)
    ]
    client.post("/v1/products:batch", json={"items": items})
    found, other = client.post("/v1/taxonomy/map", json={"categories": ["LEINEN", "Nope"]}).json()["items"]
    (node,) = found["nodes"]
    assert (node["path"], node["share"], found["products"], found["status"]) == (LEASH, 1.0, 6, "map")
    assert found["category"] is None
    assert (other["nodes"], other["products"], other["status"]) == ([], 0, None)


def test_an_index_without_any_category_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is built, asked, served and learns what it can; every answer abstains."""
    monkeypatch.setenv("AISLE_ENCODER", "hashing:64")
    source, index, run = tmp_path / "p.csv", str(tmp_path / "i"), CliRunner()
    source.write_text("id,title,price\n1,Blue mug,3\n2,Red mug,on request\n3,Football,\n")
    built = run.invoke(aisle, ["build", str(source), "--index", index])
    assert built.exit_code == 0, built.output
    assert "1 prices that are no numbers above 0" in built.output
    for command in (
        ["classify", str(source), "-o", str(tmp_path / "o.csv"), "--index", index],
        ["similar", "mug", "--index", index],
        ["calibrate", "--index", index],
        ["taxonomy", "map", str(source), "-o", str(tmp_path / "m.csv"), "--index", index],
    ):
        done = run.invoke(aisle, command)
        assert done.exit_code == 0, (command, done.output, done.exception)
    from service.rest.app import create_app

    with TestClient(create_app(ServiceSettings(index=Path(index)))) as client:
        answer = client.post("/v1/categorize", json={"title": "Green mug"}).json()
        assert (answer["decision"], answer["category"]) == ("abstain", None)
        assert client.post("/v1/taxonomy/map", json={"categories": ["Mugs"]}).json()["items"][0]["category"] is None
