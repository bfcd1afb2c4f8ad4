"""What the commands say about their work, as plain text: reports of build and classify, facts of an index, neighbours.

Cards of answers are in `service/console/cards.py`, trees in `service/console/drawing.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.encoders import missing
from service.console.progress import seconds
from taxonomy.names import SEPARATOR

if TYPE_CHECKING:
    from indexer.build import Report
    from indexer.snapshots.manifest import Manifest
    from indexer.store.records import StoreCounts
    from service.answer import Neighbour
    from service.calibration.calibrate import Calibration
    from service.console.table import Tally
    from service.renewal.order import Renewed
    from service.suggest import SuggestedTag, Where
    from taxonomy.foreign import ForeignMap
    from taxonomy.rows import ReadReport

REASONS = 3
"""Reasons of refusal that a report names."""
TITLE = 50
"""Characters of an example that are shown."""
UNPRICED = "{:,} prices that are no numbers above 0; the products are there without"
MISNUMBERED = "{:,} with a GTIN that is none, as by a wrong check digit; it is kept, and names no article"
UNLABELLED = (
    "no product has a category: neighbours and duplicates are found, but `aisle classify` abstains. To change that",
    "  name the column that holds it, as in --map category=shelf, and what parts its levels (--category-separator),",
    "  or give products that have one: aisle add LABELLED.csv, with columns id, title and category",
)
"""What a build says that has no labels."""
NOTES = 20
"""Oversights of a vocabulary that are named."""


def build_report(report: Report, index: Path) -> str:
    """Return what a build did, with counts that add up, and what to do next."""
    from indexer.sources import CODES

    rows, manifest = report.rows, report.manifest
    lines = [f"{index} is built in {seconds(report.seconds)}", *_facts(manifest)]
    if rows.quarantined:
        lines.append(fact("quarantine", f"{rows.quarantined:,} rows, each with its reason, in {report.quarantine}"))
        meant = {code: f"{code}: {CODES.get(code, code)}" for code in rows.by_code}
        lines += commonest(Counter({meant[code]: count for code, count in rows.by_code.items()}))
    if rows.unpriced:
        lines.append(fact("left out", UNPRICED.format(rows.unpriced)))
    if rows.misnumbered:
        lines.append(fact("GTIN", MISNUMBERED.format(rows.misnumbered)))
    if report.pictures and report.pictures.unread:
        lines.append(
            fact("unread", f"{report.pictures.unread.total():,} images, each with its reason beside the product")
        )
        lines += commonest(report.pictures.unread)
    if report.removed:
        lines.append(fact("removed", f"{report.removed:,} products that the source no longer has"))
    lines.append(fact("encoded", f"{report.encoded:,} texts; what was encoded before is kept"))
    if manifest.counts.get("products") and not manifest.counts.get("labelled"):
        lines += UNLABELLED
    lines += [
        "next:",
        f"  aisle info --index {index}",
        f"  aisle classify NEW_PRODUCTS.csv -o answers.csv --index {index}",
        f"  aisle serve --index {index}",
    ]
    return "\n".join(lines)


def mapping_facts(mapping: ForeignMap) -> str:
    """Return what became of the categories that were looked up in a mapping."""
    counts = mapping.counts
    return fact(
        "mapping",
        f"{counts.total():,} looked up = {counts['mapped']:,} mapped + {counts['ignored']:,} ignored + "
        f"{counts['undecided']:,} undecided, which go as without it",
    )


def index_facts(manifest: Manifest, index: Path, now: StoreCounts) -> str:
    """Return what a published index holds, how it was built, and what the record store holds beyond it by now."""
    built = datetime.fromisoformat(manifest.created_at)
    size = sum(int(file["bytes"]) for file in manifest.files.values())
    lines = [
        f"{index} holds snapshot {manifest.id}",
        fact("built", f"{built:%Y-%m-%d %H:%M} UTC, by aisle {manifest.aisle}"),
        *_facts(manifest),
        fact("since then", f"{now.seq - manifest.seq:,} changes; the record store holds {now.products:,} products now"),
        fact("files", f"{size / 1_000_000:,.1f} MB in {index / 'snapshots' / manifest.id}"),
    ]
    return "\n".join(lines)


def renewal_report(renewed: Renewed, index: Path) -> str:
    """Return what came of a rebuild: how it compares with what was served, and what is served now."""
    said = {
        "published": f"{index} serves snapshot {renewed.snapshot} now; `aisle rollback` returns to the one before",
        "held": f"snapshot {renewed.snapshot} of {index} waits: aisle publish {renewed.snapshot}, or aisle discard",
        "refused": f"the new snapshot of {index} is worse than the one that is served, and was thrown away",
    }
    lines = [said.get(renewed.state, renewed.state)]
    for each in renewed.compared:
        worse = ", worse beyond chance" if each.worse else ""
        lines.append(fact(each.measure, f"{each.this:.4f}, {each.other:.4f} before{worse}"))
    if renewed.note:
        lines.append(renewed.note)
    return "\n".join(lines)


def calibration_facts(calibration: Calibration, precision: float) -> list[str]:
    """Return what a calibration found, a line for each fact."""
    if not calibration.observations:
        return ["nothing to calibrate by: no two products have a category"]
    before, after = calibration.error
    lines = [
        f"{calibration.observations:,} products asked about, each without itself and its copies",
        fact("leaf", f"{calibration.accuracy:.1%} right with {calibration.neighbours} neighbours"),
        fact("error", f"{after:.3f} between probability and share right ({before:.3f} before the last step)"),
    ]
    for asked in sorted({0.9, 0.95, 0.99, precision}):
        curve = calibration.curves.get("auto")
        threshold = None if curve is None else curve.threshold(asked)
        said = "out of reach" if curve is None or threshold is None else f"{curve.coverage(threshold):.1%} answered"
        lines.append(fact(f"at {asked:g}", said))
    return lines


def evaluation_facts(figures: Mapping[str, Any], page: Path) -> list[str]:
    """Return the figures of an evaluation, a line for each, the gate's last, and where the report is."""
    from service.evaluation.report import WORDS

    lines = [f"{figures['asked']:,} of {figures['read']:,} products asked about, {figures['method']}"]
    lines += [fact("", f"{many:,} {why}") for why, many in figures["left"].items()]
    for name, each in figures["measures"].items():
        lines.append(
            f"  {WORDS[name][0]:<20} {each['value']:>6.1%}  ({100 * each['low']:.1f} to {100 * each['high']:.1f})"
        )
    lines.append(f"  {'Calibration error':<20} {figures['calibration']['error']:>6.3f}")
    for each in figures["dial"]:
        said = "no answer is sure enough"
        if each["precision"] is not None:
            said = f"{each['coverage']:.1%} answered, {each['precision']:.2%} of it right"
        lines.append(f"  {'At precision ' + format(each['asked'], 'g'):<20} {said}")
    if gate := figures.get("gate"):
        other = f"{gate['other']['index']}, snapshot {gate['other']['snapshot']}"
        lines.append(f"beside {other}, on {gate['products']:,} products that both were asked about:")
        for each in gate["comparisons"]:
            verdict = "worse" if each["worse"] else ""
            bounds = f"({100 * each['low']:+.2f} to {100 * each['high']:+.2f})"
            lines.append(
                f"  {WORDS[each['measure']][0]:<20} {100 * each['difference']:>+6.2f}  {bounds} {verdict}".rstrip()
            )
        lines.append("worse beyond noise" if gate["worse"] else "not worse beyond noise")
    return [*lines, f"report: {page}"]


