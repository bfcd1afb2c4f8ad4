"""Bulk jobs while they run and after: what they say, what they leave on the disk, cancelled, failed, deleted."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from indexer.errors import JobConflict, JobNotFound, SourceError
from indexer.store.jobs import Job
from indexer.store.place import open_store
from service.jobs import ending, kinds, running
from service.jobs.folder import JobFolder
from service.rest.app import create_app
from service.settings import ServiceSettings
from tests.test_jobs import ROWS, csv_of, ended, many, send


def left(index: Path, job: dict[str, Any]) -> list[str]:
    """Return the names of a job's files, while others may be removing them."""
    folders = os.walk(JobFolder.of(index, job["id"]).path)  # one that is gone by then has none
    return sorted(name for _, _, names in folders for name in names)


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    for _ in range(3_000):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to that")


def begun(client: TestClient, response: httpx2.Response, rows: int = 1) -> dict[str, Any]:
    """Return a job once so many of its rows are answered."""
    for _ in range(3_000):
        job: dict[str, Any] = client.get(response.headers["location"]).json()
        if job["progress"]["done"] >= rows:
            return job
        time.sleep(0.01)
    raise AssertionError(job)


def test_a_job_runs_from_the_moment_that_it_is_taken_up(own_index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so, with about how many rows there are, before its first chunk is answered."""
    waiting = [True]

    def answer(*given: Any) -> Any:
        while waiting[0]:
            time.sleep(0.005)
        return kinds.answer(*given)

    monkeypatch.setattr(running, "answer", answer)
    with TestClient(create_app(ServiceSettings(index=own_index, upkeep=False))) as client:
        sent = send(client, many(20))
        job: dict[str, Any] = {"progress": {"total": None}}
        while job["progress"]["total"] is None:
            job = client.get(sent.headers["location"]).json()
        waiting[0] = False
        assert (job["state"], job["started_at"] is None) == ("running", False)
        assert job["progress"] == {"done": 0, "total": 20, "percent": 0.0, "rows_per_second": None, "eta_s": None}
        assert ended(client, sent)["state"] == "done"


def test_a_chunk_takes_about_a_second_however_slow_its_rows_are(
    own_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight rows at first; then as many as that pace gives, at most as the setting says."""
    sizes: list[int] = []
    now = [0.0]

    class Clock:
        monotonic = staticmethod(lambda: now[0])

    def answer(kind: str, serving: Any, rows: Any, dial: Any, run: Any) -> Any:
        sizes.append(len(rows))
        now[0] += len(rows) * (0.5 if len(sizes) < 3 else 0.05)
        return kinds.answer(kind, serving, rows, dial, run)

    monkeypatch.setattr(running, "answer", answer)
    monkeypatch.setattr(running, "time", Clock)
    with TestClient(create_app(ServiceSettings(index=own_index, job_rows=10, upkeep=False))) as client:
        assert ended(client, send(client, many(40)))["state"] == "done"
    assert sizes == [8, 2, 2, 10, 10, 8]


def test_a_job_that_has_ended_is_deleted_with_its_files_and_an_open_one_is_not(slow: TestClient) -> None:
    """Who deletes an open one is told to cancel it; a deleted one is not there any more."""
    index: Path = slow.app.state.settings.index  # type: ignore[attr-defined]  # any ASGI application
    job = ended(slow, send(slow, csv_of(ROWS)))
    until(lambda: left(index, job) == ["lock", "quarantine.jsonl", "result.csv"])  # its parts go once it has ended
    long = begun(slow, send(slow, many(3_000)))
    refused = slow.delete(f"/v1/jobs/{long['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "job_conflict")
    assert refused.json()["detail"] == (
        f"the job {long['id']} is running and cannot be deleted; cancel it first "
        f"(POST /v1/jobs/{long['id']}:cancel, or aisle jobs cancel {long['id']})"
    )
    assert slow.delete(f"/v1/jobs/{job['id']}").json() == job
    assert not JobFolder.of(index, job["id"]).path.exists()
    assert [slow.request(method, f"/v1/jobs/{job['id']}").status_code for method in ("GET", "DELETE")] == [404, 404]
    assert slow.get(job["result_url"]).json()["code"] == "job_not_found"
    slow.post(f"/v1/jobs/{long['id']}:cancel")
    assert slow.delete(f"/v1/jobs/{long['id']}").json()["state"] == "cancelled"  # perhaps within its last chunk
    for _ in range(500):
        if not JobFolder.of(index, long["id"]).path.exists():
            break
        time.sleep(0.02)
    assert list((index / "jobs").iterdir()) == []
    assert ended(slow, send(slow, many(5)))["state"] == "done"  # the runner goes on


def test_what_was_cancelled_or_has_failed_leaves_no_files(slow: TestClient, own_index: Path) -> None:
    """Neither upload nor parts: nothing is made of them any more."""
    long = begun(slow, send(slow, many(3_000)), 3)
    slow.post(f"/v1/jobs/{long['id']}:cancel")
    until(lambda: left(own_index, long) == [])
    with closing(open_store(own_index)) as records:
        folder = JobFolder.of(own_index, "f" * 32)
        folder.make()
        folder.place_for("a.csv").write_text("sku,name\n1,pan\n")
        folder.write_part(0, [{"sku": "1"}], [])
        records.jobs.add(Job("f" * 32, "categorize", "a.csv", {"format": "ods"}))
    for _ in range(500):
        failed = slow.get(f"/v1/jobs/{'f' * 32}").json()
        if failed["state"] == "failed":
            break
        time.sleep(0.02)
    assert failed["error"].startswith("'result.ods' is none of")
    until(lambda: left(own_index, failed) == [])  # which go once it says so


def test_files_stay_while_somebody_works_on_them_and_go_when_he_lets_go(own_index: Path) -> None:
    """Whoever holds the lock finds the job gone."""
    with closing(open_store(own_index)) as records:
        folder = JobFolder.of(own_index, "a" * 32)
        folder.make()
        records.jobs.add(Job("a" * 32, "categorize", "a.csv", {"format": "csv"}))
        with folder.held() as ours:
            assert ours
            ending.cancel(records, own_index, "a" * 32)
            assert folder.path.is_dir()
            ending.remove(records, own_index, "a" * 32)
            assert folder.path.is_dir()
            with pytest.raises(JobNotFound):
                records.jobs.advance("a" * 32, done=1, counts={}, seconds=0.0, total=None)
        ending.tidy(records, own_index, "a" * 32)
        assert not folder.path.exists()


def test_a_folder_that_nobody_knows_is_removed_a_day_later(own_index: Path) -> None:
    """As a crash in an upload leaves it; one that is younger may be an upload under way, one of a job stays."""
    with closing(open_store(own_index)) as records:
        for name in ("a", "b", "c"):
            JobFolder.of(own_index, name * 32).make()
        records.jobs.add(Job("b" * 32, "categorize", "b.csv", {"format": "csv"}))
        old = time.time() - ending.STRAY_SECONDS - 60
        for name in ("a", "b"):
            os.utime(JobFolder.of(own_index, name * 32).path, (old, old))
        ending.sweep(records, own_index)
        assert sorted(each.name[0] for each in (own_index / "jobs").iterdir()) == ["b", "c"]
        with pytest.raises(JobConflict, match="queued and cannot be deleted; cancel it first"):
            records.jobs.remove("b" * 32)
        told = ending.fail(records, own_index, "b" * 32, SourceError(f"{own_index}/jobs/{'b' * 32}/upload.csv is bad"))
        assert (told.state, told.error) == ("failed", "upload.csv is bad")


def test_jobs_go_by_themselves_days_after_their_end(own_index: Path) -> None:
    """As the setting says, with their files."""
    settings = ServiceSettings(index=own_index, upkeep=False)
    with TestClient(create_app(settings)) as client:
        job = ended(client, send(client, csv_of(ROWS)))
    with closing(open_store(own_index)) as records:
        assert len(records.jobs.page()) == 1
    time.sleep(0.2)
    with TestClient(create_app(settings.model_copy(update={"job_days": 0.1 / 86_400}))) as client:
        for _ in range(500):
            if client.get(f"/v1/jobs/{job['id']}").status_code == 404:
                break
            time.sleep(0.02)
        assert client.get("/v1/jobs").json()["items"] == []
    assert list((own_index / "jobs").iterdir()) == []
