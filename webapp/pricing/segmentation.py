"""A text becomes the segments that are sent and charged. Every count in the product comes from here.

Source of the rules: 3GPP TS 23.038 (alphabets), 3GPP TS 23.040 section 9.2.3.24 (headers).
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

import regex

from webapp.pricing.profiles import JOINING, UCS_2, Coding, Profile
from webapp.pricing.text import complete, name_of, normalise
from webapp.pricing.transliteration import Replacement, replacement_of, transliterated

CLUSTER = regex.compile(r"\X")
NEW = tuple.__new__
"""Makes a named tuple without the function that names its fields: a tenth of what counting a text takes."""


class Count(NamedTuple):
    """How a text is coded, its units and the segments it takes."""

    coding: Coding
    units: int
    segments: int


class Part(NamedTuple):
    text: str
    units: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Offender:
    """A character that the 7-bit alphabet has not, and what could stand for it (None: nothing)."""

    index: int
    character: str
    code_point: str
    name: str
    replacement: str | None


class Counted(NamedTuple):
    """What a segmentation is made of; a tuple, because one is made for every text that is counted."""

    text: str
    profile: Profile
    coding: Coding
    units: int
    segments: int
    replacements: tuple[Replacement, ...] = ()


class Segmentation(Counted):
    """A text as it is sent: `text` is normalised and complete, `offenders` and `parts` refer to it."""

    @property
    def encoding(self) -> str:
        return self.coding.encoding

    @property
    def alphabet(self) -> str:
        """The name of the alphabet: GSM-7, a pair of national tables, or UCS-2."""
        return self.coding.tables.alphabet.name if self.coding.tables else UCS_2

    @property
    def excess(self) -> int:
        """Segments above the limit of the profile; such a text is not sent."""
        return max(0, self.segments - self.profile.part_limit)

    @property
    def over_limit(self) -> bool:
        return self.excess > 0

    @property
    def room(self) -> int:
        """Units left in the last part."""
        return self.parts[-1].capacity - self.parts[-1].units if self.parts else self.coding.single

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The text of each part in order; joined they are `text`."""
        if self.segments <= 1:
            return (Part(self.text, self.units, self.coding.single),) * self.segments
        edges = list(walk(self.text, self.coding, self.profile.edge_rule))
        return tuple(part_between(self, start, end) for start, end in zip([0, *edges], edges, strict=False))

    @cached_property
    def cuts(self) -> tuple[int, ...]:
        """The indexes in `text` at which a new part begins."""
        ends = accumulate(len(part.text) for part in self.parts)
        return tuple(ends)[:-1]

    @cached_property
    def wide(self) -> tuple[int, ...]:
        """The indexes of the characters that take two units: extension characters, or astral ones."""
        return tuple(found.start() for found in self.coding.wide.finditer(self.text))

    @cached_property
    def offenders(self) -> tuple[Offender, ...]:
        """Every character that kept the text from the profile's first alphabet; none unless it is UCS-2."""
        first = self.profile.first
        if first is None or first.tables is None or self.encoding != UCS_2:
            return ()
        return tuple(offender(found.start(), found[0]) for found in first.tables.outside.finditer(self.text))


def part_between(whole: Segmentation, start: int, end: int) -> Part:
    text = whole.text[start:end]
    capacity = whole.coding.part
    if whole.profile.edge_rule == "unit":
        before = unit_offset(whole.text, whole.coding, start) // capacity * capacity
        return Part(text, min(capacity, whole.units - before), capacity)
    return Part(text, len(text) + len(whole.coding.wide.findall(text)), capacity)


def offender(index: int, character: str) -> Offender:
    point = f"U+{ord(character):04X}"
    return Offender(index, character, point, name_of(character), replacement_of(character))


