"""aisle jobs: made, answered with and without a service, followed, fetched, cancelled, deleted."""

from __future__ import annotations

import csv
import io
import json
import time
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from starlette.testclient import TestClient

from indexer.errors import JobConflict, JobNotFound, SettingError, SnapshotMissing, SourceError
from indexer.store.place import open_store
from service.cli import aisle
from service.commands import following
from service.commands import jobs as commands
from service.jobs.alone import attended
from service.jobs.folder import JobFolder
from service.jobs.kinds import KINDS
from service.jobs.making import FORMATS
from service.rest.app import create_app
from service.settings import ServiceSettings
from tests.test_jobs import ROWS, csv_of, many


def run(index: Path, *words: str) -> Result:
    """Run a command about an index; raises what it raises."""
    done = CliRunner().invoke(aisle, ["jobs", *words, "--index", str(index)], env={"AISLE_INDEX": ""})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a command wait less long for a service."""
    monkeypatch.setattr(following, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.05)


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    """Return a file of four rows, one of them bad."""
    (tmp_path / "feed.csv").write_bytes(csv_of(ROWS))
    return tmp_path / "feed.csv"


def only(index: Path) -> str:
    """Return the id of the only job."""
    with closing(open_store(index)) as records:
        [job] = records.jobs.page()
    return job.id


@pytest.mark.usefixtures("soon")
def test_without_a_service_the_command_answers(own_index: Path, feed: Path, tmp_path: Path) -> None:
    """The result is as a service makes it; the job is listed, shown and told as JSON, and deleted with its files."""
    done = run(own_index, "run", str(feed), "-o", str(tmp_path / "out.jsonl"), "--author", "Ann")
    assert (done.exit_code, "no service works on it" in done.stderr) == (0, True)
    job = only(own_index)
    assert done.stdout.splitlines()[0] == f"job {job}: feed.csv, categorize, done"
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["sku"] for row in rows] == ["N1", "N2", "N3", "P049"]
    assert rows[0]["aisle_path"] == "Kitchen > Coffee > French Presses"
    assert "neither text nor image" in rows[2]["aisle_problem"]
    assert f"aisle jobs result or quarantine {job} -o FILE" in run(own_index, "show", job).stdout
    head, line = run(own_index, "list").stdout.splitlines()
    assert head.split() == ["id", "kind", "state", "rows", "at", "by", "file"]
    assert (line.split()[:4], line.split()[-2:]) == ([job, "categorize", "done", "4"], ["Ann", "feed.csv"])
    [told] = json.loads(run(own_index, "list", "--json").stdout)
    assert (told["id"], told["counts"]["refused"], told["progress"]["percent"]) == (job, 1, 100.0)
    [refused] = map(json.loads, run(own_index, "quarantine", job).stdout.splitlines())
    assert (refused["id"], refused["code"]) == ("N3", "no_content")
    with pytest.raises(SettingError, match=r"it is jsonl, and out\.csv is not called so"):
        run(own_index, "result", job, "-o", str(tmp_path / "out.csv"))
    assert run(own_index, "follow", job).exit_code == 0  # it has ended
    assert run(own_index, "delete", job).stderr == f"job {job} is deleted, with all its files\n"
    assert list((own_index / "jobs").iterdir()) == []
    assert run(own_index, "list").stdout.startswith("there is no job")
    with pytest.raises(JobNotFound):
        run(own_index, "show", job)


@pytest.mark.usefixtures("soon")
def test_how_a_file_is_written_is_said_as_everywhere(own_index: Path, tmp_path: Path) -> None:
    """Columns, encoding, delimiter and a profile's constants; each kind does what it says."""
    (tmp_path / "odd.csv").write_bytes("Nr;Was;Gruppe\nÄ1;Brewmont french press;Garden > Planters\n".encode("cp850"))
    (tmp_path / "p.toml").write_text('[constant]\nsupplier = "Nordkram"\nspecs = "Department: Kitchen"\n')
    words = ["--map", "id=Nr", "--map", "title=Was", "--map", "category=Gruppe", "--encoding", "cp850"]
    words += ["--delimiter", ";", "--profile", str(tmp_path / "p.toml")]
    done = run(own_index, "run", str(tmp_path / "odd.csv"), "--kind", "index", *words, "--json")
    assert json.loads(done.stdout)["counts"] == {"created": 1}
    with closing(open_store(own_index)) as records:
        product = records.get(["Ä1"])["Ä1"].record.product
    assert (product.known, product.specs) == ({"supplier": "Nordkram"}, (("Department", "Kitchen"),))
    job = json.loads(run(own_index, "run", str(tmp_path / "odd.csv"), "--kind", "audit", *words, "--json").stdout)
    [row] = csv.DictReader(io.StringIO(run(own_index, "result", job["id"]).stdout))
    assert (row["aisle_label"], row["aisle_agrees"] != "yes") == ("Garden > Planters", True)


