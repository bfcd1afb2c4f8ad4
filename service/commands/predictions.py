"""aisle predictions: what was answered and what people said of it, or are to look at; deciding and taking back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.commands.decisions import author_option, undo
from service.console.options import (
    FILE,
    by_itself,
    index_option,
    json_option,
    open_engine,
    print_json,
    service_settings,
)

if TYPE_CHECKING:
    from indexer.sources.rows import Problem, Record
    from indexer.store.predictions import Wanted
    from service.feedback.deciding import Action

REFUSALS = "decisions.refused.csv"

_DECIDED = ("yes", "no")
_DECISIONS = ("auto", "suggest", "abstain")
_ACTIONS = ("accept", "correct", "coarser", "finer", "tags", "skip", "unsure")
_DAY = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


def wanted_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which predictions are meant; the command gets them as Wanted."""

    @wraps(command)
    def with_wanted(**given: Any) -> Any:  # noqa: ANN401 - whatever the command takes besides
        names = ("decided", "decision", "category", "supplier", "since", "until")
        asked = {name: given.pop(name) for name in names}
        return command(wanted=_asked(**asked), **given)

    options = (
        click.option("--decided", type=click.Choice(_DECIDED), help="Those that somebody settled, or the others."),
        click.option("--decision", type=click.Choice(_DECISIONS), help="What the answer decided."),
        click.option("--category", default="", metavar="PATH", help="Answers of it and below, as it was called then."),
        click.option("--supplier", metavar="NAME", help="Of products of this supplier."),
        click.option("--since", type=_DAY, metavar="TIME", help="Answered then or later, in UTC."),
        click.option("--until", type=_DAY, metavar="TIME", help="Answered before, in UTC."),
    )
    for option in reversed(options):
        with_wanted = option(with_wanted)
    return with_wanted


@click.group(invoke_without_command=True)
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, metavar="N", help="The N latest."
)
@wanted_options
@json_option
@index_option
@click.pass_context
def predictions(context: click.Context, *, wanted: Wanted, limit: int, index: Path, as_json: bool) -> None:
    """List what was answered, the latest first, and what people decided about it."""
    if not by_itself(context):
        return
    from indexer.store.place import open_store
    from service.console.predictions import prediction_table
    from service.feedback.telling import told

    with closing(open_store(index)) as records:
        found = records.predictions.page(limit=limit, wanted=wanted)
    if as_json:
        print_json([told(each) for each in found])
        return
    click.echo(prediction_table(found))


@predictions.command("export")
@click.option("-o", "--out", type=FILE, required=True, help="Table to write: .csv, .tsv, .jsonl, .parquet or .xlsx.")
@wanted_options
@index_option
def predictions_export(*, out: Path, wanted: Wanted, index: Path) -> None:
    """Write predictions, each with the decision about it; as .jsonl all that was answered."""
    from indexer.store.place import open_store
    from service.console.predictions import write_predictions
    from service.console.progress import Progress
    from service.console.table import check_output
    from service.console.words import counted

    check_output(out)
    with closing(open_store(index)) as records, Progress() as progress:
        progress.start("export", records.predictions.count(wanted), "predictions")
        done = write_predictions(records.predictions, out, wanted, progress.at)
    click.echo(f"{counted(done, 'prediction')} written to {out}", err=True)


@predictions.command("figures")
@wanted_options
@json_option
@index_option
def predictions_figures(*, wanted: Wanted, index: Path, as_json: bool) -> None:
    """Say how often answers were accepted and overruled: by category, confidence, supplier and day."""
    from indexer.store.place import open_store
    from service.console.predictions import figures_report
    from service.feedback.figures import figures_of

    with closing(open_store(index)) as records:
        found = figures_of(records.predictions, wanted, service_settings(index=index).review_sample)
    if as_json:
        print_json(found.told())
        return
    click.echo(figures_report(found))


@predictions.command("nominate")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--reason", default="", metavar="TEXT", help="Why people should look at them.")
@author_option
@index_option
def predictions_nominate(ids: tuple[str, ...], reason: str, author: str, index: Path) -> None:
    """Put stored products into the review queue, before all else that waits there; undo takes them out."""
    from service.console.decisions import nomination_line
    from service.review.nominating import LIMIT, REASON_CHARS, Wish, nominate

    if len(ids) > LIMIT:
        raise click.UsageError(f"{len(ids):,} ids are too many for one nomination; name {LIMIT} at most")
    if len(reason) > REASON_CHARS:
        raise click.UsageError(f"a reason of {len(reason):,} characters is too long; use {REASON_CHARS} at most")
    with closing(open_engine(service_settings(index=index))) as engine:
        settled = nominate(engine, engine, Wish(ids, reason, author))
    click.echo(nomination_line(settled.decided), err=True)


