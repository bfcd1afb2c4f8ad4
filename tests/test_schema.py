"""indexer/store/schema.py: a store of an older version becomes one of this version, with all that it holds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from indexer.picture import Picture
from indexer.product import Product, content_hash
from indexer.store.records import Record, Records
from indexer.store.schema import METADATA, VERSION

VERSION_1 = """
CREATE TABLE products (
    "key" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, title TEXT NOT NULL, description TEXT NOT NULL,
    brand TEXT NOT NULL, specs JSON NOT NULL, images JSON NOT NULL, language TEXT NOT NULL, content_hash TEXT NOT NULL,
    version INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, UNIQUE (id)
);
CREATE INDEX ix_products_content_hash ON products (content_hash);
CREATE TABLE vectors (
    content_hash TEXT NOT NULL, encoder TEXT NOT NULL, part TEXT NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (content_hash, encoder, part)
);
CREATE TABLE journal (
    seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, action TEXT NOT NULL, "key" INTEGER NOT NULL,
    id TEXT NOT NULL
);
CREATE TABLE meta (name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name));
CREATE TABLE labels (
    "key" INTEGER NOT NULL, category TEXT NOT NULL, node_id TEXT NOT NULL, tags JSON NOT NULL, provenance TEXT NOT NULL,
    weight FLOAT NOT NULL, updated_at TEXT NOT NULL, PRIMARY KEY ("key"),
    FOREIGN KEY("key") REFERENCES products ("key") ON DELETE CASCADE
);
CREATE INDEX ix_labels_category ON labels (category);
INSERT INTO meta VALUES ('schema_version', '1'), ('store_id', '0123456789abcdef0123456789abcdef'), ('taxonomy', '');
INSERT INTO products VALUES
    (1, 'mug', 'Stoneware mug', '', 'Oakridge', '[["size","L"]]', '["mug.jpg"]', 'en', 'c0ffee', 2,
     '2026-01-02T03:04:05.678+00:00', '2026-02-03T04:05:06.789+00:00');
INSERT INTO labels VALUES
    (1, 'Home > Mugs', 'home > mugs', '["stoneware"]', 'human', 0.5, '2026-02-03T04:05:06.789+00:00');
INSERT INTO vectors VALUES ('c0ffee', 'toy@1', 'text', x'0000803F00000000');
INSERT INTO journal VALUES
    (1, '2026-01-02T03:04:05.678+00:00', 'put', 1, 'mug'), (2, '2026-02-03T04:05:06.789+00:00', 'put', 1, 'mug');
"""
"""What version 1 wrote: its tables as SQLite tells them, and one product that was changed once."""


def written_by_version_1(path: Path) -> None:
    """Write a store of version 1 with one product."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1)


def test_every_column_has_a_sentence() -> None:
    """Each table and column of the schema says in a sentence what it holds."""
    said = [thing.comment or "" for table in METADATA.tables.values() for thing in (table, *table.columns)]
    assert [text for text in said if not text.endswith(".")] == []


def test_a_store_of_version_1_keeps_all_that_it_holds(tmp_path: Path) -> None:
    """Product, label, raw vectors, journal and identity are as they were; the product has no pictures yet."""
    written_by_version_1(tmp_path / "records.sqlite")

    with closing(Records.open(tmp_path / "records.sqlite")) as records:
        stored = records.get(["mug"])["mug"]
        mug = Product(
            "mug",
            "Stoneware mug",
            brand="Oakridge",
            specs=(("size", "L"),),
            category="Home > Mugs",
            tags=("stoneware",),
            images=("mug.jpg",),
            provenance="human",
            weight=0.5,
        )
        assert stored.record == Record(mug, "c0ffee", "home > mugs")
        assert (stored.key, stored.version, records.seq()) == (1, 2, 2)
        assert records.read([1], "toy@1", {"text": 2}).encoded.parts["text"].tolist() == [[1, 0]]
        assert (records.store_id, records.fact("schema_version")) == ("0123456789abcdef0123456789abcdef", str(VERSION))


def test_a_store_of_version_1_takes_pictures_once_it_is_opened(tmp_path: Path) -> None:
    """It is as one that was made today, and opening it again changes nothing more."""
    written_by_version_1(tmp_path / "records.sqlite")
    seen = Picture("ab" * 16, phash=2**63 + 5, width=40, height=30, thumbnail=b"small")
    product = Product("mug", "Stoneware mug", images=("mug.jpg",), pictures=(seen,))
    with closing(Records.open(tmp_path / "records.sqlite")) as records:
        assert records.write([Record(product, content_hash(product))])[0].outcome == "updated"

    with closing(Records.open(tmp_path / "records.sqlite")) as records:
        assert records.thumbnail("ab" * 16) == b"small"
        assert records.read([1], "toy@1", {"text": 2}).phashes == [2**63 + 5]
    with closing(Records.open(tmp_path / "new.sqlite")):
        tables = [_tables(tmp_path / name) for name in ("records.sqlite", "new.sqlite")]
    assert tables[0] == tables[1]


def _tables(path: Path) -> dict[str, list[str]]:
    """Return the names of the columns of each table of a store."""
    with closing(sqlite3.connect(path)) as connection:
        names = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'index')")
        ]
        return {name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] for name in sorted(names)}
