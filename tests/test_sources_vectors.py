"""indexer/sources/vectors.py: vectors made elsewhere beside the rows of a source, from a file or from a column."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from indexer.errors import SettingError, SourceError
from indexer.sources import RowVectors, Source, read
from indexer.sources.vectors import vector_in

CSV = "id,title\n1,Lamp\n\n2,Tray\n,Nameless\n1,Again\n3,\n"
"""Six rows of which one is blank and is none: two products, no id, a repeated id, and nothing but an id."""


def save(path: Path, rows: Any, dtype: str = "float32") -> Path:
    """Write rows as a NumPy file."""
    np.save(path, np.array(rows, dtype))
    return path


def opened(folder: Path, rows: Any, text: str = CSV, **more: Any) -> Source:
    """Return a CSV source with such vectors beside it."""
    (folder / "p.csv").write_text(text)
    return read(folder / "p.csv", vectors=RowVectors(save(folder / "v.npy", rows)), **more)


def vectors(source: Source) -> list[tuple[str, list[float] | None]]:
    """Return id and image vector of each product."""
    with source:
        found = [row.product for row in source if row.product]
    return [(each.id, each.vectors["image"].tolist() if each.vectors else None) for each in found]


def test_each_row_has_the_vector_in_its_place(tmp_path: Path) -> None:
    """Refused rows count, blank lines do not, zeros are none, and a vector alone makes a product."""
    rows = [[1, 2], [0, 0], [5, 6], [7, 8], [9, 10]]
    assert vectors(opened(tmp_path, rows)) == [("1", [1, 2]), ("2", None), ("3", [9, 10])]


def test_half_precision_is_read_as_it_is(tmp_path: Path) -> None:
    """float16 and float32 are the two that there are; the rows stay on disk until they are asked for."""
    file = RowVectors(save(tmp_path / "v.npy", [[0.5, -2]], "float16"))
    assert (len(file), file.dim) == (1, 2)
    row = file.at(0)
    assert row is not None
    assert (row.dtype.name, row.tolist()) == ("float32", [0.5, -2])


@pytest.mark.parametrize("rows", [[[1, 2]] * 4, [[1, 2]] * 6])
def test_another_number_of_vectors_than_rows_is_refused_at_once(tmp_path: Path, rows: list[list[int]]) -> None:
    """Before a row is given, for a source whose rows were all looked at to find its columns."""
    with pytest.raises(SourceError, match=rf"v\.npy has {len(rows)} vectors, the source has 5 rows; give one for each"):
        opened(tmp_path, rows)


def test_a_parquet_file_says_beforehand_how_many_rows_it_has(tmp_path: Path) -> None:
    """However many there are, and whatever the limit."""
    pd.DataFrame({"id": [str(n) for n in range(1_500)], "title": "Lamp"}).to_parquet(tmp_path / "p.parquet")
    file = RowVectors(save(tmp_path / "v.npy", [[1.0]] * 1_499))
    with pytest.raises(SourceError, match="has 1,499 vectors, the source has 1,500 rows"):
        read(tmp_path / "p.parquet", vectors=file, limit=10)


@pytest.mark.parametrize(
    ("many", "words"), [(1_499, "has 1,499 vectors, the source has more rows"), (1_501, "the source has 1,500 rows")]
)
def test_a_longer_file_is_counted_as_it_is_read(tmp_path: Path, many: int, words: str) -> None:
    """The rows up to where it shows are given, and the end is an error, never a silent shift."""
    text = "id,title\n" + "".join(f"{n},Lamp\n" for n in range(1_500))
    with opened(tmp_path, [[1.0]] * many, text) as source:
        assert len(list(islice(source, min(many, 1_500)))) == min(many, 1_500)
        with pytest.raises(SourceError, match=words):
            next(source)


def test_with_a_limit_the_vectors_beyond_are_left_alone(tmp_path: Path) -> None:
    """As many as the rows that are read are enough."""
    text = "id,title\n" + "".join(f"{n},Lamp\n" for n in range(1_500))
    for many in (1_200, 1_500):
        assert len(vectors(opened(tmp_path, [[1.0]] * many, text, limit=1_200))) == 1_200
    with pytest.raises(SourceError, match="has 1,199 vectors, the source has more rows"):
        vectors(opened(tmp_path, [[1.0]] * 1_199, text, limit=1_200))


def test_what_is_no_table_of_numbers_is_refused(tmp_path: Path) -> None:
    """Another type, another shape, several arrays, pickles, which are never loaded, and files that are none."""
    np.savez(tmp_path / "several.npz", a=np.ones(2))
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], object), allow_pickle=True)
    (tmp_path / "text.npy").write_text("0.1,0.2")
    refused = {
        save(tmp_path / "whole.npy", [[1, 2]], "int64"): r"holds int64 \(1, 2\), wanted is one array of float16",
        save(tmp_path / "flat.npy", [1, 2]): r"holds float32 \(2,\)",
        tmp_path / "several.npz": "holds several arrays",
        tmp_path / "objects.npy": "cannot be read: .*Python objects",
        tmp_path / "text.npy": r"cannot be read: .*; write them with numpy\.save",
        tmp_path / "none.npy": "cannot be read: .*No such file",
    }
    for file, words in refused.items():
        with pytest.raises(SettingError, match=words):
            RowVectors(file)


def test_a_damaged_file_is_refused_whatever_is_in_it(tmp_path: Path) -> None:
    """What begins as a zip and is none, and headers whose brackets or names are broken."""
    whole = save(tmp_path / "whole.npy", [[1, 2]]).read_bytes()
    damaged = (b"PK\x03\x04 and no more", whole.replace(b"(1, 2)", b"((1, 2"), whole.replace(b"'shape'", b"b'hape'"))
    for content in damaged:
        (tmp_path / "v.npy").write_bytes(content)
        with pytest.raises(SettingError, match=r"v\.npy cannot be read: .+; write them with numpy\.save"):
            RowVectors(tmp_path / "v.npy")


def test_vectors_come_from_a_column_of_any_format(tmp_path: Path) -> None:
    """A list column of Parquet, an array of JSONL, a JSON array in a cell of CSV."""
    rows = [{"id": "1", "title": "Lamp", "image_embedding": [0.25, -1.5]}, {"id": "2", "title": "Tray"}]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pd.DataFrame(rows).to_parquet(tmp_path / "p.parquet")
    (tmp_path / "p.csv").write_text('id,title,image_vector\n1,Lamp,"[0.25, -1.5]"\n2,Tray,\n')
    for name in ("p.jsonl", "p.parquet", "p.csv"):
        assert vectors(read(tmp_path / name, vectors=True)) == [("1", [0.25, -1.5]), ("2", None)], name
        assert vectors(read(tmp_path / name)) == [("1", None), ("2", None)], name


@pytest.mark.parametrize("cell", ["[1, 2", '{"a": 1}', '["a", 1]', "[null]", "[[1]]", "0.5", "sixty"])
def test_a_cell_that_is_no_list_of_numbers_is_a_problem_of_its_row(cell: str) -> None:
    """The row goes to quarantine with the reason."""
    found = vector_in(cell)
    assert getattr(found, "code", None) == "invalid_vector"


def test_a_file_of_vectors_takes_the_place_of_the_column(tmp_path: Path) -> None:
    """What is given beside the source wins."""
    source = opened(tmp_path, [[3.0]], 'id,title,image_vector\n1,Lamp,"[1, 2]"\n')
    assert vectors(source) == [("1", [3.0])]
