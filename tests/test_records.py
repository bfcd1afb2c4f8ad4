"""indexer/store/records.py: products, labels, raw vectors and journal, in a SQLite file and on a PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import sqlalchemy as sa

from indexer.encoders import Encoded
from indexer.errors import RecordError, RequestConflict, RequestRunning, SchemaMismatch, VersionConflict
from indexer.product import Product, content_hash
from indexer.store.records import (
    Answered,
    Entry,
    RawVectors,
    Receipt,
    Record,
    Records,
    StoreCounts,
    Unencoded,
    Written,
)
from indexer.store.schema import VERSION, journal

if TYPE_CHECKING:
    from tests.conftest import Database

ENCODER, PARTS = "toy@1", {"text": 2, "image": 1}


@pytest.fixture
def records(database: Database) -> Iterator[Records]:
    """Return an empty store."""
    store = Records.open(database.where)
    yield store
    store.close()


def record(product_id: str, title: str = "Mug", category: str = "Home > Mugs", tags: tuple[str, ...] = ()) -> Record:
    """Return a record of a product with that title."""
    product = Product(product_id, title, specs=(("size", "L"), ("size", "XL")), category=category, tags=tags)
    return Record(product, content_hash(product), node_id=category.lower())


def raw(*records: Record, text: float = 1.0) -> RawVectors:
    """Return raw vectors of the records: text [text, 0] each, and no image."""
    rows = len(records)
    encoded = Encoded(
        {"text": np.array([[text, 0]] * rows, np.float32), "image": np.zeros((rows, 1), np.float32)},
        {"text": np.ones(rows, np.bool_), "image": np.zeros(rows, np.bool_)},
    )
    return RawVectors(ENCODER, [each.content_hash for each in records], encoded)


def told(written: Sequence[Written]) -> list[tuple[str, str, int]]:
    """Return id, outcome and version of each."""
    return [(each.id, each.outcome, each.version) for each in written]


TABLES = ("products", "labels", "vectors", "journal")


def test_a_write_answers_in_the_order_given(records: Records) -> None:
    """New records are created, equal ones unchanged without a journal entry, others updated with one more version."""
    records.write([record("a"), record("b")])

    written = records.write([record("b"), record("c"), record("a", "Cup")])

    assert written == [
        Written(2, "b", "unchanged", 1, 4),
        Written(3, "c", "created", 1, 3),
        Written(1, "a", "updated", 2, 4),
    ]
    assert [(entry.seq, entry.action, entry.id) for entry in records.journal(0)] == [
        (1, "put", "a"),
        (2, "put", "b"),
        (3, "put", "c"),
        (4, "put", "a"),
    ]


def test_of_repeated_ids_the_last_wins(records: Records) -> None:
    """Each of them is a change of its own, in order."""
    written = records.write([record("a", "one"), record("a", "two"), record("a", "two")])

    assert [(each.outcome, each.version) for each in written] == [("created", 1), ("updated", 2), ("unchanged", 2)]
    assert records.get(["a"])["a"].record.product.title == "two"


def test_what_is_stored_again_goes_on_from_the_version_that_was_deleted(records: Records) -> None:
    """A version never stands for two contents of one id, within one call, after several deletions and among others."""
    records.write([record("a", "one"), record("b"), record("c")])
    records.write([record("a", "two"), record("c", "two")])
    records.delete(["a", "b"])
    expected = [("a", "created", 3), ("d", "created", 1), ("b", "created", 2)]
    assert told(records.write([record("a", "three"), record("d"), record("b")])) == expected
    assert records.get(["a"])["a"].version == 3

    again = records.change(["a", record("a", "four"), "a", record("a", "four"), record("a", "five"), record("c")])

    assert told(again)[-2:] == [("a", "updated", 6), ("c", "updated", 3)]
    with pytest.raises(VersionConflict):
        records.change([record("a", "lost")], expected={"a": 1})


def test_a_deletion_of_an_aisle_that_kept_nothing_begins_anew(database: Database) -> None:
    """Its journal does not tell the version."""
    with closing(Records.open(database.where)) as records:
        records.write([record("a", "one"), record("b")])
        records.write([record("a", "two")])
        records.delete(["a"])
        database.run("UPDATE journal SET before = NULL")
        assert told(records.write([record("a", "three")])) == [("a", "created", 1)]


def test_a_new_label_alone_is_an_update(records: Records) -> None:
    """Category, tags, node and who said so all belong to what is compared."""
    records.write([record("a")])
    assert records.write([record("a", tags=("new",))])[0].outcome == "updated"
    assert records.write([record("a", category="", tags=("new",))])[0].outcome == "updated"
    assert records.counts().labelled == 0


def test_a_new_weight_or_provenance_alone_is_an_update(records: Records) -> None:
    """Each is journalled, and the raw vectors of the content are left as they are."""
    first = record("a")
    records.write([first], raw(first))
    lighter = replace(first, product=replace(first.product, weight=0.5))
    confirmed = replace(first, product=replace(first.product, weight=0.5, provenance="human"))

    assert [records.write([each])[0].outcome for each in (lighter, lighter, confirmed)] == [
        "updated",
        "unchanged",
        "updated",
    ]
    assert [entry.id for entry in records.journal(0)] == ["a", "a", "a"]
    assert records.get(["a"])["a"].record == confirmed
    assert records.known([first.content_hash], ENCODER) == {first.content_hash}


def test_a_stored_record_comes_back_equal(records: Records) -> None:
    """Order and repetition of specs, tags, weights and odd characters survive the store."""
    specs = (("k", "v"), ("k", ""))
    product = Product(
        *("ä/1\u2603", "T\u00e9 \U0001f375", "d\ne", "B", specs, "A > B", ("x", "a"), ("i.jpg",), "fr", "human", 0.5)
    )
    written = Record(product, content_hash(product), "n1")
    records.write([written])

    stored = records.get([product.id])[product.id]
    assert stored.record == written
    assert (stored.record.product.language, stored.key, stored.version) == ("fr", 1, 1)
    assert stored.created_at == stored.updated_at
    assert records.by_keys([1, 2]) == {1: stored}


def test_a_failing_vector_write_leaves_nothing_behind(records: Records, database: Database) -> None:
    """Product, label, journal and vectors are one transaction; the refusal names the store and its reason."""
    database.fill_up("vectors")

    with pytest.raises(RecordError, match=r"(records\.sqlite|aisle_test_\d+_\d+) refuses \(disk is full"):
        records.write([record("a")], raw(record("a")))

    assert database.count(*TABLES) == {"products": 0, "labels": 0, "vectors": 0, "journal": 0}


def test_a_failing_journal_leaves_nothing_behind(records: Records, database: Database) -> None:
    """What comes last in the transaction undoes what came first."""
    records.write([record("a")], raw(record("a")))
    before = database.count(*TABLES)
    database.fill_up("journal")

    with pytest.raises(RecordError):
        records.write([record("a", "new"), record("b")], raw(record("a", "new")))
    with pytest.raises(RecordError):
        records.delete(["a"])

    assert database.count(*TABLES) == before
    assert records.get(["a", "b"]).keys() == {"a"}


def test_raw_vectors_are_kept_by_content(records: Records) -> None:
    """Products of the same content share one encoding; a part that content lacks is known to be lacking."""
    one, same, other = record("a"), record("b"), record("c", "Cup")
    records.write([one, same, other], raw(one))

    assert records.known([one.content_hash, other.content_hash], ENCODER) == {one.content_hash}
    assert records.known([one.content_hash], "toy@2") == set()
    found = records.read([3, 1, 2, 9], ENCODER, PARTS)
    assert (found.keys.tolist(), list(found.ids), found.known.tolist()) == (
        [1, 2, 3],
        ["a", "b", "c"],
        [True, True, False],
    )
    assert found.encoded.parts["text"].tolist() == [[1, 0], [1, 0], [0, 0]]
    assert found.encoded.mask["text"].tolist() == [True, True, False]
    assert found.encoded.mask["image"].tolist() == [False, False, False]


def test_raw_vectors_go_with_the_last_product_of_their_content(records: Records, database: Database) -> None:
    """Deleting or changing one of two equal products keeps the vectors that the other needs."""
    one, same = record("a"), record("b")
    records.write([one, same], raw(one))

    records.delete(["a"])
    assert database.count("vectors")["vectors"] == 2
    records.write([record("b", "Cup")])
    assert database.count("vectors")["vectors"] == 0


def test_a_content_that_an_id_comes_back_to_keeps_its_raw_vectors(records: Records, database: Database) -> None:
    """Of an id three times in one write, first and last alike; the vectors of the one between go."""
    first, between = record("a"), record("a", "Cup")
    records.write([first, between, first], raw(first, between))
    assert records.known([first.content_hash, between.content_hash], ENCODER) == {first.content_hash}
    records.write([between, first], raw(between))
    assert records.known([first.content_hash, between.content_hash], ENCODER) == {first.content_hash}
    assert database.count("vectors")["vectors"] == len(PARTS)


def test_deleting_again_is_no_error(records: Records) -> None:
    """A missing id is answered as missing, in its place, and leaves no journal entry."""
    records.write([record("a"), record("b")])

    assert records.delete(["x", "b", "a"]) == [
        Written(-1, "x", "missing", 0, 4),
        Written(2, "b", "deleted", 1, 3),
        Written(1, "a", "deleted", 1, 4),
    ]
    assert records.delete(["a"]) == [Written(-1, "a", "missing", 0, 4)]
    assert records.seq() == 4


def test_keys_are_never_used_again(records: Records) -> None:
    """A product that comes back after its deletion gets a new key, so no old vector can answer for it."""
    records.write([record("a")])
    records.delete(["a"])
    assert records.write([record("a")])[0].key == 2


def test_scan_and_page_walk_everything_in_order_of_key(records: Records) -> None:
    """Small batches add up to the whole, without the deleted ones."""
    records.write([record(str(number), tags=(f"t{number}",)) for number in range(7)])
    records.delete(["3"])

    slices = list(records.scan(ENCODER, PARTS, up_to=6, size=4))
    assert [one.keys.tolist() for one in slices] == [[1, 2, 3, 5], [6]]
    assert slices[1].tags == [("t5",)]
    assert [stored.key for stored in records.page(after=2, limit=3)] == [3, 5, 6]
    assert list(records.ids(up_to=6, size=3)) == [{1: "0", 2: "1", 3: "2"}, {5: "4", 6: "5"}]
    assert records.counts() == StoreCounts(products=6, labelled=6, last_key=7, seq=8)


def test_categories_are_counted_by_path(records: Records) -> None:
    """Products without a category count for none."""
    records.write(
        [record("a", category="B"), record("b", category="A > C"), record("c", category="B"), record("d", category="")]
    )
    assert list(records.categories().items()) == [("A > C", 1), ("B", 2)]


def test_more_ids_than_one_statement_takes(records: Records) -> None:
    """Reads and deletes of thousands of ids are cut into statements that every database accepts."""
    many = [record(str(number)) for number in range(1_300)]
    records.write(many)

    assert len(records.get([each.product.id for each in many])) == 1_300
    assert {each.outcome for each in records.delete([each.product.id for each in many])} == {"deleted"}
    assert records.counts().products == 0


def test_writers_in_several_threads_take_turns(records: Records) -> None:
    """No change is lost, and every journal place is given once."""
    writers = [
        threading.Thread(target=lambda n=n: [records.write([record(f"{n}-{i}")]) for i in range(10)]) for n in range(4)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    entries = records.journal(0)
    assert [entry.seq for entry in entries] == list(range(1, 41))
    assert len({entry.key for entry in entries}) == 40


def test_an_opened_store_is_the_one_that_was_closed(database: Database) -> None:
    """Contents, identity and facts outlive the process."""
    first = Records.open(database.where)
    first.write([record("a")])
    first.set_fact("taxonomy", "{}")
    first.close()

    second = Records.open(database.where, create=False)
    assert (second.store_id, second.seq(), second.fact("taxonomy"), second.fact("x")) == (first.store_id, 1, "{}", None)
    assert isinstance(second.journal(0)[0], Entry)
    second.close()


def test_what_was_acknowledged_outlives_a_power_cut(records: Records, database: Database) -> None:
    """SQLite waits for the disk at each commit (WAL, FULL), and so does PostgreSQL as it comes."""
    with records._reading() as connection:
        if database.engine == "sqlite":
            pragmas = ("journal_mode", "synchronous", "foreign_keys")
            assert [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas] == ["wal", 2, 1]
        else:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_a_moment_is_one_for_all_that_is_read_in_it(records: Records) -> None:
    """What is written meanwhile is not seen, not even in part; writers do not wait for it."""
    records.write([record("a"), record("b")], raw(record("a")))
    with records.moment() as moment:
        records.write([record("a", "new"), record("c")])
        records.delete(["b"])
        seen = [each.record.product for page in moment.pages(1) for each in page]
        hashes = [record("a").content_hash]
        assert moment.vectors(hashes, ENCODER, PARTS)[1].tolist() == [True]
    assert [(each.id, each.title) for each in seen] == [("a", "Mug"), ("b", "Mug")]
    assert (moment.seq, moment.products, records.seq()) == (2, 2, 5)


def test_a_place_in_the_journal_that_was_not_taken_is_none(records: Records, database: Database) -> None:
    """A change that failed leaves no gap: the places of those that were made are 1, 2, 3."""
    records.write([record("a")])
    with pytest.raises(Unencoded):
        records.change([record("b", "Cup")], encoder=ENCODER)
    records.write([record("c")])
    assert [entry.seq for entry in records.journal(0)] == [1, 2]
    assert database.count("journal") == {"journal": 2}


@pytest.mark.parametrize("odd", ["a\0b", "\0", "half \ud800"])
def test_an_id_that_no_product_can_have_is_missing(records: Records, odd: str) -> None:
    """Whatever a database thinks of its characters."""
    records.write([record("a")])
    assert records.get([odd, "a"]).keys() == {"a"}
    assert [each.outcome for each in records.delete([odd, "a"])] == ["missing", "deleted"]
    with pytest.raises(VersionConflict):
        records.change([record("b")], expected={odd: 1})


def test_a_store_of_a_newer_aisle_is_refused(database: Database) -> None:
    """The refusal names both versions and what to do."""
    Records.open(database.where).close()
    database.run("UPDATE meta SET value = '99' WHERE name = 'schema_version'")

    with pytest.raises(SchemaMismatch, match=f"schema version 99, this aisle knows 1 to {VERSION}"):
        Records.open(database.where)


def test_a_missing_or_foreign_file_is_refused(tmp_path: Path) -> None:
    """No empty store appears where one was expected, and a file that is none is left alone."""
    with pytest.raises(RecordError, match="no record store at"):
        Records.open(tmp_path / "none.sqlite", create=False)
    (tmp_path / "text.sqlite").write_text("this is no database" * 100)
    with pytest.raises(RecordError, match="not a database"):
        Records.open(tmp_path / "text.sqlite")

    assert [file.name for file in tmp_path.iterdir()] == ["text.sqlite"]


def test_changes_are_one_transaction_in_their_order(records: Records) -> None:
    """A product that is put, deleted and put again in one call is there in the end, under a new key."""
    done = records.change([record("a"), "a", record("a", "Cup"), "b"])

    assert [each.outcome for each in done] == ["created", "deleted", "created", "missing"]
    assert records.get(["a"])["a"].record.product.title == "Cup"
    assert [entry.action for entry in records.journal(0)] == ["put", "delete", "put"]


def test_a_version_that_is_asked_for_guards_the_whole_change(records: Records) -> None:
    """Nothing is changed when one product has another version; 0 asks for none, None for any."""
    records.write([record("a")])
    for expected, found in (({"a": 2}, 1), ({"a": 0}, 1), ({"x": 1}, 0), ({"x": None}, 0)):
        with pytest.raises(VersionConflict) as caught:
            records.change([record("a", "new"), record("b")], expected=expected)
        assert caught.value.found == found
    assert records.seq() == 1

    written = records.change([record("a", "new"), record("b")], expected={"a": 1, "b": 0})
    assert [(each.id, each.outcome, each.version) for each in written] == [("a", "updated", 2), ("b", "created", 1)]
    assert records.change(["a"], expected={"a": None})[0].outcome == "deleted"


def test_contents_without_raw_vectors_are_noticed(records: Records) -> None:
    """A change that names its encoder is refused whole when a content lacks vectors by it."""
    kept, bare = record("a"), record("b", "Cup")
    with pytest.raises(Unencoded) as caught:
        records.change([kept, bare], raw(kept), encoder=ENCODER)
    assert set(caught.value.contents) == {bare.content_hash}
    assert (records.seq(), records.known([kept.content_hash], ENCODER)) == (0, set())

    records.change([kept, bare], raw(kept, bare), encoder=ENCODER)
    assert records.seq() == 2


def _told(outcome: Written | Exception) -> bytes:
    assert isinstance(outcome, Written)
    return outcome.outcome.encode()


def test_a_request_is_answered_once(records: Records) -> None:
    """Its answer is kept with its change and given to a repetition; another request under the key is refused."""
    assert records.claim("k", "one") is None
    with pytest.raises(RequestRunning):
        records.claim("k", "one")
    with pytest.raises(RequestConflict):
        records.claim("k", "two")

    records.change([record("a")], receipt=Receipt("k", lambda done: Answered(201, _told(done[0]))))
    assert records.claim("k", "one") == Answered(201, b"created")

    assert records.claim("k", "one", keep=timedelta(0)) is None
    records.release("k")
    assert records.claim("k", "two") is None


def test_a_claim_that_is_not_renewed_can_be_taken_over(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """After two minutes without a word its process is taken for dead; one that says that it runs keeps its key."""
    monkeypatch.setattr("indexer.store.records.now_text", lambda: "2026-11-26T10:00:00.000+00:00")
    assert records.claim("runs", "one") is None
    assert records.claim("died", "two") is None
    monkeypatch.setattr("indexer.store.records.now_text", lambda: "2026-11-26T10:01:30.000+00:00")
    records.renew("runs")
    monkeypatch.setattr("indexer.store.records.now_text", lambda: "2026-11-26T10:02:30.000+00:00")
    with pytest.raises(RequestRunning):
        records.claim("runs", "one")
    assert records.claim("died", "another") is None


def test_of_two_that_hold_one_key_the_first_is_answered_and_the_other_undone(records: Records) -> None:
    """As when a request was taken for dead and comes to an end all the same: it is carried out once."""
    assert records.claim("k", "one") is None
    records.release("k")  # taken for dead
    assert records.claim("k", "one") is None
    records.change([record("a")], receipt=Receipt("k", lambda done: Answered(201, _told(done[0]))))
    with pytest.raises(RequestRunning):
        records.change([record("b")], receipt=Receipt("k", lambda done: Answered(201, _told(done[0]))))
    assert records.get(["a", "b"]).keys() == {"a"}
    assert records.claim("k", "one") == Answered(201, b"created")


def test_a_change_that_fails_answers_nothing(records: Records) -> None:
    """The claim of its request stays, and can be given up."""
    records.claim("k", "one")
    with pytest.raises(VersionConflict):
        records.change(["a"], expected={"a": 1}, receipt=Receipt("k", lambda _: Answered(200, b"")))
    records.release("k")
    assert records.claim("k", "one") is None


def test_the_journal_tells_what_was_before(records: Records) -> None:
    """Nothing before a creation; before an update or a deletion the product, its label and its version."""
    records.write([record("a", "one", tags=("t",))])
    records.write([record("a", "two")])
    records.delete(["a"])

    query = sa.select(journal.c.before).order_by(journal.c.seq)
    with records._reading() as connection:
        before = connection.scalars(query).all()
    told = [each and (each["product"]["title"], each["product"]["version"], each["label"]["tags"]) for each in before]
    assert told == [None, ("one", 1, ["t"]), ("two", 2, [])]
