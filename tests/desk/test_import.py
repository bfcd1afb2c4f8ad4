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

from tests.desk.conftest import holding, posted, refusing

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
DROPPED = """() => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(["id,title"], "dropped.csv"));
    document.dispatchEvent(new DragEvent("drop", { dataTransfer }));
}"""
ASKS_BEFORE = "() => !dispatchEvent(new Event('beforeunload', { cancelable: true }))"
"""Whether the page is left only once somebody is sure."""


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


def test_how_a_file_is_written_is_shown_and_can_be_said_otherwise(page: Page, address: str, looked_over: Look) -> None:
    """Encoding and delimiter as found, or as somebody says; what all rows have in common is said once."""
    page.goto("/import")
    rows = ["sku;name;Größe", "w1;mug für Kaffee stoneware handle;groß", "w2;mug weiß stoneware;klein"]
    western = FilePayload(name="west.csv", mimeType="text/csv", buffer="\n".join(rows).encode("cp1252"))
    page.get_by_label("Choose a file").set_input_files(western)
    encoding = page.get_by_label("Encoding")
    expect(encoding.locator("option:checked")).to_have_text("Western, Windows-1252 (found)")
    expect(page.get_by_label("Delimiter").locator("option:checked")).to_have_text("semicolons (found)")
    expect(page.locator("#columns b", has_text="Größe")).to_be_visible()
    encoding.select_option("Cyrillic, Windows-1251")
    expect(page.locator("#columns b", has_text="GrцЯe")).to_be_visible()
    encoding.select_option("Western, Windows-1252 (found)")
    expect(page.locator("#columns b", has_text="Größe")).to_be_visible()
    page.get_by_label("Delimiter").select_option("commas")
    expect(page.get_by_role("alert")).to_contain_text("Choose a column for the title.")
    expect(page.get_by_role("button", name="Run")).to_be_disabled()
    page.get_by_label("Delimiter").select_option("semicolons")
    expect(page.locator("#column-1")).to_have_value("title")
    page.get_by_role("button", name="Add a value").press("Enter")
    expect(page.get_by_label("Field that is the same")).to_be_focused()
    page.get_by_label("Its supplier").fill("Nordkram")
    page.get_by_role("button", name="Add a value").click()
    page.get_by_label("Field that is the same").nth(1).select_option("specs")
    page.get_by_label("Its specs").fill("Department: Kitchen")
    page.get_by_label("Its specs").press("Tab")
    expect(page.locator("#looked")).to_contain_text("The same in every row: supplier and specs.")
    looked_over(page, "import-written")
    page.get_by_role("button", name="Add a value").click()
    page.get_by_role("button", name="Take out").nth(2).click()
    expect(page.get_by_role("button", name="Add a value")).to_be_focused()
    page.get_by_label("What is done").select_option("index")
    expect(page.locator("#looked")).to_contain_text("Nothing is wrong with the first 2 rows.")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("article", name="west.csv, done")).to_be_visible()
    stored = page.request.get(f"{address}/v1/products/w1").json()
    assert (stored["facts"]["supplier"], stored["title"]) == ("Nordkram", "mug für Kaffee stoneware handle")
    assert stored["specs"] == [{"name": "Department", "value": "Kitchen"}]
    for each in ("w1", "w2"):
        assert page.request.delete(f"{address}/v1/products/{each}").ok


def test_jobs_of_others_come_and_go_while_somebody_looks(page: Page, address: str) -> None:
    """Without a word aloud, and the focus stays; in a page that nobody sees nothing is asked."""

    def send(name: str) -> str:
        form: dict[str, str | float | bool | bytes | FilePayload] = {"kind": "categorize"}
        form["file"] = table(name, "id,title", "1,mug stoneware")
        return str(page.request.post(f"{address}/v1/jobs", multipart=form).json()["id"])

    mine = send("mine.csv")
    page.goto("/import")
    job = page.get_by_role("article", name="mine.csv, done")
    job.get_by_role("link", name="Download the result").focus()
    expect(page.get_by_role("status")).not_to_be_empty()
    page.evaluate("document.getElementById('said').textContent = ''")
    other = send("other.csv")
    expect(page.locator("#jobs article").first).to_have_attribute("data-job", other)
    expect(page.locator("#jobs article").nth(1)).to_have_attribute("data-job", mine)
    expect(job.get_by_role("link", name="Download the result")).to_be_focused()
    expect(page.get_by_role("article", name="other.csv, done")).to_be_visible()
    assert page.request.delete(f"{address}/v1/jobs/{other}").ok
    expect(page.get_by_role("article", name="other.csv")).to_have_count(0)
    expect(job.get_by_role("link", name="Download the result")).to_be_focused()
    expect(page.get_by_role("status")).to_have_text(re.compile(r"^(\w+\.csv: done\.)?$"))
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(5_500)
    assert asked == []
    assert page.request.delete(f"{address}/v1/jobs/{mine}").ok
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_role("article", name="mine.csv")).to_have_count(0)


def test_a_job_is_deleted_once_somebody_is_sure(page: Page, address: str, looked_over: Look) -> None:
    """With its files; the focus goes on to the next one, and one that somebody else deleted goes, too."""
    page.goto("/import")
    for name in ("first.csv", "second.csv"):
        page.get_by_label("Choose a file").set_input_files(table(name, "id,title", "1,mug"))
        page.get_by_role("button", name="Run").click()
        expect(page.get_by_role("article", name=f"{name}, done")).to_be_visible()
    second = page.get_by_role("article", name="second.csv, done")
    second.get_by_role("button", name="Delete").press("Enter")
    dialog = page.get_by_role("dialog", name="Delete second.csv?")
    expect(dialog).to_contain_text("What it stored in the catalogue stays.")
    looked_over(page, "import-delete")
    dialog.get_by_role("button", name="Cancel").click()
    expect(second.get_by_role("button", name="Delete")).to_be_focused()
    second.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete the job").click()
    expect(second).to_have_count(0)
    expect(page.get_by_role("status")).to_have_text("second.csv is deleted.")
    first = page.get_by_role("article", name="first.csv, done")
    expect(first).to_be_focused()
    [job] = [each for each in page.request.get(f"{address}/v1/jobs").json()["items"] if each["name"] == "first.csv"]
    first.get_by_role("button", name="Delete").click()
    assert page.request.delete(f"{address}/v1/jobs/{job['id']}").ok
    page.wait_for_timeout(5_500)  # the list has noticed meanwhile
    page.get_by_role("dialog").get_by_role("button", name="Delete the job").click()
    expect(first).to_have_count(0)
    assert page.request.get(f"{address}/v1/jobs/{job['id']}").status == 404


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


def test_nothing_else_is_chosen_while_a_file_is_sent(page: Page) -> None:
    """Another file would be lost, and what is sent where the page is left without a question."""
    held = holding(page, "**/v1/jobs")
    page.goto("/import")
    page.get_by_label("Choose a file").set_input_files(table("sent.csv", "id,title", "1,mug"))
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    for each in ("Run", "Take another file"):
        expect(page.get_by_role("button", name=each)).to_be_disabled()
    expect(page.get_by_label("sent.csv")).to_be_disabled()
    page.evaluate(DROPPED)
    expect(page.get_by_role("status")).to_have_text("One file is sent at a time: wait for it, or stop it.")
    assert page.evaluate(ASKS_BEFORE)
    [upload] = held
    upload.continue_()
    expect(page.get_by_role("article", name="sent.csv, done")).to_be_visible()
    expect(page.get_by_label("Choose a file")).to_be_enabled()
    assert not page.evaluate(ASKS_BEFORE)


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
