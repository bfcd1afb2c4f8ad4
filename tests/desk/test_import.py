"""The page *Import*: a file is looked at, its columns mapped, run as a job, followed, cancelled, its result fetched."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable
from typing import Any

from playwright.sync_api import FilePayload, Page, expect

from tests.desk.conftest import posted, refusing

Look = Callable[[Page, str], None]
LINES = ["Nr,Was,Sonst", "1,mug stoneware handle coffee alba,x", "2,,", "3,=pruner bypass blade <b>branches</b>,y"]
JOB: dict[str, Any] = {
    "id": "5f0c1b7a9d3e4c6f8a1b2c3d4e5f6a7b",
    "kind": "categorize",
    "state": "running",
    "name": "feed.csv",
    "author": "Ann",
    "error": "",
    "result_url": None,
    "quarantine_url": None,
    "finished_at": None,
    "progress": {"done": 1200, "total": 50_000, "percent": 2.4, "rows_per_second": 310.2, "eta_s": 157.3},
    "counts": {"auto": 1100, "abstain": 88, "refused": 12},
    "created_at": "2026-11-27T05:02:11.318+00:00",
    "started_at": "2026-11-27T05:02:11.402+00:00",
}


def table(name: str, *lines: str) -> FilePayload:
    """Return a file to be chosen."""
    return FilePayload(name=name, mimeType="text/csv", buffer="\n".join(lines).encode())


def test_a_file_whose_columns_nobody_knows_is_mapped_run_and_fetched(page: Page, looked_over: Look) -> None:
    """What is missing is said first; the bad row is named before and quarantined after; the rest is answered."""
    page.goto("/import")
    run = page.get_by_role("button", name="Run")
    expect(run).to_be_disabled()
    looked_over(page, "import-empty")
    page.get_by_label("Choose a file").set_input_files(table("feed of May.csv", *LINES))
    expect(page.get_by_role("alert").locator("b")).to_have_text("Choose a column for the title.")
    expect(run).to_be_disabled()
    page.get_by_label("Nr").select_option("id")
    title = page.get_by_label("Was")
    title.focus()
    title.press("t")  # by keyboard
    expect(title).to_have_value("title")
    expect(page.locator("#looked")).to_contain_text("About 3 rows. Read: id and title. Of the first 3 rows one would")
    expect(page.locator("#looked")).to_contain_text("Line 3: ")
    expect(page.locator("#columns b", has_text="Sonst")).to_be_visible()
    looked_over(page, "import-mapped")
    sent = posted(page)
    run.press("Enter")
    job = page.get_by_role("article", name="feed of May.csv, done")
    expect(job).to_contain_text("1 refused")
    expect(page.get_by_label("Choose a file")).to_have_value("")
    expect(run).to_be_disabled()
    looked_over(page, "import-done")
    [asked] = sent
    assert asked.url.endswith("/v1/jobs")
    assert asked.headers["idempotency-key"]
    with page.expect_download() as taken:
        job.get_by_role("link", name="Download the result").click()
    assert taken.value.suggested_filename == "feed of May-categorize.csv"
    rows = list(csv.DictReader(io.StringIO(taken.value.path().read_text("utf-8"))))
    assert [row["Nr"] for row in rows] == ["1", "2", "3"]
    assert (rows[0]["aisle_path"], rows[0]["Sonst"]) == ("Kitchen > Mugs", "x")
    with page.expect_download() as taken:
        job.get_by_role("link", name="Rows that were refused (1)").click()
    [bad] = map(json.loads, taken.value.path().read_text("utf-8").splitlines())
    assert (bad["line"], bad["row"]["Nr"]) == (3, "2")
    page.reload()  # jobs are kept by the service, not by the page
    expect(page.get_by_role("article", name="feed of May.csv, done")).to_be_visible()


def test_what_is_recognised_needs_no_mapping_and_can_be_mapped_otherwise(page: Page) -> None:
    """A column that is taken from its field is read no more; a zip of images goes with the file."""
    page.goto("/import")
    page.get_by_label("Choose a file").set_input_files(table("a.csv", "sku,name,brand", "1,mug stoneware,Orsa"))
    expect(page.locator("#looked")).to_contain_text("Read: id, title and brand. Nothing is wrong with the first 1 row.")
    expect(page.get_by_label("brand")).to_have_value("brand")
    page.get_by_label("brand").select_option("not read")
    expect(page.locator("#looked")).to_contain_text("Read: id and title.")
    page.get_by_label("brand").select_option("title")
    expect(page.get_by_role("alert")).to_contain_text("Title comes from one column, 2 were given")
    expect(page.get_by_role("button", name="Run")).to_be_disabled()
    page.get_by_label("brand").select_option("description")
    expect(page.locator("#looked")).to_contain_text("Read: id, title and description.")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("readme.txt", "nothing")
    page.get_by_label("Images").set_input_files(
        FilePayload(name="photos.zip", mimeType="application/zip", buffer=packed.getvalue())
    )
    page.get_by_label("What is done").select_option("duplicates")
    page.get_by_label("Result").select_option("jsonl")
    expect(page.get_by_label("photos.zip")).to_be_attached()
    expect(page.locator("#looked")).to_contain_text("Read: id, title and description.")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("article", name="a.csv, done")).to_contain_text("stored already?")


def test_a_job_is_cancelled_once_somebody_is_sure(page: Page) -> None:
    """As long as it runs; progress is told meanwhile."""
    page.goto("/import")
    rows = (f"{each},mug stoneware handle coffee {each}" for each in range(20_000))
    page.get_by_label("Choose a file").set_input_files(table("large.csv", "id,title", *rows))
    page.get_by_role("button", name="Run").click()
    job = page.get_by_role("article", name="large.csv, runs")
    expect(job.get_by_role("progressbar", name="How far large.csv is")).to_be_visible()
    expect(job).to_contain_text(re.compile(r"of about 20,\d\d\d rows, [\d.,]+ a second, about \d+ \w+ left"))
    job.get_by_role("button", name="Cancel").press("Enter")
    page.get_by_role("dialog", name="Cancel large.csv?").get_by_role("button", name="Cancel the job").click()
    ended = page.get_by_role("article", name="large.csv, cancelled")
    expect(ended).to_be_visible()
    expect(ended.get_by_role("link")).to_have_count(0)


def test_progress_is_told_and_asked_for_when_the_service_says(page: Page, looked_over: Look) -> None:
    """Rate and time left; then the end, said aloud; one that failed says why."""
    progress = {**JOB["progress"], "eta_s": None}
    failed = {**JOB, "id": "0" * 32, "state": "failed", "name": "b.csv", "error": "its file is no longer here"}
    failed["progress"] = progress
    page.route("**/v1/jobs?*", lambda route: route.fulfill(json={"items": [JOB, failed], "next": None}))
    answers = [JOB, {**JOB, "state": "done", "result_url": "/r", "progress": {**progress, "done": 50_000}}]
    page.route(
        f"**/v1/jobs/{JOB['id']}", lambda route: route.fulfill(json=answers.pop(0), headers={"Retry-After": "1"})
    )
    page.goto("/import")
    job = page.get_by_role("article", name="feed.csv, runs")
    expect(job).to_contain_text("1,200 of about 50,000 rows, 310 a second, about 3 minutes left")
    expect(job.locator(".counts")).to_have_text("1,100 sure88 not sure12 refused")
    expect(page.get_by_role("article", name="b.csv, failed")).to_contain_text("its file is no longer here")
    looked_over(page, "import-running")
    expect(page.get_by_role("article", name="feed.csv, done")).to_contain_text("50,000 rows")
    expect(page.get_by_role("status")).to_have_text("feed.csv: done.")
    assert answers == []


def test_what_is_refused_says_first_what_helps_and_is_sent_again_as_the_same(page: Page, looked_over: Look) -> None:
    """A file that is none, a list that does not come, an upload that does not arrive."""
    refusing(page, "**/v1/jobs?*", {"status": 503, "detail": "the index is not open yet; try again in a moment"})
    page.goto("/import")
    expect(page.get_by_role("alert").locator("b")).to_have_text("Try again in a moment.")
    page.unroute("**/v1/jobs?*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_label("Choose a file").set_input_files(table("page.csv", "<html>oops</html>"))
    expect(page.get_by_role("alert")).to_contain_text("is HTML or XML")
    looked_over(page, "import-refused")
    page.get_by_role("button", name="Take another file").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_label("Choose a file").set_input_files(table("again.csv", "id,title", "1,mug"))
    expect(page.get_by_role("button", name="Run")).to_be_enabled()
    sent = posted(page)
    page.route("**/v1/jobs", lambda route: route.abort())
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("alert")).to_contain_text("Check that it runs and try again.")
    page.unroute("**/v1/jobs")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("article", name="again.csv, done")).to_have_count(1)
    assert len({each.headers["idempotency-key"] for each in sent}) == 1
    assert len(sent) == 2