@predictions.command("decide")
@click.argument("prediction", required=False, metavar="[ID")
@click.argument("decision", required=False, type=click.Choice(_ACTIONS), metavar="DECISION]")
@click.option("--category", default="", metavar="PATH", help="The right one, by path or id, where one has to be named.")
@click.option(
    "--tag", "added", multiple=True, metavar="TAG", help="A tag that the product gets besides; again for more."
)
@click.option("--without-tag", "removed", multiple=True, metavar="TAG", help="A tag that is wrong; again for more.")
@click.option("--id", "product_id", default="", metavar="ID", help="Of a product that was asked about without one.")
@click.option("--file", "file", type=FILE, help="Table of decisions to carry out instead, a row for each.")
@click.option("--refusals", type=FILE, help=f"With --file: table of refused rows. Default: {REFUSALS} in the index.")
@json_option
@author_option
@index_option
def predictions_decide(  # noqa: PLR0917 - click names them all
    prediction: str | None,
    decision: Action | None,
    category: str,
    added: tuple[str, ...],
    removed: tuple[str, ...],
    product_id: str,
    file: Path | None,
    refusals: Path | None,
    author: str,
    index: Path,
    *,
    as_json: bool,
) -> None:
    """Accept an answer or say what is right, by its ID or by a --file of many: the product is labelled so."""
    if file is not None:
        if prediction or category or added or removed or product_id:
            raise click.UsageError("--file says it all; leave ID, DECISION, --category, --tag, --without-tag, --id out")
        _decide_listed(file, refusals or index / REFUSALS, author, index, as_json=as_json)
        return
    if prediction is None or decision is None:
        raise click.UsageError("name a prediction and what is decided about it, or a table of many with --file")
    if refusals is not None:
        raise click.UsageError("--refusals is for a --file; leave it out")
    from service.console.decisions import prediction_line
    from service.feedback.deciding import Verdict, decide_prediction

    with closing(open_engine(service_settings(index=index))) as engine:
        kept = engine.live.records.predictions.get(prediction)
        settled = decide_prediction(engine, kept, Verdict(decision, category, added, removed, product_id), author)
    if as_json:
        print_json(settled.decided.told())
        return
    click.echo(prediction_line(settled), err=True)


predictions.add_command(undo)


def _decide_listed(file: Path, refusals: Path, author: str, index: Path, *, as_json: bool) -> None:
    """Carry out the decisions of a table, and write what was refused into another, which can be given again."""
    from service.console.progress import Progress
    from service.console.table import check_output, open_table
    from service.console.tallies import Wording, tally_facts, tally_report
    from service.feedback.listed import Decider, DecisionList

    check_output(refusals)
    listed = DecisionList(file)
    layout = listed.layout()
    columns = tuple(dict.fromkeys(("line", "code", "reason", *listed.columns)))
    with (
        closing(open_engine(service_settings(index=index))) as engine,
        open_table(refusals, columns, ()) as write,
        Progress() as progress,
    ):
        progress.start("decide", None, "rows")

        def refuse(row: Record, why: Problem) -> None:
            write([{**row.fields, "line": str(row.number), "code": why.code, "reason": why.reason}])

        tally = Decider(engine, layout, author).take(listed.rows(), refuse, progress.at)
    wording = Wording("row", "decided", " decided so already", " without a decision", "aisle predictions undo")
    if as_json:
        print_json(tally_facts(tally, wording))
        return
    click.echo(tally_report(tally, wording, refusals), err=True)


def _asked(  # noqa: PLR0917 - as the options are
    decided: str | None,
    decision: str | None,
    category: str,
    supplier: str | None,
    since: datetime | None,
    until: datetime | None,
) -> Wanted:
    from indexer.store.predictions import Wanted

    return Wanted(
        decided=None if decided is None else decided == "yes",
        decision=decision or "",
        branch=category,
        supplier=supplier,
        since=since.isoformat() if since else "",
        until=until.isoformat() if until else "",
    )
