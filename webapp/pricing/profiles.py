"""Segment profiles made ready for counting: how much a part holds, and which characters cost what."""

import codecs
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final

import numpy as np
import regex

from webapp.pricing.api import ESCAPE, UNUSED, Alphabet, SegmentProfile

GSM_7: Final = "GSM-7"
UCS_2: Final = "UCS-2"
OCTETS: Final = 140
HEADER_LENGTH_OCTETS: Final = 1
REFERENCE_OCTETS: Final = {8: 5, 16: 6}
TABLE_OCTETS: Final = 3

BASIC_BYTES: Final = bytes(range(1, 128))
UNDEFINED: Final = "\ufffe"
ASTRAL: Final = re.compile("[\U00010000-\U0010ffff]")
JOINING: Final = regex.compile(
    r"[\r\p{GCB=Extend}\p{GCB=ZWJ}\p{GCB=SpacingMark}\p{GCB=Prepend}\p{GCB=RI}\p{GCB=L}\p{GCB=V}\p{GCB=T}]"
)
"""Without one of these a text has no grapheme cluster of several characters (Unicode as of `regex`)."""


def septets_per_part(header_octets: int) -> int:
    return 160 - -(-8 * header_octets // 7)


def units_per_part(header_octets: int) -> int:
    return (OCTETS - header_octets) // 2


def header_octets(concatenated_octets: int, tables: int) -> int:
    elements = concatenated_octets + TABLE_OCTETS * tables
    return HEADER_LENGTH_OCTETS + elements if elements else 0


@dataclass(frozen=True)
class Tables:
    """An alphabet made ready: expressions that find what it has not, and what costs two septets."""

    alphabet: Alphabet

    @cached_property
    def basic(self) -> frozenset[str]:
        return frozenset(self.alphabet.basic) - {ESCAPE, UNUSED}

    @cached_property
    def extension(self) -> frozenset[str]:
        return frozenset(self.alphabet.extension) - {ESCAPE, UNUSED} - self.basic

    @cached_property
    def encoding(self) -> Any:
        """A map that encodes basic characters as `BASIC_BYTES` and those of the extension as higher bytes."""
        basic, extension = "".join(sorted(self.basic)), "".join(sorted(self.extension))
        cells = UNUSED + basic.ljust(len(BASIC_BYTES), UNDEFINED) + extension
        return codecs.charmap_build(cells.ljust(256, UNDEFINED))

    @cached_property
    def basic_ascii(self) -> bytes:
        return "".join(character for character in self.basic if character.isascii()).encode("ascii")

    @cached_property
    def extension_ascii(self) -> bytes:
        return "".join(character for character in self.extension if character.isascii()).encode("ascii")

    @cached_property
    def outside(self) -> re.Pattern[str]:
        return re.compile(f"[^{class_of(self.basic | self.extension)}]")

    @cached_property
    def wide(self) -> re.Pattern[str]:
        return re.compile(f"[{class_of(self.extension)}]") if self.extension else re.compile(r"(?!)")

    @cached_property
    def costs(self) -> np.ndarray:
        """uint8[0x110000]: septets of every code point, 0 where the alphabet has it not."""
        costs = np.zeros(0x110000, np.uint8)
        costs[[ord(character) for character in self.basic]] = 1
        costs[[ord(character) for character in self.extension]] = 2
        return costs

    @cached_property
    def digest(self) -> bytes:
        """16 bytes that tell this alphabet from any that costs otherwise."""
        return hashlib.sha256(
            "".join([*sorted(self.basic), ESCAPE, *sorted(self.extension)]).encode()
        ).digest()[:16]

    @property
    def count(self) -> int:
        """How many national tables a header must announce."""
        return (self.alphabet.locking_language != 0) + (self.alphabet.single_shift_language != 0)


def class_of(characters: Iterable[str]) -> str:
    return "".join(re.escape(character) for character in sorted(characters))


@cache
def tables_of(alphabet: Alphabet) -> Tables:
    return Tables(alphabet)


@dataclass(frozen=True)
class Coding:
    """A way to encode a text: by the tables of an alphabet, or UCS-2 (`tables` None).

    `single` is what a message of one part holds, `part` what one of several does, in units.
    """

    tables: Tables | None
    single: int
    part: int

    @property
    def encoding(self) -> str:
        return GSM_7 if self.tables else UCS_2

    @property
    def wide(self) -> re.Pattern[str]:
        """Finds the characters that take two units."""
        return self.tables.wide if self.tables else ASTRAL

    def units(self, text: str) -> int | None:
        """Units of a text, None if the alphabet has not every character of it."""
        tables = self.tables
        if tables is None:
            return len(text.encode("utf-16-le", "surrogatepass")) >> 1
        if text.isascii():
            # Deleting bytes is the fastest way there is to ask whether others occur, and how many.
            beyond = text.encode("ascii").translate(None, tables.basic_ascii)
            if not beyond:
                return len(text)
            return None if beyond.translate(None, tables.extension_ascii) else len(text) + len(beyond)
        # Leaving out what has no byte, and seeing that some is missing, costs half of what an exception does.
        encoded = codecs.charmap_encode(text, "ignore", tables.encoding)[0]
        if len(encoded) < len(text):
            return None
        return len(text) + (0 if encoded.isascii() else len(encoded.translate(None, BASIC_BYTES)))


class Profile:
    """A segment profile ready for counting. Equal profiles are the same object, so it can be a key."""

    def __init__(self, source: SegmentProfile) -> None:
        self.source = source
        self.country = source.country
        self.edge_rule = source.edge_rule
        self.part_limit = source.part_limit
        self.required_text = source.required_text
        self.sender_forms = source.sender_forms
        octets = REFERENCE_OCTETS[source.concat_reference_bits]
        self.ucs2 = Coding(None, units_per_part(0), units_per_part(header_octets(octets, 0)))
        self.gsm = tuple(gsm_coding(alphabet, octets) for alphabet in source.alphabets)
        self.first = self.gsm[0] if self.gsm else None
        self.national = self.gsm[1:]
        self.first_has_most_room = all(
            self.first is not None and coding.part <= self.first.part and coding.single <= self.first.single
            for coding in self.national
        )


def gsm_coding(alphabet: Alphabet, reference_octets: int) -> Coding:
    tables = tables_of(alphabet)
    single = septets_per_part(header_octets(0, tables.count))
    return Coding(tables, single, septets_per_part(header_octets(reference_octets, tables.count)))


@cache
def profile_of(source: SegmentProfile) -> Profile:
    return Profile(source)
