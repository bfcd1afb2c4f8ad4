"""service/evaluation/report.py: a page that needs nothing from anywhere, and the figures beside it."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import orjson
import pytest

from indexer.errors import SettingError
from service.evaluation.figures import Setting, compared, figures
from service.evaluation.gate import Comparison
from service.evaluation.judged import Judged
from service.evaluation.measures import MEASURES
from service.evaluation.methods import Evaluated
from service.evaluation.report import FIGURES, LISTED, PAGE, WORDS, check, html, write

Judge = Callable[..., Judged]

HOSTILE = "</script><script>alert('1')</script><img src=x onerror=alert(2)> & 24\" {{ said }}"
SETTING = Setting('index/<b>"shop"</b>', "S", "hashing:64", 0.95, "auto")


class Page(HTMLParser):
    """Collects the tags with their attributes, and the text of each table row and of all that is no script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.texts: list[str] = []
        self._script = self._cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep one tag."""
        self.tags.append((tag, dict(attrs)))
        self._script = tag in {"script", "style"}
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        """Leave a script or a cell."""
        self._script = False
        self._cell &= tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        """Keep what is read, of a cell beside its cell."""
        if not self._script:
            self.texts.append(data)
            if self._cell:
                self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        """What a person reads, spaces as one."""
        return " ".join("".join(self.texts).split())

    def row(self, first: str) -> list[str]:
        """Return the row of a table that begins with a cell."""
        return next([" ".join(cell.split()) for cell in row] for row in self.rows if row and row[0].strip() == first)


@pytest.fixture(scope="module")
def said(judge: Judge) -> dict[str, Any]:
    """Return the figures of products whose texts are as bad as they can be."""
    pan, cup = "Home > Pans", 'Home > <i "Cups'
    right = {"label": pan, "answer": pan, "title": HOSTILE, "likely": 0.97, "tags": (HOSTILE,), "given": (HOSTILE,)}
    wrong = {"label": pan, "answer": cup, "title": HOSTILE, "likely": 0.93, "id": HOSTILE}
    rows = [*[right] * 6, wrong, {"label": cup, "answer": cup, "likely": 0.5, "kind": "suggest", "taught": False}]
    judged = judge(*({"vector": (1.0, number)} | row for number, row in enumerate(rows)))
    evaluated = Evaluated(judged, "by hand", 1_010, {"not sampled": 1_000, "refused, as by a build": 2}, "S")
    return figures(evaluated, SETTING)


@pytest.fixture(scope="module")
def page(said: dict[str, Any]) -> Page:
    """Return the page of these figures."""
    return Page(html(said))


def test_what_products_say_stays_text(page: Page) -> None:
    """No tag comes from a title, an id, a tag, a category or the name of an index; all of it can be read."""
    assert {"b", "i", "img"}.isdisjoint(tag for tag, attributes in page.tags if attributes)
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert [tag for tag, _ in page.tags].count("script") == 2 + 6
    assert HOSTILE in page.text
    assert 'Evaluation of index/<b>"shop"</b>' in page.text
    assert 'Home > <i "Cups' in page.text


def test_the_page_needs_nothing_from_anywhere(page: Page) -> None:
    """Neither a script nor a style nor a picture is asked for, so it can be kept and sent."""
    loaded = {name for _, attributes in page.tags for name in attributes} & {"src", "href", "data", "action"}
    assert loaded == set()
    assert "link" not in {tag for tag, _ in page.tags}


def test_the_page_says_what_was_asked(page: Page) -> None:
    """How many, how, of what, and why not the others."""
    assert "8 products asked about, by hand; snapshot S, encoder hashing:64, precision 0.95, policy auto." in page.text
    assert "Of 1,010 read, not asked about: 1,000 not sampled; 2 refused, as by a build." in page.text
    assert "Ranges hold the figure with 95%." in page.text


def test_every_measure_has_a_tile(page: Page, said: dict[str, Any]) -> None:
    """By the name that people know, as a percentage with its range."""
    assert list(WORDS) == list(MEASURES) == list(said["measures"])
    assert "Category right87.5%" in page.text.replace(" 87.5%", "87.5%")
    for name, _ in WORDS.values():
        assert name in page.text


def test_the_dial_says_where_nothing_is_sure_enough(page: Page) -> None:
    """A share and its range where something is."""
    assert page.row("80%")[1:3] == ["87.5%", "85.71%"]
    assert page.row("98%") == ["98%", "0.0%", "no answer is sure enough", "", "0.0%"]
    assert (
        "Of the products 1 belong to a category that the index does not have; of these 0.0% were decided auto."
        in page.text
    )


def test_tables_have_their_figures(page: Page) -> None:
    """Levels, weak categories with what they are taken for, tags, and errors with their label and answer."""
    assert page.row("2")[:3] == ["2", "8", "87.5%"]
    assert page.row("Home > Pans") == ["Home > Pans", "7", "1.00", "0.86", "0.92", '1× Home > <i "Cups']
    assert page.row(HOSTILE)[1:] == ["6", "1.00", "1.00", "1.00"]
    error = page.row(f"{HOSTILE}{HOSTILE}")
    assert error[1:] == ["Home > Pans", 'Home > <i "Cups', "0.930", "auto"]


def test_no_table_is_longer_than_anybody_reads(judge: Judge) -> None:
    """The rest is in the figures."""
    rows = [{"label": f"C{n % 60:02}", "answer": f"C{(n + 1) % 60:02}", "tags": (f"t{n}",)} for n in range(180)]
    judged = judge(*rows)
    found = figures(Evaluated(judged, "by hand", 180, {}, "S"), SETTING)
    page = Page(html(found))
    assert len(found["categories"]) == 60 > LISTED
    assert sum(bool(row) and row[0].startswith("C") and "×" in row[-1] for row in page.rows) == LISTED


def test_a_gate_is_shown_with_its_bounds(said: dict[str, Any], page: Page) -> None:
    """Where there is one, worse measures by name; without one nothing is said of it."""
    comparisons = [
        Comparison("leaf", 0.9, 0.95, -0.05, -0.08, -0.02, worse=True),
        Comparison("macro_f1", 0.8, 0.79, 0.01, -0.01, 0.02, worse=False),
    ]
    shown = Page(html(compared(said, SETTING, 1_234, comparisons)))
    assert "1,234 products that both were asked about. Worse beyond noise: Category right." in shown.text
    assert shown.row("Category right") == ["Category right", "90.00", "95.00", "-5.00", "-8.00 to -2.00"]
    assert shown.row("Macro-F1") == ["Macro-F1", "80.00", "79.00", "+1.00", "-1.00 to +2.00"]
    assert "Beside" not in page.text


def test_a_gate_that_is_open_says_so(said: dict[str, Any]) -> None:
    """Of no measure more than there is."""
    even = Page(html(compared(said, SETTING, 1_234, [])))
    assert "Not worse beyond noise in any measure." in even.text


def test_page_and_figures_are_written_into_a_folder_that_is_made(said: dict[str, Any], tmp_path: Path) -> None:
    """The figures as JSON; a report takes the place of the one before."""
    folder = tmp_path / "a" / "report"
    folder.mkdir(parents=True)
    (folder / PAGE).write_text("the one before")
    check(folder)
    assert write(said, folder) == folder / PAGE
    assert sorted(each.name for each in folder.iterdir()) == sorted([PAGE, FIGURES])
    assert orjson.loads((folder / FIGURES).read_bytes()) == said
    assert re.sub(r"\s", "", (folder / PAGE).read_text("utf-8")) == re.sub(r"\s", "", html(said))


def test_a_folder_that_cannot_be_written_to_is_refused_before_any_work(tmp_path: Path) -> None:
    """With what is in the way, and nothing is made."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match=r"the report cannot be written to .*/file/report: .*/file is no folder"):
        check(tmp_path / "file" / "report")
    with pytest.raises(SettingError, match="name another one with --out"):
        check(tmp_path / "file")
    check(tmp_path / "new" / "report")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
