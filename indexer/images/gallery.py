"""Where the bytes behind an image's reference come from: a folder, a zip, the web, or files that came along.

A reference is what a source wrote: a relative path, the path of another machine, or a URL. In a folder or zip it is
looked up as the path it is, and otherwise by its file name, where only one file has that name. Nothing outside the
folder is read, whatever the reference says or links lead to, and never more bytes than the limit: sizes that a zip
states are not believed.
"""

from __future__ import annotations

import os
import threading
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Protocol
from urllib.parse import unquote, urlsplit

from indexer.errors import SourceError
from indexer.images.fetch import Fetcher
from indexer.images.unread import Unread
from indexer.settings import ImageSettings
from indexer.zips import BoundedZip

__all__ = ["Folder", "Gallery", "Given", "Several", "Unread", "Urls", "Zip", "is_url", "open_gallery"]

_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others are unpacked whole, however much comes out


class Gallery(Protocol):
    """Image files by reference; read from several threads at once."""

    def read(self, reference: str) -> bytes:
        """Return the bytes of a file. Raises Unread with the reason, and nothing else, when there are none to give."""


def open_gallery(where: Path | None, *, fetch: bool, settings: ImageSettings | None = None) -> Gallery:
    """Return the gallery of a folder or zip, where there is one, with that of URLs behind it when `fetch`.

    Raises SourceError when `where` is neither folder nor zip.
    """
    settings = settings or ImageSettings()
    galleries: list[Gallery] = []
    if where is not None:
        if where.is_dir():
            galleries.append(Folder(where, settings))
        elif where.is_file():
            galleries.append(Zip(where, settings))
        else:
            raise SourceError(f"there is no folder or zip of images at {where}; name one that exists")
    if fetch:
        galleries.append(Urls(settings))
    return Several(galleries)


def is_url(reference: str) -> bool:
    """Return whether a reference is to be fetched rather than found among files."""
    return reference[:8].lower().startswith(("http://", "https://"))


class Folder:
    """Files of a folder and of the folders in it; their names are listed once, when a path is not found as it is."""

    def __init__(self, root: Path, settings: ImageSettings | None = None) -> None:
        self._root = root.resolve()
        self._limit = (settings or ImageSettings()).image_bytes
        self._names: dict[str, str] | None = None
        self._lock = threading.Lock()

    def read(self, reference: str) -> bytes:
        """Return the bytes of a file. Raises Unread."""
        path = _path(reference)
        try:
            found = self._inside(str(path)) or self._inside(self._named(path.name))
            if found is None:
                raise Unread(f"no file {_short(reference)} in {self._root.name}; put it there or correct the path")
            with found.open("rb") as file:
                return _limited(file, self._limit, reference)
        except (OSError, ValueError, RuntimeError) as error:  # the last of links that lead in a circle
            raise Unread(f"the file {_short(reference)} cannot be read: {_said(error)}; check it") from error

    def _inside(self, path: str) -> Path | None:
        """Return the file at a relative path, links followed, when it is one and lies in the folder."""
        if not path or path.startswith("/"):
            return None
        found = (self._root / path).resolve()
        return found if found.is_relative_to(self._root) and found.is_file() else None

    def _named(self, name: str) -> str:
        with self._lock:
            if self._names is None:
                self._names = _by_name(
                    os.path.relpath(os.path.join(folder, file), self._root)  # noqa: PTH118  (a million of them)
                    for folder, _, files in os.walk(self._root)
                    for file in files
                )
        return self._names.get(name, "")


