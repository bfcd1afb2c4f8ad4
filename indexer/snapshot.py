"""One immutable built index on disk: written aside, verified by its manifest, published whole or not at all.

    index/NAME/snapshots/ID/     manifest.json, taxonomy.json, vocabulary.json, calibration.json, space, contents
    index/NAME/current           the id of the snapshot that is served

A snapshot is written into a temporary folder, flushed, and then renamed; `current` is replaced the same way. Whatever
is interrupted leaves a temporary folder, which nobody reads and the next `write` sweeps away: one build at a time.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

from indexer.contents import Contents
from indexer.digest import sha256_of
from indexer.errors import SnapshotMismatch, SnapshotMissing, VectorError
from indexer.manifest import FORMAT, MANIFEST, REBUILD, Manifest, Origin, damaged
from indexer.space import views as spaces
from indexer.space.views import Views
from indexer.view import View
from taxonomy.files import tree_from_json, tree_json
from taxonomy.tree import TaxonomyError, Tree
from taxonomy.vocabulary import Vocabulary

TAXONOMY = "taxonomy.json"
VOCABULARY = "vocabulary.json"
CALIBRATION = "calibration.json"
CURRENT = "current"

_TEMPORARY = ".writing-"
_ID = re.compile(r"\d{8}T\d{9}Z-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Built:
    """An index in memory: its tree and its tag words, the space it searches in, and what it holds.

    grows: whether a category that is not in the tree joins it with its first label; a tree that was given does not.
    """

    tree: Tree
    vocabulary: Vocabulary
    space: Views
    contents: Contents
    grows: bool


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
    folder = index / "snapshots"
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(f"{_TEMPORARY}*"):
        shutil.rmtree(leftover)
    aside = folder / f"{_TEMPORARY}{os.getpid()}"
    aside.mkdir()
    tree, space, contents = built.tree, built.space, built.contents
    (aside / TAXONOMY).write_text(tree_json(tree), encoding="utf-8")
    (aside / VOCABULARY).write_text(built.vocabulary.to_json(), encoding="utf-8")
    (aside / CALIBRATION).write_text(calibration, encoding="utf-8")
    files = [*(aside / name for name in (TAXONOMY, VOCABULARY, CALIBRATION)), *space.save(aside), *contents.save(aside)]
    views = contents.views.items()
    now = datetime.now(UTC)
    manifest = Manifest(
        format=FORMAT,
        aisle=_version(),
        id="",
        created_at=now.isoformat(timespec="milliseconds"),
        encoder_spec=origin.encoder_spec,
        encoder=origin.encoder,
        parts=dict(origin.parts),
        space=space.name,
        views={name: _facts(view) | {"learning": dict(origin.learning.get(name, {}))} for name, view in views},
        taxonomy={"version": tree.version, "nodes": len(tree), "open": built.grows},
        store_id=origin.store_id,
        seq=origin.seq,
        counts=dict(origin.counts),
        files={
            file.relative_to(aside).as_posix(): {"bytes": file.stat().st_size, "sha256": sha256_of(file)}
            for file in files
        },
    )
    stamp = f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}Z"
    manifest = replace(manifest, id=f"{stamp}-{manifest.fingerprint()}")
    (aside / MANIFEST).write_bytes(orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2))
    for file in (*files, aside / MANIFEST, *(aside / name for name in contents.views), aside):
        _flush(file)
    aside.rename(folder / manifest.id)
    _flush(folder)
    return manifest


def publish(index: Path, snapshot_id: str) -> None:
    """Make a written snapshot the one that is served; the one before it is kept, older ones are removed."""
    before = _current(index)
    aside = index / f"{CURRENT}{_TEMPORARY}"
    aside.write_text(f"{snapshot_id}\n", encoding="utf-8")
    _flush(aside)
    aside.replace(index / CURRENT)
    _flush(index)
    for old in (index / "snapshots").iterdir():
        if _ID.fullmatch(old.name) and old.name not in {snapshot_id, before}:
            shutil.rmtree(old.rename(old.with_name(f"{_TEMPORARY}{old.name}")))  # never seen half removed


def read_manifest(index: Path, snapshot_id: str | None = None) -> Manifest:
    """Return the manifest of a snapshot, without an id the published one, its files unread; raises as `load` does."""
    current = snapshot_id or _current(index)
    if current is None:
        raise SnapshotMissing(f"nothing was built in {index} yet; run: aisle build SOURCE --index {index}")
    if not _ID.fullmatch(current):
        raise damaged(index / CURRENT, f"it names no snapshot ({current[:40]!r})")
    return Manifest.read(index / "snapshots" / current)


def previous(index: Path) -> str:
    """Return the id of the snapshot that was served before the published one; raises SnapshotMissing without one."""
    current = read_manifest(index).id
    kept = sorted(folder.name for folder in (index / "snapshots").iterdir() if _ID.fullmatch(folder.name))
    before = [name for name in kept if name < current]
    if not before:
        raise SnapshotMissing(
            f"{index} keeps no snapshot from before {current}; build or calibrate it again to have two"
        )
    return before[-1]


def load(index: Path, snapshot_id: str | None = None) -> Snapshot:
    """Load a snapshot of `index`, without an id the published one, each file checked against the manifest.

    Raises SnapshotMissing when nothing was published, SnapshotDamaged when a file is missing, truncated or altered,
    and SnapshotMismatch when another version of aisle wrote it.
    """
    manifest = read_manifest(index, snapshot_id)
    folder = index / "snapshots" / manifest.id
    _verify(folder, manifest)
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
            ),
            calibration=(folder / CALIBRATION).read_text(encoding="utf-8"),
        )
    except TaxonomyError as error:
        raise damaged(folder, str(error)) from error
    except VectorError as error:
        raise SnapshotMismatch(f"the vectors of snapshot {manifest.id} cannot be read: {error}; {REBUILD}") from error


def _current(index: Path) -> str | None:
    try:
        return (index / CURRENT).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise damaged(index / CURRENT, f"it cannot be read ({error})") from error


def _verify(folder: Path, manifest: Manifest) -> None:
    for name, said in manifest.files.items():
        file = folder / name
        if not file.is_file():
            raise damaged(folder, f"{name} is missing")
        if file.stat().st_size != said["bytes"]:
            raise damaged(folder, f"{name} has {file.stat().st_size:,} bytes instead of {said['bytes']:,}")
        if sha256_of(file) != said["sha256"]:
            raise damaged(folder, f"{name} was altered")


def _facts(view: View) -> dict[str, Any]:
    vectors = view.vectors
    said = {"kind": vectors.kind, "count": len(vectors), "parameters": dict(vectors.parameters)}
    return {"dim": view.space.dim, "vectors": said}


def _version() -> str:
    try:
        return version("aisle")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "unknown"


def _flush(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
