"""Profiles, the names of columns, and specs in their many shapes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import MissingColumn, SettingError
from indexer.product import FACTS, Product
from indexer.sources import Problem, Profile, read
from indexer.sources.aliases import ALIASES, column_key, keys, spec_name
from indexer.sources.specs import parse_specs

TOML = """
encoding = "cp1252"
delimiter = ";"
category_separator = "/"
ignore = ["internal_*"]

[columns]
id = "ArtNr"
description = ["Kurztext", "Langtext"]

[constant]
brand = "Acme"
"""
PROFILE = Profile(
    columns={"id": ("ArtNr",), "description": ("Kurztext", "Langtext")},
    constant={"brand": "Acme"},
    encoding="cp1252",
    delimiter=";",
    category_separator="/",
    ignore=("internal_*",),
)


def test_a_profile_is_read_from_toml_and_json(tmp_path: Path) -> None:
    """Both say the same."""
    (tmp_path / "p.toml").write_text(TOML)
    entries = {
        "columns": {"id": "ArtNr", "description": ["Kurztext", "Langtext"]},
        "constant": {"brand": "Acme"},
        "encoding": "cp1252",
        "delimiter": ";",
        "category_separator": "/",
        "ignore": ["internal_*"],
    }
    (tmp_path / "p.json").write_text(json.dumps(entries))
    assert Profile.read(tmp_path / "p.toml") == PROFILE
    assert Profile.read(tmp_path / "p.json") == PROFILE


def test_a_profile_is_told_as_it_is_read() -> None:
    """Without what is to be detected."""
    assert Profile.of(PROFILE.to_json()) == PROFILE
    assert Profile(delimiter=";").to_json() == {"delimiter": ";"}


def test_a_profile_is_applied(tmp_path: Path) -> None:
    """Given columns, constants and what must not be used; the rest is detected."""
    header = "internal_image;ArtNr;Bezeichnung;Kurztext;Langtext;Marke;Kategorie\n"
    text = header + "x.jpg;1;Schüssel;Blau.;Groß.;;A/B\ny.jpg;2;Topf;;Rot.;Bolt;C\n"
    (tmp_path / "p.csv").write_bytes(text.encode("cp1252"))
    with read(tmp_path / "p.csv", PROFILE) as source:
        assert [row.product for row in source] == [
            Product("1", "Schüssel", "Blau.\nGroß.", "Acme", category="A > B"),
            Product("2", "Topf", "Rot.", "Bolt", category="C"),
        ]


WRONG = {
    "no TOML": ("id = ", "cannot be read"),
    "an unknown entry": ("[column]\nid = 'a'", "'column' is not an entry; choose from columns, constant, encoding"),
    "an unknown field": ("[columns]\nname = 'a'", "'name' is not a field; choose from id, title"),
    "columns that are no table": ("columns = 'a'", "columns is a table of fields"),
    "a number for a column": ("[columns]\nid = 3", "columns.id is a column or a list of columns, not 3"),
    "two columns for an id": ("[columns]\nid = ['a', 'b']", "id comes from one column, 2 were given: a, b"),
    "a constant id": ("[constant]\nid = 'a'", "'id' is not a constant"),
    "a constant that is no text": ("[constant]\nbrand = 3", "constant.brand is a text, not 3"),
    "a delimiter of two": ("delimiter = ';;'", "the delimiter is one character"),
    "an unknown encoding": ("encoding = 'cp9999'", "'cp9999' is no text encoding"),
    "an encoding that is none of text": ("encoding = 'base64'", "'base64' is no text encoding"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_profile_says_where(tmp_path: Path, text: str, message: str) -> None:
    """The message names the file, the entry and what it may be."""
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(SettingError) as caught:
        Profile.read(tmp_path / "p.toml")
    assert str(caught.value).startswith(f"the profile {tmp_path / 'p.toml'}")
    assert message in str(caught.value)


def test_a_missing_profile_is_a_setting_error(tmp_path: Path) -> None:
    """As is one that is no mapping."""
    with pytest.raises(SettingError, match="cannot be read"):
        Profile.read(tmp_path / "none.toml")
    with pytest.raises(SettingError, match="a profile is a table of columns, constant"):
        Profile.of(["id"])


SHOPS = {
    "WooCommerce": (
        "ID,Type,SKU,Name,Short description,Description,Categories,Tags,Images",
        {
            "id": "ID",
            "title": "Name",
            "description": "Description",
            "category": "Categories",
            "tags": "Tags",
            "image": "Images",
        },
    ),
    "Shopify": (
        "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Variant SKU,Image Src",
        {
            "id": "Variant SKU",
            "title": "Title",
            "description": "Body (HTML)",
            "brand": "Vendor",
            "category": "Product Category",
            "tags": "Tags",
            "image": "Image Src",
        },
    ),
    "Google feed": (
        "id,title,description,link,image_link,brand,gtin,google_product_category,product_type",
        {
            "id": "id",
            "title": "title",
            "description": "description",
            "brand": "brand",
            "category": "product_type",
            "image": "image_link",
            "gtin": "gtin",
            "foreign_category": "google_product_category",
        },
    ),
    "Flipkart": (
        "uniq_id,product_name,product_category_tree,pid,image,description,brand,product_specifications",
        {
            "id": "uniq_id",
            "title": "product_name",
            "description": "description",
            "brand": "brand",
            "specs": "product_specifications",
            "category": "product_category_tree",
            "image": "image",
        },
    ),
    "German": (
        "Artikel-Nr.;Bezeichnung;Langtext;Hersteller;Technische Daten;Warengruppe;Schlagwörter;Bild-URL",
        dict(
            zip(
                ("id", "title", "description", "brand", "specs", "category", "tags", "image"),
                [
                    "Artikel-Nr.",
                    "Bezeichnung",
                    "Langtext",
                    "Hersteller",
                    "Technische Daten",
                    "Warengruppe",
                    "Schlagwörter",
                    "Bild-URL",
                ],
                strict=True,
            )
        ),
    ),
    "French": (
        "Référence,Libellé,Descriptif,Marque,Caractéristiques,Catégorie,Mots-clés,Photo",
        dict(
            zip(
                ("id", "title", "description", "brand", "specs", "category", "tags", "image"),
                ["Référence", "Libellé", "Descriptif", "Marque", "Caractéristiques", "Catégorie", "Mots-clés", "Photo"],
                strict=True,
            )
        ),
    ),
    "a German price list, with numbers of the article beside the supplier's": (
        "EAN;Artikelnr.;Bezeichnung;Marke/Hersteller;VK brutto;Bilddatei",
        {
            "id": "Artikelnr.",
            "title": "Bezeichnung",
            "brand": "Marke/Hersteller",
            "image": "Bilddatei",
            "gtin": "EAN",
            "price": "VK brutto",
        },
    ),
    "a Spanish price list": (
        "REF.;NOMBRE;MARCA;CÓD. BARRAS;PVP",
        {"id": "REF.", "title": "NOMBRE", "brand": "MARCA", "gtin": "CÓD. BARRAS", "price": "PVP"},
    ),
    "one word, any spelling": (
        "productId,Product Title,imageURL",
        {"id": "productId", "title": "Product Title", "image": "imageURL"},
    ),
}


@pytest.mark.parametrize(("header", "expected"), SHOPS.values(), ids=SHOPS.keys())
def test_columns_are_found_by_their_names(header: str, expected: dict[str, str]) -> None:
    """The export formats of shops need no profile."""
    found = Profile().detected(header.replace(";", ",").split(","))
    assert {name: columns[0] for name, columns in found.columns.items() if columns} == expected


def test_the_first_alias_wins_and_a_column_serves_once() -> None:
    """The order is that of the table, not of the file."""
    found = Profile().detected(["ean", "name", "sku", "title"])
    assert (found.columns["id"], found.columns["title"]) == (("sku",), ("title",))
    found = Profile(columns={"title": ("sku",)}).detected(["ean", "name", "sku"])
    assert (found.columns["id"], found.columns["title"]) == (("ean",), ("sku",))


def test_no_alias_stands_for_two_fields() -> None:
    """Each name means one thing, but that facts may have what is left: a number the id, a vendor the brand."""
    every = [key for field in ALIASES for key in keys(field) if field not in FACTS]
    assert sorted(every) == sorted(set(every))
    facts = [key for field in FACTS for key in keys(field)]
    assert sorted(facts) == sorted(set(facts))


def test_given_columns_may_be_patterns_and_other_spellings(tmp_path: Path) -> None:
    """A pattern is every column it matches; prefixes are not part of a spec's name."""
    text = "sku,name,attr_colour,attr_size,Weight,Notes\n1,Mug,red,,2 kg,a: b\n"
    (tmp_path / "p.csv").write_text(text)
    (row,) = read(tmp_path / "p.csv", specs=["attr_*", "weight"])
    assert row.product == Product("1", "Mug", specs=(("colour", "red"), ("Weight", "2 kg")))
    (row,) = read(tmp_path / "p.csv", specs="Notes")
    assert row.product == Product("1", "Mug", specs=(("a", "b"),))
    (row,) = read(tmp_path / "p.csv", specs="attr_colour")
    assert row.product == Product("1", "Mug", specs=(("attr_colour", "red"),))


