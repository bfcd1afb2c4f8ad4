"""Bulk jobs over REST: uploaded, looked at first, answered beside live traffic, cancelled, resumed after kill -9."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook, load_workbook
from starlette.testclient import TestClient

from indexer.errors import SourceError, UnknownFormat
from indexer.sources import read
from indexer.sources.formats import xlsx
from indexer.store.jobs import Job
from indexer.store.place import open_store
from service.jobs import running
from service.jobs.folder import JobFolder
from service.jobs.kinds import own_columns
from service.rest.app import create_app
from service.settings import ServiceSettings
from service.worker import Worker

ROOT = Path(__file__).resolve().parent.parent
ROWS = [
    {"sku": "N1", "name": "Brewmont large french press coffee maker", "category": "Kitchen > Coffee > French Presses"},
    {"sku": "N2", "name": "Hollin classic bypass pruner", "category": "Pets > Dogs > Leads"},
    {"sku": "N3", "name": "", "category": "Garden > Planters"},
    {"sku": "P049", "name": "=Oakridge dog lead", "category": ""},
]
COLUMNS = ("sku", "name", "category")


def csv_of(rows: list[dict[str, str]]) -> bytes:
    """Return rows as CSV."""
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def xlsx_of(rows: list[dict[str, str]]) -> bytes:
    """Return rows as a workbook."""
    book, file = Workbook(), io.BytesIO()
    book.active.append(list(rows[0]))
    for row in rows:
        book.active.append(list(row.values()))
        for cell in book.active[book.active.max_row]:
            cell.data_type = "s"  # text, also where it looks like a formula
    book.save(file)
    return file.getvalue()


def parquet_of(rows: list[dict[str, str]]) -> bytes:
    """Return rows as Parquet."""
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file.getvalue()


def jsonl_of(rows: list[dict[str, str]]) -> bytes:
    """Return rows as lines of JSON."""
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


def tsv_of(rows: list[dict[str, str]]) -> bytes:
    """Return rows as TSV."""
    return csv_of(rows).replace(b",", b"\t")


WRITERS: dict[str, Callable[[list[dict[str, str]]], bytes]] = {
    "csv": csv_of,
    "tsv": tsv_of,
    "jsonl": jsonl_of,
    "parquet": parquet_of,
    "xlsx": xlsx_of,
}


def send(client: TestClient, data: bytes, name: str = "feed.csv", **fields: str) -> httpx2.Response:
    """Upload a file."""
    fields = {"kind": "categorize", **fields}
    return client.post("/v1/jobs", files={"file": (name, data)}, data=fields)


def ended(client: TestClient, response: httpx2.Response) -> dict[str, Any]:
    """Return the job that was begun, once it has ended."""
    assert response.status_code == 202, response.text
    for _ in range(3_000):
        job: dict[str, Any] = client.get(response.headers["location"]).json()
        if job["state"] not in {"queued", "running"}:
            return job
        time.sleep(0.02)
    raise AssertionError(job)


def result_of(client: TestClient, job: dict[str, Any]) -> list[dict[str, str]]:
    """Return the rows of a result in CSV."""
    return list(csv.DictReader(io.StringIO(client.get(job["result_url"]).text)))


@pytest.mark.parametrize("ending", WRITERS)
def test_a_file_of_every_format_is_answered_row_by_row(client: TestClient, ending: str) -> None:
    """Its columns are kept, ours stand beside them; a row that is refused says why, and is quarantined."""
    begun = send(client, WRITERS[ending](ROWS), f"Feed of May.{ending}", format="csv")
    assert (begun.json()["state"], begun.headers["retry-after"]) == ("queued", "1")
    job = ended(client, begun)
    assert (job["state"], job["name"], job["error"]) == ("done", f"Feed of May.{ending}", "")
    assert (job["progress"]["done"], job["progress"]["total"], job["progress"]["percent"]) == (4, 4, 100.0)
    assert job["counts"]["refused"] == 1
    assert sum(job["counts"].values()) == 4
    answer = client.get(job["result_url"])
    assert "Feed of May-categorize.csv" in answer.headers["content-disposition"].replace("%20", " ")
    rows = result_of(client, job)
    assert [{name: row[name] for name in COLUMNS} for row in rows] == ROWS
    assert rows[0]["aisle_path"] == "Kitchen > Coffee > French Presses"
    assert "neither text nor image" in rows[2]["aisle_problem"]
    [refused] = map(json.loads, client.get(job["quarantine_url"]).text.splitlines())
    assert (refused["id"], refused["code"], refused["row"]["category"]) == ("N3", "no_content", "Garden > Planters")
    kept = client.get("/v1/predictions").json()["items"]
    assert {each["caller"] for each in kept} == {f"Feed of May.{ending}"}


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet", "xlsx"])
def test_the_result_has_the_format_that_is_asked_for(client: TestClient, ending: str) -> None:
    """That of the file without being asked."""
    job = ended(client, send(client, WRITERS[ending](ROWS), f"feed.{ending}"))
    data = client.get(job["result_url"]).content
    readers: dict[str, Callable[[], list[str]]] = {
        "csv": lambda: data.decode().split("\n")[0].split(","),
        "tsv": lambda: data.decode().split("\n")[0].split("\t"),
        "jsonl": lambda: list(json.loads(data.splitlines()[0])),
        "parquet": lambda: list(pq.read_table(io.BytesIO(data)).column_names),
        "xlsx": lambda: [cell.value for cell in next(load_workbook(io.BytesIO(data)).active.iter_rows())],
    }
    names = readers[ending]()
    assert tuple(names[:3]) == COLUMNS
    assert names[-1] == "aisle_problem"


def test_a_job_of_each_kind_does_what_it_says(client: TestClient) -> None:
    """Index stores, with categories of this tree alone refused where they are none; the others only look."""
    audited = ended(client, send(client, csv_of(ROWS), kind="audit"))
    assert [row["aisle_agrees"] for row in result_of(client, audited)] == ["yes", "no", "", "no label"]
    assert audited["counts"] == {"agrees": 1, "doubted": 1, "refused": 1, "no label": 1}
    looked = result_of(client, ended(client, send(client, csv_of(ROWS), kind="duplicates")))
    assert looked[0]["aisle_verdict"] in {"identical", "same product", "variant", "different"}
    assert client.get("/v1/products/N1").status_code == 404
    stored = ended(client, send(client, csv_of(ROWS), kind="index"))
    assert [row["aisle_outcome"] for row in result_of(client, stored)] == ["created", "created", "", "updated"]
    assert stored["counts"] == {"created": 2, "updated": 1, "refused": 1}
    assert client.get("/v1/products/N1").json()["category"] == "Kitchen > Coffee > French Presses"
    again = ended(client, send(client, csv_of(ROWS), kind="index"))
    assert again["counts"] == {"unchanged": 3, "refused": 1}


def test_images_come_in_a_zip(client: TestClient, photos: Path) -> None:
    """What is no zip is refused; one that is is taken, whether or not this index sees pictures."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.write(photos / "red.png", "red.png")
    rows = [{"sku": "N1", "name": "Red pan", "image": "red.png"}]
    files = {"file": ("feed.csv", csv_of(rows)), "images": ("photos.zip", packed.getvalue())}
    assert ended(client, client.post("/v1/jobs", files=files, data={"kind": "categorize"}))["state"] == "done"
    files["images"] = ("photos.zip", b"no zip")
    refused = client.post("/v1/jobs", files=files, data={"kind": "categorize"})
    assert (refused.status_code, refused.json()["code"]) == (422, "unreadable_source")
    assert str(client.app.state.settings.index) not in refused.text  # type: ignore[attr-defined]  # any ASGI application


