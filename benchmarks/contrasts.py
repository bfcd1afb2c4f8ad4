"""Pairs that are made of the sample: a listing and the same article listed again, or one that differs in what counts.

Labelled sets say little of what people tell apart at a glance, as shops seldom list both: an edition more, the next
number, refurbished, a bundle, an accessory for it, left and right, two packs. Here each of them is made from a listing
of `data/sample`, and so is what must not count: signs, order, shop words, units, the language of a colour, a word more.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from benchmarks.relistings import slip
from indexer.product import Product
from service.duplicates.verdicts.colours import colours_in
from service.duplicates.verdicts.quantities import quantities_in

Chance = random.Random
Sides = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two listings. kind: what was done. variant: 1 or 0, NaN where people would not agree."""

    left: Product
    right: Product
    kind: str
    same: bool
    variant: float


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(" ; "))


def _groups(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(each.split(" = ")) for each in text.split(" ; "))


_SHOP_WORDS = _words("New ; Original ; - Free Shipping ; (2024) ; | Official ; Sale ; *TOP* ; neu ; - Bestseller")
_PLAIN_WORDS = _words("Classic ; Modern ; High Quality ; Durable ; Stylish ; Practical ; Great ; Beautiful ; Robust")
_COLOURS = _groups(
    "black = schwarz = noir ; white = weiß = blanc ; red = rot = rouge ; blue = blau = bleu ; green = grün = "
    "vert ; grey = gray = grau ; brown = braun = marron ; yellow = gelb = mustard"
)
_SIZES = _words("XS ; S ; M ; L ; XL ; XXL")
_SIZED = _words("Size {} ; - {} ; Gr. {} ; Größe {} ; ({})")
_AMOUNTS = _groups(
    "250 ml = 0.25 l ; 500 ml = 0.5 l ; 750ml = 0,75 L ; 1 l = 1000 ml ; 1.5 l = 1500ml ; 200 g = 0.2 kg ; "
    "500g = 0,5 kg ; 1 kg = 1000 g ; 64 GB = 64GB ; 128GB = 128 GB ; 1 TB = 1000GB ; 40 cm = 400 mm ; 45 Cm = "
    '450mm ; 1 m = 100 cm ; 2 m = 200cm ; 24 inch = 24" ; 27 inch = 27"'
)
_PACKED = _words("pack of {} ; {}-pack ; {} pack ; set of {} ; ({} pcs) ; {}er Pack")
_EDITIONS = _words(
    "Pro ; Max ; Plus ; Mini ; Lite ; Ultra ; Air ; SE ; Zero ; Light ; Deluxe ; Premium ; Kids ; Junior ; II "
    "; III ; Mark II ; 2nd Gen ; Limited Edition ; Professional ; Sugarfree ; Elite ; Turbo ; Upgrade ; "
    "Digital"
)
_CONDITIONS = _words("Refurbished ; refurbished ; (Renewed) ; generalüberholt ; used ; gebraucht ; reconditionné")
_BUNDLES = _words(
    "Bundle ; + Carrying Case Bundle ; Starter Set Bundle ; + Gift Box ; inkl. Zubehör ; incl. Battery and Charger"
)
_ACCESSORIES = _words(
    "Case for {} ; Silicone Cover for {} ; Hülle für {} ; Replacement Battery for {} ; Charger for {} ; {} "
    "Carrying Case ; Spare Part for {} ; compatible with {} ; {} Strap ; Holder for {} ; Coque pour {} ; "
    "Screen Protector for {}"
)
_AUDIENCES = _groups("Women's = Men's ; Damen = Herren ; Boys = Girls ; Adult = Puppy ; Kids = Men's ; Femme = Homme")
_SIDES = _groups("left = right ; links = rechts ; Front = Rear ; gauche = droite ; vorne = hinten")
_MEDIA = _groups("PS4 = PS5 ; Windows = Mac ; Paperback = Hardcover ; DVD = Blu-ray ; Xbox = PS4 ; A4 = A3")


def contrasts(products: Sequence[Product], seed: int = 0) -> list[Contrast]:
    """Return pairs made of each product: two of the same article, and four that are not."""
    chance = Chance(seed)
    brands = sorted({product.brand for product in products if product.brand})
    kinds = [*_VARIANTS, *_OTHERS, "brand", "accessory", "word"]
    made = []
    for number, product in enumerate(products):
        base = replace(product, description="", specs=(), images=(), facts=(), brand=product.brand)
        made += [_same(base, chance), _same(base, chance)]
        for _ in range(4):
            kind = chance.choice(kinds)
            other = products[chance.randrange(len(products))] if kind == "word" else product
            made.append(_changed(base, other, kind, brands, chance))
        if not number % 4:
            made.append(_both(base, chance))
    return made


def _both(base: Product, chance: Chance) -> Contrast:
    """Return two sellers' listings of one article that names an edition, a number and a size alike."""
    title = _inserted(base.title, chance.choice((*_EDITIONS, str(chance.randrange(2, 60)))), chance)
    return _same(replace(base, title=title), chance)


