"""service/commands/evaluating.py: what `aisle evaluate` prints, what it writes, how it ends."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from service.cli import main
from service.commands.evaluating import METHODS, WORSE
from service.engine import Engine
from service.evaluation import gate
from service.evaluation.run import METHODS as KNOWN_METHODS
from service.settings import ServiceSettings


class Ended(NamedTuple):
    """How a command ended."""

    code: int | str | None
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Return what runs `aisle evaluate` in an empty folder, with fewer samples at its gate, which is as plain."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gate, "RESAMPLES", 400)

    def ran(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["aisle", "evaluate", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Ended(ended.value.code, *capsys.readouterr())

    return ran


def test_an_evaluation_prints_its_figures_and_writes_a_report(run: Run, own_index: Path) -> None:
    """One line for each measure with its range, and where the page is; the figures as JSON beside it."""
    ended = run("--index", str(own_index), "--method", "leave-one-out", "--sample", "30")
    assert ended.code is None
    lines = ended.out.splitlines()
    assert lines[0] == "30 of 60 products asked about, leave-one-out"
    assert lines[1].split() == ["30", "not", "sampled"]
    assert lines[2] == "  Category right       100.0%  (100.0 to 100.0)"
    assert lines[-1] == f"report: {own_index}/evaluation/report.html"
    figures = json.loads((own_index / "evaluation" / "evaluation.json").read_text("utf-8"))
    assert figures["measures"]["leaf"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    page = (own_index / "evaluation" / "report.html").read_text("utf-8")
    assert f"Evaluation of {own_index}" in page


def test_an_evaluation_is_printed_as_json_and_written_where_it_is_wanted(run: Run, own_index: Path) -> None:
    """Of products of a source by any profile, with how many were held already or refused."""
    rows = ["P001,Old pan,Pets", "n1,Fenwick frying pan,Kitchen > Cookware > Frying Pans", ",Nameless,Pets"]
    Path("new.csv").write_text("\n".join(["sku,name,shelf", *rows]))
    named = ("--map", "id=sku", "--map", "title=name", "--map", "category=shelf")
    ended = run("new.csv", *named, "--index", str(own_index), "-o", "a/b", "--json", "--policy", "leaf")
    assert ended.code is None
    figures = json.loads(ended.out)
    assert figures == json.loads(Path("a/b/evaluation.json").read_text("utf-8"))
    assert (figures["read"], figures["asked"], sorted(figures["left"].values())) == (3, 1, [1, 1])
    assert (figures["method"], figures["setting"]["policy"]) == ("products of a source", "leaf")


def test_what_is_held_out_is_asked_by_default(run: Run, own_index: Path) -> None:
    """A fifth of the products, without the others being asked at all."""
    ended = run("--index", str(own_index), "--json")
    figures = json.loads(ended.out)
    assert (figures["method"], figures["asked"], sum(figures["left"].values())) == ("1 of 5 parts held out", 12, 48)


def test_a_gate_that_is_closed_is_exit_code_3(run: Run, own_index: Path, built_index: Path) -> None:
    """After the report, which says why; a tolerance of everything lets through what is worse."""
    with closing(Engine.open(ServiceSettings(index=own_index))) as engine:
        stored = [each.record.product for each in engine.page(0, 100)]
        engine.put([replace(each, category=stored[-place].category) for place, each in enumerate(stored[::3], 1)])
    plan = ("--method", "leave-one-out", "--sample", "40")
    worse = run(*plan, "--index", str(own_index), "--against", str(built_index))
    assert (worse.code, worse.out.splitlines()[-2]) == (WORSE, "worse beyond noise")
    assert " on 40 products that both were asked about:" in worse.out
    assert re.search(r"^  Category right +-\d+\.\d\d  \(-.* to -.*\) worse$", worse.out, re.MULTILINE)
    assert (own_index / "evaluation" / "report.html").is_file()
    even = run(*plan, "--index", str(own_index), "--against", str(built_index), "--tolerance", "1")
    assert (even.code, even.out.splitlines()[-2]) == (None, "not worse beyond noise")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--against", "previous"), "--against compares two indexes on the same questions, --method held-out builds"),
        (("--method", "leave-one-out", "--against", "previous"), "keeps no snapshot from before"),
        (("--method", "leave-one-out", "--against", "nowhere"), "nothing was built in nowhere yet"),
        (("--folds", "61"), "the index has 60 labelled products, too few for 61 parts; label more"),
        (
            ("-o", "file"),
            "the report cannot be written to file: file is no folder that can be written to",
        ),
        (("--mlflow", "nonsense://x"), "the evaluation cannot be logged at nonsense://x: "),
    ],
)
def test_an_evaluation_that_cannot_be_is_one_line(
    run: Run, built_index: Path, arguments: tuple[str, ...], message: str
) -> None:
    """With the value, the limit and the remedy; nothing is written."""
    Path("file").write_text("")
    ended = run("--index", str(built_index), *arguments)
    assert (ended.code, ended.out) == (1, "")
    assert message in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not (built_index / "evaluation").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("new.csv", "--method", "held-out"), "--method asks an index about its own products; leave it out beside a"),
        (("new.csv", "--folds", "3"), "--folds asks an index about its own products"),
        (("--limit", "5", "--map", "id=sku"), "--limit, --map: there is no SOURCE to read so; name one"),
        (("--against", ""), "--against is empty; leave it out, or say what it names"),
        (("--mlflow", ""), "--mlflow is empty"),
        (("--folds", "1"), "1 is not in the range 2<=x<=100"),
        (("--tolerance", "2"), "2.0 is not in the range 0<=x<=1"),
        (("--method", "guess"), "'guess' is not one of 'held-out', 'cross-validated', 'leave-one-out'"),
    ],
)
def test_an_evaluation_that_would_ignore_an_option_is_refused(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    """As wrong usage, before anything is read."""
    ended = run("--index", "nowhere", *arguments)
    assert ended.code == 2
    assert message in " ".join(ended.err.split())


def test_an_evaluation_is_logged(run: Run, own_index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the page and the figures, and the run is named."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    plan = ("--method", "leave-one-out", "--sample", "5", "--mlflow", "file:runs")
    ended = run("--index", str(own_index), *plan)
    assert ended.code is None
    logged = re.search(r"^logged at file:runs as run ([0-9a-f]{32})$", ended.err, re.MULTILINE)
    assert logged is not None
    kept = next(Path("runs").glob(f"*/{logged[1]}/artifacts"))
    assert sorted(file.name for file in kept.iterdir()) == ["evaluation.json", "report.html"]


def test_the_methods_are_those_of_an_evaluation() -> None:
    """What can be said on the command line is what there is."""
    assert METHODS == KNOWN_METHODS
    assert WORSE == 3