def test_a_result_with_too_many_columns_is_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of JSON may each have names of their own: as lines they are answered, and a table would be all commas."""
    monkeypatch.setattr(running, "COLUMNS", 3)
    rows = [{"sku": f"N{at}", "name": "Red pan", f"c{at}": "x"} for at in range(40)]
    failed = ended(client, send(client, jsonl_of(rows), "feed.jsonl", format="csv"))
    assert failed["state"] == "failed"
    assert failed["error"] == "its rows have 42 columns, a table has 3 at most; ask for the result as jsonl"
    assert ended(client, send(client, jsonl_of(rows), "feed.jsonl"))["state"] == "done"


def test_a_job_waits_for_room_on_the_disk(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a part, and for the result; it keeps what it has answered, and its file."""
    full = {"write_part", "join_refused"}
    for name, real in [(each, getattr(JobFolder, each)) for each in sorted(full)]:

        def refused(folder: JobFolder, *given: Any, name: str = name, real: Any = real) -> None:
            if name in full:
                full.remove(name)
                raise OSError(errno.ENOSPC, "No space left on device")
            real(folder, *given)

        monkeypatch.setattr(JobFolder, name, refused)
    job = ended(client, send(client, csv_of(ROWS)))
    assert (job["state"], job["progress"]["done"]) == ("done", len(ROWS))
    assert [row["sku"] for row in result_of(client, job)] == [row["sku"] for row in ROWS]
    assert not full


