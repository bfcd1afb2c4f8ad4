"""Everything aisle refuses, as one tree.

    AisleError
    ├── SettingError          a setting or argument outside its range
    ├── MissingExtra          a technology asked for by name that is not installed
    ├── SourceError           a source that cannot be read at all
    │   ├── UnknownFormat     neither its name nor its bytes say what it is
    │   ├── MissingColumn     no column holds the id, or neither text nor image
    │   └── SyncRefused       it lacks more of an index than a sync may delete
    ├── ProductError          one product that cannot be accepted (bad id, too long, unknown category)
    │   └── ProductDuplicate  it is stored already under another id, and whoever stores it wants no duplicates
    ├── EncoderError
    │   ├── ModelNotFound     no such model on this machine
    │   └── ModelMismatch     the model is not the one that the hash or the index names
    ├── VectorError
    │   └── DimensionMismatch vectors of another width than the index
    ├── RecordError
    │   ├── ProductNotFound   no product with that id
    │   ├── VersionConflict   the product has another version than whoever changes it knows
    │   ├── RequestConflict   an idempotency key came back with another request
    │   ├── RequestRunning    the request of an idempotency key has no answer yet
    │   ├── TaxonomyConflict  another version of the tree stands than whoever changes it knows
    │   ├── TaxonomyVersionNotFound  no version of the tree has that number
    │   ├── DecisionConflict  a decision cannot be made or taken back as things are now
    │   ├── DecisionNotFound  no decision has that number
    │   ├── PredictionNotFound  no prediction with that id is kept
    │   ├── PatternNotFound   no pattern of doubted labels has that id
    │   ├── GroupNotFound     no group of duplicates or variants has that id
    │   ├── KeyNotFound       no API key has that id
    │   ├── KeyRevoked        an API key was revoked, and is to be rotated
    │   ├── JobNotFound       no bulk job has that id
    │   ├── JobConflict       a bulk job is in no state for what is asked of it
    │   ├── AccountNotFound   nobody of that name has an account
    │   ├── StoreFull         the disk of the record store has no room
    │   ├── StoreReadOnly     the record store can be read and not written to
    │   └── SchemaMismatch    a record store written by another version
    ├── BackupError           what is no whole backup, or a place where none can be made or restored
    └── SnapshotError
        ├── SnapshotMissing   nothing was built here yet
        ├── SnapshotDamaged   a file is missing, truncated or altered
        ├── SnapshotMismatch  built by another format or dimension, or of a record store that is older now
        │   └── StoreMismatch built from another record store than the one that was opened
        └── BuildUnderway     another process builds the index already

Each message names the value, the limit and the remedy. Expected outcomes (a bad row, an image that cannot be decoded)
are values that are counted and reported, not exceptions. `taxonomy.tree.TaxonomyError` is a root of its own, because
the taxonomy knows nothing of the layers above it. HTTP status codes are given in one table, `service/rest/problems.py`.
"""

from __future__ import annotations

from typing import Any


class AisleError(Exception):
    """Root of every error that aisle raises on purpose; its text is meant for the user."""


class SettingError(AisleError):
    """A setting or an argument has a value that is refused."""


class MissingExtra(AisleError):
    """A technology was asked for by name and its package is not installed."""

    def __init__(self, technology: str, extra: str) -> None:
        super().__init__(f"{technology} is not installed; install it with: pip install 'aisle[{extra}]'")


class SourceError(AisleError):
    """A source cannot be read at all; a bad row inside one is quarantined instead."""


class UnknownFormat(SourceError):
    """The format of a source is none that aisle reads."""


class MissingColumn(SourceError):
    """A source has no column that could serve as the id, or none with text or images."""


class SyncRefused(SourceError):
    """A source lacks more products of an index than a sync may delete."""


class ProductError(AisleError):
    """One product is refused; `field` says where, as a JSON pointer without its slash."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class ProductDuplicate(ProductError):
    """A product is stored already under another id; `duplicates` are the products that it is the same as."""

    def __init__(self, message: str, duplicates: tuple[Any, ...]) -> None:
        super().__init__(message)
        self.duplicates = duplicates


class EncoderError(AisleError):
    """An encoder cannot be used."""


class ModelNotFound(EncoderError):
    """No model of that name or path is on this machine."""


class ModelMismatch(EncoderError):
    """A model's weights are not the ones that were expected."""


class VectorError(AisleError):
    """A vector index refuses a request."""


class DimensionMismatch(VectorError):
    """Vectors have another width than the index."""

    def __init__(self, given: int, expected: int) -> None:
        super().__init__(
            f"vectors of {given} dimensions given, this index holds {expected}; encode with its own encoder"
        )