def test_prefixed_columns_are_specs_without_being_named() -> None:
    """Two or more of them; a single one, as Magento's attribute_set, is something else."""
    found = Profile().detected(["id", "title", "specs", "attr_colour", "attribute:size"])
    assert found.columns["specs"] == ("specs", "attr_colour", "attribute:size")
    assert Profile().detected(["id", "title", "attribute_set"]).columns["specs"] == ()
    assert [spec_name(name) for name in ("attr_Farbe", "specs.size", "special", "attr_1")] == ["Farbe", "size", "", ""]


def test_missing_columns_are_named() -> None:
    """What was asked for, and what there is."""
    with pytest.raises(MissingColumn, match=r"no column holds the id among 'a', 'title'; name it, as in id = 'a'"):
        Profile().detected(["a", "title"])
    with pytest.raises(MissingColumn, match="no column holds a title, text or image among 'id', 'price'"):
        Profile().detected(["id", "price"])
    with pytest.raises(MissingColumn, match="there is no column 'Nme' for title; the columns are 'id', 'Name'"):
        Profile(columns={"title": ("Nme",)}).detected(["id", "Name"])
    with pytest.raises(MissingColumn, match=r"title comes from one column, 'n\*' matches 2: 'n1', 'n2'"):
        Profile(columns={"title": ("n*",)}).detected(["id", "n1", "n2"])
    assert Profile().detected(["title"], needs_id=False).columns["id"] == ()


