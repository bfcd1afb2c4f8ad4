"""service/rest/figures.py: how good the answers are, and the report of the last evaluation."""

from __future__ import annotations

from pathlib import Path

import orjson
from starlette.testclient import TestClient

FIGURES, REPORT = "/v1/index/figures", "/v1/index/report"


def test_what_the_index_learnt_of_itself_is_told(reader: TestClient) -> None:
    """All products were asked about; more precision never answers more."""
    said = reader.get(FIGURES).json()
    assert said["evaluation"] is None
    learnt = said["calibration"]
    assert learnt["observations"] == 60
    assert [each["precision"] for each in learnt["dial"]] == [0.9, 0.95, 0.99]
    answered = [each["answered"] for each in learnt["dial"]]
    assert answered == sorted(answered, reverse=True)
    assert 0 <= learnt["error"] <= learnt["accuracy"] <= 1


def test_an_evaluation_in_the_folder_of_the_index_is_told_and_shown(client: TestClient, own_index: Path) -> None:
    """Its measures that people know by name; the page runs apart from every other. Without one it is 404."""
    missing = client.get(REPORT)
    assert (missing.status_code, missing.json()["code"]) == (404, "report_not_found")
    folder = own_index / "evaluation"
    folder.mkdir()
    (folder / "report.html").write_text("<!doctype html><title>Report</title>", "utf-8")
    measures = {"leaf": {"value": 0.9, "low": 0.8, "high": 0.95}, "other": {"value": 1, "low": 1, "high": 1}}
    said = {"setting": {"snapshot": "s1"}, "method": "held-out", "asked": 40, "measures": measures}
    (folder / "evaluation.json").write_bytes(orjson.dumps(said))
    told = client.get(FIGURES).json()["evaluation"]
    assert (told["method"], told["snapshot"], told["asked"]) == ("held-out", "s1", 40)
    assert [(each["name"], each["value"], each["low"]) for each in told["measures"]] == [("Category right", 0.9, 0.8)]
    page = client.get(REPORT)
    assert page.text.startswith("<!doctype html>")
    assert page.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'")
    (folder / "evaluation.json").write_text("no JSON", "utf-8")
    assert client.get(FIGURES).json()["evaluation"] is None
