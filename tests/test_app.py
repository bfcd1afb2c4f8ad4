"""The service in operation: when it starts and stops, when things are slow, full or broken."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from indexer import encoders
from indexer.encoders import Encoded, Encoder, Progress
from indexer.product import Product
from service.rest.app import create_app
from service.serving import Serving
from service.settings import ServiceSettings

PRESS = {"title": "Steel french press for coffee", "description": "Glass and plunger, 1 l"}
NDJSON = {"Content-Type": "application/x-ndjson"}


class Unsteady:
    """A real encoder that waits at `hold` and fails at `explode` in a title, as a broken or slow model does."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.name = encoder.name
        self.parts = encoder.parts
        self.side = encoder.side
        self.begun = threading.Event()
        self.release = threading.Event()

    def encode(self, products: Sequence[Product], progress: Progress | None = None) -> Encoded:
        """Return what the encoder within returns, sooner or later."""
        titles = " ".join(product.title for product in products)
        if "explode" in titles:
            raise RuntimeError("secret of the inside")
        if "hold" in titles:
            self.begun.set()
            assert self.release.wait(60)
        return self._encoder.encode(products, progress)


@pytest.fixture
def unsteady(own_index: Path) -> Iterator[tuple[TestClient, Unsteady]]:
    """Return a client of a service with a queue of two and an encoder that waits or fails on demand."""
    limits = ServiceSettings(index=own_index, queue_items=2)
    encoder = Unsteady(encoders.load("hashing:64"))
    serving = Serving.open(limits, encoder)
    with TestClient(create_app(limits, serving)) as client:
        yield client, encoder
        encoder.release.set()
    serving.close()


def test_before_it_has_started_the_service_is_alive_and_not_ready(built_index: Path) -> None:
    """Whoever asks meanwhile is told to come back."""
    client = TestClient(create_app(ServiceSettings(index=built_index, upkeep=False)))
    assert client.get("/livez").json() == {"status": "ok"}
    asks: list[Callable[[], Any]] = [
        lambda: client.get("/readyz"),
        lambda: client.get("/v1/index"),
        lambda: client.post("/v1/categorize", json=PRESS),
        lambda: client.post("/v1/categorize:batch", content=b"{}", headers=NDJSON),
    ]
    for ask in asks:
        response = ask()
        assert (response.status_code, response.json()["code"]) == (503, "not_ready")
        assert response.headers["retry-after"] == "1"


def test_after_it_has_started_the_service_is_ready_until_it_stops(built_index: Path) -> None:
    """A load balancer that asks sees both."""
    client = TestClient(create_app(ServiceSettings(index=built_index, upkeep=False)))
    with client:
        assert client.get("/readyz").status_code == 200
    assert client.get("/readyz").status_code == 503


def test_encoding_does_not_hold_up_other_requests(unsteady: tuple[TestClient, Unsteady]) -> None:
    """While the encoder works, the service answers what needs none."""
    client, encoder = unsteady
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(client.post, "/v1/categorize", json={"title": "hold"})
        assert encoder.begun.wait(60)
        assert client.get("/livez").status_code == 200
        assert client.get("/v1/products/P001").status_code == 200
        assert not slow.done()
        encoder.release.set()
        assert slow.result(60).status_code == 200


def test_more_than_the_queue_takes_is_refused_with_a_time_to_come_back(unsteady: tuple[TestClient, Unsteady]) -> None:
    """Those who wait already are answered."""
    client, encoder = unsteady
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(client.post, "/v1/categorize", json={"title": "hold"})
        assert encoder.begun.wait(60)
        waiting = pool.submit(client.post, "/v1/categorize:batch", json={"items": [PRESS, PRESS]})
        while client.app.state.worker._waiting() < 2:  # type: ignore[attr-defined]  # typed as any ASGI application
            time.sleep(0.001)
        refused = client.post("/v1/categorize", json=PRESS)
        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        encoder.release.set()
        assert slow.result(60).status_code == 200
        assert waiting.result(60).json()["counts"]["ok"] == 2


def test_a_failure_of_ours_tells_nothing_of_the_inside(
    unsteady: tuple[TestClient, Unsteady], caplog: pytest.LogCaptureFixture
) -> None:
    """The client gets the request id, the log gets the cause, and the next request is answered."""
    client, _ = unsteady
    response = client.post("/v1/categorize", json={"title": "explode"}, headers={"X-Request-ID": "r-1"})
    told = response.json()
    assert (response.status_code, told["code"], told["request_id"]) == (500, "internal_error", "r-1")
    assert "secret" not in response.text
    assert "request_id=r-1 failed" in caplog.text
    assert "secret of the inside" in caplog.text
    assert client.post("/v1/categorize", json=PRESS).status_code == 200


def test_a_request_leaves_one_line_in_the_log_without_what_was_asked(
    reader: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Method, path, status, time and request id."""
    caplog.set_level(logging.INFO, "aisle.requests")
    reader.post("/v1/categorize?x=Brewmont", json=PRESS, headers={"X-Request-ID": "r-2"})
    [line] = [record.getMessage() for record in caplog.records if record.name == "aisle.requests"]
    assert line.startswith("POST /v1/categorize 200 ")
    assert line.endswith("ms request_id=r-2")