def test_a_preview_says_how_a_file_would_be_read(client: TestClient) -> None:
    """Its columns, which of them are recognised, its first rows; columns can be mapped by hand; nothing is kept."""
    odd = csv_of([{"Nr": "1", "Was": "Brewmont french press", "Sonst": "x"}])
    unread = client.post("/v1/jobs:preview", files={"file": ("feed.csv", odd)}).json()
    assert unread["missing"].startswith("no column holds a title, text or image among 'Nr', 'Was', 'Sonst'; name it")
    assert (unread["columns"], unread["recognised"]) == (["Nr", "Was", "Sonst"], {})
    assert (unread["unused"], unread["sample"][0]["cells"]["Was"]) == (unread["columns"], "Brewmont french press")
    mapped = {"profile": '{"columns": {"title": "Was", "id": "Nr"}}'}
    told = client.post("/v1/jobs:preview", files={"file": ("feed.csv", odd)}, data=mapped).json()
    assert (told["missing"], told["format"], told["delimiter"], told["rows"]) == ("", "delimited", ",", 1)
    assert (told["columns"], told["unused"]) == (["Nr", "Was", "Sonst"], ["Sonst"])
    assert {name: told["recognised"][name] for name in ("id", "title")} == {"id": ["Nr"], "title": ["Was"]}
    assert told["sample"] == [
        {"line": 2, "id": "1", "cells": {"Nr": "1", "Was": "Brewmont french press", "Sonst": "x"}, "problem": ""}
    ]
    nameless = {"kind": "index", "profile": '{"columns": {"title": "Was"}}'}
    told = client.post("/v1/jobs:preview", files={"file": ("feed.csv", odd)}, data=nameless).json()
    assert told["missing"].startswith("no column holds the id among 'Nr', 'Was', 'Sonst'")
    assert told["recognised"] == {"title": ["Was"]}
    assert told["joins"] == []
    assert client.get("/v1/jobs").json() == {"items": [], "next": None}
    job = ended(client, send(client, odd, profile=mapped["profile"]))
    assert result_of(client, job)[0]["aisle_path"] == "Kitchen > Coffee > French Presses"


def test_a_label_that_a_person_gave_stays_when_its_product_is_stored_by_a_job(client: TestClient) -> None:
    """Where the file names another category, or none; what else it says is stored. A person's row replaces it."""
    dogs, pans = "Pets > Dogs > Leads", "Kitchen > Cookware > Frying Pans"
    product = {"title": "Red pan", "category": dogs, "provenance": "human"}
    assert client.put("/v1/products/N1", json=product).status_code == 201
    rows = [{"sku": "N1", "name": "Red pan, 28 cm", "category": pans, "label_provenance": ""}]
    for provenance, stands in (("", dogs), ("human", pans)):
        rows[0]["label_provenance"] = provenance
        job = ended(client, send(client, csv_of(rows), kind="index"))
        assert result_of(client, job)[0]["aisle_outcome"] == "updated"
        stored = client.get("/v1/products/N1").json()
        assert (stored["title"], stored["category"], stored["provenance"]) == ("Red pan, 28 cm", stands, "human")


