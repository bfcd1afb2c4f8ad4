"""Shared fixtures: where the evaluation data are, a small index of invented products, and clients of its service."""

import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from indexer.encoders import Encoder
    from service.evaluation.judged import Judged

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


@dataclass(frozen=True)
class Database:
    """Where a test's record store is, and what can be done to it behind aisle's back.

    where: a file or an address that `Records.open` takes; nothing is there yet.
    """

    engine: str
    where: Path | str

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run SQL in one transaction; return the rows of the last statement."""
        import sqlalchemy as sa

        url = self.where if isinstance(self.where, str) else f"sqlite:///{self.where}"
        engine = sa.create_engine(url)
        try:
            with engine.begin() as connection:
                for statement in statements:
                    done = connection.exec_driver_sql(statement)
                return [tuple(row) for row in done] if done.returns_rows else []
        finally:
            engine.dispose()

    def count(self, *tables: str) -> dict[str, int]:
        """Return the number of rows of tables."""
        return {name: self.run(f"SELECT count(*) FROM {name}")[0][0] for name in tables}  # noqa: S608 - constants

    def receive(self, file: Path) -> None:
        """Copy the record store in a SQLite file into this database."""
        from indexer.store import copying, engines

        engine = engines.connect(self.where)
        try:
            with engines.reading(file) as source, engine.begin() as target:
                copying.from_store(source, target, lambda *_: None)
        finally:
            engine.dispose()

    def fill_up(self, table: str) -> None:
        """Let every further row of a table be refused, as by a full disk."""
        if self.engine == "sqlite":
            self.run(f"CREATE TRIGGER full BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
            return
        body = "BEGIN RAISE EXCEPTION 'disk is full'; END"
        self.run(
            f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
            f"CREATE TRIGGER full_up BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()",
        )


ENGINES = ("sqlite", "postgresql")
_SCHEMAS = itertools.count(1)


@pytest.fixture(scope="session")
def postgresql() -> "Callable[[], AbstractContextManager[str]]":
    """Return what gives the address of an empty schema on a PostgreSQL, and drops it in the end.

    The server is the one that AISLE_TEST_POSTGRES names, as .ci/with-postgresql does; without one the test is skipped,
    and fails when CI=true.
    """
    server = os.environ.get("AISLE_TEST_POSTGRES")
    if not server:
        reason = "no PostgreSQL to test with; run .ci/with-postgresql make test, or name one in AISLE_TEST_POSTGRES"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)

    @contextmanager
    def empty() -> Iterator[str]:
        name = f"aisle_test_{os.getpid()}_{next(_SCHEMAS)}"
        admin = Database("postgresql", server)
        admin.run(f"CREATE SCHEMA {name}")
        try:
            yield f"{server}{'&' if '?' in server else '?'}options=-csearch_path%3D{name}"
        finally:
            admin.run(f"DROP SCHEMA {name} CASCADE")

    return empty


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Give each engine's place for the record store of tmp_path / "index"; a test that takes it runs once on each."""
    (tmp_path / "index").mkdir()
    if request.param == "sqlite":
        yield Database("sqlite", tmp_path / "index" / "records.sqlite")
        return
    with request.getfixturevalue("postgresql")() as url:
        monkeypatch.setenv("AISLE_STORE", url)
        yield Database("postgresql", url)


@pytest.fixture(autouse=True)
def forgetful() -> None:
    """Let what one test has encoded be new to the next: they share encoders, and some count what these are asked."""
    from indexer.memory import recent

    recent._recent.clear()


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


