"""What is said of a product by the annotations of its task: one thing, or why not. Pure.

Where an annotation is marked as the ground truth, it alone counts. Of each annotator the latest counts, and all have to
say the same: whom to believe is for people to settle, in Label Studio or by asking for the latest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from indexer.sources.rows import Problem
from service.labelstudio.reading import Annotation, Path
from taxonomy.names import name_key, path_text

Several = Literal["agree", "latest"]


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of one product. category: the path, () for nothing. tags: chosen ones.

    cleared: whether what is pre-annotated and not chosen is wrong: where tags were chosen, or the annotation was begun
    from what is pre-annotated. author: who says it, several separated by commas. at: when it was said last, or "".
    """

    author: str
    at: str
    category: Path
    tags: tuple[str, ...]
    cleared: bool


def said_of(
    annotations: Sequence[Annotation], several: Several, canonical: Callable[[str], str]
) -> Said | Problem | None:
    """Return what annotations say, the problem with them, or None where nothing is chosen in any.

    canonical: spelling of a tag.
    """
    chosen = [each for each in annotations if each.categories or each.tags]
    chosen = [each for each in chosen if each.truth] or chosen
    if not chosen:
        return None
    in_time = sorted(chosen, key=lambda each: each.at)
    standing = list({each.author or f"{place}": each for place, each in enumerate(in_time)}.values())
    standing.sort(key=lambda each: each.at)
    if several == "latest":
        standing = standing[-1:]
    last = standing[-1]
    if len({_meaning(each, canonical) for each in standing}) > 1:
        told = "; ".join(f"{each.author or 'somebody'}: {_words(each)}" for each in standing[:3])
        return Problem("disagreement", f"annotators disagree ({told[:400]}); settle it there, or take the latest")
    if len(last.categories) > 1:
        told = ", ".join(map(path_text, last.categories[:3]))
        return Problem("several_categories", f"several categories are chosen ({told[:400]}); choose one")
    authors = ", ".join(dict.fromkeys(each.author for each in standing if each.author))
    return Said(
        authors[:200],
        last.at,
        last.categories[0] if last.categories else (),
        last.tags or (),
        cleared=last.tags is not None or last.accepting,
    )


def _meaning(annotation: Annotation, canonical: Callable[[str], str]) -> tuple[object, object]:
    categories = frozenset(tuple(map(name_key, path)) for path in annotation.categories)
    return categories, frozenset(name_key(canonical(tag)) for tag in annotation.tags or ())


def _words(annotation: Annotation) -> str:
    return ", ".join([*map(path_text, annotation.categories[:2]), *(annotation.tags or ())][:6])
