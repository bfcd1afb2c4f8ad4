"""What `aisle audit` writes and says: tables of suspected labels, tags and patterns, and a report of all of it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from indexer.store.suspects import Wanted
from service.audit.ambiguity import Pair
from service.audit.findings import Findings
from service.audit.patterns import Pattern
from service.audit.reading import AmbiguousPair, DoubtedLabel, DoubtedTags, Reading
from service.console.table import open_table
from service.console.words import aligned, counted, fact, one_line

COLUMNS = ("id", "stored_path", "suggested_path", "probability", "severity", "kind", "neighbours")
"""What `aisle audit -o` writes: a contract."""
TAG_COLUMNS = ("id", "tag", "fault", "probability")
PATTERN_COLUMNS = (
    *("attribute", "value", "stored_path", "suggested_path"),
    *("support", "products", "share", "lift", "chance"),
    *("kind", "back", "back_of", "examples", "remedy"),
)
NUMBERS = frozenset({"probability", "severity", "support", "products", "share", "lift", "chance", "back", "back_of"})
PAGE = 1_000
"""Products that are written at a time."""
SHOWN = 20
"""Patterns, or labels, that are printed."""
NAMED = 3
"""Products of a pattern that are written as examples."""
VALUE = 40
"""Characters of a value or title that are printed."""

Tell = Callable[[int], None]
_Doubted = TypeVar("_Doubted", DoubtedLabel, DoubtedTags)


def write_labels(reading: Reading, out: Path, wanted: Wanted, limit: int | None, tell: Tell) -> int:
    """Write doubted labels, the worst first, and return how many; `tell(n)` is called as n are written."""
    return _written(out, COLUMNS, reading.all_labels(wanted, limit, PAGE), _label_rows, tell)


def write_tags(reading: Reading, out: Path, least: float, limit: int | None, tell: Tell) -> int:
    """Write missing and wrong tags, the product with the likeliest first, and return of how many products."""
    return _written(out, TAG_COLUMNS, reading.all_tags(least, limit, PAGE), _tag_rows, tell)


def _written(
    out: Path,
    columns: Sequence[str],
    pages: Iterable[Sequence[_Doubted]],
    rows: Callable[[_Doubted], list[dict[str, Any]]],
    tell: Tell,
) -> int:
    """Write the rows of what is doubted, a page at a time, and return how many products that are."""
    done = 0
    with open_table(out, columns, NUMBERS) as write:
        for page in pages:
            write([row for each in page for row in rows(each)])
            done += len(page)
            tell(done)
    return done


def _label_rows(each: DoubtedLabel) -> list[dict[str, Any]]:
    return [
        {
            "id": each.id,
            "stored_path": each.stored.path,
            "suggested_path": each.suggested.path,
            "probability": each.probability,
            "severity": each.severity,
            "kind": each.kind,
            "neighbours": "|".join(neighbour.id for neighbour in each.neighbours),
        }
    ]


def _tag_rows(each: DoubtedTags) -> list[dict[str, Any]]:
    return [
        {"id": each.id, "tag": tag, "fault": fault, "probability": probability}
        for tag, fault, probability in each.faults
    ]


def write_patterns(reading: Reading, out: Path, findings: Findings) -> int:
    """Write patterns, those with the most products first, and ambiguous pairs after them; return how many."""
    rows = [_pattern_row(reading, told) for told in pattern_facts(reading, findings.patterns)]
    rows += [_pair_row(each) for each in reading.pairs(findings.ambiguous)]
    with open_table(out, PATTERN_COLUMNS, NUMBERS) as write:
        write(rows)
    return len(rows)


def _pattern_row(reading: Reading, told: Mapping[str, Any]) -> dict[str, Any]:
    worst = reading.labels(Wanted(pattern=told["id"]), limit=NAMED)
    row = {**told, "kind": "systematic", "examples": "|".join(each.id for each in worst), "remedy": "fix"}
    return {name: row.get(name) for name in PATTERN_COLUMNS}


def _pair_row(found: AmbiguousPair) -> dict[str, Any]:
    """Return an ambiguous pair as a row: the category that is to be merged as the stored one, into the suggested."""
    there, back = _ways(found)
    return {
        "stored_path": found.merged.path,
        "suggested_path": found.into.path,
        "support": there[0],
        "products": there[1],
        "share": round(there[0] / max(1, there[1]), 6),
        "kind": "ambiguous",
        "back": back[0],
        "back_of": back[1],
        "examples": "|".join(each.id for each in found.examples),
        "remedy": "merge",
    }


def _ways(found: AmbiguousPair) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return how many of how many products of the category to be merged seem to belong in the other, and back."""
    pair = found.pair
    ways = (pair.one_to_other, pair.one_of), (pair.other_to_one, pair.other_of)
    return ways if found.merged == found.one else (ways[1], ways[0])