@pytest.fixture(scope="session")
def doubtful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index of the catalogue of tests/doubtful.py, some of whose labels are wrong. Copy it to change it."""
    from indexer.settings import IndexSettings
    from indexer.sources import read
    from service.rebuild import build
    from tests.doubtful import catalogue

    folder = tmp_path_factory.mktemp("doubtful")
    (folder / "p.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in catalogue()))
    with read(folder / "p.jsonl") as source:
        build(source, folder / "index", settings=IndexSettings(encoder="hashing:256"))
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


@pytest.fixture
def slow(own_index: Path) -> Iterator["TestClient"]:
    """Return a client of a service that puts one row of a bulk job on disk at a time, of two jobs in turn."""
    from starlette.testclient import TestClient

    from service.rest.app import create_app
    from service.settings import ServiceSettings

    with TestClient(create_app(ServiceSettings(index=own_index, job_rows=1, job_slots=2, upkeep=False))) as client:
        yield client


@pytest.fixture(scope="session")
def reader(built_index: Path) -> Iterator["TestClient"]:
    """Return a client of a running service whose index nobody changes; it takes batches of 5 and bodies of 2,000."""
    from starlette.testclient import TestClient

    from service.rest.app import create_app
    from service.settings import ServiceSettings

    limits = ServiceSettings(index=built_index, batch_items=5, body_bytes=2_000, upkeep=False, prediction_days=0)
    with TestClient(create_app(limits)) as client:
        yield client


@pytest.fixture(scope="session")
def seeing() -> "Encoder":
    """Return an encoder of texts and of pictures: hashed words, and the mean colour of the first picture, from grey."""
    import numpy as np

    from indexer.encoders import Encoded, load
    from indexer.encoders.joined import JoinedEncoder

    class Colours:
        name, parts, side = "colours", {"image": 3}, 64

        def encode(self, products: Any, progress: Any = None) -> Encoded:
            rows = np.zeros((len(products), 3), np.float32)
            for row, product in zip(rows, products, strict=True):
                seen = [picture.pixels for picture in product.pictures if picture.pixels is not None]
                row[:] = seen[0].reshape(-1, 3).mean(axis=0) - 128 if seen else 0
            lengths = np.linalg.norm(rows, axis=1)
            rows[lengths > 0] /= lengths[lengths > 0, None]
            if progress:
                progress(len(products))
            return Encoded({"image": rows}, {"image": lengths > 0})

    return JoinedEncoder([load("hashing:64"), Colours()])


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of photos: red.png, green.jpg and blue.webp, 300 by 200, and broken.jpg, which ends too early."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("photos", numbered=False)
    for name, colour in (("red.png", (230, 20, 20)), ("green.jpg", (20, 230, 20)), ("blue.webp", (20, 20, 230))):
        Image.new("RGB", (300, 200), colour).save(folder / name)
    (folder / "broken.jpg").write_bytes((folder / "green.jpg").read_bytes()[:300])
    return folder


@pytest.fixture(scope="session")
def judge() -> "Callable[..., Judged]":
    """Return what puts answers beside labels, each a mapping with `label` and `answer`, paths or "" for none.

    What else it may say is in JUDGED, with what it is otherwise: likely, of the answer and of each level of its path;
    others, the categories that come next; decided, the category decided on, that of the answer when None. At a
    precision it is `auto` where it is as likely as that. The tree has the categories in order of occurrence.
    """
    return judged_by_hand


JUDGED: dict[str, Any] = {
    "id": None,
    "title": "",
    "likely": 1.0,
    "others": (),
    "kind": "auto",
    "decided": None,
    "tags": (),
    "given": (),
    "taught": True,
    "vector": (1.0, 0.0),
    "fold": 0,
}


def judged_by_hand(*rows: dict[str, Any]) -> "Judged":
    """Return what the fixture `judge` says."""
    import numpy as np

    from service.decision import KINDS
    from service.evaluation.judged import DIAL, TOP, Judged
    from taxonomy.tree import Tree

    said = [JUDGED | {"id": f"J{number:03}"} | row for number, row in enumerate(rows, start=1)]
    decided = [row["answer"] if row["decided"] is None else row["decided"] for row in said]
    named = [path for row in said for path in (row["label"], row["answer"], *row["others"])]
    tree = Tree.from_paths(tuple(path.split(" > ")) for path in [*named, *decided] if path)
    place: dict[str, Any] = {path: tree.find(tuple(path.split(" > "))) for path in [*named, *decided] if path} | {
        "": -1
    }
    best = np.array([place[row["answer"]] for row in said], np.int32)
    likely = np.array([row["likely"] for row in said], np.float32)
    nodes, share = np.full((len(said), TOP), -1, np.int32), np.zeros((len(said), TOP), np.float32)
    nodes[:, 0], share[:, 0] = best, likely
    for number, row in enumerate(said):
        for rank, path in enumerate(row["others"], start=1):
            nodes[number, rank] = place[path]
    line = np.where(best[:, None] >= 0, tree.lineage[best], -1)
    where = np.array([place[path] for path in decided], np.int32)
    return Judged(
        tree=tree,
        truth=np.array([place[row["label"]] for row in said], np.int32),
        taught=np.array([row["taught"] for row in said], np.bool_),
        nodes=nodes,
        likely=share,
        line=line,
        levels=np.where(line >= 0, likely[:, None], 0).astype(np.float32),
        nearest=np.ones(len(said), np.float32),
        decided=where,
        kind=np.array([KINDS.index(row["kind"]) for row in said], np.int8),
        dial=np.where(likely[:, None] >= np.array(DIAL, np.float32), where[:, None], -1).astype(np.int32),
        vectors=np.array([row["vector"] for row in said], np.float32),
        fold=np.array([row["fold"] for row in said], np.int32),
        given=[dict.fromkeys(row["given"], 0.9) for row in said],
        tags=[tuple(row["tags"]) for row in said],
        ids=[row["id"] for row in said],
        titles=[row["title"] for row in said],
        paths=[row["label"] for row in said],
    )


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


TINY_CLIP: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
"""Both towers of a CLIP, too small to know anything."""


@pytest.fixture(scope="session")
def save_clip() -> "Callable[..., Path]":
    """Return what writes a CLIP model with weights by chance as a hub has it: (folder, settings, seed=0) -> folder."""

    def save(folder: Path, settings: dict[str, Any], seed: int = 0) -> Path:
        import torch
        from safetensors.torch import save_file

        from indexer.encoders.clip.tags import library

        given = dict(settings)
        with library() as open_clip, torch.random.fork_rng():
            torch.manual_seed(seed)
            model = (open_clip.CustomTextCLIP if given.pop("custom_text", False) else open_clip.CLIP)(**given)
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: value.contiguous() for name, value in model.state_dict().items()}
        save_file(weights, str(folder / "open_clip_model.safetensors"))
        preprocess = {"mean": [0.5, 0.4, 0.3], "std": [0.5, 0.25, 0.2], "interpolation": "bilinear"}
        config = {"model_cfg": settings, "preprocess_cfg": preprocess}
        (folder / "open_clip_config.json").write_text(json.dumps(config), "utf-8")
        return folder

    return save


@pytest.fixture(scope="session")
def tiny_clip(save_clip: "Callable[..., Path]", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny CLIP: pictures of 32 pixels and texts of 77 tokens to 16 dimensions."""
    return save_clip(tmp_path_factory.mktemp("clip") / "tiny", TINY_CLIP)


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty cache of the model hub, and let aisle keep its own in a folder beside it."""
    from huggingface_hub import constants

    cache = tmp_path / "hub"
    cache.mkdir()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("AISLE_CACHE", str(tmp_path / "aisle"))
    return cache
