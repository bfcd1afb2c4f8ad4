"""Shared fixtures: where the evaluation data are, a small index of invented products, and clients of its service."""

import itertools
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from starlette.testclient import TestClient

ROOT = Path(__file__).resolve().parent.parent

# Matrices of tests are small: several threads of numpy's on a busy machine would do nothing but wait for each other.
# Read when numpy is first imported, here and in every process that a test starts.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# CI repeats the same examples on each run, so that a change is judged by itself; `make test` looks for new ones. No
# example has a deadline: a busy machine is no fault of the code.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "here")

SHELVES = {
    "Kitchen > Coffee > French Presses": (
        "coffee|kitchen",
        "french press coffee maker",
        "steel plunger, heat-proof glass",
    ),
    "Kitchen > Cookware > Frying Pans": ("cookware|kitchen", "frying pan", "non-stick coating for induction hobs"),
    "Garden > Tools > Pruners": ("garden|tools", "bypass pruner", "hardened blade for branches and roses"),
    "Garden > Planters": ("garden|balcony", "terracotta planter", "frost-proof pot with saucer and drainage"),
    "Pets > Dogs > Leads": ("dog|outdoor", "dog lead", "padded handle, reflective nylon webbing"),
}
BRANDS = ("Brewmont", "Hollin", "Oakridge")
KINDS = ("small", "medium", "large", "classic")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real data sets; without it the test is skipped, and fails when CI=true."""
    folder = Path(os.environ.get("AISLE_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "flipkart_1050" / "products.csv").is_file():
        reason = f"no evaluation data in {folder}; set AISLE_TEST_DATA to their folder"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def built_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index of 60 invented products on five shelves, by the hashing encoder. Copy it before changing it."""
    from indexer.settings import IndexSettings
    from indexer.sources import read
    from service.rebuild import build

    folder = tmp_path_factory.mktemp("built")
    source = folder / "products.jsonl"
    source.write_text("".join(f"{json.dumps(row)}\n" for row in catalogue()), encoding="utf-8")
    build(read(source), folder / "index", settings=IndexSettings(encoder="hashing:64"))
    return folder / "index"


@pytest.fixture
def own_index(built_index: Path, tmp_path: Path) -> Path:
    """Return a copy of the index that may be changed."""
    return Path(shutil.copytree(built_index, tmp_path / "index"))


@pytest.fixture
def client(own_index: Path) -> Iterator["TestClient"]:
    """Return a client of a running service with an index of its own."""
    from starlette.testclient import TestClient

    from service.rest.app import create_app
    from service.settings import ServiceSettings

    with TestClient(create_app(ServiceSettings(index=own_index))) as client:
        yield client


@pytest.fixture(scope="session")
def reader(built_index: Path) -> Iterator["TestClient"]:
    """Return a client of a running service whose index nobody changes; it takes batches of 5 and bodies of 2,000."""
    from starlette.testclient import TestClient

    from service.rest.app import create_app
    from service.settings import ServiceSettings

    limits = ServiceSettings(index=built_index, batch_items=5, body_bytes=2_000)
    with TestClient(create_app(limits)) as client:
        yield client


def catalogue() -> list[dict[str, object]]:
    """Return the 60 products: ids P001 to P060, twelve of each shelf, three brands in four kinds."""
    rows = itertools.product(SHELVES.items(), BRANDS, KINDS)
    return [
        {
            "id": f"P{number:03}",
            "title": f"{brand} {kind} {noun}",
            "description": f"A {kind} {noun}: {text}.",
            "brand": brand,
            "specs": {"Size": kind, "Article": f"{brand[:2].upper()}-{number}"},
            "category_path": path,
            "tags": tags,
        }
        for number, ((path, (tags, noun, text)), brand, kind) in enumerate(rows, start=1)
    ]
