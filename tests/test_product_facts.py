"""Facts of products: from columns and requests into the store and out of it, and never into what is encoded."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from indexer.build import build
from indexer.errors import ProductError
from indexer.keeping.export import cells_of
from indexer.normalize import normalize, text_of
from indexer.price import Price, number_in
from indexer.product import Product, check, check_fact, content_hash
from indexer.settings import IndexSettings
from indexer.sources import read
from indexer.sources.profile import Profile
from indexer.store.history import is_same
from indexer.store.records import Record
from indexer.store.rows import Stored, image_of, same
from service.console.words import build_report

PRICES = {
    "12": "12",
    "379.0": "379",
    "12,5": "12.50",
    "1,299.00": "1299",
    "1.299,00 €": "1299 €",
    "1.299 €": "1299 €",
    "1.299": "1.2990",
    "$1,299": "1299 $",
    "1 299,95 €": "1299.95 €",
    "CHF 1'200.-": "1200 CHF",
    "Rs. 1,23,456": "123456 Rs.",
    "EUR12.50": "12.50 EUR",
}


@pytest.mark.parametrize(("text", "stored"), PRICES.items())
def test_prices_are_read_as_shops_write_them(text: str, stored: str) -> None:
    """Marks for thousands and cents are told apart, and a price is written in one way from then on."""
    assert str(Price.read(text)) == stored
    assert Price.read(stored) == Price.read(text)


@pytest.mark.parametrize(
    "text", ["", "0", "0.00", "-3", "10-20", "from 12", "on request", "12/kg", "1,2,3", "1e5", "9" * 16]
)
def test_what_is_no_price_is_none(text: str) -> None:
    """A range, a price for a unit, words and 0 are no prices."""
    assert Price.read(text) is None


@given(st.text(alphabet="0123456789.,' €$R-", max_size=12))
def test_a_price_reads_back(text: str) -> None:
    """What is stored of a price is the price."""
    price = Price.read(text)
    assert price is None or (Price.read(str(price)) == price and price.amount > 0)


def test_facts_are_no_part_of_what_is_encoded() -> None:
    """A price change leaves text and content hash as they are, but the product is another one for the store."""
    before = normalize(Product("1", "Mug", facts=(("price", "12"), ("gtin", "4006381333931"))))
    after = normalize(Product("1", "Mug", facts=(("gtin", "4006381333931"), ("price", "13"))))
    bare = Product("1", "Mug")
    assert text_of(before) == text_of(bare)
    assert content_hash(before) == content_hash(after) == content_hash(bare)
    assert not same(Record(before, content_hash(before)), Record(after, content_hash(after)))
    assert after.facts == (("gtin", "4006381333931"), ("price", "13"))
    assert normalize(after) == after


def test_an_image_from_before_there_were_facts_has_none() -> None:
    """A step back in the journal of an older aisle compares products without facts as they are."""
    stored = Stored(1, Record(Product("1", "Mug"), "hash"), 1, "then", "then")
    old = image_of(stored)
    del old["product"]["facts"]
    assert is_same(old, image_of(stored))


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (
            (("colour", "red"),),
            "'colour' is no fact that is kept; name one of gtin, mpn, price, supplier, worth, foreign_cat",
        ),
        ((("gtin", "1"), ("gtin", "2")), "the fact gtin is given twice; give one value"),
        ((("mpn", "x" * 2001),), "mpn has 2,001 characters, the limit is 2,000; shorten it"),
        ((("price", "on request"),), "the price 'on request' is no number above 0"),
    ],
)
def test_facts_have_limits(facts: tuple[tuple[str, str], ...], message: str) -> None:
    """An unknown name, a second value, a long one and a price that is none are refused by name."""
    with pytest.raises(ProductError, match=message) as refused:
        check(Product("1", "Mug", facts=facts))
    assert refused.value.field == "facts"


COLUMNS = {
    "facts beside everything else": (
        ["sku", "title", "EAN", "Preis", "Vendor", "brand", "merchant_category", "category"],
        {"gtin": "EAN", "price": "Preis", "supplier": "Vendor", "foreign_category": "merchant_category"},
    ),
    "a vendor is the brand where nothing else is": (["sku", "title", "vendor", "price"], {"price": "price"}),
    "the id is an article number as well": (["gtin", "title"], {"gtin": "gtin"}),
    "a part number is": (["Part-Number", "title", "upc"], {"mpn": "Part-Number", "gtin": "upc"}),
    "specs stay specs": (["id", "title", "attr_price", "attr_ean"], {}),
    "Google's category is the category where there is no other": (["id", "title", "google_product_category"], {}),
    "beside another it is foreign": (
        ["id", "title", "category", "google_product_category"],
        {"foreign_category": "google_product_category"},
    ),
    "what means too many things is none": (["id", "title", "store", "domain", "model", "type"], {}),
    "an exact name goes before another": (["id", "title", "source", "shop"], {"supplier": "shop"}),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_of_facts(name: str) -> None:
    """A fact is a column by its name that no field reads, but for the id."""
    columns, expected = COLUMNS[name]
    found = Profile().detected(columns).columns
    facts = ("gtin", "mpn", "price", "supplier", "foreign_category")
    assert {fact: found[fact][0] for fact in facts if found[fact]} == expected


def test_facts_of_rows(tmp_path: Path) -> None:
    """Cells become facts; a price that is none is left out and marked; levels of a foreign category are joined."""
    text = 'id,title,price,l1,l2,shop\n1,Mug,12.5,Home,Mugs,Acme\n2,Pan,on request,"[""A"", ""B""]",,\n3,Pot,,,,\n'
    (tmp_path / "p.csv").write_text(text)
    with read(tmp_path / "p.csv", foreign_category=["l1", "l2"]) as source:
        rows = list(source)
    assert [row.product.facts if row.product else None for row in rows] == [
        (("price", "12.5"), ("supplier", "Acme"), ("foreign_category", "Home > Mugs")),
        (("foreign_category", "A > B"),),
        (),
    ]
    assert [row.unpriced for row in rows] == [False, True, False]


def test_what_a_product_is_worth_is_any_number(tmp_path: Path) -> None:
    """Of a column that is named for it; text without a number is left out of a file, and refused by itself."""
    (tmp_path / "p.csv").write_text("id,title,stock\n1,Mug,1 200 pieces\n2,Pan,plenty\n3,Pot,0\n")
    with read(tmp_path / "p.csv", worth="stock") as source:
        assert [row.product.facts for row in source if row.product] == [
            (("worth", "1 200 pieces"),),
            (),
            (("worth", "0"),),
        ]
    with read(tmp_path / "p.csv") as source:
        assert [row.product.facts for row in source if row.product] == [(), (), ()]
    with pytest.raises(ProductError, match="the worth 'plenty' holds no number; write it like 120"):
        check_fact("worth", "plenty")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7),
        ("1,200 pieces", 1200),
        ("1.299,00 €", 1299),
        ("-3.5%", -3.5),
        ("0", 0),
        ("24 cm x 30", 24),
        ("none", None),
    ],
)
def test_the_number_that_a_text_says(text: str, number: float | None) -> None:
    """A price in any of its ways, else the first number."""
    assert number_in(text) == number


def test_a_number_that_nothing_could_be_weighed_against_is_none() -> None:
    """Of more digits than a float can have; a supplier's spec of that kind would outweigh and undo all others."""
    assert number_in("9" * 308) == pytest.approx(1e308)
    assert number_in(f"{'9' * 400} pieces") is None
    assert number_in(f"-{'9' * 400}") is None