def test_overrides_replace_entries_of_the_profile() -> None:
    """One entry at a time; unknown ones are refused."""
    changed = PROFILE.overridden({"id": "EAN", "delimiter": ",", "specs": ["a", "b"]})
    assert (changed.delimiter, changed.encoding) == (",", "cp1252")
    assert changed.columns == {"id": ("EAN",), "description": ("Kurztext", "Langtext"), "specs": ("a", "b")}
    with pytest.raises(SettingError, match="'name' is not an override"):
        PROFILE.overridden({"name": "x"})


def test_column_keys_ignore_spelling() -> None:
    """Case, accents and everything but letters and digits."""
    assert {column_key(name) for name in ("Product-ID", "product_id", "productId", " PRODUCT ID ", "Prödüct.id")} == {
        "productid"
    }


SPECS = {
    "an object": (
        '{"Colour": "red", "Size": 3, "New": true, "Old": null}',
        (("Colour", "red"), ("Size", "3"), ("New", "yes")),
    ),
    "nested objects": ('{"Size": {"H": "1", "W": {"in": 2}}}', (("Size.H", "1"), ("Size.W.in", "2"))),
    "lists of values": ('{"Colours": ["red", "blue", 3]}', (("Colours", "red, blue, 3"),)),
    "a list of names and values": ('[{"name": "Colour", "value": "red"}]', (("Colour", "red"),)),
    "labels": ('[{"label": "Colour", "value": ["red", "blue"]}]', (("Colour", "red, blue"),)),
    "under one key": (
        '{"product_specification": [{"key": "Colour", "value": "red"}, {"value": "loose"}]}',
        (("Colour", "red"), ("", "loose")),
    ),
    "groups": (
        '[{"name": "General", "values": [{"name": "Colour", "value": "red"}]}]',
        (("General.Colour", "red"),),
    ),
    "pairs in lists": ('[["Colour", "red"], ["Size", 3]]', (("Colour", "red"), ("Size", "3"))),
    "a plain list": ('["red", "blue"]', (("", "red, blue"),)),
    "Ruby": (
        '{"product_specification"=>[{"key"=>"Colour", "value"=>"red"}, {"key"=>"Size", "value"=>nil}]}',
        (("Colour", "red"),),
    ),
    "numbers keep their digits": (
        '{"a": 1.50, "b": 123456789012345678901234567890}',
        (("a", "1.50"), ("b", "123456789012345678901234567890")),
    ),
    "semicolons": ("Colour: red; Size: 3; ", (("Colour", "red"), ("Size", "3"))),
    "lines": ("Colour: red\nSize: 3, 4\n", (("Colour", "red"), ("Size", "3, 4"))),
    "pipes and equals": ("Colour=red|Size=3", (("Colour", "red"), ("Size", "3"))),
    "commas between pairs": ("Colour: red, Size: 3", (("Colour", "red"), ("Size", "3"))),
    "commas inside a value": ("Colour: red, blue", (("Colour", "red, blue"),)),
    "no key": ("dishwasher safe; Colour: red", (("", "dishwasher safe"), ("Colour", "red"))),
    "addresses and times are no keys": ("http://x.y/z; 12:30", (("", "http://x.y/z"), ("", "12:30"))),
    "text that begins like JSON": ("[New] Colour: red", (("[New] Colour", "red"),)),
    "empty values": ("Colour: ; Size: 3", (("Size", "3"),)),
    "nothing": (" ", ()),
}


