"""How long the page *Map* takes to show 100,000 products, and how many frames a second it has as somebody moves on it.

    python -m benchmarks.map [--products 100000]

A made-up catalogue in 5,000 categories, encoded by hashing and not calibrated, which no point of the map asks for; the
service and the page as they are, in headless chromium without a graphics card. `layout_s` is what the first look after
a build waits for the map. Then the page is loaded LOADS times: `first_ms` is from the address to the end of the first
painting of all points. `pan` and `zoom` go on for FRAMES frames, an event in each: frames that were painted a second,
and what each painting takes. `hover_ms` is from the pointer's move to the ring around the product under it, `named_ms`
to its name, of which 60 are waited on purpose; `lasso_ms` is what catching all points takes, until they are counted.

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
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import FloatRect, Page, sync_playwright

from benchmarks.machine import INDEXES, write
from benchmarks.rest import PORT, connected
from benchmarks.space import Catalogue
from benchmarks.triage import SWITCHES, spread, told
from indexer.build import build
from indexer.settings import IndexSettings
from indexer.snapshots import publication
from indexer.sources import read
from service.plane.drawn import FOLDER

ENCODER = "hashing:128"
LOADS, FRAMES, HOVERS = 10, 240, 60
SIZE = 1280, 900
TARGETS = {"first_ms": 2_000, "frames_per_second": 30}
FIRST = """() => {
    const [shown] = performance.getEntriesByName("shown");
    const painted = performance.getEntriesByName("painted").find((each) => shown && each.startTime >= shown.startTime);
    return painted ? painted.startTime + painted.duration : null;
}"""
MOVING = """async ([frames, kind]) => {
    const canvas = document.getElementById("canvas"), box = canvas.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    const frame = () => new Promise(requestAnimationFrame);
    await frame();
    performance.clearMeasures("painted");
    const began = performance.now();
    for (let at = 0; at < frames; at++) {
        const turn = 2 * Math.PI * at / frames, deltaY = at < frames / 2 ? -20 : 20;
        const place = { clientX: x + 150 * Math.sin(turn), clientY: y + 150 * Math.cos(turn), bubbles: true };
        canvas.dispatchEvent(kind === "zoom"
            ? new WheelEvent("wheel", { ...place, deltaY })
            : new PointerEvent("pointermove", { ...place, pointerId: 1 }));
        await frame();
    }
    const seconds = (performance.now() - began) / 1000;
    return [seconds, performance.getEntriesByName("painted").map((each) => each.duration)];
}"""
HOVERED = """async ([x, y]) => {
    const canvas = document.getElementById("canvas"), tip = document.getElementById("tip");
    tip.hidden = true;
    performance.clearMeasures("painted");
    const began = performance.now();
    canvas.dispatchEvent(new PointerEvent("pointermove", { clientX: x, clientY: y, bubbles: true, pointerId: 1 }));
    let ring = null;
    while (performance.now() - began < 2000) {
        await new Promise(requestAnimationFrame);
        const [painted] = performance.getEntriesByName("painted");
        if (painted) ring ??= painted.startTime + painted.duration - began;
        if (!tip.hidden) return [ring, performance.now() - began];
        if (ring === null && performance.now() - began > 100) return null; // no product is there
    }
    return null;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=100_000)
    asked = parser.parse_args()
    index = built(asked.products)
    shutil.rmtree(index / FOLDER, ignore_errors=True)
    environment = os.environ | {"AISLE_UPKEEP": "false"}
    aisle = Path(sys.executable).with_name("aisle")
    server = subprocess.Popen([aisle, "serve", "--index", str(index), "--port", str(PORT)], env=environment)
    try:
        connection, began = connected(), time.perf_counter()
        points = drawn(connection)
        layout = time.perf_counter() - began
        result = measured()
    finally:
        server.terminate()
        server.wait(60)
    write("map", {"points": points, "encoder": ENCODER, "layout_s": round(layout, 1), **result, "targets": TARGETS})