def classify_report(tally: Tally, out: Path, duration: float) -> str:
    """Return what became of the rows of a file, with counts that add up to the rows of the output."""
    rate = tally.read / duration if duration else 0.0
    lines = [f"{out} holds {tally.read:,} rows, answered in {seconds(duration)} ({rate:,.1f}/s)"]
    meant = {
        "auto": "sure enough to apply",
        "suggest": "worth a look",
        "abstain": "left to a person",
    }
    lines += [fact(decision, f"{tally.decisions[decision]:>9,}  {words}") for decision, words in meant.items()]
    if tally.problems:
        lines.append(fact("", f"{tally.problems:>9,}  of these cannot be read; the column aisle_problem says why"))
    if tally.left_out:
        lines.append(
            fact("left out", f"{tally.left_out:,} cells of columns that the first rows lack; .jsonl keeps them")
        )
    return "\n".join(lines)


def neighbour_table(neighbours: Sequence[Neighbour]) -> str:
    """Return one line for each neighbour, the most similar first."""
    if not neighbours:
        return "nothing is stored here yet"
    cells = (
        (f"{each.similarity:.3f}", one_line(each.id), each.path or "-", one_line(each.title)) for each in neighbours
    )
    return "\n".join(aligned([("similarity", "id", "category", "title"), *cells]))


def taxonomy_notes(report: ReadReport, file: Path) -> list[str]:
    """Return what was merged, left out or dropped when a tree was read; nothing when nothing was."""
    notes = (
        ("ids that stand for a path which has an id already, understood as that one", len(report.aliases)),
        ("rows left out that have no path in this language", report.unnamed),
        ("second parents dropped, as a category has one here", report.dropped_parents),
    )
    return [f"{file}: {words}: {count:,}" for words, count in notes if count]


