"""Which file is meant, and what is in it: decided by the name, verified by the first bytes."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from indexer.errors import SourceError, UnknownFormat
from indexer.sources.formats.streams import ByteStream
from indexer.zips import BoundedZip

FORMATS = {".csv": "delimited", ".tsv": "delimited", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
PLAIN = {".xlsx": "xlsx", ".txt": "delimited", ".tab": "delimited", ".json": "jsonl", ".pq": "parquet"}
"""Names that are read when asked for, and not looked for in a folder."""
ACCEPTED = "CSV, TSV, JSONL (each also gzipped), Parquet or XLSX"

_HEAD = 4096
_HINTS = (
    (b"PK\x03\x04", "a zip file and no Excel workbook; unzip it"),
    (
        b"\xd0\xcf\x11\xe0",
        "an old Excel workbook, or one with a password; save it as .xlsx without one, or the sheet as CSV UTF-8",
    ),
    (b"SQLite format 3\0", "a SQLite database; give sqlite:///PATH and a query"),
    (b"BZh", "packed with bzip2; unpack it or pack it with gzip"),
    (b"\xfd7zXZ", "packed with xz; unpack it or pack it with gzip"),
    (b"(\xb5/\xfd", "packed with zstd; unpack it or pack it with gzip"),
    (b"%PDF", "a PDF; ask the supplier for a table"),
)
_MARKUP = re.compile(rb"\s*<(?:!doctype|html|\?xml|!--|rss|feed|table)", re.IGNORECASE)
_PARQUET = b"PAR1"
_ZIP = b"PK\x03\x04"


def locate(source: Path) -> Path:
    """Return the file that `source` means: itself, or in a folder `products.*`, else the only data file there.

    Raises SourceError listing what was found when none or several could be meant.
    """
    if source.is_file():
        return source
    if not source.is_dir():
        raise SourceError(f"there is no file or folder {source}")
    found = sorted(path for path in source.iterdir() if path.is_file() and _suffix(path) in FORMATS)
    named = [path for path in found if path.name.split(".")[0] == "products"]
    chosen = named or found
    if len(chosen) == 1:
        return chosen[0]
    if not chosen:
        inside = ", ".join(sorted(path.name for path in source.iterdir())[:10]) or "nothing"
        raise SourceError(f"{source} holds no {ACCEPTED} file, only {inside}")
    raise SourceError(f"{source} holds {', '.join(path.name for path in chosen[:10])}; name the one to read")


def identify(stream: ByteStream) -> str:
    """Return "delimited", "jsonl", "parquet" or "xlsx". Raises UnknownFormat with a hint for anything else."""
    path, head = stream.path, stream.head(_HEAD)
    named = (FORMATS | PLAIN).get(_suffix(path), "")
    if head.startswith(_ZIP) and is_workbook(path):
        return "xlsx"
    for magic, hint in _HINTS:
        if head.startswith(magic):
            raise UnknownFormat(f"{path} is {hint}")
    if head.startswith(_PARQUET):
        if stream.gzipped:
            raise UnknownFormat(f"{path} is Parquet inside gzip; unpack it first")
        return "parquet"
    if named == "xlsx":
        raise UnknownFormat(f"{path} is named like an Excel workbook and is none; {ACCEPTED} is read")
    if named == "parquet":
        raise UnknownFormat(f"{path} is named like Parquet and does not start like it; {ACCEPTED} is read")
    if not head.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise UnknownFormat(f"{path} is empty; {ACCEPTED} is read")
    if _MARKUP.match(head):
        raise UnknownFormat(f"{path} is HTML or XML, perhaps a page of an error; {ACCEPTED} is read")
    if _binary(head):
        raise UnknownFormat(f"{path} is neither text nor Parquet; {ACCEPTED} is read")
    start = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")[:1]
    if start == b"[" and named != "delimited":
        raise UnknownFormat(f"{path} is one JSON array; write one object per line, as with jq -c '.[]'")
    return named or ("jsonl" if start == b"{" else "delimited")


def is_workbook(path: Path) -> bool:
    """Whether a file is a zip with the parts of an Excel workbook in it; nothing is unpacked."""
    try:
        with BoundedZip(path) as file:
            return "xl/workbook.xml" in file.NameToInfo
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def _suffix(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _binary(head: bytes) -> bool:
    """Whether control characters that no text has make up more than a tenth; the zeros of UTF-16 do not count."""
    control = sum(byte < 9 or 13 < byte < 32 for byte in head) - head.count(0)
    return control > len(head) // 10