def built(products: int) -> Path:
    """Return an index of made-up products, which is built only once."""
    index = INDEXES / f"map-{products}"
    if not publication.untouched(index):
        return index
    catalogue = Catalogue.of(products)
    paths = [" > ".join(path) for path in catalogue.paths]
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "products.jsonl"
        with file.open("w", encoding="utf-8") as lines:
            for start, end in catalogue.batches():
                for number, text in enumerate(catalogue.texts(start, end), start):
                    row = {"id": f"p{number}", "title": text, "category": paths[catalogue.nodes[number]]}
                    lines.write(json.dumps(row) + "\n")
        with read(file) as rows:
            build(rows, index, settings=IndexSettings(encoder=ENCODER, space="raw"))
    return index


def drawn(connection: http.client.HTTPConnection) -> int:
    """Wait until the map is laid out; return how many points it has."""
    while (seen := told(connection, "GET", "/v1/map"))["drawing"] is not None:
        if seen["drawing"]["error"]:
            raise SystemExit(seen["drawing"]["error"])
        time.sleep(0.2)
    return int(seen["points"])


def measured() -> dict[str, Any]:
    """Load the page, move on it, look at products and catch them."""
    program = os.environ.get("AISLE_TEST_CHROMIUM") or shutil.which("chromium")
    if program is None:
        raise SystemExit("no chromium to show the page with; install it, or name one in AISLE_TEST_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=SWITCHES)
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        first = [loaded(page) for _ in range(LOADS)]
        box = page.locator("#canvas").bounding_box()
        if box is None:
            raise SystemExit("the map is not on the page")
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()  # what moves on without a button that is down is a hover
        pan = moving(page, "pan")
        page.mouse.up()
        zoom = moving(page, "zoom")
        page.get_by_role("button", name="Whole map").click()
        return {
            "canvas": page.evaluate("() => { const { width, height } = canvas; return [width, height]; }"),
            "first_ms": spread(first),
            "pan": pan,
            "zoom": zoom,
            **hovered(page, box),
            "lasso_ms": lasso(page, box),
        }


def loaded(page: Page) -> float:
    """Load the page; return the milliseconds after which all points were painted."""
    page.goto(f"http://127.0.0.1:{PORT}/map")
    while (ended := page.evaluate(FIRST)) is None:
        page.wait_for_timeout(10)
    return float(ended)


def moving(page: Page, kind: str) -> dict[str, Any]:
    """Move the map, an event in each frame; return how many frames a second were painted, and what each took."""
    seconds, painted = page.evaluate(MOVING, [FRAMES, kind])
    return {"frames_per_second": round(len(painted) / seconds, 1), "paint_ms": spread(painted)}


def hovered(page: Page, box: FloatRect) -> dict[str, Any]:
    """Let the pointer rest on places across the map; return what passes until a product there is marked and named."""
    found = []
    for number in range(10 * HOVERS):
        x = box["x"] + box["width"] * (0.2 + 0.6 * (number * 0.618 % 1))
        y = box["y"] + box["height"] * (0.2 + 0.6 * (number * 0.414 % 1))
        if (took := page.evaluate(HOVERED, [x, y])) is not None:
            found.append(took)
        if len(found) == HOVERS:
            break
    ring, name = zip(*found, strict=True)
    return {"hover_ms": spread(list(ring)), "named_ms": spread(list(name))}


def lasso(page: Page, box: FloatRect) -> float:
    """Draw a lasso around all; return the milliseconds from letting go of it to the count of what was caught."""
    page.get_by_role("button", name="Lasso").click()
    corners = [(0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99)]
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=10)
    began = time.perf_counter()
    page.mouse.up()
    page.locator("#list b").wait_for()
    return round((time.perf_counter() - began) * 1000, 1)


if __name__ == "__main__":
    main()
