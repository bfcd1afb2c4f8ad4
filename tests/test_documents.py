"""The documents stay true: README blocks run, tables are complete, links lead somewhere.

A block whose fence says ```sh run is executed by bash, in the order of the README, all in one folder that holds the
sample catalogue as `data/`. The hashing encoder stands in for the language model, so a build takes a second.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from bisect import bisect_right
from math import ceil, log
from pathlib import Path

import orjson
import pytest

from indexer.space import postings
from service import decision
from service.calibration import calibrate, dial, learning, leave_one_out, reliability, tagging
from service.calibration.calibrate import Calibration
from service.settings import ServiceSettings
from service.tags import rules, voted
from service.vote import evidence, mixture, voices

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
README = (ROOT / "README.md").read_text("utf-8")
DECISION = (ROOT / "docs" / "decision.md").read_text("utf-8")
BLOCKS = re.findall(r"^```sh run\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md")])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the README's blocks run in, one after the other."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "data").symlink_to(ROOT / "data")
    return folder


@pytest.mark.parametrize("block", BLOCKS)
def test_a_readme_block_runs_as_it_is_printed(block: str, folder: Path) -> None:
    """Every command of the block ends well, with nothing but the installed `aisle` on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "AISLE_ENCODER": "hashing"}
    command = ["bash", "-euo", "pipefail", "-c", block]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_lists_every_make_target() -> None:
    """The table has the targets that `make help` has, in the same order."""
    targets = re.findall(r"^(\w+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert re.findall(r"^\| `make (\w+)` \|", README, re.MULTILINE) == targets


def test_the_readme_quotes_the_figures_that_were_measured() -> None:
    """Each row of the table of speeds is what the files in benchmarks/results say."""
    bulk, rest, clip = (orjson.loads((RESULTS / f"{name}.json").read_bytes()) for name in ("bulk", "rest", "clip"))
    pictures = clip["pipeline"]["streamed"]["pipeline_per_second"]
    share = max(each["rest_share"] for each in bulk["shares"].values())
    speeds = [f"{bulk['whole']['build_s']} s", f"{bulk['whole']['classify_s']} s", f"{share:.1%}"]
    part = README.partition("## How fast is it")[2].partition("\n## ")[0]
    table = [line.strip("| ").split(" | ") for line in part.splitlines() if re.match(r"\| .* \| \d.* \|$", line)]
    assert [*speeds, f"{rest['ratio_median']:.2f} times", f"{pictures}"] == [row[-1] for row in table]


def test_the_table_of_accuracy_has_its_place() -> None:
    """The script that makes it finds its marks, in the section about it."""
    begin, end = re.findall(r'"(<!-- .+? -->)"', (ROOT / "benchmarks" / "accuracy.py").read_text("utf-8"))
    part = README.partition("## How accurate is it")[2].partition("\n## ")[0]
    assert 0 < part.find(f"\n{begin}\n") < part.find(f"\n{end}\n")


def test_the_numbers_of_the_decision_are_those_of_the_code() -> None:
    """docs/decision.md, "Every number": each constant that has a row stands there as it is."""
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|", DECISION.partition("## Every number")[2], re.MULTILINE)
    settings = ServiceSettings.model_fields
    numbers: dict[str, tuple[float, ...]] = {
        "precision": (settings["precision"].default,),
        "likelier than not": (decision.HALF,),
        "level of the test": (dial.LEVEL,),
        "level of the first test": (dial.FIRST,),
        "novel share": (calibrate.NOVEL,),
        "enough": (calibrate.ENOUGH,),
        "noise": (voices.NOISE,),
        "candidates": (evidence.CANDIDATES, evidence.BY_PROTOTYPE, evidence.BY_NAME),
        "few": (evidence.FEW,),
        "newcomers": (learning.NEW, learning.NEWCOMERS),
        "widest offset": (reliability.WIDEST,),
        "near-copy": (leave_one_out.COPY,),
        "like, for tags": (tagging.ALIKE,),
        "support of a tag": (settings["tag_support"].default,),
        "tags at most": (settings["tag_limit"].default,),
        "tags' voters": (tagging.VOTERS,),
        "least voice": (voted.LEAST_VOICE,),
        "duplicate": (settings["duplicate_probability"].default,),
        "budget": (postings.BUDGET,),
    }
    learnt: dict[str, tuple[tuple[float, ...], float | tuple[float, ...]]] = {
        "floor of novelty": ((), calibrate.FLOOR),
        "voters": (learning.NEIGHBOURS, Calibration().neighbours),
        "weight of words": (learning.WORDS, Calibration().words),
        "the seven weights": ((), mixture.PRIOR),
        "threshold of a tag": ((), rules.THRESHOLD),
    }
    expected = {name: "; ".join(map(_said, values)) for name, values in numbers.items()}
    for name, (choice, before) in learnt.items():
        chosen = f", of {', '.join(map(_said, choice))}" if choice else ""
        first = before if isinstance(before, tuple) else (before,)
        expected[name] = f"learnt{chosen}; {', '.join(map(_said, first))}"
    assert expected == {name: value for name, value in rows if name in expected}


def test_the_decision_says_how_many_answers_a_precision_takes() -> None:
    """docs/decision.md: the fewest, and how many of some more may be wrong, at the first threshold and at others."""
    rows = re.findall(r"^\| (0\.9\d) \| (\d+) \| (.*) \|$", DECISION, re.MULTILINE)
    expected = []
    for precision in (0.9, 0.95, 0.99):
        least = 2 * ceil(log(dial.LEVEL) / log(precision))
        wrong = [
            _wrong(answered, precision) if answered >= least else "" for answered in (100, 500, 1_000, 5_000, 10_000)
        ]
        expected.append((f"{precision:.2f}", str(least), wrong))
    assert expected == [
        (precision, least, [cell.strip() for cell in f" {cells}".split("|")]) for precision, least, cells in rows
    ]


def _said(number: float) -> str:
    return f"{number:,}" if number >= 1_000 else f"{number:g}"


def _wrong(answered: int, precision: float) -> str:
    """Return how many of the answers may be wrong, for the first threshold and for others."""

    def chance(wrong: int) -> float:
        return dial.chance(answered, answered - wrong, precision)

    most = [bisect_right(range(answered), level, key=chance) - 1 for level in (dial.FIRST, dial.LEVEL)]
    return ", ".join(map(str, most))


def test_every_decision_is_in_the_list() -> None:
    """docs/adr/README.md links to each page of the folder, by its number, in order."""
    listed = re.findall(
        r"^\| \[(\d{4})\]\((.+?)\)", (ROOT / "docs" / "adr" / "README.md").read_text("utf-8"), re.MULTILINE
    )
    assert listed == [(page.name[:4], page.name) for page in sorted((ROOT / "docs" / "adr").glob("0*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Each link to a place in this repository names a file or folder that exists."""
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))
    inside = [link for link in links if "://" not in link]
    assert [link for link in inside if not (page.parent / link).exists()] == []