def test_a_column_that_is_named_foreign_is_no_category(tmp_path: Path) -> None:
    """A supplier's own category can be told to be foreign, and is no label then; a supplier may be a constant."""
    (tmp_path / "p.csv").write_text("id,title,category\n1,Mug,Home > Mugs\n")
    profile = Profile(columns={"foreign_category": ("category",)}, constant={"supplier": "Acme"})
    (row,) = read(tmp_path / "p.csv", profile)
    facts = (("supplier", "Acme"), ("foreign_category", "Home > Mugs"))
    assert row.product == Product("1", "Mug", facts=facts)


def test_facts_are_exported_as_columns_that_a_build_reads() -> None:
    """Each fact has a column of its name, empty where it is not known."""
    product = Product("1", "Mug", facts=(("gtin", "4006381333931"), ("foreign_category", "Home > Mugs")))
    cells = cells_of(Stored(1, Record(product, "hash"), 1, "then", "then"))
    assert (cells["gtin"], cells["mpn"], cells["foreign_category"]) == ("4006381333931", "", "Home > Mugs")
    found = Profile().detected(list(cells)).columns
    assert found["foreign_category"] == ("foreign_category",)
    assert found["category"] == ("category_path",)


def test_facts_over_rest(client: TestClient) -> None:
    """They are stored with a product, changed one by one, taken away by null, and encode nothing."""
    product = {"title": "Mug", "facts": {"price": 12.5, "gtin": 4006381333931, "mpn": None}}
    assert client.put("/v1/products/F1", json=product).status_code == 201
    assert client.get("/v1/products/F1").json()["facts"] == {"gtin": "4006381333931", "price": "12.50"}
    changed = client.patch("/v1/products/F1", json={"facts": {"price": "13 EUR", "supplier": "Acme", "gtin": None}})
    assert (changed.json()["outcome"], changed.json()["version"]) == ("updated", 2)
    stored = client.get("/v1/products/F1").json()
    assert (stored["title"], stored["facts"]) == ("Mug", {"price": "13 EUR", "supplier": "Acme"})
    assert client.patch("/v1/products/F1", json={"facts": None}).json()["version"] == 3
    assert client.get("/v1/products/F1").json()["facts"] == {}


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"colour": "red"}, "'colour' is no fact that is kept"),
        ({"price": "on request"}, "the price 'on request' is no number above 0"),
        ({"price": 0}, "the price '0' is no number above 0"),
        ({"mpn": True}, "mpn is neither text nor a number"),
        ({"mpn": "x" * 2001}, "mpn has 2,001 characters, the limit is 2,000"),
        (["gtin"], "give an object with some of gtin, mpn"),
    ],
)
def test_facts_that_are_refused(client: TestClient, facts: object, message: str) -> None:
    """A fact that is none is a fault of the request, at its place."""
    response = client.post("/v1/categorize", json={"title": "Mug", "facts": facts})
    (fault,) = response.json()["errors"]
    assert (response.status_code, fault["pointer"]) == (422, "/facts")
    assert message in fault["message"]


def test_a_gtin_with_a_wrong_digit_is_said(client: TestClient, tmp_path: Path) -> None:
    """By the answer of a write, alone or by a patch, and by the counts of a build; the product is there with it."""
    put = client.put("/v1/products/G", json={"title": "Mug", "facts": {"gtin": "4006381333930"}})
    (warning,) = put.json()["warnings"]
    assert "the GTIN '4006381333930' is none, as by a wrong check digit" in warning
    patched = client.patch("/v1/products/G", json={"facts": {"gtin": "4006381333931"}})
    assert patched.json()["warnings"] == []
    rows = "id,title,gtin\n1,Mug,4006381333930\n2,Pan,4006381333931\n3,Pot,\n"
    (tmp_path / "p.csv").write_text(rows)
    with read(tmp_path / "p.csv") as source:
        report = build(source, tmp_path / "gtins", settings=IndexSettings(encoder="hashing:64"))
    assert (report.rows.indexed, report.rows.misnumbered) == (3, 1)
    assert "1 with a GTIN that is none" in build_report(report, tmp_path / "gtins")
