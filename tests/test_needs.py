"""service/renewal/needs.py: what is measured of an index, and when it is built anew by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.snapshots import publication, snapshot
from indexer.snapshots.claim import building
from service.engine import Engine
from service.rebuild import rebuild
from service.renewal.needs import Need, measured
from service.serving import Serving
from service.settings import ServiceSettings

WAIT = 120.0
NOW = {"needs_minutes": 0.0005, "rebuild_pause_minutes": 0.0, "follow_seconds": 0.02}


@pytest.fixture
def engine(own_index: Path) -> Iterator[Engine]:
    """Return an open index of 60 products by a kind of lists."""
    rebuild(own_index, settings=IndexSettings(encoder="hashing:64", kind="ivf"))
    with closing(Engine.open(ServiceSettings(index=own_index))) as engine:
        yield engine


def kites(first: int, last: int) -> list[Product]:
    return [Product(f"K{n}", title=f"Stunt kite number {n}", category="Toys > Kites") for n in range(first, last)]


def needs_of(engine: Engine, **settings: float) -> dict[str, Need]:
    folder = Path(engine.settings.index)
    known = snapshot.load(folder).built.tree.ids
    limits = ServiceSettings(index=folder, **settings)  # type: ignore[arg-type]  # numbers all
    return {need.name: need for need in measured(engine.live, known, limits)}


def test_a_fresh_index_needs_nothing(engine: Engine) -> None:
    """It has not grown, knows its categories, and finds what it was built to find."""
    needs = needs_of(engine)
    assert list(needs) == ["growth", "unseen", "recall of text", "imbalance of text"]
    assert [need.value for need in needs.values()][:2] == [0, 0]
    assert needs["recall of text"].value >= needs["recall of text"].limit
    assert not any(need.due for need in needs.values())


def test_growth_and_new_categories_are_measured(engine: Engine) -> None:
    """20 of 80 products in a category that came since: a third more than the build had."""
    engine.put(kites(0, 20))
    needs = needs_of(engine, rebuild_growth=0.3, rebuild_unseen=0.2)
    assert needs["growth"] == Need("growth", 0.3333, 0.3, due=True)
    assert needs["unseen"] == Need("unseen", 0.25, 0.2, due=True)
    assert str(needs["unseen"]) == "unseen 0.25, the limit is 0.2"
    assert not any(need.due for need in needs_of(engine, rebuild_growth=0.4, rebuild_unseen=0.3).values())


def test_an_index_of_exact_search_has_no_recall_to_lose(own_index: Path) -> None:
    """Nothing was tuned, so nothing is probed."""
    with closing(Engine.open(ServiceSettings(index=own_index))) as engine:
        assert list(needs_of(engine)) == ["growth", "unseen", "imbalance of text"]


def ended(serving: Serving) -> bool:
    latest = serving.rebuilds.latest()
    return latest is not None and latest.state != "running"


def test_what_is_needed_is_done_and_the_reason_told(own_index: Path) -> None:
    """The rebuild has the settings that the index was built with, and what answers afterwards needs nothing."""
    before = publication.published(own_index)
    settings = ServiceSettings(index=own_index, rebuild_least=20, rebuild_unseen=0.2, **NOW)  # type: ignore[arg-type]
    with closing(Serving.open(settings)) as serving:
        time.sleep(0.3)
        assert serving.rebuilds.latest() is None
        serving.put(kites(0, 20))
        end = time.monotonic() + WAIT
        while not ended(serving) or serving.live.manifest.id == before:
            assert time.monotonic() < end
            time.sleep(0.05)
        latest = serving.rebuilds.latest()
        assert latest is not None
        assert (latest.state, latest.reason) == ("published", "needed: unseen 0.25, the limit is 0.2")
        while any(need.due for need in serving.needs.measured):
            assert time.monotonic() < end
            time.sleep(0.05)
        assert serving.live.manifest.counts["products"] == 80


@pytest.mark.parametrize("why", ["switched off", "too few changes", "too soon", "another is at it"])
def test_it_is_left_at_measuring(own_index: Path, why: str) -> None:
    """When that is wanted, when a rebuild could hardly help, and when another process does it."""
    given: dict[str, float | bool] = {"rebuild_least": 20, "rebuild_unseen": 0.2, **NOW}
    others: dict[str, dict[str, float | bool]] = {
        "switched off": {"rebuild_automatic": False},
        "too few changes": {"rebuild_least": 21},
        "too soon": {"rebuild_pause_minutes": 60},
        "another is at it": {},
    }
    given |= others[why]
    settings = ServiceSettings(index=own_index, **given)  # type: ignore[arg-type]  # numbers all
    with ExitStack() as stack:
        serving = stack.enter_context(closing(Serving.open(settings)))
        if why == "another is at it":
            stack.enter_context(building(own_index))
        serving.put(kites(0, 20))
        end = time.monotonic() + WAIT
        while not any(need.due for need in serving.needs.measured):
            assert time.monotonic() < end
            time.sleep(0.05)
        time.sleep(0.3)
        assert serving.rebuilds.latest() is None