def test_a_preview_names_categories_that_would_join_the_tree(client: TestClient) -> None:
    """Where products are stored by their labels; those of another tree join nothing."""
    rows = [
        {"sku": f"N{n}", "name": f"pan {n}", "category": path}
        for n, path in enumerate(["Kitchen > Cookware > Frying Pans", "1117 Kessel > Glas", "1117 Kessel > Glas"])
    ]
    file = {"file": ("feed.csv", csv_of(rows))}
    told = client.post("/v1/jobs:preview", files=file, data={"kind": "index"}).json()
    assert told["joins"] == ["1117 Kessel", "1117 Kessel > Glas"]
    for kind, columns in (("categorize", "{}"), ("index", '{"category": [], "foreign_category": "category"}')):
        asked = {"kind": kind, "profile": f'{{"columns": {columns}}}'}
        assert client.post("/v1/jobs:preview", files=file, data=asked).json()["joins"] == []
    assert "1117 Kessel" not in client.get("/v1/taxonomy").text


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"kind": "fly"}, "/kind"),
        ({"profile": "{"}, "/profile"),
        ({"precision": "2"}, "/precision"),
        ({"format": "ods"}, "/format"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_a_job_that_makes_no_sense_is_refused_at_its_place(
    reader: TestClient, fields: dict[str, str], pointer: str
) -> None:
    """With nothing kept."""
    told = send(reader, csv_of(ROWS), **fields).json()
    assert (told["code"], [each["pointer"] for each in told["errors"]]) == ("invalid_request", [pointer])
    assert not list((reader.app.state.settings.index / "jobs").glob("*"))  # type: ignore[attr-defined]  # as above


def test_what_is_no_table_or_too_large_is_refused_at_once(reader: TestClient, own_index: Path) -> None:
    """With the name of the file and without its place on this machine; a form that is cut off, too."""
    for data, name in (
        (b"", "feed.csv"),
        (b"%PDF-1.4", "feed.csv"),
        (b"PK\x03\x04", "feed.xlsx"),
    ):
        told = send(reader, data, name).json()
        assert (told["status"], told["code"]) == (422, "unreadable_source")
        assert name in told["detail"]
        assert "/jobs/" not in told["detail"]
    assert reader.post("/v1/jobs", json={}).status_code == 415
    assert reader.post("/v1/jobs", data={"kind": "index"}, files={"other": ("a", b"")}).status_code == 422
    cut = reader.post(
        "/v1/jobs",
        content=b'--x\r\nContent-Disposition: form-data; name="kind"\r\n\r\nindex',
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert (cut.status_code, cut.json()["code"]) == (400, "malformed_form")
    small = ServiceSettings(index=own_index, job_bytes=1_024, upkeep=False)
    with TestClient(create_app(small)) as client:
        assert send(client, b"sku,name\n" + b"1,pan\n" * 1_000).json()["code"] == "body_too_large"


def test_jobs_are_listed_and_an_upload_that_is_sent_again_is_the_same_job(client: TestClient) -> None:
    """Under its Idempotency-Key; another file under it is refused."""
    once = {"Idempotency-Key": "k"}
    files = {"file": ("feed.csv", csv_of(ROWS))}
    first = client.post("/v1/jobs", files=files, data={"kind": "categorize"}, headers=once)
    again = client.post("/v1/jobs", files=files, data={"kind": "categorize"}, headers=once)
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    other = client.post("/v1/jobs", files=files, data={"kind": "audit"}, headers=once)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_conflict")
    second = send(client, csv_of(ROWS))
    ids = [response.json()["id"] for response in (second, first)]
    page = client.get("/v1/jobs?limit=1").json()
    rest = client.get(f"/v1/jobs?limit=1&cursor={page['next']}").json()
    assert [each["id"] for each in page["items"] + rest["items"]] == ids
    assert client.get("/v1/jobs?cursor=x").json()["code"] == "invalid_cursor"
    assert client.get(f"/v1/jobs/{'0' * 32}").json()["code"] == "job_not_found"
    for response in (first, second):
        assert ended(client, response)["state"] == "done"


def many(count: int) -> bytes:
    """Return a file of so many rows, every hundredth of them bad."""
    return csv_of([{"sku": f"N{n}", "name": "" if n % 100 == 0 else f"Hollin frying pan {n}"} for n in range(count)])


def test_jobs_take_turns_and_can_be_cancelled(slow: TestClient) -> None:
    """A short one that comes later ends first; one that is cancelled has no result, nor can it be cancelled again."""
    long, short = send(slow, many(3_000)), send(slow, many(5))
    assert ended(slow, short)["state"] == "done"
    running = slow.get(long.headers["location"]).json()
    assert (running["state"], running["result_url"]) == ("running", None)
    assert 0 < running["progress"]["done"] < 3_000
    assert running["progress"]["eta_s"] > 0
    early = slow.get(f"/v1/jobs/{running['id']}/result")
    assert (early.status_code, early.json()["code"]) == (409, "job_conflict")
    cancelled = slow.post(f"/v1/jobs/{running['id']}:cancel").json()
    assert (cancelled["state"], cancelled["finished_at"] is None) == ("cancelled", False)
    done = slow.get(long.headers["location"]).json()["progress"]["done"]
    time.sleep(0.2)
    assert slow.get(long.headers["location"]).json()["progress"]["done"] <= done + 1
    refused = slow.post(f"/v1/jobs/{short.json()['id']}:cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "job_conflict")
    assert ended(slow, send(slow, many(5)))["state"] == "done"


def test_a_job_is_resumed_where_the_service_stopped(own_index: Path) -> None:
    """With every row in the result once; the parts of a chunk that was not recorded are written again."""
    settings = ServiceSettings(index=own_index, job_rows=7, upkeep=False)
    with TestClient(create_app(settings)) as client:
        begun = send(client, many(500))
        while client.get(begun.headers["location"]).json()["progress"]["done"] < 50:
            time.sleep(0.005)
    with closing(open_store(own_index)) as records:
        job = records.jobs.get(begun.json()["id"])
        assert (job.state, 50 <= job.done < 500) == ("running", True)
    stray = JobFolder.of(own_index, job.id).path / "parts" / f"{job.done:09}.jsonl"
    stray.write_text('{"sku": "half"}\n')
    with TestClient(create_app(settings)) as client:
        done = ended(client, begun)
        rows = result_of(client, done)
    assert [row["sku"] for row in rows] == [f"N{n}" for n in range(500)]
    assert (done["counts"]["refused"], sum(done["counts"].values())) == (5, 500)


@pytest.mark.slow
def test_a_job_survives_kill_9(own_index: Path) -> None:
    """Another process takes it up at once, and every row is answered exactly once."""
    run = "from service.cli import main; main()"
    command = [sys.executable, "-c", run, "serve", "--index", str(own_index), "--port", "0"]
    environment = os.environ | {"AISLE_UPKEEP": "false", "AISLE_JOB_ROWS": "5"}
    done = 0
    job = ""
    with closing(open_store(own_index)) as records:
        for turn in range(3):
            with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
                line = ""
                while process.stderr is not None and not line.startswith("serving"):
                    line = process.stderr.readline()
                address = line.split(" on ")[1].split()[0]
                if not turn:
                    sent = httpx2.post(
                        f"{address}/v1/jobs", files={"file": ("f.csv", many(600))}, data={"kind": "index"}, timeout=60
                    )
                    job = sent.json()["id"]
                goal = done + 60 if turn < 2 else 600
                while (now := records.jobs.get(job)).done < goal and now.open:
                    time.sleep(0.01)
                done = now.done
                if turn == 2:
                    while records.jobs.get(job).open:
                        time.sleep(0.05)
                    rows = list(csv.DictReader(io.StringIO(httpx2.get(f"{address}/v1/jobs/{job}/result").text)))
                process.send_signal(signal.SIGKILL)
        assert [row["sku"] for row in rows] == [f"N{n}" for n in range(600)]
        assert records.counts().products == 60 + 594
        assert records.jobs.get(job).counts["refused"] == 6


def test_a_job_whose_file_breaks_off_or_is_gone_fails_and_says_why(client: TestClient, own_index: Path) -> None:
    """Others go on."""
    records = client.app.state.serving.live.records  # type: ignore[attr-defined]  # any ASGI application
    folder = JobFolder.of(own_index, "a" * 32)
    folder.make()
    records.jobs.add(Job("a" * 32, "categorize", "gone.csv", {"format": "csv"}))
    client.app.state.jobs.wake()  # type: ignore[attr-defined]  # as above
    for _ in range(1_000):
        job = client.get(f"/v1/jobs/{'a' * 32}").json()
        if job["state"] == "failed":
            break
        time.sleep(0.02)
    assert (job["state"], job["error"]) == ("failed", "its file is no longer here; upload it again")
    assert ended(client, send(client, csv_of(ROWS)))["state"] == "done"


def test_what_is_patient_waits_for_all_others() -> None:
    """And takes few items at a time; what comes meanwhile is next."""
    order: list[str] = []
    worker = Worker(step_items=64, queue_items=10)

    def call(items: Any) -> list[str]:
        order.append(f"{items[0]}{len(items)}")
        time.sleep(0.004 * len(items))
        return list(items)

    patient = worker.submit(call, ["p"] * 100, patient=True)
    while not order:
        time.sleep(0.001)
    others = [worker.submit(list, ["l"]) for _ in range(2)]
    assert [each.result().results for each in others] == [["l"], ["l"]]
    assert not patient.done()
    assert patient.result().results == ["p"] * 100
    worker.close()
    assert Counter(order).most_common(1)[0][0] == "p1"


def test_columns_of_a_former_result_are_replaced() -> None:
    """So that a result can be sent in again."""
    assert own_columns("index", ["sku", "aisle_outcome", "aisle_problem"]) == ("sku", "aisle_outcome", "aisle_problem")


def test_a_workbook_is_read_from_its_first_sheet(tmp_path: Path) -> None:
    """Numbers keep their digits, days are days, blank rows are none, formulas are what was saved of them."""
    import datetime as dt

    book = Workbook()
    sheet = book.active
    for row in (
        [],
        ["sku", "name", "gtin", "price", "since", None],
        ["1", "Pan", 4006381333931.0, 12.5, dt.datetime(2026, 5, 1)],
        [],
        ["2", "Pot", True, None, dt.datetime(2026, 5, 1, 7, 30)],
        ["3", "Cup", None, None, None, None, "stray"],
    ):
        sheet.append(row)
    book.create_sheet().append(["another"])
    book.save(tmp_path / "feed.xlsx")
    with read(tmp_path / "feed.xlsx") as source:
        rows = list(source)
    assert (source.format, source.columns) == ("xlsx", ("sku", "name", "gtin", "price", "since"))
    assert [row.number for row in rows] == [3, 5, 6]
    assert [list(row.fields.values()) for row in rows[:2]] == [
        ["1", "Pan", "4006381333931", "12.5", "2026-05-01"],
        ["2", "Pot", "true", "", "2026-05-01 07:30:00"],
    ]


def test_what_stands_above_the_table_of_a_workbook_is_no_header(tmp_path: Path) -> None:
    """A heading and a date fill fewer than half as many cells as the table; rows that are fuller than it do no harm."""
    for name, rows, columns, first in (
        (
            "a.xlsx",
            [["Arbel Ltd, prices"], ["as of", "1 May"], [], ["sku", "name", "ean", "price", "note"], ["1", "Pan"]],
            5,
            5,
        ),
        ("b.xlsx", [["sku", "name"], ["1", "Pan", "stray", "stray"]], 2, 2),
    ):
        book = Workbook()
        for row in rows:
            book.active.append(row)
        book.save(tmp_path / name)
        with read(tmp_path / name) as source:
            assert (len(source.columns), next(iter(source)).number) == (columns, first)


def packed(path: Path, **parts: bytes) -> Path:
    """Write a zip that claims to be a workbook."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("xl/workbook.xml", b"<workbook/>")
        for name, data in parts.items():
            file.writestr(f"xl/{name}.xml", data)
    return path


def test_a_hostile_workbook_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bomb, a document type with entities, a row beyond all rows, a file that is none; and no memory is taken."""
    monkeypatch.setattr(xlsx, "PARTS_BYTES", 1 << 20)
    bomb = packed(tmp_path / "bomb.xlsx", sheet=b"\0" * (1 << 21))
    with pytest.raises(SourceError, match="unpacks to more than 1,048,576 bytes"):
        read(bomb)
    entities = packed(tmp_path / "entities.xlsx", sheet=b" " * ((1 << 19) - 4) + b'<!DOCTYPE a [<!ENTITY b "c">]>')
    with pytest.raises(SourceError, match="declares a document type"):
        read(entities)
    with pytest.raises(SourceError, match="cannot be read as a workbook"):
        read(packed(tmp_path / "none.xlsx"))
    (tmp_path / "fake.xlsx").write_bytes(b"sku,name\n1,Pan\n")
    with pytest.raises(UnknownFormat, match="named like an Excel workbook and is none"):
        read(tmp_path / "fake.xlsx")

    book = Workbook()
    book.active.append(["sku", "name"])
    book.active.cell(3, 1, "far")
    book.save(tmp_path / "far.xlsx")
    with zipfile.ZipFile(tmp_path / "far.xlsx") as before, zipfile.ZipFile(tmp_path / "further.xlsx", "w") as after:
        for part in before.infolist():
            data = before.read(part)
            after.writestr(part, data.replace(b'r="3"', b'r="99999999999"').replace(b'r="A3"', b'r="A99999999999"'))
    monkeypatch.setattr(xlsx, "ROWS", 10)
    with pytest.raises(SourceError, match="more than 10 rows"):
        read(tmp_path / "further.xlsx")
