"""From a raw row to a Product, or to the problem that keeps it out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import cast

from indexer.errors import ProductError
from indexer.price import Price, number_in
from indexer.product import FACTS, FOREIGN, WORTH, Product, Provenance, check
from indexer.sources.aliases import column_key, keys, spec_name
from indexer.sources.profile import Profile
from indexer.sources.rows import Problem, Record, Row
from indexer.sources.seen import SeenIds
from indexer.sources.specs import Specs, parse_specs
from indexer.sources.vectors import PART, RowVectors, Vector, vector_in
from taxonomy.foreign import ForeignMap
from taxonomy.mapping import RETIRED, CategoryMapper, Unmapped
from taxonomy.names import SEPARATOR, path_text
from taxonomy.separators import Invalid, Separators, parse_path
from taxonomy.vocabulary import split_tags

CATEGORIES = 20_000
"""Distinct category texts whose path is remembered."""

Facts = tuple[tuple[str, str], ...]

Standing = tuple[Provenance, float]
"""Who gave a label, and its weight."""

_NAMED = ('[{"name"', '[["')
"""How a list of specs starts that says each name; one that is empty is meant to be."""

_TELLING = ("title", "description", "brand", "specs", "image", "image_vector")
"""Fields that a product could be told by."""

NO_CONTENT = Problem("no_content", "the row has neither text nor image; give it at least a title")

_SUPPLIER: Standing = ("supplier", 1.0)

# A comma or semicolon ends an image only before the next address or after a picture's ending: addresses contain both.
_IMAGES = re.compile(
    r"[|\n]|[,;](?=\s*https?://)|(?:(?<=\.jpg)|(?<=\.png)|(?<=\.gif)|(?<=\.jpeg)|(?<=\.webp)|(?<=\.avif))[,;]",
    re.IGNORECASE,
)


class Reader:
    """Makes the rows of one source; remembers the ids it has seen, of labelled sources only.

    profile: detected, so that its columns are those of the source. vectors: whether image vectors are read from their
    column, or the rows of a file that are taken instead. mapping: what a source's categories mean, asked before
    anything else; where it says nothing a category is read as without it.
    """

    def __init__(
        self,
        profile: Profile,
        separators: Separators,
        mapper: CategoryMapper | None = None,
        *,
        labelled: bool = True,
        vectors: RowVectors | bool = False,
        mapping: ForeignMap | None = None,
    ) -> None:
        self._vectors = vectors
        self._mapping = mapping
        if mapping is not None:
            mapping.counts.clear()  # a sync reads its source twice
        self._place = -1
        self._columns = profile.columns
        self._constant = profile.constant
        self._separators = separators
        self._mapper = mapper
        self._labelled = labelled
        self._seen = SeenIds()
        self._placed = lru_cache(CATEGORIES)(self._located)
        named = profile.columns.get("specs", ())
        self._blocks = {column for column in named if len(named) == 1 or column_key(column) in keys("specs")}

    def row(self, record: Record) -> Row:
        """Return the row of a record, with its product or its problem; records come in the order of the source."""
        self._place += 1
        product_id = self._only("id", record.fields)
        if not product_id and not self._labelled:
            product_id = nameless(record.number)
        made = record.problem or self._product(product_id, record.fields)
        if isinstance(made, Product) and self._labelled and (first := self._seen.add(product_id, record.number)):
            made = Problem("repeated_id", f"row {first:,} has the id {product_id[:80]!r} already; keep one of the two")
        if isinstance(made, Problem):
            return Row(record.number, product_id, record.fields, problem=made)
        unpriced = bool(self._only("price", record.fields)) and "price" not in made.known
        return Row(record.number, product_id, record.fields, product=made, unpriced=unpriced)

    def _product(self, product_id: str, fields: Mapping[str, str]) -> Product | Problem:
        if not product_id:
            return Problem("no_id", "the row has no id; give it one of 1 to 256 characters")
        specs = self._specs(fields)
        if isinstance(specs, Problem):
            return specs
        facts = self._facts(fields)
        category: str | Problem = ""
        if self._labelled:
            category, facts = self._meant(fields, facts) or (self._category(fields), facts)
        if isinstance(category, Problem):
            return category
        standing = self._standing(fields) if self._labelled else _SUPPLIER
        if isinstance(standing, Problem):
            return standing
        vector = self._vector(fields)
        if isinstance(vector, Problem):
            return vector
        product = Product(
            id=product_id,
            title=self._only("title", fields),
            description="\n".join(map(_plain, self._all("description", fields))),
            brand=self._only("brand", fields),
            specs=specs,
            category=category,
            tags=self._tags(fields) if self._labelled else (),
            images=tuple(image for cell in self._all("image", fields) for image in _images(cell)),
            provenance=standing[0],
            weight=standing[1],
            vectors={} if vector is None else {PART: vector},
            facts=facts,
        )
        return NO_CONTENT if self._bare(fields) else _checked(product)

    def _all(self, name: str, fields: Mapping[str, str]) -> list[str]:
        """Return the cells of a field that are not blank, or its constant."""
        cells = [text for column in self._columns.get(name, ()) if (text := fields.get(column, "").strip())]
        constant = self._constant.get(name, "")
        return cells or ([constant] if constant else [])

    def _bare(self, fields: Mapping[str, str]) -> bool:
        """Return whether a row says nothing of its product itself: what all rows say tells none from another."""
        if not self._constant or isinstance(self._vectors, RowVectors):
            return False
        cells = (fields.get(column, "") for name in _TELLING for column in self._columns.get(name, ()))
        return not any(map(str.strip, cells))

    def _only(self, name: str, fields: Mapping[str, str]) -> str:
        return _plain(next(iter(self._all(name, fields)), ""))

    def _specs(self, fields: Mapping[str, str]) -> Specs | Problem:
        specs: list[tuple[str, str]] = []
        for column in self._columns.get("specs", ()):
            cell = fields.get(column, "").strip()
            if not cell:
                continue
            if column not in self._blocks and not cell.startswith(("{", "[")):
                specs.append((spec_name(column) or column, cell))
                continue
            parsed = parse_specs(cell)
            if isinstance(parsed, Problem):
                return parsed
            lone = len(parsed) == 1 and not parsed[0][0] and not cell.startswith(_NAMED)
            specs += [(column, parsed[0][1])] if lone else parsed
        return tuple(specs) or parse_specs(self._constant.get("specs", ""))

    def _facts(self, fields: Mapping[str, str]) -> Facts:
        """Return what is known besides; a price that is no number above 0, and a worth without one, are left out."""
        texts = {name: self._only(name, fields) for name in FACTS if name != FOREIGN}
        texts[FOREIGN] = SEPARATOR.join(map(_path, self._all(FOREIGN, fields)))
        if texts["price"] and Price.read(texts["price"]) is None:
            texts["price"] = ""
        if texts[WORTH] and number_in(texts[WORTH]) is None:
            texts[WORTH] = ""
        return tuple((name, text) for name, text in texts.items() if text)

    def _meant(self, fields: Mapping[str, str], facts: Facts) -> tuple[str, Facts] | None:
        """Return the category that the mapping gives, "" for one that says nothing; None where nothing is decided.

        With it the facts, among them the category that it has replaced, as the source wrote it.
        """
        if self._mapping is None:
            return None
        written = SEPARATOR.join(map(_path, self._all("category", fields)))
        known = dict(facts).get(FOREIGN, "")
        path = self._mapping.find(written or known) if written or known else None
        return None if path is None else (path, facts if known else (*facts, (FOREIGN, written)))

    def _category(self, fields: Mapping[str, str]) -> str | Problem:
        cells = self._all("category", fields)
        if not cells:
            return ""
        return self._placed(cells[0] if len(cells) == 1 else json.dumps(cells))

    def _located(self, text: str) -> str | Problem:
        """Return the path of a category, as its source or the mapper's tree writes it."""
        path = parse_path(text, self._separators)
        if self._mapper is None:
            return Problem("invalid_category", path.reason) if isinstance(path, Invalid) else path_text(path)
        node: int | Unmapped = Unmapped("")
        if not isinstance(path, Invalid):
            node = self._mapper.resolve(path_text(path))
        if isinstance(node, Unmapped):
            node = self._mapper.resolve(text)
        if node == RETIRED:
            return ""
        return Problem("invalid_category", node.reason) if isinstance(node, Unmapped) else self._mapper.tree.text(node)

    def _vector(self, fields: Mapping[str, str]) -> Vector | Problem | None:
        if isinstance(self._vectors, RowVectors):
            return self._vectors.at(self._place)
        return vector_in(next(iter(self._all("image_vector", fields)), "")) if self._vectors else None

    def _tags(self, fields: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(tag for cell in self._all("tags", fields) for tag in split_tags(cell)))

    def _standing(self, fields: Mapping[str, str]) -> Standing | Problem:
        """Return who gave the label and its weight, for `check` to look at, or why the weight is no number."""
        provenance = self._only("provenance", fields).casefold() or _SUPPLIER[0]
        text = self._only("weight", fields)
        try:
            weight = float(text.replace(",", ".")) if text else _SUPPLIER[1]
        except ValueError:
            return Problem(
                "invalid_label", f"the weight {text[:40]!r} of the label is no number; give 1 for a full voice"
            )
        return cast("Provenance", provenance), weight


