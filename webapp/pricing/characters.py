"""What the code points of a text mean for counting it, looked up for many at once."""

from functools import cache
from typing import Any, Final

import numpy as np
import regex
from numpy.typing import NDArray

from webapp.pricing.profiles import JOINING
from webapp.pricing.transliteration import TYPOGRAPHY

FOREIGN: Final = 1
"""The value has a character that the alphabet has not."""
START: Final = 2
"""The first character may compose with one before it, or be reordered behind it."""
CARRIAGE_RETURN: Final = 4
"""The value ends with CR."""
LINE_FEED: Final = 8
"""The value begins with LF."""
JOINED: Final = 16
"""A character of the value may belong to a grapheme cluster of several."""
MARK: Final = 32
"""A character of the value may compose with one before it, or be reordered behind it."""
TYPOGRAPHIC: Final = 64
"""A character of the value is one that transliteration replaces."""
UNTIDY: Final = 128
"""A character of the value may change when the value is normalised. Not kept: a kept value is tidy."""

COMPOSING: Final = regex.compile(r"[\p{NFC_QC=No}\p{NFC_QC=Maybe}\P{ccc=0}]")
HIGHEST: Final = 0x110000


@cache
def table() -> NDArray[np.uint8]:
    """uint8[0x110000]: `JOINED`, `MARK`, `TYPOGRAPHIC` and `UNTIDY` of every code point."""
    flags = np.zeros(HIGHEST, np.uint8)
    everything = "".join(map(chr, range(HIGHEST)))
    for expression, flag in ((COMPOSING, MARK | UNTIDY), (JOINING, JOINED)):
        flags[[ord(character) for character in expression.findall(everything)]] |= flag
    flags[[ord(character) for character in TYPOGRAPHY]] |= TYPOGRAPHIC
    flags[[0x00, 0x0D, 0x1B]] |= UNTIDY
    flags[0xD800:0xE000] |= UNTIDY
    return flags


def code_points(text: str) -> NDArray[Any]:
    """The code points of a text: uint8[n] if all are ASCII, else uint32[n]."""
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), np.uint8)
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def flags_of(points: NDArray[Any]) -> NDArray[np.uint8]:
    found: NDArray[np.uint8] = table()[points]
    return found


def utf8_lengths(points: NDArray[Any]) -> NDArray[np.uint8]:
    """How many bytes each code point takes in UTF-8."""
    lengths: NDArray[np.uint8] = (
        1
        + (points >= 0x80).view(np.uint8)
        + (points >= 0x800).view(np.uint8)
        + (points >= 0x10000).view(np.uint8)
    )
    return lengths
