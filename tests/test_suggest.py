"""service/suggest.py: suggestions for an index, from its record store alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.build import build
from indexer.errors import RecordError
from indexer.settings import IndexSettings
from indexer.sources import read
from service.suggest import Example, SuggestedTag, Where, suggest
from taxonomy.vocabulary import Vocabulary

SHELVES = {"lamp": "Home > Lamps", "tray": "Home > Trays", "bench": "Garden > Benches"}
MAKERS = ("Arbel", "Lind", "Norr", "Orsa", "Pell", "Quist", "Rand", "Sorm")


def made(folder: Path, vocabulary: Vocabulary | None = None, provenance: str = "supplier") -> Path:
    """Return an index of 72 products: a third says oak, a third steel, and carries the tag, and a third neither."""
    rows = [
        {
            "id": f"{noun}-{maker}-{says}",
            "title": f"{maker} {noun}{says and ', '}{says}",
            "brand": maker,
            "category": path,
            "tags": "steel" if says == "steel" else "",
            "label_provenance": provenance,
        }
        for noun, path in SHELVES.items()
        for maker in MAKERS
        for says in ("oak", "steel", "")
    ]
    (folder / "p.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    with read(folder / "p.jsonl") as source:
        build(source, folder / "i", settings=IndexSettings(encoder="hashing:8", space="raw"), vocabulary=vocabulary)
    return folder / "i"


OAK = SuggestedTag(
    phrase="oak",
    products=24,
    share=0.333333,
    categories=(Where("Garden > Benches", 8), Where("Home > Lamps", 8), Where("Home > Trays", 8)),
    example=Example("lamp-Arbel-oak", "Arbel lamp, oak"),
)


def test_what_no_tag_covers_is_suggested(tmp_path: Path) -> None:
    """With its numbers, its categories in words and its first product; steel is a tag already."""
    assert suggest(made(tmp_path), 30) == [OAK]


def test_words_of_the_vocabulary_are_known(tmp_path: Path) -> None:
    """Aliases and exclusions too."""
    assert suggest(made(tmp_path, Vocabulary(aliases={"oak": "wooden"})), 30) == []
    assert suggest(made(tmp_path, Vocabulary(exclusions=frozenset({"oak"}))), 30) == []


def test_a_machine_s_categories_are_no_categories(tmp_path: Path) -> None:
    """They tell nothing of where a phrase is said."""
    assert suggest(made(tmp_path, provenance="machine"), 30)[0] == replace(OAK, categories=(Where("", 24),))


def test_without_a_store_there_is_nothing_to_read(tmp_path: Path) -> None:
    """The remedy is to build."""
    with pytest.raises(RecordError, match="aisle build"):
        suggest(tmp_path, 30)
