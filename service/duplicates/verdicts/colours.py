"""Colours by the words of English, German and French shops."""

from __future__ import annotations

import re
from collections.abc import Iterator

COLOURS: dict[str, str] = {
    "black": "black schwarz schwarze schwarzer schwarzes noir noire noirs noires ebony onyx jet",
    "white": "white weiß weiss weiße weisse weisser weißer weißes blanc blanche blancs blanches ivory alpine",
    "grey": "grey gray grau graue grauer graues gris grise spacegrau spacegrey spacegray graphite charcoal graphit "
    "anthracite anthrazit slate gunmetal titanium",
    "silver": "silver silber silberne argent argenté platinum silverline",
    "red": "red rot rote roter rotes rouge rouges crimson scarlet burgundy maroon bordeaux",
    "blue": "blue blau blaue blauer blaues bleu bleue bleus navy azure cobalt indigo sapphire",
    "green": "green grün gruen grüne grüner grünes vert verte verts vertes olive lime mint emerald",
    "yellow": "yellow gelb gelbe gelber gelbes jaune jaunes lemon",
    "orange": "orange orangefarben coral",
    "purple": "purple lila violett violet violette lavender plum aubergine mauve",
    "pink": "pink rosa rose rosegold roségold fuchsia magenta",
    "brown": "brown braun braune brauner braunes brun brune marron chocolate espresso mahogany walnut",
    "beige": "beige cream creme crème sand tan khaki taupe",
    "gold": "gold golden goldene doré dorée or",
    "bronze": "bronze copper kupfer cuivre",
    "steel": "stainless edelstahl inox steel",
    "turquoise": "turquoise türkis cyan teal aqua",
}
"""Colour -> the words for it, in small letters."""

CODES = {name: number for number, name in enumerate(COLOURS, 1)}
_WORDS = {word: name for name, words in COLOURS.items() for word in words.split()}
_WORD = re.compile(r"[^\W\d_]+")
_NOT_ALONE = frozenset(
    {"or", "jet", "sand", "lime", "rose", "plum", "titanium", "steel", "coral", "mint", "slate", "lemon"}
)
"""Words that are colours only where a colour is asked for."""


def colours_in(text: str, *, asked: bool = False) -> Iterator[tuple[str, str]]:
    """Yield colour and word for each word of a colour in text in small letters. asked: the text says the colour."""
    for word in _WORD.findall(text):
        if (name := _WORDS.get(word)) and (asked or word not in _NOT_ALONE):
            yield name, word
