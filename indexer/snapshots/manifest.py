"""What one snapshot says of itself: from what it was made, and how each of its files is known again.

Written last by `snapshot.write` and read first by `snapshot.load`, which checks every file against it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Self

import orjson

from indexer.digest import sha256_of
from indexer.encoders import Encoder
from indexer.errors import ModelMismatch, SnapshotDamaged, SnapshotMismatch

FORMAT = 5
MANIFEST = "manifest.json"
REBUILD = "build the index again; what was encoded is kept"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a snapshot was made from.

    encoder_spec loads the encoder again, encoder is its fingerprint. seq: the journal place whose changes are all in
    it. counts: of the build. learning: by view, what the fit of its space chose and measured, empty when nothing was
    learnt. settings: by which it was built, as `IndexSettings` names them, beside the encoder.
    """

    encoder_spec: str
    encoder: str
    parts: Mapping[str, int]
    store_id: str
    seq: int
    counts: Mapping[str, int]
    learning: Mapping[str, Mapping[str, float]]
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `manifest.json` says. The id is a time that sorts and a hash of all the rest, file hashes included.

    settings: what was asked for, kind, recall_target, space, dim, seed, as a later rebuild asks for it again. views:
    name -> {dim, vectors: {kind, count, parameters}, learning}. taxonomy: {number, version, nodes, open}. files: path
    in the folder -> {bytes, sha256}.
    """

    format: int
    aisle: str
    id: str
    created_at: str
    encoder_spec: str
    encoder: str
    parts: Mapping[str, int]
    settings: Mapping[str, Any]
    space: str
    views: Mapping[str, Mapping[str, Any]]
    taxonomy: Mapping[str, Any]
    store_id: str
    seq: int
    counts: Mapping[str, int]
    files: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the manifest of the snapshot in `folder`; raises SnapshotDamaged, or SnapshotMismatch for its format."""
        try:
            said = orjson.loads((folder / MANIFEST).read_bytes())
            found = said["format"]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise damaged(folder, f"{MANIFEST} cannot be read ({error})") from error
        if found != FORMAT:
            raise SnapshotMismatch(
                f"the snapshot in {folder} has format {found}, this aisle reads format {FORMAT}; {REBUILD}"
            )
        try:
            manifest = cls(**said)
        except TypeError as error:
            raise damaged(folder, f"{MANIFEST} is not complete ({error})") from error
        if folder.name != manifest.id or not manifest.id.endswith(f"-{manifest.fingerprint()}"):
            raise damaged(folder, f"{MANIFEST} was altered")
        for name in manifest.files:
            if not _inside(name):
                raise damaged(folder, f"{MANIFEST} names {name[:80]!r}, which is no file in it")
        return manifest

    def check(self, folder: Path) -> None:
        """Raise SnapshotDamaged unless every file in `folder` is as it was written."""
        for name, said in self.files.items():
            file = folder / name
            if not file.is_file():
                raise damaged(folder, f"{name} is missing")
            if file.stat().st_size != said["bytes"]:
                raise damaged(folder, f"{name} has {file.stat().st_size:,} bytes instead of {said['bytes']:,}")
            if sha256_of(file) != said["sha256"]:
                raise damaged(folder, f"{name} was altered")

    def fingerprint(self) -> str:
        """Return 8 hex digits of everything but the id."""
        said = orjson.dumps(asdict(replace(self, id="")), option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(said).hexdigest()[:8]


def check_encoder(manifest: Manifest, encoder: Encoder) -> None:
    """Raise ModelMismatch unless `encoder` is the one that the snapshot was built with."""
    if (encoder.name, dict(encoder.parts)) != (manifest.encoder, dict(manifest.parts)):
        raise ModelMismatch(
            f"snapshot {manifest.id} was built with encoder {manifest.encoder} {dict(manifest.parts)}, "
            f"not with {encoder.name} {dict(encoder.parts)}; use that encoder, or build the index again with this one"
        )


def _inside(name: str) -> bool:
    """Whether a file of that name lies in the folder, wherever that is: it is copied to others by its name."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def damaged(where: Path, what: str) -> SnapshotDamaged:
    """Return the error for a snapshot whose files are not as they were written."""
    return SnapshotDamaged(f"the snapshot in {where} is damaged: {what}; {REBUILD}")


def spec_in(folder: Path) -> str:
    """Return the encoder that a manifest of whatever format names, "" when it cannot be read."""
    try:
        return str(orjson.loads((folder / MANIFEST).read_bytes())["encoder_spec"])
    except (OSError, ValueError, TypeError, KeyError):
        return ""
