"""Every product of the record store as a table that `aisle build` reads: CSV, TSV, JSON lines or Parquet.

    Moment.pages -> cells of one product -> a writer of the format -> a file beside, renamed when it is whole

What is written reads back as it is stored, to the last character: where `indexer.sources` would take a text for
something else (a title that looks like JSON, a tag with a comma, a category that holds a slash), it is written in the
form that gives the text back. Cells are not changed for the sake of spreadsheets either: one that begins with = stays.
Language, version and times are for people; a build finds its own.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from indexer.errors import SettingError
from indexer.keeping.writers import COLUMNS, FORMATS, Cells
from indexer.product import FACTS
from indexer.store.moment import Moment
from indexer.store.rows import Stored
from taxonomy.names import SEPARATOR
from taxonomy.separators import Separators, parse_path

STDOUT = "-"

_EAGER = Separators(slash=True)  # a reader that splits at everything it ever splits at
_WRAPPED = ('["', '{"')


@dataclass(frozen=True, slots=True)
class RawParts:
    """Which raw vectors are written beside each product: by the fingerprint of their encoder, part -> dimension."""

    encoder: str
    parts: Mapping[str, int]

    @property
    def columns(self) -> tuple[str, ...]:
        """One column for each part; `image_vector` is what a build reads."""
        return tuple(f"{part}_vector" for part in self.parts)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: `products` as of the change `seq`; `bare` of them lack the raw vectors that were asked for."""

    products: int
    seq: int
    bare: int


def export(
    moment: Moment, out: str, kind: str = "", raw: RawParts | None = None, tell: Callable[[int], None] | None = None
) -> Exported:
    """Write every product to the file `out`, in the format `kind` or the one of its name; `tell(n)` as n are written.

    The file gets its name when it is whole and on disk; on any error there is none, or the one from before. "-" is
    stdout, for formats of text. Memory: one page of products. Raises SettingError for a name or a format that is none.
    """
    kind = format_of(out, kind)
    done = bare = 0
    with _opened(out) as file:
        writer = FORMATS[kind](file, (*COLUMNS, *(raw.columns if raw else ())))
        for page in moment.pages():
            rows = [cells_of(stored) for stored in page]
            bare += _add_vectors(rows, page, moment, raw) if raw else 0
            writer.write(rows)
            done += len(rows)
            if tell:
                tell(done)
        writer.close()
    return Exported(done, moment.seq, bare)


def format_of(out: str, kind: str = "") -> str:
    """Return the format that is meant: "csv", "tsv", "jsonl" or "parquet". Raises SettingError when none is."""
    found = kind or Path(out).suffix.lower().removeprefix(".")
    known = ", ".join(FORMATS)
    if out == STDOUT and found not in {"csv", "tsv", "jsonl"}:
        raise SettingError(f"what goes to stdout is csv, tsv or jsonl, not {found or 'nothing said'}; give --format")
    if found not in FORMATS:
        raise SettingError(f"{out!r} is none of {known} by its name; end it with one of them, or give --format")
    if out != STDOUT and not Path(out).parent.is_dir():
        raise SettingError(f"there is no folder {Path(out).parent} to write {Path(out).name} into; make it first")
    if out != STDOUT and Path(out).is_dir():
        raise SettingError(f"{out} is a folder; name a file")
    return found


def cells_of(stored: Stored) -> Cells:
    """Return the cells of one product; specs, tags and images as lists."""
    product = stored.record.product
    return {
        "id": _text(product.id),
        "title": _text(product.title),
        "description": _text(product.description),
        "brand": _text(product.brand),
        "specs": [{"name": name, "value": value} for name, value in product.specs],
        "category_path": _category(product.category),
        "tags": list(product.tags),
        "images": list(product.images),
        "label_provenance": product.provenance,
        "label_weight": product.weight,
        **{name: _text(product.known.get(name, "")) for name in FACTS},
        "language": product.language,
        "version": stored.version,
        "created_at": stored.created_at,
        "updated_at": stored.updated_at,
    }


def _text(text: str) -> str:
    """Return a text as a cell; a list of JSON where the reader would strip or unwrap it."""
    return json.dumps([text], ensure_ascii=False) if text.startswith(_WRAPPED) or text != text.strip() else text


def _category(path: str) -> str:
    """Return a path so that no name in it is split, whatever the other cells of the column look like."""
    names = tuple(path.split(SEPARATOR))
    escaped = path.replace("&", "&amp;")
    forms = (path, f"> {path}", escaped, f"> {escaped}") if path else ()
    return next((form for form in forms if parse_path(form, _EAGER) == names), path)


def _add_vectors(rows: Sequence[Cells], page: Sequence[Stored], moment: Moment, raw: RawParts) -> int:
    """Put the raw vectors of a page into its rows, None for a part that a product lacks; return how many have none."""
    encoded, there = moment.vectors([stored.record.content_hash for stored in page], raw.encoder, raw.parts)
    for part, column in zip(raw.parts, raw.columns, strict=True):
        for cells, vector, has in zip(rows, encoded.parts[part], encoded.mask[part].tolist(), strict=True):
            cells[column] = vector if has else None
    return int(np.count_nonzero(~there))


@contextmanager
def _opened(out: str) -> Iterator[BinaryIO]:
    if out == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(out)
    aside = path.with_name(f".{path.name}.{os.getpid()}.writing")
    try:
        with aside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