def suggestion_table(found: Sequence[SuggestedTag]) -> str:
    """Return one line for each suggested tag, the best first."""
    if not found:
        return "no phrase that tags and categories do not cover yet is said often enough"
    cells = (
        (
            one_line(each.phrase),
            f"{each.products:,}",
            f"{each.share:.1%}",
            ", ".join(_shelves(each.categories)),
            one_line(each.example.title)[:TITLE],
        )
        for each in found
    )
    return "\n".join(aligned([("phrase", "products", "share", "most of them in", "as in"), *cells]))


def _shelves(categories: Sequence[Where]) -> list[str]:
    """Return categories with their numbers, by the last of their names, or by the path where that is one of several."""
    last = [where.path.rpartition(SEPARATOR)[2] for where in categories]
    names = [name if last.count(name) == 1 else where.path for name, where in zip(last, categories, strict=True)]
    return [f"{name or 'no category'} {where.products:,}" for name, where in zip(names, categories, strict=True)]


def vocabulary_notes(oversights: Sequence[str], file: Path) -> list[str]:
    """Return what of a vocabulary has no effect, the first NOTES of it in words."""
    rest = len(oversights) - NOTES
    return [f"{file}: {each}" for each in oversights[:NOTES]] + (
        [f"{file}: {rest:,} more like these"] if rest > 0 else []
    )


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows as lines whose columns start at the same places."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def counted(number: int, noun: str) -> str:
    """Return so many of something that takes an s when they are several: 1 label, 2 labels."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def one_line(text: str) -> str:
    """Return a supplier's text as one line that does nothing to a terminal."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def minute(at: str) -> str:
    """Return a moment of the store to the minute."""
    return f"{datetime.fromisoformat(at):%Y-%m-%d %H:%M}"


def _facts(manifest: Manifest) -> list[str]:
    """Return what is in a snapshot, a line for each fact."""
    counts, tree = manifest.counts, manifest.taxonomy
    products, labelled, searched = (counts.get(name, 0) for name in ("products", "labelled", "vectors"))
    lines = []
    if "read" in counts:
        parts = [f"{counts[name]:,} {name}" for name in ("indexed", "skipped", "quarantined") if counts.get(name)]
        lines.append(fact("rows", f"{counts['read']:,} read = {' + '.join(parts)}"))
    lines.append(fact("products", f"{products:,} = {labelled:,} with a category + {products - labelled:,} without"))
    if searched != products:
        lines.append(fact("", f"{searched:,} can be found; {products - searched:,} have nothing that is encoded"))
    if "pictures" in counts:
        read, unread, without = (counts.get(name, 0) for name in ("pictures", "unread", "pictureless"))
        said = f"{read + unread:,} looked at = {read:,} read + {unread:,} not"
        lines.append(fact("pictures", f"{said}; {without:,} products have none"))
    if "given" in counts:
        lines.append(fact("vectors", f"{counts['given']:,} products came with one of their picture"))
    grows = "which grows with the labels" if tree["open"] else "and no others: labels outside are refused"
    version = f"; version {tree['number']}" if tree.get("number", 1) > 1 else ""
    lines.append(fact("categories", f"{tree['nodes']:,} in the tree, {grows}{version}"))
    parts = [f"{name} {dimension}" for name, dimension in manifest.parts.items()]
    lines.append(fact("encoder", f"{manifest.encoder_spec}, dimensions: {', '.join(parts)}"))
    several = len(manifest.views) > 1
    for view, each in manifest.views.items():
        lines.append(fact("vectors", (f"by {view}, " if several else "") + _vectors(each["vectors"])))
    if unseen := missing(manifest.encoder_spec):
        lines.append(fact("missing", unseen))
    return lines


def commonest(reasons: Counter[str]) -> list[str]:
    """Return the commonest reasons of a refusal, a line for each, and how many others there were."""
    common = reasons.most_common(REASONS)
    rest = reasons.total() - sum(count for _, count in common)
    lines = [fact("", f"{count:,} x {why}") for why, count in common]
    return [*lines, *([fact("", f"{rest:,} for other reasons")] if rest else [])]


def _vectors(vectors: Mapping[str, Any]) -> str:
    kind, parameters = vectors["kind"], dict(vectors["parameters"])
    recall, target = parameters.pop("recall", None), parameters.pop("recall_target", None)
    chosen = "".join(f", {name} {value}" for name, value in parameters.items())
    if recall is None:
        return f"{kind}: every vector is compared, recall 1{chosen}"
    return f"{kind}: recall {recall:.3f} measured, {target} asked for{chosen}"


def fact(name: str, words: str) -> str:
    """Return one line of a report: what it is about, and what there is to say."""
    return f"  {name:<10}  {words}"
