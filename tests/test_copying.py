"""indexer/store/copying.py: a store from either engine into a file, and from a file into either engine."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sqlalchemy as sa

from indexer.encoders import Encoded
from indexer.errors import RecordError
from indexer.picture import Picture
from indexer.product import Product, content_hash
from indexer.store import copying, engines
from indexer.store.jobs import Job
from indexer.store.records import Answered, RawVectors, Receipt, Record, Records
from indexer.store.schema import METADATA
from indexer.store.suspects import Suspect
from indexer.store.upheld import uphold
from taxonomy.changes import Rename

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.conftest import Database

FOUND: dict[str, dict[str, Any]] = {
    "decisions": {"number": 1, "at": "", "author": "", "kind": "label", "action": "keep", "subject": "a", "detail": {}},
    "settled": {"left_id": "a", "right_id": "b", "verdict": "different", "decision": 1},
    "twins": {
        "left_key": 1,
        "right_key": 2,
        "verdict": "variant",
        "probability": 0.25,
        "variant": 0.5,
        "evidence": ["size 1 and 2"],
    },
    "predictions": {
        "number": 1,
        "price": None,
        "probability": 0.5,
        "taxonomy": 1,
        "doubt": 0.5,
        "product": {"title": "Ä"},
    }
    | {name: name for name in ("id", "at", "caller", "product_id", "content_hash", "supplier", "decision", "node_id")}
    | {"category": "", "snapshot": "s", "answer": {"levels": [["Ä", 0.1]]}},
    "reviews": {"decision": 1, "prediction": 1, "at": "", "author": "", "action": "skip"}
    | dict.fromkeys(("product_id", "node_id", "category"), ""),
    "api_keys": {"name": "shop", "scopes": ["read"], "rate": None, "author": "", "expires_at": None}
    | dict.fromkeys(("id", "digest", "former_digest", "created_at"), "k"),
    "accounts": {"name": "ann", "password": "hash", "scopes": [], "created_at": ""},
    "sessions": {"digest": "d", "kind": "key", "holder": "k", "created_at": "", "expires_at": ""},
    "unsettled": {"prediction": 1, "decision": "auto", "doubt": 0.25},
    "leases": {"prediction": 1, "reviewer": "ann", "at": "", "place": 0, "until": ""},
    "nominated": {"prediction": 1, "nomination": 1},
    "groups": {"key": 1, "group_id": "g1", "family_id": "", "survivor": True, "reasons": ["it has a picture"]},
}
"""A row of each table that holds what was found and decided."""
SEEN = Picture("ab" * 16, phash=2**64 - 3, width=8, height=6, thumbnail=b"\0\xff small")


def record(product_id: str, title: str = "Mug") -> Record:
    """Return a record with a picture."""
    product = Product(product_id, title, specs=(("a", "b"),), category="Ä > B", images=("i",), pictures=(SEEN,))
    return Record(product, content_hash(product), "n1")


def furnish(records: Records) -> None:
    """Put something into every table."""
    encoded = Encoded({"text": np.array([[0.1, np.pi]], np.float32)}, {"text": np.ones(1, np.bool_)})
    records.claim("key", "fingerprint")
    answer = Receipt("key", lambda _: Answered(200, b"\0done"))
    records.change([record("a")], RawVectors("toy", [record("a").content_hash], encoded), receipt=answer)
    records.write([record(f"{n}", f"Mug {n}") for n in range(1_200)])
    records.write([record("a", "Cup")], RawVectors("toy", [record("a", "Cup").content_hash], encoded))
    records.delete(["1199"])
    records.set_fact("vocabulary", "{}")
    records.jobs.add(Job("j", "categorize", "products.csv", {"format": "csv"}, counts={"auto": 1}))
    records.taxonomies.change([Rename(records.taxonomies.standing().tree.ids[0], "Ö")], "somebody")
    records.suspects.replace([2], [Suspect(2, "n1", "n2", 0.9, 0.5, "slip", "", (3,), (("blue", "missing", 0.7),))])
    with records._changing() as connection:
        uphold(connection, ["3"], 1)
        for name, row in FOUND.items():
            connection.execute(METADATA.tables[name].insert(), row)


def rows_of(where: Path | str) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table."""
    with engines.reading(where) as connection:
        return {
            name: [dict(row) for row in connection.execute(table.select().order_by(*table.primary_key)).mappings()]
            for name, table in METADATA.tables.items()
        }


def test_a_store_in_a_file_is_the_store(database: Database, tmp_path: Path) -> None:
    """Row by row, from either engine, as of one moment; progress ends where it said it would."""
    told: list[tuple[int, int]] = []
    with closing(Records.open(database.where)) as records:
        furnish(records)
        expected = rows_of(database.where)
        assert [name for name, found in expected.items() if not found] == []
        with records.moment() as moment:
            records.write([record("late", "Late")])
            moment.copy_to(tmp_path / "copy.sqlite", lambda done, of: told.append((done, of)))

    assert rows_of(tmp_path / "copy.sqlite") == expected
    assert told[-1][0] == told[-1][1] > 0
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith("copy")] == ["copy.sqlite"]
    with closing(Records.open(tmp_path / "copy.sqlite", create=False)) as copied:
        assert copied.write([record("next", "Next")])[0].key == 1_202  # 1,201 was deleted and is never used again
        assert copied.seq() == moment.seq + 1


def test_a_file_becomes_a_store_on_postgresql(
    tmp_path: Path, postgresql: Callable[[], AbstractContextManager[str]]
) -> None:
    """Every row is there, and numbers go on where they were."""
    with closing(Records.open(tmp_path / "records.sqlite")) as records:
        furnish(records)
        seq = records.seq()
    with postgresql() as url:
        received(tmp_path / "records.sqlite", url)
        assert rows_of(url) == rows_of(tmp_path / "records.sqlite")
        with closing(Records.open(url, create=False)) as records:
            (written,) = records.write([record("next", "Next")])
            assert (written.key, written.seq) == (1_202, seq + 1)
            assert records.thumbnail(SEEN.hash) == SEEN.thumbnail

        with pytest.raises(RecordError, match=r"holds a record store with 1,205 changes; .* --force"):
            received(tmp_path / "records.sqlite", url)
        received(tmp_path / "records.sqlite", url, replace=True)
        assert rows_of(url) == rows_of(tmp_path / "records.sqlite")


def received(file: Path, url: str, *, replace: bool = False) -> None:
    """Copy a file into a database, as a restore does."""
    engine = engines.connect(url)
    try:
        with engines.reading(file) as source, engine.begin() as target:
            copying.from_store(source, target, lambda *_: None, replace=replace)
    finally:
        engine.dispose()


def test_reading_changes_nothing(tmp_path: Path) -> None:
    """A store that is looked at cannot be written through the same connection."""
    Records.open(tmp_path / "records.sqlite").close()
    with engines.reading(tmp_path / "records.sqlite") as connection, pytest.raises(sa.exc.OperationalError):
        connection.exec_driver_sql("DELETE FROM meta")
