"""The segments of every person of a crowd, from figures where they decide, from the text where they do not."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from webapp.pricing import characters
from webapp.pricing.characters import JOINED, MARK
from webapp.pricing.crowds import Crowd
from webapp.pricing.kinds import (
    IS_ENTANGLED,
    IS_FOREIGN,
    IS_JOINED,
    Kinds,
    begins_with_line_feed_or_is_empty,
    kinds_of,
)
from webapp.pricing.merge import Field, Template
from webapp.pricing.numbers import COUNTRIES
from webapp.pricing.profiles import Coding, Profile
from webapp.pricing.segmentation import segment
from webapp.pricing.text import normalise
from webapp.pricing.transliteration import transliterated

UNDECIDED: Final = -1


@dataclass(frozen=True, eq=False)
class Counted:
    """Segments per kind, int64[n], `UNDECIDED` for those counted person by person: `people` and `segments`."""

    kinds: Kinds
    of_kind: NDArray[np.int64]
    people: NDArray[np.int64]
    segments: NDArray[np.int64]

    @cached_property
    def of_person(self) -> NDArray[np.int64]:
        """The segments of each person, int64[m]."""
        everybody = self.kinds.cells_of_people(self.of_kind)
        everybody[self.people] = self.segments
        return everybody


@dataclass(frozen=True)
class Literals:
    """What stands between the fields of a text, with what a country requires behind it."""

    template: Template
    required: str
    plain: bool

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        normal = [normalise(literal) for literal in self.template.literals]
        return tuple(transliterated(text)[0] if self.plain else text for text in normal)

    @cached_property
    def tail(self) -> str:
        """What is added behind a text that does not end with it already."""
        added = f"\n{self.required}" if self.required else ""
        return transliterated(added)[0] if self.plain else added

    @cached_property
    def entangled(self) -> bool:
        """Whether a literal begins with a character that may compose with the value before it."""
        first = np.array(
            [ord(text[0]) for text in (*self.pieces[1:], *self.template.literals[1:]) if text], np.uint32
        )
        return bool((characters.flags_of(first) & MARK).any()) if len(first) else False

    @cached_property
    def before_fields_with_cr(self) -> tuple[Field, ...]:
        """The fields that stand behind a literal whose last character is CR."""
        pairs = zip(self.template.places, self.template.literals, strict=False)
        return tuple(place for place, literal in pairs if literal.endswith("\r"))

    def may_end_with_required(self) -> bool | None:
        """Whether every text ends with what is required: yes, no, or None where the values decide."""
        last = normalise(self.template.literals[-1])
        if len(last) >= len(self.required) or not self.template.places:
            return last.endswith(self.required)
        return None if self.required.endswith(last) else False


def count_crowd(
    template: Template, crowd: Crowd, profiles: Mapping[str, Profile], *, transliterate: bool
) -> Counted:
    """Segments of everybody whose country has a profile here; 0 for everybody else."""
    first = next((profile.first for profile in profiles.values() if profile.first), None)
    tables = first.tables if first else None
    kinds = kinds_of(crowd, template.places, tables, plain=False)
    of_kind = np.zeros(len(kinds), np.int64)
    for profile in dict.fromkeys(profiles.values()):
        members = kinds_with(kinds, [country for country, own in profiles.items() if own is profile])
        counted = count_kinds(template, kinds, members, profile, astral_only=tables is None)
        decided = profile.first is None or profile.first.tables is tables
        of_kind[members] = counted if decided and not transliterate else UNDECIDED
    return decide_people(template, crowd, kinds, of_kind, profiles, transliterate=transliterate)


def kinds_with(kinds: Kinds, countries: list[str]) -> NDArray[np.int64]:
    wanted = np.isin(np.array(COUNTRIES), countries)
    return np.flatnonzero(wanted[kinds.country])


def count_kinds(
    template: Template, kinds: Kinds, members: NDArray[np.int64], profile: Profile, *, astral_only: bool
) -> NDArray[np.int64]:
    """Segments of these kinds under one profile, `UNDECIDED` where the texts themselves must be looked at.

    `astral_only`: the kinds were made without an alphabet, so all their wide characters are astral ones.
    """
    literals = Literals(template, profile.required_text, plain=False)
    complete = literals.may_end_with_required() if profile.required_text else True
    text = "".join(literals.pieces) + ("" if complete else literals.tail)
    gsm_units = profile.first.units(text) if profile.first else None
    lengths, wide, classes = kinds.characters[members], kinds.wide[members], kinds.classes[members]
    foreign = (classes & IS_FOREIGN) != 0
    in_ucs2 = edges_of(
        profile, profile.ucs2, text, lengths, np.where(foreign | astral_only, wide, 0), classes
    )
    if gsm_units is None or profile.first is None:
        segments = in_ucs2
    else:
        segments = np.where(foreign, in_ucs2, edges_of(profile, profile.first, text, lengths, wide, classes))
    undecided = (classes & IS_ENTANGLED) != 0
    if literals.entangled or literals.before_fields_with_cr or complete is None:
        undecided[:] = True
    if profile.national:
        undecided |= segments > 1
    segments[undecided] = UNDECIDED
    segments[(lengths == 0) & (not "".join(literals.pieces))] = 0
    return segments


def edges_of(
    profile: Profile,
    coding: Coding,
    literal: str,
    lengths: NDArray[np.int64],
    wide: NDArray[np.int64],
    classes: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Segments by the exact shortcut, `UNDECIDED` where the places of wide characters decide."""
    literal_wide = len(coding.wide.findall(literal))
    wide = wide + literal_wide
    units = lengths + len(literal) + wide
    segments = -(-units // coding.part)
    segments = np.where(units <= coding.single, np.minimum(units, 1), segments)
    if profile.edge_rule == "unit":
        return segments
    lost = np.minimum(wide, segments - 1)
    undecided = (units > coding.single) & (-(-(units + lost) // coding.part) != segments)
    if profile.edge_rule == "grapheme":
        joined = (classes & IS_JOINED) != 0
        literal_joined = bool((characters.flags_of(characters.code_points(literal)) & JOINED).any())
        undecided |= (joined | literal_joined) & (units > coding.single)
    return np.where(undecided, UNDECIDED, segments)


def decide_people(
    template: Template,
    crowd: Crowd,
    kinds: Kinds,
    of_kind: NDArray[np.int64],
    profiles: Mapping[str, Profile],
    *,
    transliterate: bool,
) -> Counted:
    """Render and count the people whose kind does not decide."""
    if not (of_kind == UNDECIDED).any():
        nobody: NDArray[Any] = np.empty(0, np.int64)
        return Counted(kinds, of_kind, nobody, nobody)
    people = np.flatnonzero(kinds.cells_of_people(of_kind) == UNDECIDED)
    return Counted(
        kinds, of_kind, people, count_people(template, crowd, people, profiles, transliterate=transliterate)
    )


def count_people(
    template: Template,
    crowd: Crowd,
    people: NDArray[np.int64],
    profiles: Mapping[str, Profile],
    *,
    transliterate: bool,
) -> NDArray[np.int64]:
    """The segments of these people, each text rendered and counted."""
    segments = np.zeros(len(people), np.int64)
    for index, person in enumerate(people.tolist()):
        profile = profiles[COUNTRIES[crowd.countries[person]]]
        text = template.render(crowd.values(person, template.fields))
        segments[index] = segment(text, profile, transliterate=transliterate).segments
    return segments
