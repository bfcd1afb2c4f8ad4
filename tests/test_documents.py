"""The documents stay true: README blocks run, tables are complete, links lead somewhere.

A block whose fence says ```sh run is executed by bash, in the order of the README, all in one folder that holds the
sample catalogue as `data/`. The hashing encoder stands in for the language model, so a build takes a second.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
README = (ROOT / "README.md").read_text("utf-8")
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
    """Each row of its two tables is what the files in benchmarks/results say."""
    vote, bulk, rest = (orjson.loads((RESULTS / f"{name}.json").read_bytes()) for name in ("vote", "bulk", "rest"))
    expected = []
    for name, measured in vote["sets"].items():
        ours, rival = measured["table"]["aisle"], measured["best_rival"]
        figures = [ours[key] for key in ("level_1", "leaf_top_1", "leaf_top_3", "leaf_macro_f1")]
        figures += [rival["leaf_top_1"], rival["leaf_macro_f1"]]
        expected.append([name, *map(str, figures)])
    share = max(each["rest_share"] for each in bulk["shares"].values())
    speeds = [f"{bulk['whole']['build_s']} s", f"{bulk['whole']['classify_s']} s", f"{share:.1%}"]
    part = README.partition("## Measured")[2].partition("\n## ")[0]
    table = [line.strip("| ").split(" | ") for line in part.splitlines() if re.match(r"\| .* \| \d.* \|$", line)]
    assert table[: len(expected)] == expected
    assert [row[-1] for row in table[len(expected) :]] == [*speeds, f"{rest['ratio_median']:.2f} times"]


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
