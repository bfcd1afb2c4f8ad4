"""The tables of the record store, one sentence per column, and the numbered steps from one version to the next.

Portable SQL: SQLite by default, PostgreSQL by URL. Only this file, `records` and the SQL source know SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from indexer.errors import SchemaMismatch

VERSION = 10
METADATA = sa.MetaData()

_T = TypeVar("_T")
_CHUNK = 500  # ids, keys or hashes in one IN list, below the parameter bound of every database

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite numbers rows itself only under this very name


def _column(name: str, kind: sa.types.TypeEngine[Any], comment: str, *, primary_key: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, comment=comment, primary_key=primary_key, nullable=False)


def _product_key(comment: str) -> sa.Column[Any]:
    """Return the column of the product that a row is about; the row goes with it."""
    product = sa.ForeignKey("products.key", ondelete="CASCADE")
    return sa.Column("key", _NUMBER, product, primary_key=True, autoincrement=False, comment=comment)


def _prediction_key(comment: str) -> sa.Column[Any]:
    """Return the column of the prediction that a row is about; the row goes with it."""
    prediction = sa.ForeignKey("predictions.number", ondelete="CASCADE")
    return sa.Column("prediction", _NUMBER, prediction, primary_key=True, autoincrement=False, comment=comment)


products = sa.Table(
    "products",
    METADATA,
    _column(
        "key",
        _NUMBER,
        "Small consecutive number that vectors and labels are filed under, never used again.",
        primary_key=True,
    ),
    sa.Column("id", sa.Text, nullable=False, unique=True, comment="The product's own id, as its source wrote it."),
    _column("title", sa.Text(), "Title as plain text; empty when there is none."),
    _column("description", sa.Text(), "Description as plain text; empty when there is none."),
    _column("brand", sa.Text(), "Brand as plain text; empty when there is none."),
    _column("specs", sa.JSON(), "List of [name, value] pairs in the order of the source."),
    _column("images", sa.JSON(), "List of picture paths or URLs, the main one first."),
    _column("language", sa.Text(), "ISO 639-1 code of the text, und when it is too short to tell."),
    sa.Column(
        "content_hash",
        sa.Text,
        nullable=False,
        index=True,
        comment="Hash of what encoders see; raw vectors are filed under it, so equal content is encoded once.",
    ),
    _column(
        "version",
        sa.Integer(),
        "1 when first created, one more with each change of content or label, and when it is created again.",
    ),
    _column("created_at", sa.Text(), "When the product was first stored, ISO 8601 in UTC."),
    _column("updated_at", sa.Text(), "When its content or label last changed, ISO 8601 in UTC."),
    sa.Column(
        "facts",
        sa.JSON,
        nullable=False,
        server_default="[]",
        comment="List of [name, value] pairs of what is known besides: gtin, mpn, price, supplier, worth, ...",
    ),
    sqlite_autoincrement=True,
    comment="One row per product.",
)

labels = sa.Table(
    "labels",
    METADATA,
    _product_key("The product that is labelled."),
    sa.Column(
        "category",
        sa.Text,
        nullable=False,
        index=True,
        comment="Category path from the root, written A > B > C; empty when the product has none.",
    ),
    _column("node_id", sa.Text(), "Id of that node in the tree the label was given in; empty without a category."),
    _column("tags", sa.JSON(), "List of tags."),
    _column("provenance", sa.Text(), "Who gave the label: supplier, human or machine."),
    _column("weight", sa.Float(), "How much the label counts in a vote; 1 is a full voice."),
    _column("updated_at", sa.Text(), "When the label last changed, ISO 8601 in UTC."),
    comment="One row per product: its category and tags, empty ones when it is not labelled.",
)

vectors = sa.Table(
    "vectors",
    METADATA,
    _column("content_hash", sa.Text(), "Content that was encoded.", primary_key=True),
    _column("encoder", sa.Text(), "Fingerprint of the encoder.", primary_key=True),
    _column("part", sa.Text(), "Part of the encoder's output: text, image.", primary_key=True),
    _column("vector", sa.LargeBinary(), "float32, little endian; of no length when the content lacks this part."),
    comment="Raw vectors, kept while any product has that content.",
)

pictures = sa.Table(
    "pictures",
    METADATA,
    _column("hash", sa.Text(), "Hash of the picture's file; equal files are kept once.", primary_key=True),
    _column("phash", sa.BigInteger(), "Perceptual hash: 64 bits, written as a signed number."),
    _column("width", sa.Integer(), "Width of the whole picture in pixels, upright."),
    _column("height", sa.Integer(), "Height of the whole picture in pixels, upright."),
    _column("thumbnail", sa.LargeBinary(), "The picture as a small JPEG."),
    comment="One row per picture that could be read, kept while any product has it.",
)

product_pictures = sa.Table(
    "product_pictures",
    METADATA,
    _product_key("The product that is shown."),
    sa.Column(
        "position",
        sa.Integer,
        primary_key=True,
        autoincrement=False,
        comment="Which of the product's images it is, the main one being 0.",
    ),
    sa.Column(
        "hash",
        sa.Text,
        nullable=False,
        index=True,
        comment="The picture, by the hash of its file; empty when it could not be read.",
    ),
    _column("problem", sa.Text(), "Why the image could not be read; empty when it could."),
    comment="One row per image of a product that was looked at.",
)

journal = sa.Table(
    "journal",
    METADATA,
    _column("seq", _NUMBER, "Place in the order of changes, ascending, never used again.", primary_key=True),
    _column("at", sa.Text(), "When the change was stored, ISO 8601 in UTC."),
    _column("action", sa.Text(), "put, delete or taxonomy."),
    _column("key", _NUMBER, "Key of the product that changed; -1 for a change of the taxonomy."),
    _column("id", sa.Text(), "Id of the product that changed; of the taxonomy the number of its version."),
    sa.Column(
        "before",
        sa.JSON(none_as_null=True),
        comment="The product and its label as they were; null when it was created, or changed by an aisle before this.",
    ),
    sqlite_autoincrement=True,
    comment="Every change of a product or label, in order; what indexes replay.",
)

IS_DELETE = journal.c.action == sa.literal_column("'delete'")
"""Of an entry of the journal that a product went with; as a literal, so that SQLite sees that its index is meant."""
deletes = sa.Index("ix_journal_deletes", journal.c.id, sqlite_where=IS_DELETE, postgresql_where=IS_DELETE)
"""Finds what a product was when it was last deleted."""

requests = sa.Table(
    "requests",
    METADATA,
    _column("key", sa.Text(), "Idempotency key that a client gave its request.", primary_key=True),
    _column("fingerprint", sa.Text(), "Hash of the request, which a repetition must equal."),
    _column("at", sa.Text(), "When the request came, ISO 8601 in UTC."),
    _column("status", sa.Integer(), "Status of its answer; 0 while there is none."),
    _column("answer", sa.LargeBinary(), "The answer, given again to a repetition; empty while there is none."),
    sa.Index("ix_requests_at", "at"),
    sa.Index("ix_requests_status", "status", "at"),
    comment="One row per request that changes products and must not be carried out twice; kept for a while.",
)

taxonomies = sa.Table(
    "taxonomies",
    METADATA,
    _column("number", _NUMBER, "Version of the tree: 1, 2, 3.", primary_key=True),
    _column("at", sa.Text(), "When the tree became this one, ISO 8601 in UTC."),
    _column("author", sa.Text(), "Who changed it; empty when nobody said."),
    _column("change", sa.JSON(), "What was changed in the tree before; an empty list for the first."),
    _column("tree", sa.Text(), "The tree after the change, as taxonomy.files writes it."),
    _column("open", sa.Boolean(), "Whether categories of later labels join it."),
    comment="One row per version of the taxonomy that somebody changed; none for a tree that is as it was built.",
)

decisions = sa.Table(
    "decisions",
    METADATA,
    _column("number", _NUMBER, "Place in the order of decisions, ascending, never used again.", primary_key=True),
    _column("at", sa.Text(), "When it was made, ISO 8601 in UTC."),
    _column("author", sa.Text(), "Who made it; empty when nobody said."),
    sa.Column(
        "kind",
        sa.Text,
        nullable=False,
        index=True,
        comment="What it is about: duplicates, label, tags, prediction or nomination.",
    ),
    _column("action", sa.Text(), "What was decided: merge, different, variant, same, fix, keep, nominate, ..."),
    _column("subject", sa.Text(), "The group, pair, product or prediction that it is about."),
    _column("detail", sa.JSON(), "What it did, and all that is needed to take it back."),
    sa.Column("undone_at", sa.Text, comment="When it was taken back; null while it stands."),
    sqlite_autoincrement=True,
    comment="Every decision of a person about duplicates and wrong labels, in order.",
)

settled = sa.Table(
    "settled",
    METADATA,
    _column("left_id", sa.Text(), "Id of a product; the lesser of the two.", primary_key=True),
    sa.Column("right_id", sa.Text, primary_key=True, nullable=False, index=True, comment="Id of the other product."),
    _column("verdict", sa.Text(), "What a person said of the pair."),
    _column("decision", _NUMBER, "The decision that said so."),
    comment="One row per pair of products that a person has judged; by id, so that it outlives the products.",
)

twins = sa.Table(
    "twins",
    METADATA,
    sa.Column(
        "left_key",
        _NUMBER,
        primary_key=True,
        autoincrement=False,
        comment="Key of a product, the lesser of the two; the row stays for a while when the product is deleted.",
    ),
    sa.Column(
        "right_key",
        _NUMBER,
        primary_key=True,
        autoincrement=False,
        nullable=False,
        index=True,
        comment="Key of the other product.",
    ),
    _column("verdict", sa.Text(), "identical, same product, variant or same picture."),
    _column("probability", sa.Float(), "Probability that both are the same product."),
    _column("variant", sa.Float(), "Probability that they are variants of one product."),
    _column("evidence", sa.JSON(), "List of what decided, in words."),
    comment="Pairs of stored products that are not merely different, as the machine judges them.",
)

groups = sa.Table(
    "groups",
    METADATA,
    sa.Column(
        "key",
        _NUMBER,
        primary_key=True,
        autoincrement=False,
        comment="Key of a member; the row stays for a while after the product, to tell whose group it left.",
    ),
    sa.Column("group_id", sa.Text, nullable=False, index=True, comment="Its group of duplicates; empty without one."),
    sa.Column("family_id", sa.Text, nullable=False, index=True, comment="Its family of variants; empty without one."),
    _column("survivor", sa.Boolean(), "Whether it is the one of its group that is best kept."),
    _column("reasons", sa.JSON(), "List of why it is the survivor; empty for the others."),
    comment="One row per product with a group or family, as of the last look at the journal.",
)

suspects = sa.Table(
    "suspects",
    METADATA,
    _product_key("The product whose label is suspected."),
    _column("stored", sa.Text(), "Id of the category that it is labelled with; empty without one."),
    _column(
        "suggested", sa.Text(), "Id of the category that its neighbours speak for; empty where only tags are amiss."
    ),
    sa.Column(
        "probability",
        sa.Float,
        nullable=False,
        index=True,
        comment="Probability that the stored category is wrong; 0 where only tags are amiss.",
    ),
    _column("severity", sa.Float(), "How far the two categories are apart, from 0 to 1."),
    _column(
        "kind", sa.Text(), "Kind of error: slip, systematic, ambiguous, conflict; empty where only tags are amiss."
    ),
    sa.Column("pattern", sa.Text, nullable=False, index=True, comment="The pattern that it belongs to; empty without."),
    _column("neighbours", sa.JSON(), "List of the keys of the neighbours that say so."),
    _column("tags", sa.JSON(), "List of [tag, missing or wrong, probability], the likeliest first."),
    sa.Column(
        "tag_probability", sa.Float, nullable=False, index=True, comment="Probability of the first of them, 0 for none."
    ),
    comment="One row per stored product whose category or tags are suspected to be wrong.",
)

upheld = sa.Table(
    "upheld",
    METADATA,
    _column("id", sa.Text(), "Id of a product.", primary_key=True),
    _column("node_id", sa.Text(), "Category that a person found right for it."),
    _column("content_hash", sa.Text(), "What it said then; of other content, nobody has said anything."),
    _column("decision", _NUMBER, "The decision that said so."),
    comment="One row per product whose label a person has looked at; by id, so that it outlives the product.",
)

predictions = sa.Table(
    "predictions",
    METADATA,
    sa.Column(
        "number",
        _NUMBER,
        primary_key=True,
        autoincrement=False,
        comment="Place in the order in which answers were kept, ascending.",
    ),
    sa.Column("id", sa.Text, nullable=False, unique=True, comment="The id that the answer was given with."),
    sa.Column("at", sa.Text, nullable=False, index=True, comment="When it was answered first, ISO 8601 in UTC."),
    _column("caller", sa.Text(), "Who asked: the name of a key or the address of a client."),
    sa.Column(
        "product_id",
        sa.Text,
        nullable=False,
        index=True,
        comment="Id of the product that was asked about; empty when it had none.",
    ),
    sa.Column(
        "content_hash",
        sa.Text,
        nullable=False,
        index=True,
        comment="What the product said, as its record would be filed under.",
    ),
    _column("supplier", sa.Text(), "The fact of that name of the product; empty without one."),
    sa.Column("price", sa.Float, comment="Amount of the price of the product; null without one."),
    _column("decision", sa.Text(), "What the answer decided: auto, suggest or abstain."),
    _column("node_id", sa.Text(), "Id of the category that was answered; empty when abstaining."),
    sa.Column(
        "category",
        sa.Text,
        nullable=False,
        index=True,
        comment="Path of that category, as it was then; empty when abstaining.",
    ),
    _column("probability", sa.Float(), "Probability of that category; 0 when abstaining."),
    _column("snapshot", sa.Text(), "The snapshot that answered."),
    _column("taxonomy", sa.Integer(), "Number of the version of the tree that it answered in."),
    _column("doubt", sa.Float(), "How much a person could teach by looking at it, 0 to 1."),
    _column(
        "answer", sa.JSON(), "Reason, levels, alternatives, tags, neighbours, duplicates, language, model, doubts."
    ),
    sa.Column(
        "product",
        sa.JSON(none_as_null=True),
        comment="The product as it was asked about, cleaned; null where products are not kept.",
    ),
    comment="One row per answer of the service, for as long as the settings say; never changed.",
)

reviews = sa.Table(
    "reviews",
    METADATA,
    sa.Column(
        "decision", _NUMBER, primary_key=True, autoincrement=False, comment="The decision, which stands, by its number."
    ),
    sa.Column(
        "prediction",
        _NUMBER,
        sa.ForeignKey("predictions.number", ondelete="CASCADE"),
        nullable=False,
        index=True,
        comment="The prediction that it is about; the row goes with it.",
    ),
    sa.Column("at", sa.Text, nullable=False, index=True, comment="When it was made, ISO 8601 in UTC."),
    _column("author", sa.Text(), "Who made it; empty when nobody said."),
    _column("action", sa.Text(), "accept, correct, coarser, finer, tags, skip or unsure."),
    _column("product_id", sa.Text(), "The product that was labelled; empty where none was."),
    _column("node_id", sa.Text(), "Id of the category that a person gave it; empty where none was given."),
    _column("category", sa.Text(), "Path of that category, as it was then; empty where none was given."),
    comment="One row per decision about a prediction that was not taken back.",
)

api_keys = sa.Table(
    "api_keys",
    METADATA,
    _column("id", sa.Text(), "What the key is called in lists and in the log; a part of its token.", primary_key=True),
    _column("name", sa.Text(), "Who or what uses it; the author of what is decided with it."),
    _column("scopes", sa.JSON(), "List of what it may do: read, write, review, admin."),
    _column("digest", sa.Text(), "SHA-256 of its token, in hexadecimal; the token itself is nowhere."),
    _column("former_digest", sa.Text(), "The same of the token before the last rotation; empty without one."),
    sa.Column("former_until", sa.Text, comment="Until when the token before counts as well; null without one."),
    sa.Column("rate", sa.Integer, comment="Requests a minute at most, 0 for any number; null as the service is set."),
    _column("created_at", sa.Text(), "When it was made, ISO 8601 in UTC."),
    _column("author", sa.Text(), "Who made it; empty when nobody said."),
    sa.Column("expires_at", sa.Text, comment="From when on it counts no more; null for never."),
    sa.Column("rotated_at", sa.Text, comment="When it last got another token; null for never."),
    sa.Column("last_used_at", sa.Text, comment="When it was last used, to the minute or so; null for never."),
    sa.Column("revoked_at", sa.Text, comment="When it was revoked; null while it counts."),
    comment="One row per API key that was ever made.",
)

accounts = sa.Table(
    "accounts",
    METADATA,
    _column("name", sa.Text(), "Name that the person signs in with; the author of what is decided.", primary_key=True),
    _column("password", sa.Text(), "Hash of the password with its salt and what it was made by."),
    _column("scopes", sa.JSON(), "List of what the person may do: read, write, review, admin."),
    _column("created_at", sa.Text(), "When it was made, ISO 8601 in UTC."),
    sa.Column("last_used_at", sa.Text, comment="When somebody last signed in with it; null for never."),
    comment="One row per person who signs in with a password.",
)

sessions = sa.Table(
    "sessions",
    METADATA,
    _column("digest", sa.Text(), "SHA-256 of what the browser shows, in hexadecimal.", primary_key=True),
    _column("kind", sa.Text(), "What was signed in with: key or account."),
    _column("holder", sa.Text(), "Id of that key, or name of that account."),
    _column("created_at", sa.Text(), "When somebody signed in, ISO 8601 in UTC."),
    sa.Column("expires_at", sa.Text, nullable=False, index=True, comment="From when on it counts no more."),
    comment="One row per browser that is signed in.",
)

unsettled = sa.Table(
    "unsettled",
    METADATA,
    _prediction_key("The prediction; the row goes with it."),
    _column("decision", sa.Text(), "What the answer decided, as there."),
    _column("doubt", sa.Float(), "How much a person could teach by looking at it, as there."),
    sa.Index("ix_unsettled_doubt", "decision", "doubt"),
    comment="One row per prediction that nobody has settled: what people look at next is found among these.",
)

leases = sa.Table(
    "leases",
    METADATA,
    _prediction_key("The prediction that somebody looks at; the row goes with it."),
    sa.Column("reviewer", sa.Text, nullable=False, index=True, comment="Who looks at it."),
    _column("at", sa.Text(), "Since when, ISO 8601 in UTC."),
    _column("place", sa.Integer(), "Its place among those that were given at that moment."),
    _column("until", sa.Text(), "Until when nobody else is given it, ISO 8601 in UTC."),
    comment="One row per prediction that somebody has before him to decide about.",
)

nominated = sa.Table(
    "nominated",
    METADATA,
    _prediction_key("The prediction, which was made for this; the row goes with it."),
    sa.Column(
        "nomination",
        _NUMBER,
        primary_key=True,
        autoincrement=False,
        index=True,
        comment="The decision by which somebody put it into the review queue, by its number.",
    ),
    comment="One row per stored product, as a prediction about it, and time that somebody wanted people to look at it.",
)

jobs = sa.Table(
    "jobs",
    METADATA,
    _column("id", sa.Text(), "Its id, which is the name of its folder too.", primary_key=True),
    _column("kind", sa.Text(), "What is done with each row: categorize, index, audit or duplicates."),
    sa.Column("state", sa.Text, nullable=False, index=True, comment="queued, running, done, failed or cancelled."),
    _column("name", sa.Text(), "Name of the file that was uploaded."),
    _column("options", sa.JSON(), "How it is read and answered: profile, format of the result, dial, and more."),
    _column("author", sa.Text(), "Who wants it; empty when nobody said."),
    _column("created_at", sa.Text(), "When it was uploaded, ISO 8601 in UTC."),
    sa.Column("started_at", sa.Text, comment="When it was first taken up; null before."),
    sa.Column("finished_at", sa.Text, comment="When it came to its end, whichever; null before."),
    _column("done", sa.Integer(), "Rows that are answered, and whose answers are on disk."),
    sa.Column("total", sa.Integer, comment="Rows of the file, an estimate before its end is reached; null unknown."),
    _column("seconds", sa.Float(), "Seconds from chunk to chunk, without those that nobody worked on it."),
    _column("counts", sa.JSON(), "What became of the rows: a word for each -> how many."),
    _column("error", sa.Text(), "Why it failed; empty when it did not."),
    comment="One row per bulk job; its files are in the index folder.",
)

meta = sa.Table(
    "meta",
    METADATA,
    _column(
        "name", sa.Text(), "Name of one fact about the store: schema_version, store_id, taxonomy.", primary_key=True
    ),
    _column("value", sa.Text(), "Its value."),
    comment="Facts about the store itself.",
)

Migration = Callable[[sa.Connection], None]


def _pictures(connection: sa.Connection) -> None:
    """Make room for pictures; a store that was written before has none."""
    METADATA.create_all(connection, [pictures, product_pictures])


def _history(connection: sa.Connection) -> None:
    """Let the journal tell what was before, and make room for requests and taxonomies."""
    kind = journal.c.before.type.compile(connection.dialect)
    connection.exec_driver_sql(f'ALTER TABLE journal ADD COLUMN "before" {kind}')
    METADATA.create_all(connection, [requests, taxonomies])


def _findings(connection: sa.Connection) -> None:
    """Make room for facts, duplicates, suspects and what people decide about them."""
    kind = products.c.facts.type.compile(connection.dialect)
    connection.exec_driver_sql(f"ALTER TABLE products ADD COLUMN facts {kind} NOT NULL DEFAULT '[]'")
    deletes.create(connection)
    METADATA.create_all(connection, [decisions, settled, twins, groups, suspects, upheld])


def _predictions(connection: sa.Connection) -> None:
    """Make room for answers and for what people say of them."""
    METADATA.create_all(connection, [predictions, reviews])


def _access(connection: sa.Connection) -> None:
    """Make room for those who are let in; a store that was written before has none."""
    METADATA.create_all(connection, [api_keys, accounts, sessions])


def _leases(connection: sa.Connection) -> None:
    """Make room for who decides about which answer, and let answers be found by what their product said."""
    METADATA.create_all(connection, [leases])
    (content,) = (each for each in predictions.indexes if predictions.c.content_hash in each.columns.values())
    content.create(connection, checkfirst=True)


def _unsettled(connection: sa.Connection) -> None:
    """List the predictions that nobody has settled."""
    METADATA.create_all(connection, [unsettled])
    connection.exec_driver_sql("DROP INDEX IF EXISTS ix_predictions_doubt")
    said = sa.select(reviews.c.prediction).where(~reviews.c.action.in_(("skip", "unsure")))
    columns = (predictions.c.number, predictions.c.decision, predictions.c.doubt)
    connection.execute(unsettled.delete())
    every = sa.select(*columns).where(predictions.c.number.not_in(said))
    connection.execute(unsettled.insert().from_select(["prediction", "decision", "doubt"], every))


def _jobs(connection: sa.Connection) -> None:
    """Make room for bulk jobs."""
    METADATA.create_all(connection, [jobs])


def _nominated(connection: sa.Connection) -> None:
    """Make room for what people put into the review queue."""
    METADATA.create_all(connection, [nominated])


MIGRATIONS: Mapping[int, Migration] = {
    2: _pictures,
    3: _history,
    4: _findings,
    5: _predictions,
    6: _access,
    7: _leases,
    8: _unsettled,
    9: _jobs,
    10: _nominated,
}
"""Migration n turns a store of version n - 1 into version n. A new store is made at VERSION by `migrate` itself."""


def is_there(connection: sa.Connection) -> bool:
    """Whether the database, or the schema of it that the address names, holds a record store."""
    return sa.inspect(connection).has_table(meta.name)


def migrate(connection: sa.Connection) -> None:
    """Bring the store to VERSION inside the caller's transaction; an empty one gets its tables.

    Raises SchemaMismatch when a newer aisle, or something else, wrote the store.
    """
    if not is_there(connection):
        METADATA.create_all(connection)
        put_meta(connection, "schema_version", str(VERSION))
        return
    found = version_of(connection)
    if not 0 < found <= VERSION:
        raise SchemaMismatch(
            f"the record store has schema version {found or 'unknown'}, this aisle knows 1 to {VERSION}; "
            "use the aisle that wrote it, or a newer one"
        )
    for number in range(found + 1, VERSION + 1):
        MIGRATIONS[number](connection)
        put_meta(connection, "schema_version", str(number))


def version_of(connection: sa.Connection) -> int:
    """Return the version of a store's schema, 0 when it does not say."""
    return int(get_meta(connection, "schema_version") or 0)


def get_meta(connection: sa.Connection, name: str) -> str | None:
    """Return one fact about the store, or None when it was never set."""
    return connection.scalar(sa.select(meta.c.value).where(meta.c.name == name))


def put_meta(connection: sa.Connection, name: str, value: str) -> None:
    """Set one fact about the store."""
    connection.execute(meta.delete().where(meta.c.name == name))
    connection.execute(meta.insert(), {"name": name, "value": value})


def put_detail(connection: sa.Connection, decision: int, name: str, value: object) -> None:
    """Keep something more in the detail of a decision."""
    its = decisions.c.number == decision
    detail = connection.scalar(sa.select(decisions.c.detail).where(its)) or {}
    connection.execute(decisions.update().where(its).values(detail={**detail, name: value}))


def insert_new(connection: sa.Connection, table: sa.Table) -> sa.Insert:
    """Return an INSERT into `table` that leaves rows alone whose key exists: the one statement that is not portable."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def chunks(values: Iterable[_T]) -> Iterator[list[_T]]:
    """Yield `values` in lists short enough for one IN."""
    rest = iter(values)
    while some := list(islice(rest, _CHUNK)):
        yield some