def pattern_facts(reading: Reading, found: Sequence[Pattern]) -> list[dict[str, Any]]:
    """Return patterns with the paths of their categories."""
    return [
        {
            "id": each.id,
            **asdict(each),
            "stored_path": reading.where(each.stored).path,
            "suggested_path": reading.where(each.suggested).path,
        }
        for each in found
    ]


def pair_facts(reading: Reading, found: Sequence[Pair]) -> list[dict[str, Any]]:
    """Return ambiguous pairs with the paths of their categories, ids of examples, and which is to be merged."""
    return [
        asdict(each.pair)
        | {
            "one_path": each.one.path,
            "other_path": each.other.path,
            "examples": [example.id for example in each.examples],
            "remedy": {"change": "merge", "nodes": [each.merged.path], "into": each.into.path},
        }
        for each in reading.pairs(found)
    ]


def audit_facts(reading: Reading, findings: Findings, wanted: Wanted) -> dict[str, Any]:
    """Return what an audit found: products = audited + unlabelled; `suspects` adds up over its kinds."""
    kinds = reading.count(wanted)
    return {
        "seq": findings.seq,
        "products": findings.products,
        "audited": findings.audited,
        "unlabelled": findings.unlabelled,
        "suspects": sum(kinds.values()),
        "kinds": kinds,
        "patterns": pattern_facts(reading, findings.patterns),
        "ambiguous": pair_facts(reading, findings.ambiguous),
    }


def audit_report(told: Mapping[str, Any], index: Path, written: Mapping[Path, str], least: float) -> str:
    """Return what an audit found, with counts that add up, and what was written where."""
    lines = [
        f"the labels of {index} are audited",
        fact(
            "products", f"{told['products']:,} = {told['audited']:,} audited + {told['unlabelled']:,} without a label"
        ),
        fact(
            "suspects", f"{counted(told['suspects'], 'label')} probably wrong, with a probability of {least:g} or more"
        ),
        *(fact("", f"{count:>9,}  {kind}") for kind, count in told["kinds"].items()),
    ]
    if told["patterns"]:
        lines.append(fact("patterns", f"{len(told['patterns']):,}, those with the most products first"))
        lines += pattern_lines(told["patterns"])
    if told["ambiguous"]:
        lines.append(
            fact(
                "ambiguous", f"{counted(len(told['ambiguous']), 'pair')} of categories that take each other's products"
            )
        )
        lines += pair_lines(told["ambiguous"])
    lines += [fact("written", f"{what} to {file}") for file, what in written.items()]
    return "\n".join(lines)


def pair_lines(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return ambiguous pairs as a table, the first SHOWN of them."""
    cells = [
        (
            f"{each['one_to_other']:,} of {each['one_of']:,}",
            f"{each['other_to_one']:,} of {each['other_of']:,}",
            f"{each['one_path']} <-> {each['other_path']}",
            ", ".join(one_line(id_)[:VALUE] for id_ in each["examples"]),
        )
        for each in found[:SHOWN]
    ]
    lines = aligned([("there", "back", "categories", "as"), *cells])
    rest, remedy = len(found) - SHOWN, found[0]["remedy"]
    lines += [f"and {rest:,} more; --patterns writes all"] if rest > 0 else []
    merged, into = (shlex.quote(path) for path in (remedy["nodes"][0], remedy["into"]))
    lines.append(f"to join the first: aisle taxonomy merge {merged} --into {into} --preview")
    return [f"  {line}" for line in lines]


def label_table(found: Sequence[DoubtedLabel]) -> str:
    """Return one line for each doubted label, the worst first."""
    if not found:
        return "no label is probably wrong"
    cells = (
        (
            f"{each.probability:.3f}",
            each.kind,
            one_line(each.id),
            each.stored.path,
            each.suggested.path,
            one_line(each.title)[:VALUE],
        )
        for each in found
    )
    return "\n".join(aligned([("wrong", "kind", "id", "stored", "suggested", "title"), *cells]))


def pattern_lines(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return patterns as a table, the first SHOWN of them."""
    cells = [
        (
            f"{each['support']:,} of {each['products']:,}",
            f"{each['lift']:,.1f}",
            f"{each['attribute']} {one_line(each['value'])[:VALUE]}",
            f"{each['stored_path']} -> {each['suggested_path']}",
        )
        for each in found[:SHOWN]
    ]
    lines = aligned([("products", "times usual", "of", "stored -> suggested"), *cells])
    rest = len(found) - SHOWN
    return [f"  {line}" for line in lines] + ([f"  and {rest:,} more; --patterns writes all"] if rest > 0 else [])