class Zip:
    """Members of a zip, unpacked one at a time into memory; zips within it are not opened."""

    def __init__(self, path: Path, settings: ImageSettings | None = None) -> None:
        """Raise SourceError when the file is no zip."""
        try:
            self._file = BoundedZip(path)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise SourceError(f"{path} is no zip of images: {error}; give a folder or a zip") from error
        self._name = path.name
        self._limit = (settings or ImageSettings()).image_bytes
        members = (info for info in self._file.infolist() if not info.is_dir())
        self._members = {str(PurePosixPath(info.filename.replace("\\", "/"))): info for info in members}
        self._names = _by_name(self._members)

    def read(self, reference: str) -> bytes:
        """Return the bytes of a member. Raises Unread."""
        path = _path(reference)
        info = self._members.get(str(path)) or self._members.get(self._names.get(path.name, ""))
        if info is None:
            raise Unread(f"no file {_short(reference)} in {self._name}; put it there or correct the path")
        if info.flag_bits & 1 or info.compress_type not in _COMPRESSIONS:
            raise Unread(
                f"{_short(reference)} in {self._name} is encrypted or compressed by something else than deflate; "
                "zip it anew"
            )
        try:
            with self._file.open(info) as member:
                return _limited(member, self._limit, reference)
        except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
            raise Unread(f"{_short(reference)} in {self._name} is damaged: {_said(error)}; zip it anew") from error


class Urls:
    """Files of the web, behind http(s) URLs, by a `Fetcher` with the limits of the settings."""

    def __init__(self, settings: ImageSettings | None = None, fetcher: Fetcher | None = None) -> None:
        chosen = settings or ImageSettings()
        self._fetcher = fetcher or Fetcher(chosen.image_bytes, chosen.fetch_seconds, chosen.fetch_redirects)

    def read(self, reference: str) -> bytes:
        """Return what a URL answers. Raises Unread."""
        if not is_url(reference):
            raise Unread(f"{_short(reference)} is no http or https URL; name the folder of the images")
        return self._fetcher.fetch(reference)


class Given:
    """Files that came along with their products, as uploads do, by name."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def read(self, reference: str) -> bytes:
        """Return the bytes of a file. Raises Unread."""
        if reference not in self._files:
            raise Unread(f"no file {_short(reference)} came along; send it with the product")
        return self._files[reference]


class Several:
    """Galleries that are asked in turn: what lies in a folder is not fetched."""

    def __init__(self, galleries: Iterable[Gallery]) -> None:
        self._galleries = tuple(galleries)

    def read(self, reference: str) -> bytes:
        """Return the bytes of a file from the first gallery that has it. Raises Unread with the last one's reason."""
        if not is_url(reference):
            reason = Unread(f"no folder of images is known that {_short(reference)} could be in; name one")
        else:
            reason = Unread(f"{_short(reference)} was not fetched; set AISLE_FETCH_IMAGES=true to fetch images")
        for gallery in self._galleries:
            if isinstance(gallery, Urls) and not is_url(reference):
                continue
            try:
                return gallery.read(reference)
            except Unread as unread:
                reason = unread
        raise reason


def _path(reference: str) -> PurePosixPath:
    """Return a reference as a path; raises Unread for one that climbs out of its folder."""
    try:
        text = unquote(urlsplit(reference).path) if is_url(reference) else reference.replace("\\", "/")
    except ValueError as error:
        raise Unread(f"{_short(reference)} is no URL: {error}; correct it") from error
    path = PurePosixPath(text)
    if ".." in path.parts:
        raise Unread(f"the path {_short(reference)} leaves its folder; write it without ..")
    return path


def _by_name(paths: Iterable[str]) -> dict[str, str]:
    """Return the path of each file name that only one path has."""
    found: dict[str, str] = {}
    for path in paths:
        name = path.rpartition("/")[2]
        found[name] = "" if name in found else path
    return found


def _limited(file: IO[bytes], limit: int, reference: str) -> bytes:
    data = file.read(limit + 1)
    if len(data) > limit:
        raise Unread(f"{_short(reference)} has more than {limit:,} bytes, the limit; make it smaller")
    return data


def _short(reference: str) -> str:
    return repr(reference if len(reference) <= 200 else f"{reference[:197]}...")


def _said(error: BaseException) -> str:
    """Return what an error says, without the path of this machine that it may name."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if type(error) is RuntimeError:  # of pathlib, which names the path
        return "its links lead in a circle"
    return str(error) or type(error).__name__
