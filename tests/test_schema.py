"""indexer/store/schema.py: a store of an older version becomes one of this version, with all that it holds."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from indexer.picture import Picture
from indexer.product import Product, content_hash
from indexer.store.records import Record, Records
from indexer.store.schema import METADATA, VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Database

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

ADDED_BY_2 = """
CREATE TABLE pictures (
    hash TEXT NOT NULL, phash BIGINT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, thumbnail BLOB NOT NULL,
    PRIMARY KEY (hash)
);
CREATE TABLE product_pictures (
    "key" INTEGER NOT NULL, position INTEGER NOT NULL, hash TEXT NOT NULL, problem TEXT NOT NULL,
    PRIMARY KEY ("key", position), FOREIGN KEY("key") REFERENCES products ("key") ON DELETE CASCADE
);
CREATE INDEX ix_product_pictures_hash ON product_pictures (hash);
UPDATE meta SET value = '2' WHERE name = 'schema_version';
INSERT INTO pictures VALUES ('abad1dea', -7, 40, 30, x'736D616C6C');
INSERT INTO product_pictures VALUES (1, 0, 'abad1dea', '');
INSERT INTO journal VALUES (3, '2026-02-04T00:00:00.000+00:00', 'put', 2, 'pan'),
    (4, '2026-02-05T00:00:00.000+00:00', 'delete', 2, 'pan');
"""
"""What version 2 added: pictures; and in this store a product that came and went."""

WRITTEN = {1: VERSION_1, 2: VERSION_1 + ADDED_BY_2}
KEYS = {1: 1, 2: 2}
"""By version, the highest key that its store has given away."""


def written_by(version: int, database: Database) -> None:
    """Write a store as that version of aisle did on that engine."""
    script = WRITTEN[version]
    if database.engine == "postgresql":
        script = script.replace("INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT", "BIGSERIAL NOT NULL PRIMARY KEY")
        script = script.replace('"key" INTEGER', '"key" BIGINT').replace("BLOB", "BYTEA")
        script = re.sub(r"x'([0-9A-F]+)'", r"'\\x\1'", script)
        script += f"SELECT setval('products_key_seq', {KEYS[version]}), setval('journal_seq_seq', {2 * version});"
    elif version == 2:
        script += "UPDATE sqlite_sequence SET seq = 2 WHERE name = 'products';"
    database.run(*filter(str.strip, script.split(";\n")))


def tables_of(database: Database) -> dict[str, object]:
    """Return what an engine says of the columns, keys and indexes of every table."""
    url = database.where if isinstance(database.where, str) else f"sqlite:///{database.where}"
    engine = sa.create_engine(url)
    try:
        inspector = sa.inspect(engine)
        return {
            name: (
                [(each["name"], str(each["type"]), each["nullable"]) for each in inspector.get_columns(name)],
                inspector.get_pk_constraint(name)["constrained_columns"],
                sorted(str(each["name"]) for each in inspector.get_indexes(name)),
                [each["referred_table"] for each in inspector.get_foreign_keys(name)],
            )
            for name in inspector.get_table_names()
        }
    finally:
        engine.dispose()


def test_every_column_has_a_sentence() -> None:
    """Each table and column of the schema says in a sentence what it holds."""
    said = [thing.comment or "" for table in METADATA.tables.values() for thing in (table, *table.columns)]
    assert [text for text in said if not text.endswith(".")] == []


@pytest.mark.parametrize("version", WRITTEN)
def test_a_store_of_every_version_keeps_all_that_it_holds(version: int, database: Database) -> None:
    """Product, label, raw vectors, pictures, journal and identity are as they were, on either engine."""
    written_by(version, database)
    seen = (Picture("abad1dea", phash=2**64 - 7, width=40, height=30),) if version == 2 else ()

    with closing(Records.open(database.where)) as records:
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
            pictures=seen,
        )
        assert stored.record == Record(mug, "c0ffee", "home > mugs")
        assert (stored.created_at[:10], stored.updated_at[:10]) == ("2026-01-02", "2026-02-03")
        assert (stored.key, stored.version, records.seq()) == (1, 2, 2 * version)
        assert [each.id for each in records.journal(0)] == ["mug", "mug", "pan", "pan"][: 2 * version]
        assert records.read([1], "toy@1", {"text": 2}).encoded.parts["text"].tolist() == [[1, 0]]
        assert records.thumbnail("abad1dea") == (b"small" if version == 2 else None)
        assert (records.store_id, records.fact("schema_version")) == ("0123456789abcdef0123456789abcdef", str(VERSION))
    assert database.count("products", "labels", "journal") == {"products": 1, "labels": 1, "journal": 2 * version}


@pytest.mark.parametrize("version", WRITTEN)
def test_a_store_of_every_version_is_as_one_made_today(version: int, database: Database, tmp_path: Path) -> None:
    """It has the same tables, takes changes with pictures, and opening it again changes nothing more."""
    written_by(version, database)
    seen = Picture("ab" * 16, phash=2**63 + 5, width=40, height=30, thumbnail=b"small")
    product = Product("mug", "Stoneware mug", images=("mug.jpg",), pictures=(seen,))
    with closing(Records.open(database.where)) as records:
        first, new = records.write([Record(product, content_hash(product)), Record(Product("cup", "Cup"), "cup")])
        assert (first.outcome, first.seq, new.seq) == ("updated", 2 * version + 1, 2 * version + 2)
        assert new.key == KEYS[version] + 1

    with closing(Records.open(database.where)) as records:
        assert records.thumbnail("ab" * 16) == b"small"
        assert records.read([1], "toy@1", {"text": 2}).phashes == [2**63 + 5]
    migrated = tables_of(database)
    if database.engine == "sqlite":
        today = type(database)("sqlite", tmp_path / "new.sqlite")
    else:
        database.run(*(f"DROP TABLE {name} CASCADE" for name in migrated))
        today = database
    Records.open(today.where).close()
    assert migrated == tables_of(today)
