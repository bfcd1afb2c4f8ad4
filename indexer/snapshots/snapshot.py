"""One immutable built index on disk: written aside, verified by its manifest, published whole or not at all.

    index/NAME/snapshots/ID/     manifest.json, taxonomy.json, vocabulary.json, calibration.json, space, contents
    index/NAME/current           the id of the snapshot that is served

A snapshot is written into a temporary folder, flushed, and then renamed; `current` is replaced the same way, by
`publication.py`. Whatever is interrupted leaves a temporary folder, which nobody reads and the next `write` sweeps
away.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

from indexer.digest import sha256_of
from indexer.errors import SnapshotMismatch, VectorError
from indexer.memory.contents import Contents
from indexer.memory.view import View
from indexer.snapshots.manifest import FORMAT, MANIFEST, REBUILD, Manifest, Origin, damaged
from indexer.snapshots.publication import aside, flush, folder_of, nothing_built, place, published
from indexer.space import views as spaces
from indexer.space.views import Views
from taxonomy.files import tree_from_json, tree_json
from taxonomy.tree import TaxonomyError, Tree
from taxonomy.vocabulary import Vocabulary

TAXONOMY = "taxonomy.json"
VOCABULARY = "vocabulary.json"
CALIBRATION = "calibration.json"


@dataclass(frozen=True, slots=True)
class Built:
    """An index in memory: its tree and its tag words, the space it searches in, and what it holds.

    grows: whether a category that is not in the tree joins it with its first label; a tree that was given does not.
    number: which version of the tree it is.
    """

    tree: Tree
    vocabulary: Vocabulary
    space: Views
    contents: Contents
    grows: bool
    number: int = 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot in memory; what is in it may be changed there, never on disk."""

    manifest: Manifest
    built: Built
    calibration: str


def write(index: Path, origin: Origin, built: Built, calibration: str) -> Manifest:
    """Write a snapshot into `index`, complete and flushed to disk; `publish` makes it the one that is served.

    calibration: what the service learnt about its answers, as text that is kept and given back unread.
    """
    with written(index, origin, built, calibration) as manifest:
        return manifest


@contextmanager
def written(index: Path, origin: Origin, built: Built, calibration: str) -> Iterator[Manifest]:
    """Write a snapshot as `write` does; until the end it is kept, though nobody has published or held it yet."""
    with aside(index) as folder:
        files = _files(folder, built, calibration)
        manifest = _manifest(folder, files, origin, built)
        (folder / MANIFEST).write_bytes(orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2))
        for file in (*files, folder / MANIFEST, *(folder / name for name in built.contents.views), folder):
            flush(file)
        place(index, folder, manifest.id)
        yield manifest


def read_manifest(index: Path, snapshot_id: str | None = None) -> Manifest:
    """Return the manifest of a snapshot, without an id the published one, its files unread; raises as `load` does."""
    current = snapshot_id or published(index)
    if current is None:
        raise nothing_built(index)
    return Manifest.read(folder_of(index, current))


def load(index: Path, snapshot_id: str | None = None) -> Snapshot:
    """Load a snapshot of `index`, without an id the published one, each file checked against the manifest.

    Raises SnapshotMissing when nothing was published, SnapshotDamaged when a file is missing, truncated or altered,
    and SnapshotMismatch when another version of aisle wrote it.
    """
    manifest = read_manifest(index, snapshot_id)
    folder = index / "snapshots" / manifest.id
    manifest.check(folder)
    try:
        kinds = {name: said["vectors"]["kind"] for name, said in manifest.views.items()}
        space = spaces.load(folder, manifest.space, manifest.parts)
        return Snapshot(
            manifest=manifest,
            built=Built(
                tree=tree_from_json((folder / TAXONOMY).read_bytes()),
                vocabulary=Vocabulary.from_json((folder / VOCABULARY).read_bytes()),
                space=space,
                contents=Contents.load(folder, kinds, space.spaces, manifest.parts),
                grows=bool(manifest.taxonomy["open"]),
                number=int(manifest.taxonomy.get("number", 1)),
            ),
            calibration=(folder / CALIBRATION).read_text(encoding="utf-8"),
        )
    except TaxonomyError as error:
        raise damaged(folder, str(error)) from error
    except VectorError as error:
        raise SnapshotMismatch(f"the vectors of snapshot {manifest.id} cannot be read: {error}; {REBUILD}") from error


def _files(folder: Path, built: Built, calibration: str) -> list[Path]:
    """Write everything but the manifest and return the files written."""
    (folder / TAXONOMY).write_text(tree_json(built.tree), encoding="utf-8")
    (folder / VOCABULARY).write_text(built.vocabulary.to_json(), encoding="utf-8")
    (folder / CALIBRATION).write_text(calibration, encoding="utf-8")
    plain = [folder / name for name in (TAXONOMY, VOCABULARY, CALIBRATION)]
    return [*plain, *built.space.save(folder), *built.contents.save(folder)]


def _manifest(folder: Path, files: list[Path], origin: Origin, built: Built) -> Manifest:
    now = datetime.now(UTC)
    views = built.contents.views.items()
    manifest = Manifest(
        format=FORMAT,
        aisle=_version(),
        id="",
        created_at=now.isoformat(timespec="milliseconds"),
        encoder_spec=origin.encoder_spec,
        encoder=origin.encoder,
        parts=dict(origin.parts),
        settings=dict(origin.settings),
        space=built.space.name,
        views={name: _facts(view) | {"learning": dict(origin.learning.get(name, {}))} for name, view in views},
        taxonomy={
            "number": built.number,
            "version": built.tree.version,
            "nodes": len(built.tree),
            "open": built.grows,
        },
        store_id=origin.store_id,
        seq=origin.seq,
        counts=dict(origin.counts),
        files={
            file.relative_to(folder).as_posix(): {"bytes": file.stat().st_size, "sha256": sha256_of(file)}
            for file in files
        },
    )
    stamp = f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}Z"
    return replace(manifest, id=f"{stamp}-{manifest.fingerprint()}")


def _facts(view: View) -> dict[str, Any]:
    vectors = view.vectors
    said = {"kind": vectors.kind, "count": len(vectors), "parameters": dict(vectors.parameters)}
    return {"dim": view.space.dim, "vectors": said}


def _version() -> str:
    try:
        return version("aisle")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "unknown"