def _same(base: Product, chance: Chance) -> Contrast:
    left = right = base.title
    for way in chance.sample(_WAYS, 2):
        left, right = way((left, right), chance)
    return _paired(base, (left, _noisy(right, base.brand, chance)), "same", chance, same=True, variant=0.0)


def _changed(base: Product, other: Product, kind: str, brands: Sequence[str], chance: Chance) -> Contrast:
    title, variant = base.title, float("nan")
    if kind == "brand":
        brand = chance.choice([each for each in brands if each != base.brand])
        titles = title, title.replace(base.brand, brand) if base.brand else title
        made = _paired(base, titles, kind, chance, same=False, variant=0.0)
        return replace(made, right=replace(made.right, brand=brand), left=replace(made.left, brand=base.brand))
    if kind == "accessory":
        titles, variant = (title, chance.choice(_ACCESSORIES).format(title)), 0.0
    elif kind == "word":
        titles = _exchanged(title, other.title, chance)
    elif kind in _VARIANTS:
        titles, variant = _VARIANTS[kind](title, chance), 1.0
    else:
        titles = _OTHERS[kind](title, chance)
    if chance.random() < 0.4:
        titles = titles[0], _noisy(titles[1], base.brand, chance)
    return _paired(base, titles, kind, chance, same=False, variant=variant)


def _paired(base: Product, titles: Sides, kind: str, chance: Chance, *, same: bool, variant: float) -> Contrast:
    """Return a pair with these titles; each has the brand of the listing or none."""
    ids = ("left", "right") if chance.random() < 0.5 else ("right", "left")
    left, right = (
        replace(base, id=f"{base.id} {side}", title=title, brand=base.brand if chance.random() < 0.5 else "")
        for side, title in zip(ids, titles, strict=True)
    )
    return Contrast(left, right, kind, same, variant)


def _noisy(title: str, brand: str, chance: Chance) -> str:
    """Return a title as another seller would write it."""
    words = title.split()
    if chance.random() < 0.3:
        words.insert(chance.randrange(len(words) + 1), chance.choice(_PLAIN_WORDS))
    if chance.random() < 0.3:
        words.append(chance.choice(_SHOP_WORDS))
    if chance.random() < 0.3 and brand:
        words = [word for word in words if word not in brand.split()] or words
    if chance.random() < 0.25 and len(words) > 3:
        at = chance.randrange(1, len(words))
        words = words[at:] + words[:at]
    if chance.random() < 0.2:
        at = chance.randrange(len(words))
        words[at] = _slip(words[at], chance)
    made = " ".join(words)
    if chance.random() < 0.3:
        made = re.sub(r"[-,/|]", " ", made)
    return chance.choice((made, made, made.upper(), made.lower(), made.title()))


def _slip(word: str, chance: Chance) -> str:
    if len(word) < 5 or any(map(str.isdigit, word)):
        return word
    return slip(word, chance)


