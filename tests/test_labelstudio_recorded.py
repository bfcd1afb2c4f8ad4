"""What Label Studio 1.23.2 exported of one project, in each format, as `tests/labelstudio` has it.

Its interface is of `aisle labelstudio config`, its tasks of `export products`, with the catalogue and ODD. P001 to
P004 were annotated in its pages by a browser: submitted as pre-annotated, both tags taken away, skipped, another
category and a further tag. The others were annotated over its API: two categories, an empty annotation, two
annotators who disagree, two who agree, tags alone, a product with odd characters, and a task that was made there.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from service.cli import aisle
from service.rest.app import create_app
from service.settings import ServiceSettings
from tests.test_labelstudio import PANS, PRESSES, categorized, decisions, refused, stored, tally

RECORDED = Path(__file__).parent / "labelstudio"
ODD = {
    "id": 'ODD, "1"',
    "title": '=Hollin "frying" pan <b onclick=x>24 cm</b> &amp; 日本 😀\t; 5\' | x, "y"',
    "description": '<p>Line one</p>\n<script>alert(1)</script>\nline "two", {"a": [1]}',
    "brand": "[Bråk]",
    "specs": {"Size": '24, "x"', "Colour": "{red}"},
    "category": PANS,
    "tags": ["kitchen", "[new]"],
    "images": ["http://127.0.0.1:9/pan.jpg"],
}


@pytest.fixture(params=["export.json", "export.min.json", "export.csv", "export.tsv"])
def export(request: pytest.FixtureRequest) -> Path:
    """Return an export in each format."""
    return RECORDED / str(request.param)


@pytest.fixture
def index(own_index: Path) -> Path:
    """Return the index that the tasks were made of."""
    with TestClient(create_app(ServiceSettings(index=own_index, upkeep=False))) as client:
        assert client.post("/v1/products", json=ODD).status_code == 201
    return own_index


def test_what_people_annotated_there_is_what_products_are_here(export: Path, index: Path, tmp_path: Path) -> None:
    """By every format the same labels, by whom it was; the next question sees them; twice is once; each is undone."""
    before = Path(shutil.copytree(index, tmp_path / "before"))
    whole = export.name == "export.json"
    said = tally(export, index)
    assert (said["labelled"], said["unchanged"], said["skipped"], said["cancelled"]) == (6, 0, 1 + whole, int(whole))
    assert said["actions"] == {"keep": 2, "fix": 4}
    assert refused(index) == [("5", "several_categories"), ("7", "disagreement"), ("272", "missing_product")]
    expected = {
        "P001": (PRESSES, ["coffee", "kitchen"]),
        "P002": (PRESSES, [] if whole else ["coffee", "kitchen"]),
        "P003": (PRESSES, ["coffee", "kitchen"]),
        "P004": ("Garden", ["coffee", "kitchen", "outdoor"]),
        "P005": (PRESSES, ["coffee", "kitchen"]),
        "P008": (PANS, ["coffee", "kitchen"]),
        "P009": (PRESSES, ["coffee", "dog"]),
        ODD["id"]: (PRESSES, ["[new]"]),
    }
    found = {id_: stored(index, str(id_)) for id_ in expected}
    assert {id_: (one.category, sorted(one.tags)) for id_, one in found.items()} == expected
    assert [id_ for id_, one in found.items() if one.provenance == "human"] == [
        id_ for id_ in expected if id_ not in {"P003", "P005"}
    ]
    assert sorted({author for _, author in decisions(index)}) == ["annotator 1", "annotator 1, annotator 2"]
    assert categorized(index, str(ODD["title"])) == PRESSES

    again = tally(export, index)
    assert (again["labelled"], again["unchanged"], again["problems"]) == (0, 6, said["problems"])
    first, last = said["decisions"]
    for number in range(last, first - 1, -1):
        undone = CliRunner().invoke(aisle, ["audit", "undo", str(number), "--index", str(index)])
        assert undone.exit_code == 0, undone.output
    for id_ in expected:
        was, now = stored(before, str(id_)), stored(index, str(id_))
        assert (now.category, now.tags, now.provenance) == (was.category, was.tags, was.provenance)
