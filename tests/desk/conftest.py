"""A running service with a browser before it, for the tests of the pages.

The browser is Debian's chromium (or the one that AISLE_TEST_CHROMIUM names). Where AISLE_TEST_SCREENSHOTS names a
folder, each page that a test shoots is kept there, wide, narrow and dark.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, Route, ViewportSize, expect, sync_playwright

from service.rest.app import create_app
from service.settings import ServiceSettings

SWITCHES = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
)
WIDE, NARROW = ViewportSize(width=1280, height=900), ViewportSize(width=360, height=780)
SERIOUS = {"serious", "critical"}
TOO_WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("body *")]
    .filter((each) => each.getBoundingClientRect().right > innerWidth).map((each) => each.outerHTML.slice(0, 100))"""
HELD_DOWN = """(made, key) => {
    made.dispatchEvent(new KeyboardEvent("keydown", { key, repeat: true, bubbles: true }));
    return made.ariaBusy;
}"""
"""Holds a key down on a card, and says whether that is at work then."""

expect.set_options(timeout=10_000)  # a busy machine is no fault of the page


@pytest.fixture(scope="session")
def address(doubtful: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a service with the catalogue of tests/doubtful.py, which the tests of pages share."""
    index = Path(shutil.copytree(doubtful, tmp_path_factory.mktemp("desk") / "index"))
    with served(ServiceSettings(index=index, reach_seconds=60, upkeep=False, job_rows=4)) as address:
        yield address


@contextmanager
def served(settings: ServiceSettings) -> Iterator[str]:
    """Yield the address of a service with those settings."""
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.05)
    [port] = [each.getsockname()[1] for part in server.servers for each in part.sockets]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Return the browser; without one the test is skipped, and fails when CI=true."""
    program = os.environ.get("AISLE_TEST_CHROMIUM") or shutil.which("chromium")
    if program is None:
        reason = "no chromium to show pages with; install it, as with apt-get install chromium, or name one in "
        reason += "AISLE_TEST_CHROMIUM"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    """Return a window of the browser. In the end nothing was asked elsewhere, and no script failed or was refused."""
    context = chromium.new_context(base_url=address, viewport=WIDE, reduced_motion="reduce")
    page = context.new_page()
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" and expected(said.text) else None)
    yield page
    context.close()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    assert wrong == []


def expected(said: str) -> bool:
    """Return whether a line of the console is a fault: that a request was refused is told there, too, and is none."""
    return "Failed to load resource" not in said


@pytest.fixture
def looked_over() -> Callable[[Page, str], None]:
    """Return what looks a page over as it stands: axe finds nothing serious, wide, narrow and dark; nothing overflows.

    Where AISLE_TEST_SCREENSHOTS names a folder it is shot there.
    """
    folder = os.environ.get("AISLE_TEST_SCREENSHOTS")

    def look(page: Page, name: str) -> None:
        for kind in ("wide", "narrow", "dark"):
            page.set_viewport_size(NARROW if kind == "narrow" else WIDE)
            page.emulate_media(color_scheme="dark" if kind == "dark" else "light")
            if folder:
                Path(folder).mkdir(parents=True, exist_ok=True)
                page.screenshot(path=f"{folder}/{name}-{kind}.png", full_page=True)
            assert page.evaluate(TOO_WIDE) == [], f"{name} is too wide, {kind}"
            if kind != "narrow":
                assert violations(page) == []
        page.set_viewport_size(WIDE)
        page.emulate_media(color_scheme="light")

    return look


def violations(page: Page) -> list[str]:
    """Return what axe-core finds seriously wrong with a page for those who cannot see it well, or have no mouse."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {each['help']}: {node['html'][:200]} {node.get('failureSummary', '')[:200]}"
        for each in found
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]


def refusing(page: Page, route: str, problem: dict[str, Any]) -> None:
    """Let a route answer a problem, as it does when a request cannot be carried out."""
    body = {"type": "", "title": "", "instance": "", "request_id": "r1", "errors": [], "code": "", **problem}
    page.route(route, lambda route: route.fulfill(status=problem["status"], json=body))


def posted(page: Page) -> list[Request]:
    """Return what will hold the requests that change something, as they are sent."""
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method != "GET" else None)
    return sent


def holding(page: Page, route: str) -> list[Route]:
    """Return what will hold the requests of a route, each of which waits until it is let go on."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(route, hold)
    return held
