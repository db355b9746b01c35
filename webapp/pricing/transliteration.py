"""Plain characters for typographic ones: what stands for a character outside the GSM-7 alphabet.

Marks of typography (quotes, dashes, spaces, dots) may be replaced in a whole text, where a sender asks for
it. A letter is only ever offered, one at a time: another letter is another spelling.
"""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

SINGLE_QUOTES: Final = "\u2018\u2019\u201a\u201b\u2032\u02bc\u02b9\u2039\u203a\u0060\u00b4\u02bb\u02c8\u055a"
DOUBLE_QUOTES: Final = "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\u02ba\u301d\u301e"
DASHES: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00ad\u2043\ufe58\ufe63\u00af"
SPACES: Final = "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\t"
INVISIBLE: Final = (
    "\u200b\u2060\ufeff\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c"
)
LINE_ENDS: Final = "\u2028\u2029\u0085\u000b"
OTHERS: Final = {
    "\u2026": "...",
    "\u2025": "..",
    "\u2024": ".",
    "\u2022": "*",
    "\u00b7": "*",
    "\u25cf": "*",
    "\u2219": "*",
    "\u2043": "-",
    "\u2044": "/",
    "\u2215": "/",
    "\u00d7": "x",
    "\u00a6": "|",
    "\u2190": "<-",
    "\u2192": "->",
    "\u2122": "(TM)",
    "\u00ae": "(R)",
    "\u00a9": "(C)",
    "\u2103": "C",
    "\u00ba": "o",
    "\u00aa": "a",
    "\u00bc": "1/4",
    "\u00bd": "1/2",
    "\u00be": "3/4",
    "\u2030": "o/oo",
    "\u203c": "!!",
    "\u2049": "!?",
    "\uff5e": "~",
}
TYPOGRAPHY: Final = {
    **dict.fromkeys(SINGLE_QUOTES, "'"),
    **dict.fromkeys(DOUBLE_QUOTES, '"'),
    **dict.fromkeys(DASHES, "-"),
    **dict.fromkeys(SPACES, " "),
    **dict.fromkeys(INVISIBLE, ""),
    **dict.fromkeys(LINE_ENDS, "\n"),
    **OTHERS,
}
LETTERS: Final = {
    "\u0131": "i",
    "\u0142": "l",
    "\u0141": "L",
    "\u0111": "d",
    "\u0110": "D",
    "\u0153": "oe",
    "\u0152": "OE",
    "\u1e9e": "SS",
    "\u00f0": "d",
    "\u00d0": "D",
    "\u00fe": "th",
    "\u00de": "Th",
    "\u0127": "h",
    "\u0126": "H",
    "\u00b5": "u",
}
TRANSLATION: Final = str.maketrans(TYPOGRAPHY)


@dataclass(frozen=True, slots=True)
class Replacement:
    """One replaced character, at its index in the text before."""

    index: int
    character: str
    replacement: str


@lru_cache(maxsize=4096)
def replacement_of(character: str) -> str | None:
    """What could stand for a character in plain ASCII, None where nothing could."""
    for table in (TYPOGRAPHY, LETTERS):
        if character in table:
            return table[character]
    plain = "".join(
        mark for mark in unicodedata.normalize("NFKD", character) if not unicodedata.combining(mark)
    )
    plain = "".join(LETTERS.get(letter, letter) for letter in plain)
    return plain if plain and plain != character and plain.isascii() and plain.isprintable() else None


def transliterated(text: str) -> tuple[str, tuple[Replacement, ...]]:
    """The text with plain typography, composed again, and every replacement made."""
    plain = text.translate(TRANSLATION)
    if plain == text:
        return text, ()
    made = tuple(
        Replacement(index, character, TYPOGRAPHY[character])
        for index, character in enumerate(text)
        if character in TYPOGRAPHY
    )
    return unicodedata.normalize("NFC", plain), made
