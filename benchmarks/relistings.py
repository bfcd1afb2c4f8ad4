"""Re-listings of products, as another seller would write them: what a duplicate looks like that nobody has labelled.

The article stays the same, size and colour included. Its title gets other signs, another order, shop words or a slip of
the pen; its specs another order and other names; its description is cut; its picture is cropped and compressed.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

Row = Mapping[str, str]

COLUMNS = ("id", "title", "description", "brand", "specs", "image_path", "parent", "original")
_SHOP_WORDS = ("New", "Original", "- Free Shipping", "(2024)", "| Official", "Sale", "*TOP*", "for her and him")
_NAMES = {"color": ("Colour", "Farbe", "colour"), "size": ("Size", "Clothing Size", "SIZE")}


def write(rows: Sequence[Row], source: Path, folder: Path, seed: int = 0) -> Path:
    """Write rows and a re-listing of every second of them, with pictures, into `folder`; return its products.csv.

    source: where the pictures of the rows are. Column `original` has the id of the row that a re-listing is of.
    """
    chance = random.Random(seed)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    file = folder / "products.csv"
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        for number, row in enumerate(rows):
            picture = _copied(source / row["image_path"], folder / "images" / f"{number}.jpg")
            writer.writerow({**row, "image_path": picture, "original": ""})
            if number % 2 == 0:
                again = _cropped(source / row["image_path"], folder / "images" / f"{number}-again.jpg", chance)
                writer.writerow({**relisted(row, chance), "image_path": again, "original": row["id"]})
    return file


def relisted(row: Row, chance: random.Random) -> dict[str, str]:
    """Return a row as another seller would write it, with an id of its own."""
    specs = [(chance.choice(_NAMES.get(name, (name,))), value) for name, value in json.loads(row["specs"]).items()]
    chance.shuffle(specs)
    words = row["description"].split()
    return {
        **row,
        "id": f"again-{row['id']}",
        "title": _retitled(row["title"], row["brand"], chance),
        "description": " ".join(words[: int(len(words) * chance.uniform(0.3, 1.0))]),
        "brand": row["brand"] if chance.random() < 0.7 else "",
        "specs": json.dumps(dict(specs)),
    }


def _retitled(title: str, brand: str, chance: random.Random) -> str:
    head, *ends = title.split("-")
    if chance.random() < 0.5:
        ends.reverse()
    signs = chance.choice((" ", ", ", " / ", "-", " - "))
    words = head.split()
    if chance.random() < 0.3:
        at = chance.randrange(len(words))
        words[at] = slip(words[at], chance)
    if chance.random() < 0.3 and brand:
        words.insert(0, brand)
    if chance.random() < 0.5:
        words.append(chance.choice(_SHOP_WORDS))
    made = signs.join([" ".join(words), *ends])
    return chance.choice((made, made.upper(), made.lower()))


def slip(word: str, chance: random.Random) -> str:
    """Return a word with two letters swapped, or one left out."""
    if len(word) < 4:
        return word
    at = chance.randrange(1, len(word) - 1)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :] if chance.random() < 0.5 else word[:at] + word[at + 1 :]


def _copied(source: Path, target: Path) -> str:
    with Image.open(source) as picture:
        picture.convert("RGB").save(target, quality=90)
    return f"images/{target.name}"


def _cropped(source: Path, target: Path, chance: random.Random) -> str:
    with Image.open(source) as picture:
        wide, high = picture.size
        left, top, right, bottom = (chance.uniform(0, 0.06) for _ in range(4))
        box = int(wide * left), int(high * top), int(wide * (1 - right)), int(high * (1 - bottom))
        picture.convert("RGB").crop(box).save(target, quality=chance.randrange(40, 80))
    return f"images/{target.name}"
