"""Clean text, language and the text of encoders, by worked examples and one law."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexer.normalize import clean_line, clean_text, language_of, normalize, normalize_many, text_of
from indexer.product import DESCRIPTION_CHARS, Product

CLEANED = {
    "plain text is untouched": ("Mug, blue - 300 ml (2 pcs)", "Mug, blue - 300 ml (2 pcs)"),
    "typographic quotes, dashes and signs are good text": (
        "naïve “quotes” – it’s 20 °C ® €5",
        "naïve “quotes” – it’s 20 °C ® €5",
    ),
    "other scripts are good text": ("コーヒーミル 電動, кофемолка, μύλος", "コーヒーミル 電動, кофемолка, μύλος"),
    "blocks become lines, inline tags nothing": ("<p>Hand <b>ma</b>de</p><p>Oak</p>", "Hand made\nOak"),
    "list items become lines": ("<ul><li>Oak</li><li>Ash &amp; elm</li></ul>", "Oak\nAsh & elm"),
    "cells are spaced and table rows become lines": (
        "<table><tr><th>Colour</th><td>Red</td></tr><tr><td>Size</td><td>M</td></tr></table>",
        "Colour Red\nSize M",
    ),
    "line breaks of both spellings": ("a<br>b<BR/>c", "a\nb\nc"),
    "the source's own line breaks mean nothing in HTML": ("<p>one\ntwo</p>", "one two"),
    "attributes are dropped": ('<div class="x" style="color:red">Oak</div>', "Oak"),
    "scripts, styles and comments vanish": ("<script>x()</script>Oak<style>p{}</style><!-- no -->!", "Oak!"),
    "CDATA is unwrapped": ("<![CDATA[<p>Oak</p>]]>", "Oak"),
    "a tag cut off at the end": ('Oak table <a href="http://exa', "Oak table"),
    "a comparison inside HTML": ("<p>5 < 6 and 7 > 6</p>", "5 < 6 and 7 > 6"),
    "chemistry stays one word": ("H<sub>2</sub>O", "H2O"),
    "less than": ("5 < 6", "5 < 6"),
    "a heart": ("<3 this mug", "<3 this mug"),
    "an arrow": ("HDMI <-> DVI", "HDMI <-> DVI"),
    "a type": ("List<String> explained", "List<String> explained"),
    "letters between angles that are no tag": ("x <b and c> y", "x <b and c> y"),
    "entities": ("Caf&eacute; &#39;Uno&#x27; &lt; 5", "Café 'Uno' < 5"),
    "entities escaped twice": ("Tom &amp;amp; Jerry", "Tom & Jerry"),
    "HTML escaped as text": ("&lt;p&gt;Oak &amp;lt; ash&lt;/p&gt;", "Oak < ash"),
    "a no-break space without its semicolon": ("10&nbsp cm&nbsp;wide", "10 cm wide"),
    "ampersands that start no entity": ("R&D ?a=1&copy=2 AT&T", "R&D ?a=1&copy=2 AT&T"),
    "mojibake": ("CafÃ© crÃ¨me â€“ 250 g", "Café crème – 250 g"),
    "mojibake of two rounds": ("CafÃƒÂ©", "Café"),
    "what only resembles mojibake": ("SÃO PAULO, Ångström", "SÃO PAULO, Ångström"),
    "ligatures, full width and squares (NFKC)": ("ﬁne １２ m²", "fine 12 m2"),
    "composed letters (NFKC)": ("Cafe\u0301", "Café"),
    "a fraction after a digit": ("5½ inch", "5 1/2 inch"),
    "trade mark signs are no letters": ("iPhone™ 7", "iPhone 7"),
    "zero width, soft hyphen, byte order mark": ("zero\u200bwidth soft\u00adhyphen\ufeff", "zerowidth softhyphen"),
    "control characters and NUL": ("a\x00b\x07 c", "ab c"),
    "a C1 control is what Windows meant by it": ("and so on\x85", "and so on..."),
    "lone surrogates and private use": ("a\ud800b\ue000c", "abc"),
    "white space is one space, lines stay": ("  a \t b\u00a0c \r\n\r\n  d\re ", "a b c\nd\ne"),
    "nothing": ("", ""),
    "nothing visible": ("<p>&nbsp;</p>\u200b", ""),
}


@pytest.mark.parametrize(("text", "expected"), CLEANED.values(), ids=CLEANED.keys())
def test_text_is_cleaned(text: str, expected: str) -> None:
    """Each kind of dirt goes, and what only resembles it stays."""
    assert clean_text(text, 4_000) == expected


@pytest.mark.parametrize("expected", [expected for _, expected in CLEANED.values()])
def test_clean_text_is_left_alone(expected: str) -> None:
    """The result of every example is its own result."""
    assert clean_text(expected, 4_000) == expected


def test_the_limit_counts_clean_characters() -> None:
    """Markup does not use up the limit, and the cut leaves no space at the end."""
    assert clean_text("<p><b>Oak table</b></p>", 4) == "Oak"
    assert clean_text("Oak table", 4) == "Oak"


def test_a_line_has_no_line_breaks() -> None:
    """Titles, brands and specs are one line."""
    assert clean_line("<p>Oak</p><p>table</p>", 100) == "Oak table"


@pytest.mark.parametrize(
    "bomb",
    [
        "<div>x" * 30_000,
        "<ul><li>x" * 20_000,
        "".join(f"<font color={i}>x" for i in range(10_000)),
        "&" + "amp;" * 50_000,
        "&lt;b&gt;" * 20_000,
        "<" * 200_000,
        "<a " * 60_000,
        "a=" * 100_000 + "<",
        "<b x=" * 40_000,
        "\n " * 100_000,
    ],
    ids=["div", "list", "font", "amp", "escaped", "angles", "open tags", "equals", "attributes", "lines"],
)
def test_hostile_markup_costs_little(bomb: str) -> None:
    """The longest description accepted is cleaned in seconds at most, however it is nested."""
    start = time.process_time()
    clean_text(bomb, 200_000)
    assert time.process_time() - start < 5


def test_a_product_is_normalized_field_by_field() -> None:
    """Text fields are cleaned; id, category and images are kept as they are; empty specs and repeated tags go."""
    dirty = Product(
        id=" 1&amp;2 ",
        title="<b>Coffee</b>\nmill &amp; grinder",
        description="<p>Grinds.</p><p>Fast.</p>",
        brand=" Acm&eacute; ",
        specs=(("<i>Colour</i>", "red&nbsp;"), ("Size", " "), ("", "loose")),
        category="Home &amp; Garden > Mills",
        tags=("kitchen ", "kitchen", "", "gift&amp;idea"),
        images=("a&amp;b.jpg",),
    )
    assert normalize(dirty) == Product(
        id=" 1&amp;2 ",
        title="Coffee mill & grinder",
        description="Grinds.\nFast.",
        brand="Acmé",
        specs=(("Colour", "red"), ("", "loose")),
        category="Home &amp; Garden > Mills",
        tags=("kitchen", "gift&idea"),
        images=("a&amp;b.jpg",),
    )


def test_many_products_keep_their_order() -> None:
    """normalize_many is normalize of each."""
    products = [Product(str(n), title=f"<p>{n}</p>") for n in range(5)]
    assert [product.title for product in normalize_many(products)] == ["0", "1", "2", "3", "4"]


LANGUAGES = {
    "en": "This handmade oak table fits into every kitchen and seats six people comfortably.",
    "de": "Dieser handgefertigte Tisch aus Eiche passt in jede Küche und bietet Platz für sechs Personen.",
    "fr": "Cette table en chêne faite à la main trouve sa place dans toutes les cuisines et accueille six personnes.",
    "es": "Esta mesa de roble hecha a mano cabe en todas las cocinas y tiene espacio para seis personas.",
    "it": "Questo tavolo in rovere fatto a mano sta bene in ogni cucina e offre spazio a sei persone.",
    "nl": "Deze handgemaakte eiken tafel past in elke keuken en biedt plaats aan zes personen.",
    "pl": "Ten ręcznie robiony dębowy stół pasuje do każdej kuchni i pomieści sześć osób.",
    "ru": "Этот дубовый стол ручной работы подходит для любой кухни и рассчитан на шесть человек.",
    "ja": "この手作りのオーク材のテーブルはどんなキッチンにも合い、六人で使えます。",
    "zh": "这张手工制作的橡木桌适合任何厨房,可供六人舒适就座。",
}


@pytest.mark.parametrize(("language", "text"), LANGUAGES.items(), ids=LANGUAGES)
def test_a_sentence_shows_its_language(language: str, text: str) -> None:
    """A sentence is enough to tell the language."""
    assert language_of(text) == language


@pytest.mark.parametrize("text", ["", "Sony WH-1000XM4", "12345 67890 " * 20, "Xbr Tqz Vklm Wprt " * 4])
def test_a_language_that_cannot_be_told_is_und(text: str) -> None:
    """Too few letters, or none that look like a language, give "und"."""
    assert language_of(text) == "und"


def test_normalize_sets_the_language() -> None:
    """Title and description together decide."""
    assert normalize(Product("1", "Tisch", LANGUAGES["de"])).language == "de"
    assert normalize(Product("1", "Tisch")).language == "und"


TEXTS = {
    "title only": (Product("1", "Oak table"), "Oak table"),
    "brand that the title lacks": (Product("1", "Oak table", brand="Acme"), "Oak table. Acme"),
    "brand that the title has": (Product("1", "ACME oak table", brand="Acme"), "ACME oak table"),
    "everything": (
        Product("1", "Oak table.", "Seats six.", "Acme", (("Colour", "oak"), ("", "heavy"))),
        "Oak table. Acme. Colour: oak; heavy. Seats six",
    ),
    "specs only": (Product("1", specs=(("Colour", "oak"),)), "Colour: oak"),
    "image only": (Product("1", images=("a.jpg",)), ""),
}


@pytest.mark.parametrize(("product", "expected"), TEXTS.values(), ids=TEXTS.keys())
def test_the_text_of_encoders(product: Product, expected: str) -> None:
    """Title, brand unless the title has it, specs, description."""
    assert text_of(product) == expected


def test_the_text_of_encoders_is_bounded() -> None:
    """A long description does not reach the tokenizer whole."""
    assert len(text_of(Product("1", "Oak", "x" * 100_000))) == 2_000
    assert text_of(Product("1", "Oak", "table"), limit=6) == "Oak. t"


DIRT = st.sampled_from(
    (  # noqa: SIM905  (a list of 45 quoted pieces hides what they are)
        "<p> </p> <b> <br> <script> </script> <!-- --> <a href= < > & &amp; amp; &lt; &gt; lt; # &#38; &#x26; &nbsp ; "
        "Ã © Ã¢ â€ ™ ½ 5 ´ ﬁ ﷺ \u0301 \u200b \u00ad \u2044 \ud83d \x00 \r \n \x85 . = 〈"
    ).split(" ")
)
TEXT = st.lists(DIRT | st.text(max_size=4), max_size=8).map("".join)


@settings(deadline=None, max_examples=100)
@given(
    title=TEXT,
    description=TEXT,
    specs=st.lists(st.tuples(TEXT, TEXT), max_size=1).map(tuple),
    tags=st.lists(TEXT, max_size=1).map(tuple),
)
@example(title="â€\n-->", description="", specs=(), tags=())
@example(title="&amp;lt;&amp;amp;lt;b&amp;gt;", description="", specs=(), tags=())
def test_cleaning_twice_is_cleaning_once(
    title: str, description: str, specs: tuple[tuple[str, str], ...], tags: tuple[str, ...]
) -> None:
    """normalize(normalize(p)) == normalize(p), language included."""
    once = normalize(Product("1", title, description, specs=specs, tags=tags))
    twice = normalize(once)
    assert twice == once
    assert twice.language == once.language


@pytest.mark.parametrize("start", ["<a ", "<a =", "<a"])
@pytest.mark.parametrize("more", ["=", " ", "= ", "x="])
def test_a_tag_that_never_ends_is_read_in_no_time(start: str, more: str) -> None:
    """As long as a description may be: what took the square of its length took ten minutes, and nothing else ran."""
    text = (start + more * DESCRIPTION_CHARS)[:DESCRIPTION_CHARS]
    begun = time.perf_counter()
    clean_text(text, DESCRIPTION_CHARS)
    assert time.perf_counter() - begun < 2
