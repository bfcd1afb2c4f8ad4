"""Makes data/sample, an invented catalogue: `python data/make_sample.py [FOLDER]`.

What there is to sell is in data/sample_words, one file per department; `word_sample.py` words it as suppliers do and
`draw_sample.py` draws it. Each run, on any machine, writes the same tables and the same pixels.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from draw_sample import picture
from word_sample import HERE, IMPORTER, SHARED, SUPPLIERS, Listing, Thing, Words, chance, pick, read, shuffled, told

VARIANTS, DUPLICATES, WRONG_LABELS = 60, 40, 30
PICTURED = 0.4
COLUMNS = ("id", "title", "description", "brand", "specs", "category_path", "tags", "image_path", "supplier", "price")
PATTERNS = ("plain", "plain", "plain", "stripes", "dots")
DRAWINGS = read("pictures")["drawings"]


def leaves() -> list[Words]:
    """Return every leaf with its full path and what it takes from its department."""
    found = []
    for department in map(read, SHARED["departments"]):
        given = {"tags": [], "colours": list(SHARED["colours"]), "models": False, "n": 0, "specs": {}, "foreign": []}
        for leaf in department["leaf"]:
            path = f"{department['department']} > {leaf['path']}"
            found.append(given | department | leaf | {"path": path, "sizes": leaf.get("sizes", leaf.get("fits", [""]))})
    return found


def suited(options: Sequence[str], noun: str) -> list[str]:
    """Return the options for a noun, without the "@word" that keeps an option to nouns with that word in them."""
    parted = [option.partition(" @") for option in options]
    return [option for option, _, word in parted if word in noun] or [""]


def things(leaf: Words) -> Iterator[Thing]:
    """Yield the products of a leaf; no two share noun and look, and few brands, series and nouns fill a small leaf."""
    if not leaf["n"]:
        return
    own, few = chance(leaf["path"]), 2 + leaf["n"] // 3
    pairs = shuffled(own, [(noun, look) for noun in leaf["nouns"][:few] for look in suited(leaf["looks"], noun)])
    brands, names = shuffled(own, leaf["brands"])[:few], shuffled(own, SHARED["series"])[:few]
    for number in range(leaf["n"] + len(leaf["foreign"])):
        key = f"{leaf['path']} {number}"
        rng = chance(key)
        low, high = leaf["price"]
        noun, look = pairs[number] if number < leaf["n"] else ("", "")
        brand, series, made = pick(rng, brands), pick(rng, names), pick(rng, suited(leaf["made"], noun))
        fit, colour = pick(rng, suited(leaf["sizes"], noun)), pick(rng, leaf["colours"] or [""])
        price = low + (high - low) * rng.random() * rng.random()
        if noun:
            yield Thing(leaf, key, brand, series, noun, look, made, fit, colour, price)
        else:
            _, title, text = leaf["foreign"][number - leaf["n"]]
            said = (f"{brand} {title.format(series=series)}", text)
            yield Thing(leaf, key, brand, series, "", "", "", "", "", price, said)


def supplier_of(thing: Thing) -> Words:
    """Return who sells a thing, by the suppliers' shares."""
    sellers = [IMPORTER] if thing.said[0] else [seller for seller in SUPPLIERS for _ in range(seller["share"])]
    return pick(chance(f"{thing.key} seller"), sellers)


def variant(listing: Listing) -> Listing | None:
    """Return the same product in another size or colour, worded alike by the same supplier; None if it has neither."""
    thing, rng = listing.thing, chance(f"{listing.thing.key} variant")
    sizes = [] if "fits" in thing.leaf else suited(thing.leaf["sizes"], thing.noun)
    others = [("size", thing.fit, size) for size in sizes if size != thing.fit]
    others += [("colour", thing.colour, colour) for colour in thing.leaf["colours"] if colour != thing.colour]
    if not others:
        return None
    axis, old, new = pick(rng, others)
    fit, colour = (new, thing.colour) if axis == "size" else (thing.fit, new)
    price = thing.price * (0.8 + 0.5 * rng.random())
    other = replace(thing, key=f"{thing.key} variant", fit=fit, colour=colour, price=price)
    again = told(other, listing.supplier, listing.wording)
    if again.row["title"] == listing.row["title"]:
        again.row["title"] += f" {new.upper() if 'caps' in listing.supplier['habits'] else new}"
    return replace(again, kind="variant", of=listing, detail=f"{axis}: {old} -> {new}")


def duplicate(listing: Listing) -> Listing:
    """Return the same product as another supplier lists it."""
    thing, rng = listing.thing, chance(f"{listing.thing.key} duplicate")
    other = pick(rng, [supplier for supplier in SUPPLIERS if supplier is not listing.supplier])
    again = told(replace(thing, key=f"{thing.key} duplicate", price=thing.price * (0.9 + 0.2 * rng.random())), other)
    return replace(again, kind="duplicate", of=listing, detail=f"listed again by {other['name']}")