def segment(
    text: str, profile: Profile, *, as_given: bool = False, transliterate: bool = False
) -> Segmentation:
    """The segments of a text under a profile.

    The text is normalised and what the profile requires is added, unless it is to be counted `as_given`.
    `transliterate` puts plain characters for typographic ones, if that gives fewer segments.
    """
    if not as_given:
        text = complete(normalise(text), profile.required_text)
    counted = count(text, profile)
    if transliterate:
        plain, replacements = transliterated(text)
        fewer = count(plain, profile)
        if fewer.segments < counted.segments:
            return Segmentation(plain, profile, *fewer, replacements)
    return Segmentation(text, profile, *counted)


def count(text: str, profile: Profile) -> Count:
    """Coding, units and segments of a text, counted as it is given."""
    coding = profile.first
    units = coding.units(text) if coding else None
    if coding is None or units is None:
        coding = profile.ucs2
        units = coding.units(text) or 0
    if units <= coding.single:
        return NEW(Count, (coding, units, 1 if units else 0))
    best = NEW(Count, (coding, units, segments_of(text, units, coding, profile.edge_rule)))
    return with_national_tables(text, profile, best) if profile.national and best.segments > 1 else best


def with_national_tables(text: str, profile: Profile, best: Count) -> Count:
    """A pair of national tables instead, if it gives fewer segments; of several the one of fewest units."""
    found = [best]
    for coding in profile.national:
        units = coding.units(text)
        if units is not None:
            segments = segments_of(text, units, coding, profile.edge_rule)
            if segments < best.segments:
                found.append(Count(coding, units, segments))
    return min(found, key=lambda counted: (counted.segments, counted.units))


def segments_of(text: str, units: int, coding: Coding, edge_rule: str) -> int:
    """How many parts hold the text; the edges are walked only when the number depends on them."""
    if units <= coding.single:
        return 1 if units else 0
    capacity = coding.part
    segments = -(-units // capacity)
    if edge_rule == "unit":
        return segments
    if edge_rule == "grapheme" and JOINING.search(text):
        return sum(1 for _ in walk(text, coding, edge_rule))
    wide = units - len(text)
    if -(-(units + min(wide, segments - 1)) // capacity) == segments:
        return segments
    return sum(1 for _ in walk(text, coding, "codepoint"))


def walk(text: str, coding: Coding, edge_rule: str) -> Iterator[int]:
    """The index in the text at which each part ends."""
    if edge_rule == "grapheme":
        return by_grapheme(text, coding)
    return by_unit(text, coding) if edge_rule == "unit" else by_codepoint(text, coding)


def by_codepoint(text: str, coding: Coding) -> Iterator[int]:
    """Parts filled greedily; a character of two units that does not fit begins the next part."""
    wide = [found.start() for found in coding.wide.finditer(text)]
    start = position = 0
    while start < len(text):
        end = start + coding.part
        while position < len(wide) and wide[position] < end:
            if wide[position] + 2 > end:
                end = wide[position]
                break
            end -= 1
            position += 1
        start = min(end, len(text))
        yield start


def by_unit(text: str, coding: Coding) -> Iterator[int]:
    """Plain division; a character cut in two is shown in the part in which it begins."""
    wide = [found.start() for found in coding.wide.finditer(text)]
    units = len(text) + len(wide)
    for edge in range(coding.part, units, coding.part):
        yield bisect_left(range(len(text)), edge, key=lambda index: index + bisect_left(wide, index))
    yield len(text)


def unit_offset(text: str, coding: Coding, index: int) -> int:
    return index + len(coding.wide.findall(text, 0, index))


def by_grapheme(text: str, coding: Coding) -> Iterator[int]:
    """Parts filled with whole grapheme clusters; one longer than a part begins a part and is cut inside."""
    used = position = 0
    for cluster in CLUSTER.findall(text):
        units = len(cluster) + len(coding.wide.findall(cluster))
        whole = units <= coding.part
        if used and used + units > coding.part:
            yield position
            used = 0
        for piece in [cluster] if whole else cluster:
            size = units if whole else len(piece) + len(coding.wide.findall(piece))
            if used + size > coding.part:
                yield position
                used = 0
            used += size
            position += len(piece)
    yield position
