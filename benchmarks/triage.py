"""How long the service takes for a decision of somebody who works by keyboard, and whether each is known at once.

    python -m benchmarks.triage [--decisions 200] [--encoder SPEC]

An index of the first products of flipkart_1050; the others are asked about, and decided about on the page *Review* in
chromium, a key each: accept where a category was answered and the likeliest where none was, every fifth time another
category, every seventh a level coarser. `decision_ms` is what the browser waits for the answer to a decision, from the
request being sent to the first byte; `shown_ms` from the key to the next item on the page. The service begins anew
between the questions and the decisions. After each decision the same product is asked about without its id: `known`
counts how often it is among its own neighbours then.

Needs Playwright (`make dev`) and Debian's chromium, or the one that AISLE_TEST_CHROMIUM names.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks.machine import DATA, write
from benchmarks.rest import PORT, connected
from indexer.encoders import DEFAULT
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.sources import read
from service.rebuild import build

SET = "flipkart_1050"
SPARE = 40
"""Questions beyond the decisions: some answers are `auto`, and come as a sample alone."""
SUPPLIER = "triage"
"""Of all that is asked about before; what is asked to see whether a decision is known has none, and stays out."""
SWITCHES = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
DECIDED = """() => performance.getEntriesByType("resource").filter((each) => each.name.endsWith("/decision"))
    .map((each) => each.responseStart - each.requestStart)"""
PRESSED = """([key, code]) => {
    const shown = () => document.querySelector("#case article");
    const before = shown(), began = performance.now();
    document.body.dispatchEvent(new KeyboardEvent("keydown", {key, code, bubbles: true}));
    return [performance.now() - began, shown() !== before];
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decisions", type=int, default=200)
    parser.add_argument("--encoder", default=DEFAULT)
    asked = parser.parse_args()
    with read(DATA / SET) as rows:
        products = [row.product for row in rows if row.product is not None]
    questions = products[-asked.decisions - SPARE :]
    with tempfile.TemporaryDirectory() as name:
        index = built(Path(name), products[: -len(questions)], asked.encoder)
        with served(index) as connection:
            ask(connection, questions)
        with served(index) as connection:  # what was encoded for the questions is forgotten, as it is in a long queue
            result = triage(connection, asked.decisions)
    write("triage", {"set": SET, "encoder": asked.encoder, "stored": len(products) - len(questions), **result})


@contextmanager
def served(index: Path) -> Iterator[http.client.HTTPConnection]:
    """Serve an index by a process of its own."""
    aisle, environment = Path(sys.executable).with_name("aisle"), os.environ | {"AISLE_UPKEEP": "false"}
    server = subprocess.Popen([aisle, "serve", "--index", str(index), "--port", str(PORT)], env=environment)
    try:
        yield connected()
    finally:
        server.terminate()
        server.wait(30)


def built(folder: Path, products: list[Product], encoder: str) -> Path:
    """Return an index of labelled products, without their pictures."""
    lines = [json.dumps({**body(each), "id": each.id, "category": each.category}) for each in products]
    (folder / "products.jsonl").write_text("\n".join(lines), encoding="utf-8")
    with read(folder / "products.jsonl") as rows:
        build(rows, folder / "index", settings=IndexSettings(encoder=encoder))
    return folder / "index"


def body(product: Product) -> dict[str, Any]:
    """Return what is asked about a product."""
    return {"title": product.title, "description": product.description, "specs": dict(product.specs)}


def ask(connection: http.client.HTTPConnection, products: list[Product]) -> None:
    """Ask about products, of which nearly every answer is then in the queue: it is to be as sure as can be."""
    for each in products:
        document = {**body(each), "id": each.id, "facts": {"supplier": SUPPLIER}}
        told(connection, "POST", "/v1/categorize?precision=0.9999", document)


def told(connection: http.client.HTTPConnection, method: str, path: str, document: Any = None) -> Any:
    """Return what a route answers in JSON."""
    sent = None if document is None else json.dumps(document)
    connection.request(method, path, sent, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = json.loads(response.read())
    if response.status != 200:
        raise SystemExit(f"no answer: {answer}")
    return answer


def triage(connection: http.client.HTTPConnection, decisions: int) -> dict[str, Any]:
    """Decide by keyboard, and ask after each whether it is known."""
    program = os.environ.get("AISLE_TEST_CHROMIUM") or shutil.which("chromium")
    if program is None:
        raise SystemExit("no chromium to show the page with; install it, or name one in AISLE_TEST_CHROMIUM")
    shown, known, said = list[float](), 0, dict[str, int]()
    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=program, args=SWITCHES).new_page()
        page.goto(f"http://127.0.0.1:{PORT}/review")
        page.evaluate("performance.setResourceTimingBufferSize(100000)")
        page.locator("#author").fill("Ann")
        page.keyboard.press("Enter")
        page.locator("#filtering summary").click()
        page.locator("#supplier").fill(SUPPLIER)
        page.locator("#filtered", has_text=SUPPLIER).wait_for()
        page.locator("#case:not([aria-busy]) h2").wait_for()
        for number in range(decisions):
            page.locator("#coming li").first.wait_for()
            with page.expect_response(lambda each: each.url.endswith("/decision")) as answered:
                shown.append(pressed(page, number))
            decided = answered.value.json()
            if not answered.value.ok:
                raise SystemExit(f"refused: {decided}")
            said[decided["action"]] = said.get(decided["action"], 0) + 1
            known += is_known(connection, decided["items"][0]["id"])
        took = page.evaluate(DECIDED)
    return {
        "decisions": len(took),
        "actions": said,
        "known": known,
        "decision_ms": spread(took),
        "shown_ms": spread(shown),
    }


def pressed(page: Page, number: int) -> float:
    """Press the key of a decision; return the milliseconds after which the next item was there."""
    accepts, coarsens = (page.locator(f".does [aria-keyshortcuts={key}]").is_enabled() for key in "AC")
    choices = page.locator(".choices button").count()
    if number % 7 == 6 and coarsens:
        key = ["c", "KeyC"]
    elif choices and (not accepts or number % 5 == 4):
        key = ["1", "Digit1"]
    else:
        key = ["a", "KeyA"]
    took, there = page.evaluate(PRESSED, key)
    if not there:
        raise SystemExit("the next item was not there at once")
    return float(took)


def is_known(connection: http.client.HTTPConnection, product_id: str) -> bool:
    """Return whether a product is a neighbour of one that says the same."""
    product = told(connection, "GET", f"/v1/products/{product_id}")
    specs = {each["name"]: each["value"] for each in product["specs"]}
    same = {"title": product["title"], "description": product["description"], "brand": product["brand"], "specs": specs}
    return product_id in {each["id"] for each in told(connection, "POST", "/v1/categorize", same)["neighbours"]}


def spread(values: list[float]) -> dict[str, float]:
    low, middle, high = np.percentile(values, [5, 50, 95])
    return {"median": round(float(middle), 2), "p5": round(float(low), 2), "p95": round(float(high), 2)}


if __name__ == "__main__":
    main()