def _inserted(title: str, word: str, chance: Chance) -> str:
    words = title.split()
    at = chance.choice((1, len(words) // 2, len(words)))
    return " ".join([*words[:at], word, *words[at:]])


def _without_colour(title: str) -> str:
    small = title.lower()
    words = {word for _, word in colours_in(small)}
    return " ".join(word for word in title.split() if word.lower().strip("(),") not in words)


def _without_amount(title: str) -> str:
    for _, _, written, start in sorted(quantities_in(title.lower()), key=lambda each: -each[3]):
        title = title[:start] + " " + title[start + len(written) :]
    return title


def _one_colour(sides: Sides, chance: Chance) -> Sides:
    words = chance.sample(chance.choice(_COLOURS), 2)
    left, right = (f"{_without_colour(side)} {word}" for side, word in zip(sides, words, strict=True))
    return left, right


def _one_size(sides: Sides, chance: Chance) -> Sides:
    size, ways = chance.choice(_SIZES), chance.sample(_SIZED, 2)
    left, right = (f"{side} {way.format(size)}" for side, way in zip(sides, ways, strict=True))
    return left, right


def _one_amount(sides: Sides, chance: Chance) -> Sides:
    words = chance.choice(_AMOUNTS)
    left, right = (f"{_without_amount(side)} {word}" for side, word in zip(sides, words, strict=True))
    return left, right


def _one_pack(sides: Sides, chance: Chance) -> Sides:
    many, ways = chance.choice((2, 3, 4, 6, 10)), chance.sample(_PACKED, 2)
    left, right = (f"{_without_amount(side)} {way.format(many)}" for side, way in zip(sides, ways, strict=True))
    return left, right


def _one_code(sides: Sides, chance: Chance) -> Sides:
    letters, digits = "".join(chance.sample("ABCDEFGHKLMNPRSTVWXZ", 2)), str(chance.randrange(100, 9_999))
    ways = chance.sample((f"{letters}-{digits}", f"{letters}{digits}", f"{letters} {digits}".lower()), 2)
    left, right = (_inserted(side, way, chance) for side, way in zip(sides, ways, strict=True))
    return left, right


def _as_it_is(sides: Sides, _: Chance) -> Sides:
    return sides


_WAYS: tuple[Callable[[Sides, Chance], Sides], ...] = (
    _one_colour,
    _one_size,
    _one_amount,
    _one_pack,
    _one_code,
    _as_it_is,
)


def _two_colours(title: str, chance: Chance) -> Sides:
    one, other = chance.sample(_COLOURS, 2)
    plain = _without_colour(title)
    return f"{plain} {chance.choice(one)}", f"{plain} {chance.choice(other)}"


def _two_sizes(title: str, chance: Chance) -> Sides:
    one, other = chance.sample(_SIZES, 2)
    way = chance.choice(_SIZED)
    return f"{title} {way.format(one)}", f"{title} {way.format(other)}"


def _two_amounts(title: str, chance: Chance) -> Sides:
    """Return it with two amounts of one unit."""
    while True:
        one, other = (chance.choice(each) for each in chance.sample(_AMOUNTS, 2))
        kinds = [{dimension for dimension, *_ in quantities_in(each.lower())} for each in (one, other)]
        if kinds[0] == kinds[1]:
            plain = _without_amount(title)
            if chance.random() < 0.3:  # the model is named by both
                plain += f" {chance.choice('ABCD')}{chance.choice('KLMN')}-{chance.randrange(100, 999)}"
            return f"{plain} {one}", f"{plain} {other}"


def _two_packs(title: str, chance: Chance) -> Sides:
    one, other = chance.sample((2, 3, 4, 6, 8, 10, 12), 2)
    way, plain = chance.choice(_PACKED), _without_amount(title)
    return (plain if chance.random() < 0.5 else f"{plain} {way.format(one)}"), f"{plain} {way.format(other)}"


def _two_words(pairs: Sequence[tuple[str, ...]]) -> Callable[[str, Chance], Sides]:
    def made(title: str, chance: Chance) -> Sides:
        one, other = chance.sample(chance.choice(pairs), 2)
        if chance.random() < 0.5:
            return f"{one} {title}", f"{other} {title}"
        return f"{title} {one}", f"{title} {other}"

    return made


def _two_numbers(title: str, chance: Chance) -> Sides:
    number = chance.choice((chance.randrange(2, 20), chance.randrange(20, 100), chance.randrange(100, 999)))
    step = chance.choice((1, 1, 1, 2, 10))
    letter = chance.choice(("", "", "", "S", "X", "v"))
    words, at = title.split(), chance.choice((1, 2))
    left, right = (" ".join([*words[:at], f"{letter}{each}", *words[at:]]) for each in (number, number + step))
    if chance.random() < 0.2:
        right = left.replace(f"{letter}{number}", f"{letter}{number}{chance.choice('sSXi')}")
    return left, right


def _two_codes(title: str, chance: Chance) -> Sides:
    letters, number = "".join(chance.sample("ABCDEFGHKLMNPRSTVWXZ", 2)), chance.randrange(100, 9_000)
    other = number + chance.choice((1, 10, 100, 1_000))
    sign, words, at = chance.choice(("-", "")), title.split(), chance.choice((1, 2))
    tail = chance.choice(("", "", "LI", "X", "B"))
    left, right = (" ".join([*words[:at], f"{letters}{sign}{each}{tail}", *words[at:]]) for each in (number, other))
    return left, right


def _one_more(words: Sequence[str]) -> Callable[[str, Chance], Sides]:
    def made(title: str, chance: Chance) -> Sides:
        return title, _inserted(title, chance.choice(words), chance)

    return made


def _two_editions(title: str, chance: Chance) -> Sides:
    one, other = chance.sample(_EDITIONS, 2)
    words, at = title.split(), chance.choice((1, 2))
    left, right = (" ".join([*words[:at], each, *words[at:]]) for each in (one, other))
    return left, right


def _exchanged(title: str, other: str, chance: Chance) -> Sides:
    """Return a title, and it with the longest words of another article in place of some of its own."""
    words = title.split()
    longest = sorted((word for word in other.split() if word.isalpha()), key=len)[-3:] or ["Something"]
    places = [at for at, word in enumerate(words) if word.isalpha() and len(word) > 3] or [0]
    for at in chance.sample(places, min(len(places), chance.choice((1, 2)))):
        words[at] = chance.choice(longest)
    return title, " ".join(words)


_VARIANTS: dict[str, Callable[[str, Chance], Sides]] = {
    "colour": _two_colours,
    "size": _two_sizes,
    "amount": _two_amounts,
    "pack": _two_packs,
    "audience": _two_words(_AUDIENCES),
    "side": _two_words(_SIDES),
}
_OTHERS: dict[str, Callable[[str, Chance], Sides]] = {
    "number": _two_numbers,
    "code": _two_codes,
    "edition": _one_more(_EDITIONS),
    "editions": _two_editions,
    "condition": _one_more(_CONDITIONS),
    "bundle": _one_more(_BUNDLES),
    "medium": _two_words(_MEDIA),
}