def test_what_cannot_be_done_leaves_no_job(own_index: Path, feed: Path, tmp_path: Path) -> None:
    """A file that is not there, or none; an output of no format; an index that was never built."""
    with pytest.raises(SourceError, match=r"there is no file or folder none\.csv"):
        run(own_index, "run", "none.csv")
    (tmp_path / "page.csv").write_text("<html>")
    with pytest.raises(SourceError, match=r"page\.csv is HTML or XML"):
        run(own_index, "run", str(tmp_path / "page.csv"))
    with pytest.raises(SettingError, match=r"'out\.doc' is none of"):
        run(own_index, "run", str(feed), "-o", str(tmp_path / "out.doc"))
    with pytest.raises(SettingError, match=r"out\.csv would be csv and --format says tsv"):
        run(own_index, "run", str(feed), "-o", str(tmp_path / "out.csv"), "--format", "tsv")
    assert run(own_index, "run", str(feed), "--detach", "-o", "a.csv").exit_code == 2
    assert run(own_index, "run", str(feed), "--precision", "2").exit_code == 2
    assert not list((own_index / "jobs").glob("*"))
    with pytest.raises(SnapshotMissing):
        run(tmp_path / "nowhere", "list")


def test_a_job_is_handed_over_cancelled_and_has_no_result(own_index: Path, feed: Path) -> None:
    """An open one is not deleted, and tells what helps; of one that was cancelled nothing can be fetched."""
    job = run(own_index, "run", str(feed), "--detach").stdout.strip()
    assert job == only(own_index)
    with pytest.raises(JobConflict, match=f"aisle jobs cancel {job}"):
        run(own_index, "delete", job)
    with pytest.raises(JobConflict, match="ask again when it is done"):
        run(own_index, "result", job)
    assert run(own_index, "cancel", job).stderr == f"job {job} is cancelled after 0 rows\n"
    with pytest.raises(JobConflict, match="it has no result"):
        run(own_index, "result", job)
    assert run(own_index, "follow", job).exit_code == 1
    assert f"aisle jobs delete {job}" in run(own_index, "show", job).stdout
    assert list((own_index / "jobs").iterdir()) == []


def test_a_service_that_runs_answers_and_the_command_looks_on(
    own_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a job that waits for its turn behind others."""
    monkeypatch.setattr(following, "IDLE_SECONDS", 60)
    (tmp_path / "a.csv").write_bytes(many(60))
    settings = ServiceSettings(index=own_index, job_rows=1, job_slots=1, upkeep=False)
    with TestClient(create_app(settings)) as client:
        first = run(own_index, "run", str(tmp_path / "a.csv"), "--detach").stdout.strip()
        while client.get(f"/v1/jobs/{first}").json()["state"] == "queued":
            time.sleep(0.01)
        done = run(own_index, "run", str(tmp_path / "a.csv"), "-o", str(tmp_path / "out.csv"))
        assert (done.exit_code, "no service works on it" in done.stderr) == (0, False)
        assert "waits for its turn" in done.stderr
        with (tmp_path / "out.csv").open(newline="") as file:
            assert [row["sku"] for row in csv.DictReader(file)] == [f"N{n}" for n in range(60)]
        assert {job["state"] for job in client.get("/v1/jobs").json()["items"]} == {"done"}


@pytest.mark.usefixtures("soon")
def test_what_a_service_left_is_gone_on_with(own_index: Path, tmp_path: Path) -> None:
    """From the row where it was left, each row once; the rate shown is of the rows that follow."""
    (tmp_path / "a.csv").write_bytes(many(200))
    with TestClient(create_app(ServiceSettings(index=own_index, job_rows=7, upkeep=False))) as client:
        job = run(own_index, "run", str(tmp_path / "a.csv"), "--detach").stdout.strip()
        while client.get(f"/v1/jobs/{job}").json()["progress"]["done"] < 20:
            time.sleep(0.005)
    with closing(open_store(own_index)) as records:
        assert 20 <= records.jobs.get(job).done < 200
    done = run(own_index, "follow", job)
    assert (done.exit_code, "so it is answered here" in done.stderr) == (0, True)
    rows = csv.DictReader(io.StringIO(run(own_index, "result", job).stdout))
    assert [row["sku"] for row in rows] == [f"N{n}" for n in range(200)]


def test_a_job_that_waits_behind_others_is_left_to_whoever_works_on_those(own_index: Path, feed: Path) -> None:
    """Who works is seen by the locks; of a job whose files are elsewhere nothing is seen, and it is left alone."""
    first, second = (run(own_index, "run", str(feed), "--detach").stdout.strip() for _ in range(2))
    with closing(open_store(own_index)) as records:
        waiting = records.jobs.get(second)
        assert not attended(records, own_index, waiting)
        with JobFolder.of(own_index, first).held():
            assert attended(records, own_index, waiting)
            assert not attended(records, own_index, records.jobs.begin(second))
        JobFolder.of(own_index, second).remove()
        assert attended(records, own_index, records.jobs.get(second))


def test_what_can_be_asked_for_is_what_there_is() -> None:
    """Kinds and formats on the command line are those of jobs."""
    assert (commands.KINDS, commands.FORMATS) == (KINDS, FORMATS)
