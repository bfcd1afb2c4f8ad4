"""Article numbers: GTINs by their check digit, maker's numbers as they are compared, and what looks like neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.codes import ArticleNumbers, codes_of, gtin, hashed, maker_number, numbers_of
from indexer.product import Product


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("4006381333931", "04006381333931"),  # EAN-13 of a pen
        ("036000291452", "00036000291452"),  # UPC-A, worked in the GS1 manual
        ("96385074", "00000096385074"),  # EAN-8
        ("10614141000415", "10614141000415"),  # GTIN-14
        ("0-306-40615-2", "09780306406157"),  # ISBN-10 and the ISBN-13 it became
        ("080442957X", "09780804429573"),
        ("978-0-306-40615-7", "09780306406157"),
        ("4006381333932", ""),
        ("0000000000000", ""),
        ("12345678901", ""),
        ("N/A", ""),
    ],
)
def test_gtin(text: str, whole: str) -> None:
    """A GTIN is 14 digits, whatever its length was; a wrong check digit makes it none."""
    assert whole == gtin(text)


@given(st.integers(1, 10**12 - 1))
def test_every_number_has_one_check_digit(number: int) -> None:
    """Of the ten digits that may follow twelve, one makes a GTIN."""
    assert sum(bool(gtin(f"{number:012d}{digit}")) for digit in range(10)) == 1


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("HD-7810/80", "HD781080"),
        ("hd 7810", "HD7810"),
        ("010-10723-01", "0101072301"),
        ("n/a", ""),
        ("none", ""),
        ("1234", ""),
        ("0000000", ""),
        ("x1", ""),
    ],
)
def test_maker_number(text: str, plain: str) -> None:
    """A maker's number is compared without case and separators; what has no digit, or is short, is none."""
    assert plain == maker_number(text)


def test_numbers_of_a_product() -> None:
    """Facts and specs state numbers, the title carries models, and the text GTINs."""
    product = Product(
        "1",
        title="Philips Senseo HD7810/80 coffee maker 1450W, 0.7l, 4006381333931",
        description="Replaces ISBN 0-306-40615-2 by nothing.",
        specs=(("EAN code", "036000291452"), ("Part Number", "hd 7810-80"), ("Colour", "RAL9010")),
        facts=(("mpn", "HD7810"), ("gtin", "4006381333931")),
    )
    assert numbers_of(product) == ArticleNumbers(
        gtins=("04006381333931", "00036000291452", "09780306406157"),
        stated=("HD7810", "HD781080"),
        models=("HD781080",),
    )


@pytest.mark.parametrize(
    ("title", "models"),
    [
        ("Sony VAIO VGN-FW270J/W laptop", ("VGNFW270JW",)),
        ("Garmin 010-10723-01 mount", ("0101072301",)),
        ("Philips HD 7810 Senseo", ("HD7810",)),
        ("SanDisk 64GB microSD 100MB/s class 10", ()),
        ("Milk 6x330ml pack of 6, 1080p 1920x1080 USB3.0 802.11n", ()),
        ("Levi's 501 jeans 32x34 in 2009", ()),
        ("", ()),
    ],
)
def test_models_in_titles(title: str, models: tuple[str, ...]) -> None:
    """Words of letters and digits are models; quantities, sizes and what is common to all are none."""
    assert models == numbers_of(Product("1", title=title)).models


def test_codes_are_shared() -> None:
    """A model in one title and the number that another states are one code; a GTIN never equals a maker's number."""
    said, stated, unlike = codes_of(
        [
            Product("1", title="Senseo HD7810"),
            Product("2", facts=(("mpn", "hd-7810"),)),
            Product("3", title="Senseo"),
        ]
    )
    assert said == stated
    assert unlike == ()
    assert set(hashed(ArticleNumbers(gtins=("04006381333931",)))).isdisjoint(
        hashed(ArticleNumbers(stated=("04006381333931",)))
    )