class RecordError(AisleError):
    """The record store refuses a request."""


class ProductNotFound(RecordError):
    """No product has that id."""

    def __init__(self, product_id: str) -> None:
        super().__init__(f"no product with id {product_id!r}")
        self.product_id = product_id


class VersionConflict(RecordError):
    """A product has another version than whoever changes it knows: somebody else changed it first.

    expected: the version asked for; 0 asks for a product that is not there, None for one that is, whatever its version.
    found: the version that is stored, 0 when there is none.
    """

    def __init__(self, product_id: str, expected: int | None, found: int) -> None:
        asked = {0: "no product of that id", None: "a product that is stored"}.get(expected, f"version {expected}")
        there = f"version {found}" if found else "not stored"
        super().__init__(
            f"product {product_id[:80]!r} is {there}, {asked} was asked for; read it again and repeat the change"
        )
        self.product_id, self.expected, self.found = product_id, expected, found


class RequestConflict(RecordError):
    """An idempotency key came back with another request."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"the idempotency key {key[:80]!r} was used for another request; give each request a key of its own"
        )


class RequestRunning(RecordError):
    """The request of an idempotency key is being carried out and has no answer yet."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the request with the idempotency key {key[:80]!r} is still running; try again in a moment")


class TaxonomyConflict(RecordError):
    """The tree cannot be changed so while the version that stands does."""


class TaxonomyVersionNotFound(RecordError):
    """No version of the tree has that number."""

    def __init__(self, number: int, last: int) -> None:
        super().__init__(f"the taxonomy has no version {number}, the last one is {last}; see: aisle taxonomy history")
        self.number = number


class DecisionConflict(RecordError):
    """A decision cannot be made, or taken back, as things are now."""


class DecisionNotFound(RecordError):
    """No decision has that number."""

    def __init__(self, number: int, last: int) -> None:
        super().__init__(
            f"there is no decision {number}, the last one is {last}; see `aisle decisions` or GET /v1/decisions"
        )
        self.number = number


class PredictionNotFound(RecordError):
    """No prediction with that id is kept."""

    def __init__(self, prediction_id: str) -> None:
        super().__init__(
            f"no prediction {prediction_id[:80]!r} is kept; answers are kept for AISLE_PREDICTION_DAYS, none with 0: "
            "ask about the product again"
        )
        self.prediction_id = prediction_id


class PatternNotFound(RecordError):
    """No pattern of doubted labels has that id."""

    def __init__(self, pattern_id: str) -> None:
        super().__init__(
            f"no label belongs to a pattern {pattern_id[:80]!r}; patterns change with the labels: list them again"
        )


class GroupNotFound(RecordError):
    """No group of duplicates or variants has that id."""

    def __init__(self, group_id: str) -> None:
        super().__init__(f"no group with id {group_id[:80]!r}; groups change with their products: list them again")
        self.group_id = group_id


class KeyNotFound(RecordError):
    """No API key has that id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"there is no API key {key_id[:80]!r}; see `aisle keys list` or GET /v1/keys")


class KeyRevoked(RecordError):
    """An API key was revoked: it gets no other token."""

    def __init__(self, key_id: str, at: str) -> None:
        super().__init__(f"the API key {key_id!r} was revoked at {at}; make another one")


class JobNotFound(RecordError):
    """No bulk job has that id."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"there is no job {job_id[:80]!r}; jobs are removed AISLE_JOB_DAYS after their end")


class JobConflict(RecordError):
    """A bulk job is in no state for what is asked of it."""


class AccountNotFound(RecordError):
    """Nobody of that name has an account."""

    def __init__(self, name: str) -> None:
        super().__init__(f"nobody called {name[:80]!r} has an account; see: aisle accounts list")


class StoreFull(RecordError):
    """There is no room for a change of the record store; what is stored can be read."""


class StoreReadOnly(RecordError):
    """The record store can be read and not be changed."""


class SchemaMismatch(RecordError):
    """The record store was written by a version of aisle that this one cannot read."""


class BackupError(AisleError):
    """A backup is not whole, or cannot be made or restored where that was asked for."""


class SnapshotError(AisleError):
    """A snapshot cannot be used."""


class SnapshotMissing(SnapshotError):
    """The index folder holds no published snapshot."""


class SnapshotDamaged(SnapshotError):
    """A file of the snapshot is missing, truncated or altered."""


class SnapshotMismatch(SnapshotError):
    """The snapshot does not fit the format, the dimension or the record store."""


class StoreMismatch(SnapshotMismatch):
    """The record store is not the one that the snapshot was built from."""


class BuildUnderway(SnapshotError):
    """Another process builds the index already; one at a time."""
