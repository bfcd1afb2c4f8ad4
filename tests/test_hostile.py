"""Files that strangers made to be much larger, or to lead elsewhere, than they look; workbooks are in test_jobs.py."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from indexer import zips
from indexer.errors import SnapshotDamaged, SourceError
from indexer.images.gallery import open_gallery
from indexer.snapshots.manifest import MANIFEST, Manifest
from indexer.sources import read
from indexer.sources.formats import COLUMNS, apart

MB = 1 << 20


def test_a_table_has_so_many_columns_at_most(tmp_path: Path) -> None:
    """Each row is held with all of them: a thousand rows of one letter would take gigabytes under a million names."""
    names = ["id", "title", *(f"c{at}" for at in range(COLUMNS - 2))]
    table = tmp_path / "p.csv"
    table.write_text(",".join(names) + "\n1,Mug\n")
    with read(table) as source:
        assert len(source.columns) == COLUMNS
    table.write_text(",".join([*names, "more"]) + "\n1,Mug\n")
    with pytest.raises(SourceError, match=r"p\.csv has 2,001 columns, 2,000 are read; leave some out"):
        read(table)
    pq.write_table(pa.table({name: ["1"] for name in [*names, "more"]}), tmp_path / "p.parquet")
    with pytest.raises(SourceError, match=r"p\.parquet has 2,001 columns"):
        read(tmp_path / "p.parquet")


def test_a_line_of_json_has_so_many_names_at_most(tmp_path: Path) -> None:
    """One with more is a broken row, and the others are read."""
    wide = dict.fromkeys([f"c{at}" for at in range(COLUMNS)], "")
    lines = [{"id": "1", "title": "Mug"}, {"id": "2", **wide}, {"id": "3", "title": "Pan"}]
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, lines)))
    with read(tmp_path / "p.jsonl") as source:
        rows = list(source)
    assert [row.problem.code if row.problem else row.id for row in rows] == ["1", "broken_json", "3"]
    assert rows[1].problem is not None
    assert "it has 2,001 names, 2,000 are read" in rows[1].problem.reason


def workbook(path: Path, part: str, before: bytes, more: bytes) -> Path:
    """Write a workbook of two rows in one part of which there is more, for 32 MB."""
    book, file = Workbook(), io.BytesIO()
    book.active.append(["sku", "name"])
    book.active.append(["1", "Pan"])
    book.save(file)
    with zipfile.ZipFile(file) as given, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name in given.namelist():
            data = given.read(name)
            made.writestr(name, data.replace(before, more * (32 * MB // len(more)) + before, name == part))
    return path


def repeated(path: Path) -> Path:
    """Write a Parquet file of 400 rows that share one text of a megabyte."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 400, pa.int32()), ["x" * MB])
    pq.write_table(
        pa.table({"id": [str(at) for at in range(400)], "title": texts}), path, compression="zstd", store_schema=False
    )
    return path


SMALL: dict[str, Callable[[Path], Path]] = {
    "styles": lambda folder: workbook(folder / "p.xlsx", "xl/styles.xml", b"</styleSheet>", b"<x/>"),
    "a row": lambda folder: workbook(folder / "p.xlsx", "xl/worksheets/sheet1.xml", b"</row>", b"<c/>"),
    "a text for every row": lambda folder: repeated(folder / "p.parquet"),
}


@pytest.mark.parametrize("case", SMALL)
def test_what_unpacks_to_much_more_is_refused_by_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """Files of some kilobytes, each of which takes hundreds of megabytes to read: whoever asks for them takes none."""
    file = SMALL[case](tmp_path)
    assert file.stat().st_size < 300_000
    monkeypatch.setattr(apart, "MEMORY", 300 * MB)
    with pytest.raises(SourceError, match="bytes of memory to read, the limit"), read(file, apart=True) as source:
        list(source)


def test_the_list_of_a_zip_is_bounded_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the zip says of it; what is in a zip that is let in may be as large as before."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as file:
        for at in range(200):
            file.writestr(f"{at}.jpg", b"x" * 50_000)
    (tmp_path / "many.zip").write_bytes(whole.getvalue())
    listing = struct.unpack("<I", whole.getvalue()[-10:-6])[0]
    monkeypatch.setattr(zips, "LISTING_BYTES", listing)
    assert len(open_gallery(tmp_path / "many.zip", fetch=False).read("7.jpg")) == 50_000
    monkeypatch.setattr(zips, "LISTING_BYTES", listing - 1)
    with pytest.raises(SourceError, match=f"its list of files takes {listing:,} bytes, the limit is {listing - 1:,}"):
        open_gallery(tmp_path / "many.zip", fetch=False)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../outside"])
def test_a_manifest_names_files_of_its_folder_alone(built_index: Path, tmp_path: Path, name: str) -> None:
    """A backup of a stranger would be copied from and to wherever they like."""
    snapshot = built_index / "snapshots" / (built_index / "current").read_text().split()[0]
    given = Manifest.read(snapshot)
    made = replace(given, files={**given.files, name: {"bytes": 0, "sha256": ""}}, id="")
    made = replace(made, id=f"{given.id.rpartition('-')[0]}-{made.fingerprint()}")
    folder = tmp_path / made.id
    folder.mkdir()
    (folder / MANIFEST).write_bytes(orjson.dumps(asdict(made)))
    with pytest.raises(SnapshotDamaged, match="which is no file in it"):
        Manifest.read(folder)