@pytest.mark.parametrize(("cell", "expected"), SPECS.values(), ids=SPECS.keys())
def test_specs_are_read_in_every_shape(cell: str, expected: tuple[tuple[str, str], ...]) -> None:
    """Key and value, in the source's order."""
    assert parse_specs(cell) == expected


@pytest.mark.parametrize(
    "cell", ['{"a": ', '{"a": 1,}', '["a', "[" * 100_000, '{"a": 1} x', '{"a"=>}', "{broken", "{'a': 1}"]
)
def test_broken_specs_are_a_problem(cell: str) -> None:
    """The reason shows how the cell begins."""
    found = parse_specs(cell)
    assert isinstance(found, Problem)
    assert found.code == "broken_json"
    assert repr(cell.strip()[:60]) in found.reason


def test_deep_specs_are_kept_as_text() -> None:
    """Beyond ten levels the rest is the value."""
    assert parse_specs('{"a": ' * 12 + "1" + "}" * 12) == ((".".join("a" * 10), '{"a": {"a": "1"}}'),)


@given(st.dictionaries(st.text(min_size=1).map(str.strip).filter(bool), st.text().filter(str.strip), min_size=2))
def test_specs_written_as_json_come_back(specs: dict[str, str]) -> None:
    """Keys and values of an object are those of the specs, white space around values apart."""
    assert parse_specs(json.dumps(specs)) == tuple((key, value.strip()) for key, value in specs.items())