def nameless(number: int) -> str:
    """Return what a row without an id is called, where it needs none."""
    return f"row-{number}"


def category_cell(profile: Profile, fields: Mapping[str, str]) -> str:
    """Return the text from which separators are detected: that of a category in one column, else ""."""
    columns = profile.columns.get("category", ())
    return fields.get(columns[0], "") if len(columns) == 1 else ""


def _checked(product: Product) -> Product | Problem:
    if not (product.has_text or product.images or product.vectors):
        return NO_CONTENT
    try:
        check(product)
    except ProductError as error:
        if error.field in {"provenance", "weight"}:
            return Problem("invalid_label", str(error))
        broken = error.field == "id" and "control characters" in str(error)
        return Problem("broken_row" if broken else "too_long", str(error))
    return product


def _plain(cell: str) -> str:
    """Unwrap a text that came as JSON: {"name": "Acme"} is Acme, ["One.", "Two."] is two lines."""
    if cell[:2] not in ('["', '{"'):
        return cell
    try:
        parsed = json.loads(cell)
    except (ValueError, RecursionError):
        return cell
    if isinstance(parsed, dict):
        parsed = parsed.get("name", parsed.get("value"))
    lines = parsed if isinstance(parsed, list) else [parsed]
    return "\n".join(lines) if all(isinstance(line, str) for line in lines) else cell


def _path(cell: str) -> str:
    """Return a category as it is written; the names of a JSON list as a path."""
    return SEPARATOR.join(_plain(cell).split("\n")) if cell.startswith('["') else cell


def _images(cell: str) -> list[str]:
    """Return the paths or addresses in a cell: a JSON list of texts or {url|src}, or a separated text."""
    if cell.startswith("["):
        try:
            listed = json.loads(cell)
        except (ValueError, RecursionError):
            listed = []
        found = [item.get("url") or item.get("src") if isinstance(item, dict) else item for item in listed]
        return [image.strip() for image in found if isinstance(image, str) and image.strip()]
    return [image for each in _IMAGES.split(cell) if (image := each.strip())]
