"""Colours by the words of English, German and French shops."""

from __future__ import annotations

import re
from collections.abc import Iterator

COLOURS: dict[str, str] = {
    "black": "black schwarz schwarze schwarzer schwarzes noir noire noirs noires ebony onyx jet obsidian midnight",
    "white": "white weiß weiss weiße weisse weisser weißer weißes blanc blanche blancs blanches ivory alpine snow "
    "pearl elfenbein perlweiß",
    "grey": "grey gray grau graue grauer graues gris grise spacegrau spacegrey spacegray graphite charcoal "
    "graphit anthracite anthrazit slate gunmetal titanium ash steelgrey",
    "silver": "silver silber silberne argent argenté platinum silverline",
    "red": "red rot rote roter rotes rouge rouges crimson scarlet burgundy maroon bordeaux ruby cherry wine "
    "weinrot brick rust rostrot terracotta terrakotta",
    "blue": "blue blau blaue blauer blaues bleu bleue bleus navy azure cobalt indigo sapphire denim royal "
    "himmelblau marine dunkelblau hellblau petrol",
    "green": "green grün gruen grüne grüner grünes vert verte verts vertes olive lime mint emerald sage salbei "
    "moss moos forest fern khakigrün dunkelgrün hellgrün",
    "yellow": "yellow gelb gelbe gelber gelbes jaune jaunes lemon mustard senf senfgelb moutarde ochre ocker",
    "orange": "orange orangefarben coral koralle corail peach apricot aprikose tangerine",
    "purple": "purple lila violett violet violette lavender plum aubergine mauve lilac flieder pflaume amethyst prune",
    "pink": "pink rosa rose rosegold roségold fuchsia magenta blush salmon lachs raspberry",
    "brown": "brown braun braune brauner braunes brun brune marron chocolate espresso mahogany walnut chestnut "
    "hazel cognac coffee mocha dunkelbraun hellbraun",
    "beige": "beige cream creme crème sand tan khaki taupe oatmeal stone ecru almond sandfarben",
    "gold": "gold golden goldene doré dorée or champagne",
    "bronze": "bronze copper kupfer cuivre",
    "steel": "stainless edelstahl inox steel",
    "turquoise": "turquoise türkis cyan teal aqua",
}
"""Colour -> the words for it, in small letters."""

CODES = {name: number for number, name in enumerate(COLOURS, 1)}
_WORDS = {word: name for name, words in COLOURS.items() for word in words.split()}
_WORD = re.compile(r"[^\W\d_]+")
_NOT_ALONE = frozenset(
    (  # noqa: SIM905  # a list of words
        "or cream creme crème jet sand lime rose plum titanium steel coral mint slate lemon snow pearl ash ruby "
        "cherry wine brick rust royal marine sage moss forest fern mustard senf ochre peach apricot aprikose "
        "tangerine prune pflaume salmon lachs raspberry chestnut hazel coffee mocha stone almond oatmeal midnight "
        "obsidian denim chocolate espresso walnut mahogany olive aubergine champagne copper amethyst salbei blush "
    ).split()
)
"""Words that are colours only where a colour is asked for, or at the end of a title or of a part of it."""
_END = re.compile(r"([^\W\d_]+)['\u2019\"]?\s*(?:[,/()|]|\s[-\u2013]|$)")


def colours_in(text: str, *, asked: bool = False) -> Iterator[tuple[str, str]]:
    """Yield colour and word for each word of a colour in text in small letters. asked: the text says the colour."""
    for word in _WORD.findall(text):
        if (name := _WORDS.get(word)) and (asked or word not in _NOT_ALONE):
            yield name, word


def one_colour(word: str) -> str:
    """Return the name of the colour that a word says on its own, or the word itself."""
    return word if word in _NOT_ALONE else _WORDS.get(word, word)


def shades_in(title: str) -> Iterator[tuple[str, str]]:
    """Yield colour and word where a title in small letters, or a part of it, ends with what might be a colour."""
    if _NOT_ALONE.isdisjoint(_WORD.findall(title)):  # as of most titles, whose ends need not be looked for
        return
    for word in _END.findall(title):
        if word in _NOT_ALONE:
            yield _WORDS[word], word