def mislabelled(listing: Listing, shelves: Sequence[str], *, near: bool) -> Listing | None:
    """Return the listing on a wrong shelf: a sibling of its own when `near`, else one of another department."""
    path = listing.row["category_path"]
    parent, department = path.rpartition(" > ")[0], path.partition(" > ")[0]
    wrong = (
        [shelf for shelf in shelves if shelf != path and shelf.rpartition(" > ")[0] == parent]
        if near
        else [shelf for shelf in shelves if shelf.partition(" > ")[0] != department]
    )
    if not wrong:
        return None
    shelf = pick(chance(f"{listing.thing.key} wrong label"), wrong)
    return replace(listing, row=listing.row | {"category_path": shelf}, kind="wrong_label", detail=path)


def taken(pool: list[Listing], make: Callable[[Listing], Listing | None], count: int) -> list[Listing]:
    """Take listings off the pool until `make` has made that many."""
    found: list[Listing] = []
    while len(found) < count:
        found += filter(None, [make(pool.pop())])
    return found


def catalogue() -> list[Listing]:
    """Return every listing in the order of the file; no listing takes part in two marks."""
    kinds = leaves()
    plain = [told(thing, supplier_of(thing)) for leaf in kinds for thing in things(leaf)]
    shelves = [leaf["path"] for leaf in kinds if leaf["n"]]
    pool = shuffled(chance("marks"), [listing for listing in plain if not listing.thing.said[0]])
    again = taken(pool, variant, VARIANTS) + taken(pool, duplicate, DUPLICATES)
    wrong = taken(pool, lambda listing: mislabelled(listing, shelves, near=True), WRONG_LABELS // 2)
    wrong += taken(pool, lambda listing: mislabelled(listing, shelves, near=False), WRONG_LABELS - WRONG_LABELS // 2)
    instead = {listing.thing.key: listing for listing in wrong}
    mixed = chance(
        "order 2878"
    )  # of many orders one whose first rows, the ones that `make run` shows, are good to look at
    return shuffled(mixed, [instead.get(listing.thing.key, listing) for listing in plain] + again)


def drawn(listing: Listing) -> bytes:
    """Return the picture of a listing, or nothing; a second listing shows the same drawing on another backdrop."""
    thing, first = listing.thing, (listing.of or listing).thing.key
    if chance(f"{first} picture").random() >= PICTURED or (
        listing.of and chance(f"{thing.key} picture").random() < 0.15
    ):
        return b""
    rng, colours = chance(f"{first} colours"), list(SHARED["colours"].values())
    tint, accent, pattern = pick(rng, colours), pick(rng, colours), pick(rng, PATTERNS)
    main = SHARED["colours"].get(thing.colour, tint)
    accent = accent if accent != main else "#fffaf0"
    look = {"backdrop": listing.supplier["backdrop"], "flip": listing.supplier.get("flip", False)}
    return picture(DRAWINGS[thing.leaf["picture"]], main, accent, pattern=pattern, **look)


def taxonomy() -> list[tuple[str, str]]:
    """Return (id, path) of every node, parents first; an id is its parent's and, below departments, two more digits."""
    ids: dict[str, str] = {}
    children: dict[str, int] = {}
    for leaf in leaves():
        names = leaf["path"].split(" > ")
        for depth in range(1, len(names) + 1):
            path, parent = " > ".join(names[:depth]), " > ".join(names[: depth - 1])
            if path not in ids:
                children[parent] = children.get(parent, 0) + 1
                ids[path] = f"{ids[parent]}{children[parent]:02}" if parent else f"{children[parent]}"
    return [(node, path) for path, node in ids.items()]


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV, UTF-8 with plain line ends."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main(folder: Path) -> None:
    """Write products.csv, marks.csv, taxonomy.csv and images/ into `folder`, in place of those there."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for old in (folder / "images").glob("*.png"):
        old.unlink()
    listings = catalogue()
    ids = {listing.thing.key: f"P{number:04}" for number, listing in enumerate(listings, 1)}
    rows = []
    for name, listing in zip(ids.values(), listings, strict=True):
        image = drawn(listing)
        path = f"images/{name}.png" if image else ""
        if image:
            (folder / path).write_bytes(image)
        rows.append({**listing.row, "id": name, "image_path": path})
    marks = [(ids[x.thing.key], x.kind, ids[x.of.thing.key] if x.of else "", x.detail) for x in listings if x.kind]
    write(folder / "products.csv", COLUMNS, [[row[column] for column in COLUMNS] for row in rows])
    write(folder / "marks.csv", ("id", "kind", "of", "detail"), marks)
    write(folder / "taxonomy.csv", ("id", "path"), taxonomy())
    print(f"{len(rows):,} products, {len(marks)} marks in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "sample")
