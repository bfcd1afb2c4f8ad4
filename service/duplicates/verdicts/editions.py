"""Words that tell an article from its siblings, in English, German and French: edition, side, audience, medium.

Two that both say a side, an audience or a medium contradict each other unless it is the same. An edition, and that
something is only an accessory, are often said by one of two alone, and tell them apart all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

EDITION, ACCESSORY, AUDIENCE, SIDE, MEDIUM = "edition", "accessory", "audience", "side", "medium"

_EDITIONS = {
    "used": "used gebraucht gebrauchte occasion",
    "refurbished": "refurbished refurb renewed recertified reconditioned remanufactured reconditionné "
    "generalüberholt wiederaufbereitet erneuert",
    "bundle": "bundle inkl including",
    "without": "without ohne sans solo only",
    "zero": "zero sugarfree zuckerfrei zuckerfreie",
    "light": "light lite diet leicht",
    "decaf": "decaf decaffeinated entkoffeiniert koffeinfrei décaféiné",
    "business": "business enterprise corporate",
    "professional": "professional pro",
    "student": "student students academic education",
    "collector": "collector collectors limited special anniversary jubiläumsausgabe",
    "junior": "junior kids",
    "second": "ii 2nd",
    "third": "iii 3rd",
    "fourth": "iv 4th",
    **{
        word: word
        for word in (
            *("max", "mini", "plus", "ultra", "air", "se", "fe", "slim", "premium", "deluxe", "elite", "ultimate"),
            *("home", "basic", "express", "upgrade", "signature", "digital"),
            *("starter", "remastered", "hybrid", "turbo", "vi", "vii", "viii", "ix"),
        )
    },
}
_ACCESSORIES = {
    "compatible": "compatible kompatibel kompatibles compatibles",
    "replacement": "replacement ersatz ersatzteil ersatzakku ersatzfilter ersatzlampe ersatzklinge spare rechange",
    "case": "case cover hülle schutzhülle sleeve pouch tasche étui housse coque",
    "charger": "charger ladegerät chargeur",
    "battery": "battery akku batterie",
    "strap": "strap band armband bracelet",
    "mount": "mount holder halterung",
    "protector": "protector schutzfolie screenguard",
    "remote": "remote fernbedienung télécommande",
    "adapter": "adapter adaptor adaptateur",
}
_AUDIENCES = {
    "women": "women womens woman ladies lady damen frauen femme femmes dames",
    "men": "men mens man gents herren männer homme hommes",
    "boys": "boys boy jungen garçon garçons",
    "girls": "girls girl mädchen fille filles",
    "kids": "kids kid children childrens kinder enfant enfants",
    "baby": "baby babies bébé bébés",
    "puppy": "puppy puppies welpe welpen chiot",
    "kitten": "kitten kittens kätzchen chaton",
    "adult": "adult adults erwachsene adulte",
    "senior": "senior seniors",
}
_SIDES = {
    "left": "left links linke linker linkes gauche",
    "right": "right rechts rechte rechter rechtes droite droit",
    "front": "front vorne vorn avant",
    "rear": "rear back hinten arrière",
    "over": "over above über",
    "under": "under below unter",
}
_MEDIA = {
    "paperback": "paperback taschenbuch broché softcover",
    "hardcover": "hardcover hardback gebunden relié",
    "ebook": "ebook kindle",
    "audio": "audiobook hörbuch",
    "dvd": "dvd",
    "bluray": "bluray",
    "vinyl": "vinyl lp",
    "windows": "windows win",
    "mac": "mac macos macintosh osx",
    **{word: word for word in ("edp", "edt", "edc")},
    **{word: word for word in ("ps2", "ps3", "ps4", "ps5", "xbox", "wii", "switch", "linux")},
}
_TERMS = [
    (attribute, {word: value for value, words in values.items() for word in words.split()})
    for attribute, values in (
        (EDITION, _EDITIONS),
        (ACCESSORY, _ACCESSORIES),
        (AUDIENCE, _AUDIENCES),
        (SIDE, _SIDES),
        (MEDIUM, _MEDIA),
    )
]
"""Attribute, and by word what it says of that; `kids` says two things."""

_REWRITTEN = tuple(
    (needles.split(" ; "), re.compile(pattern, re.IGNORECASE), word)
    for needles, pattern, word in (
        ("+", r"(?<=\w)\+(?=[\s,)]|$)", " plus"),
        ("+", r"(?<=\s)\+(?=\s)", " bundle "),
        (
            "sugar ; zucker ; sucre",
            r"\b(?:sugar|zucker)[ -](?:free|frei)\b|\bohne zucker\b|\bsans sucre\b",
            "sugarfree",
        ),
        ("playstation", r"\bplaystation ?(\d)\b", r"ps\1"),
        ("blu", r"\bblu-?ray\b", "bluray"),
        ("open box", r"\bopen box\b", "used"),
        ("eau de", r"\beau de parfum\b", "edp"),
        ("eau de", r"\beau de toilette\b", "edt"),
        ("eau de", r"\beau de cologne\b", "edc"),
        ("mark ; mk", r"\b(?:mark|mk)[ .-]?(?:ii|2)\b", "ii"),
        ("mark ; mk", r"\b(?:mark|mk)[ .-]?(?:iii|3)\b", "iii"),
        ("mark ; mk", r"\b(?:mark|mk)[ .-]?(?:iv|4)\b", "iv"),
        ("gen", r"\b(\d)(?:st|nd|rd|th|\.) gen(?:eration)?\b", r"gen \1"),
        ("/", r"\b(\d{3}/\d\d)[ -]?z?r ?(\d\d)\b", r"\1 r\2"),
        ("'s ; \u2019s", r"(?<=[a-z])['\u2019]s\b", "s"),
        ("xl", r"(?<=\d\d)(xx?l)\b", r" \1"),  # of a cartridge; 2XL is the size of a shirt
    )
)
"""What is written in several ways, with what all of them contain, and the one way in which it is compared."""


def rewritten(title: str) -> str:
    """Return a title with such words in one way."""
    small = title.lower()
    for needles, pattern, word in _REWRITTEN:
        if any(needle in small for needle in needles):
            title = pattern.sub(word, title)
    return title


def one_term(word: str) -> str:
    """Return the word for all that say the same of an article, whatever their language, or the word itself."""
    return next((value for _, said in _TERMS if (value := said.get(word))), word)


def terms_in(word: str) -> Iterator[tuple[str, str]]:
    """Yield attribute and value of what a word in small letters says."""
    for attribute, said in _TERMS:
        if value := said.get(word):
            yield attribute, value
