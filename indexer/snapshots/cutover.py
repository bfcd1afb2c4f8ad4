"""A snapshot takes over or goes: what changes in the index folder, and what the record store keeps for it.

publish    served from now on; what it was built with is kept as a fact, for a rebuild when no snapshot can be read
rollback   the one before is served again
discard    the one that waits is thrown away

Raw vectors of an encoder are kept as long as a snapshot by it is. When the last one goes they go, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from indexer.errors import SnapshotError
from indexer.settings import IndexSettings
from indexer.snapshots import publication
from indexer.snapshots.manifest import Manifest, spec_in
from indexer.store.records import Records

BUILT_WITH = "built_with"
"""The fact in the record store that holds by which settings and encoder the published snapshot was built."""


@dataclass(frozen=True, slots=True)
class BuiltWith:
    """By which settings an index was built; encoder: the fingerprint of theirs, "" where nobody knows any more."""

    settings: IndexSettings
    encoder: str


def publish(index: Path, records: Records, snapshot_id: str, before: str | None = None) -> None:
    """Let a written snapshot be served; before: as for `publication.publish`, and raises what that raises."""
    with _forgetting(index, records):
        publication.publish(index, snapshot_id, before)
        records.set_fact(BUILT_WITH, _fact(publication.manifest_of(index, snapshot_id)))


def rollback(index: Path, records: Records) -> str:
    """Let the snapshot before be served again and return its id; raises SnapshotMissing when there is none."""
    before = publication.previous(index)
    publish(index, records, before)
    return before


def hold(index: Path, records: Records, snapshot_id: str) -> None:
    """Keep a written snapshot until it is published or discarded; one that was held before goes."""
    with _forgetting(index, records):
        publication.hold(index, snapshot_id)


def discard(index: Path, records: Records) -> str:
    """Throw the snapshot that is held away and return its id; raises SnapshotMissing when there is none."""
    with _forgetting(index, records):
        return publication.discard(index)


def sweep(index: Path, records: Records, encoder: str = "") -> None:
    """Remove snapshots and folders that are left over, and the vectors of `encoder` when no snapshot is by it."""
    with _forgetting(index, records):
        publication.sweep(index)
    left = _encoders(index)
    if encoder and left is not None and encoder not in left:
        records.forget_vectors(encoder)


def built_with(index: Path, records: Records) -> BuiltWith:
    """Return by which settings a rebuild is done: those of the published snapshot, or what the store knows of them.

    Of an index by an older version only the encoder is known, and the rest is as settings and environment say.
    """
    try:
        said = _said(publication.manifest_of(index, publication.published(index) or ""))
    except SnapshotError:
        said = orjson.loads(records.fact(BUILT_WITH) or "{}")
    encoder = said.pop("fingerprint", "")
    if not said:
        specs = (spec_in(publication.folder_of(index, name)) for name in publication.kept(index))
        said = {"encoder": spec} if (spec := next(filter(None, specs), "")) else {}
    return BuiltWith(IndexSettings(**said), encoder)


@contextmanager
def _forgetting(index: Path, records: Records) -> Iterator[None]:
    """Forget, after what is done inside, the raw vectors of encoders that no snapshot is by any more."""
    before = _encoders(index)
    yield
    after = _encoders(index)
    if before is not None and after is not None:
        for encoder in sorted(before - after):
            records.forget_vectors(encoder)


def _encoders(index: Path) -> set[str] | None:
    """Return the encoders of all snapshots on disk; None when one cannot be read, for nobody knows which it needs."""
    try:
        return {publication.manifest_of(index, name).encoder for name in publication.ids(index)}
    except SnapshotError:
        return None


def _fact(manifest: Manifest) -> str:
    return orjson.dumps(_said(manifest)).decode()


def _said(manifest: Manifest) -> dict[str, Any]:
    return {**manifest.settings, "encoder": manifest.encoder_spec, "fingerprint": manifest.encoder}
