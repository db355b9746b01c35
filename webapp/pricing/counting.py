"""The segments of every person of a crowd: from figures where they decide, else from the text."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from webapp.pricing import characters
from webapp.pricing.characters import JOINED
from webapp.pricing.crowds import Crowd
from webapp.pricing.kinds import (
    IS_ENTANGLED,
    IS_FOREIGN,
    IS_JOINED,
    Kinds,
    may_pair_with_cr,
    totals_of,
)
from webapp.pricing.merge import Template
from webapp.pricing.profiles import Coding, Profile
from webapp.pricing.text import normalise
from webapp.pricing.wordings import Literals, Wording

UNDECIDED: Final = -1
FEW: Final = 1_000
"""So many people are rendered rather than measured under each pair of national tables."""


@dataclass(frozen=True, eq=False)
class Counted:
    """Segments per kind, int64[n], `UNDECIDED` for those counted singly: `people` and `segments`."""

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

    @cached_property
    def regular(self) -> NDArray[np.int64]:
        """People of each kind who are not counted one by one."""
        singly = np.bincount(self.kinds.of_person[self.people], minlength=len(self.kinds))
        return self.kinds.people - singly if len(self.people) else self.kinds.people


def count_crowd(
    template: Template, crowd: Crowd, profiles: Mapping[str, Profile], *, transliterate: bool
) -> Counted:
    """Segments of everybody whose country has a profile here; 0 for everybody else."""
    written = count_wording(Wording(template, crowd, profiles, plain=False))
    if not transliterate:
        return written
    plain = count_wording(Wording(template, crowd, profiles, plain=True))
    fewest = np.minimum(written.of_person, plain.of_person)
    undecided = np.full(len(written.kinds), UNDECIDED, np.int64)
    return Counted(written.kinds, undecided, np.arange(len(crowd)), fewest)


def count_wording(wording: Wording) -> Counted:
    """Kinds first, then the people whom their kind does not decide."""
    kinds = wording.kinds
    of_kind = np.zeros(len(kinds), np.int64)
    own = wording.profile_of_country[kinds.country]
    for index, profile in enumerate(wording.profile_list):
        members = np.flatnonzero(own == index)
        of_kind[members] = count_kinds(wording, members, profile)
    people = people_to_count(wording, of_kind == UNDECIDED)
    return Counted(kinds, of_kind, people, count_people(wording, people))


def people_to_count(wording: Wording, undecided: NDArray[np.bool_]) -> NDArray[np.int64]:
    """People of undecided kinds, and those who are exceptions in theirs."""
    singly = exceptions(wording)
    if undecided.any():
        of_kinds = wording.kinds.cells_of_people(undecided)
        singly = of_kinds if singly is None else singly | of_kinds
    return np.empty(0, np.int64) if singly is None else np.flatnonzero(singly)


def count_kinds(wording: Wording, members: NDArray[np.int64], profile: Profile) -> NDArray[np.int64]:
    """Segments of these kinds under one profile, `UNDECIDED` where the texts themselves must be looked at."""
    kinds, literals = wording.kinds, Literals(wording.template, profile.required_text, wording.plain)
    lengths, wide, classes = kinds.characters[members], kinds.wide[members], kinds.classes[members]
    foreign = (classes & IS_FOREIGN) != 0
    # Kinds made without an alphabet count astral characters; else only those of foreign kinds do.
    astral = wide if wording.tables is None else np.where(foreign, wide, 0)
    segments = edges_of(profile, profile.ucs2, literals.text, lengths, astral, classes)
    first = profile.first
    if first and first.units(literals.text) is not None:
        segments = np.where(
            foreign, segments, edges_of(profile, first, literals.text, lengths, wide, classes)
        )
        foreign_or_wide = foreign | (wide + len(first.wide.findall(literals.text)) > 0)
    else:
        foreign_or_wide = np.ones(len(members), np.bool_)
    undecided = (classes & IS_ENTANGLED) != 0
    undecided |= bool(first and first.tables is not wording.tables) | literals.entangled
    if profile.national:
        # A pair that holds no more in a part can save only where a character needs two septets.
        undecided |= (segments != 1) & (foreign_or_wide | (not profile.first_has_most_room))
    segments[undecided] = UNDECIDED
    segments[(lengths == 0) & (not "".join(literals.pieces))] = 0
    return segments


def edges_of(
    profile: Profile,
    coding: Coding,
    literal: str,
    lengths: NDArray[np.int64],
    wide: NDArray[np.int64],
    classes: NDArray[Any],
) -> NDArray[np.int64]:
    """Segments by the exact shortcut, `UNDECIDED` where the places of wide characters decide."""
    wide = wide + len(coding.wide.findall(literal))
    units = lengths + len(literal) + wide
    segments = np.where(units <= coding.single, np.minimum(units, 1), -(-units // coding.part))
    if profile.edge_rule == "unit":
        return segments
    lost = np.minimum(wide, segments - 1)
    undecided = (units > coding.single) & (-(-(units + lost) // coding.part) != segments)
    if profile.edge_rule == "grapheme":
        joined = (classes & IS_JOINED) != 0
        literal_joined = bool((characters.flags_of(characters.code_points(literal)) & JOINED).any())
        undecided |= (joined | literal_joined) & (units > coding.single)
    return np.where(undecided, UNDECIDED, segments)


def exceptions(wording: Wording) -> NDArray[np.bool_] | None:
    """People whose value may pair with a CR before it, or may end their text with what is required."""
    template, crowd = wording.template, wording.crowd
    after_cr = [
        place.name
        for place, literal in zip(template.places, template.literals, strict=False)
        if literal.endswith("\r")
    ]
    found = [may_pair_with_cr(crowd, name) for name in after_cr]
    found += [
        may_end_with(wording, profile)
        for profile in wording.profile_list
        if Literals(template, profile.required_text, wording.plain).ends_with_required is None
    ]
    if not found:
        return None
    priced: NDArray[np.bool_] = wording.profile_of_country[crowd.countries] >= 0
    odd: NDArray[np.bool_] = np.logical_or.reduce(found) & priced
    return odd


def may_end_with(wording: Wording, profile: Profile) -> NDArray[np.bool_]:
    """People of a profile whose text may end with what is required, by the last byte of their last value."""
    last = normalise(wording.template.literals[-1])
    awaited = profile.required_text[: len(profile.required_text) - len(last)].encode("utf-8")[-1]
    ends = wording.crowd.last_bytes(wording.template.places[-1].name)
    own = wording.profile_of_country[wording.crowd.countries] == wording.profile_list.index(profile)
    found: NDArray[np.bool_] = own & ((ends == 0) | (ends == awaited))
    return found


def count_people(wording: Wording, people: NDArray[np.int64]) -> NDArray[np.int64]:
    """The segments of these people: one for many where only the lengths of their values matter, else each."""
    segments = np.full(len(people), UNDECIDED, np.int64)
    alike = shapes(wording, people)
    shared = np.flatnonzero(alike >= 0)
    if len(shared):
        _shapes, first, inverse = np.unique(alike[shared], return_index=True, return_inverse=True)
        counted = [wording.rendered(person) for person in people[shared[first]].tolist()]
        segments[shared] = np.array(counted, np.int64)[inverse]
    for index, profile in enumerate(wording.profile_list):
        if profile.national:
            own = wording.profile_of_country[wording.crowd.countries[people]] == index
            rest = np.flatnonzero(own & (segments == UNDECIDED))
            if len(rest) > FEW:
                segments[rest] = count_nationally(wording, people[rest], profile)
    for index in np.flatnonzero(segments == UNDECIDED).tolist():
        segments[index] = wording.rendered(int(people[index]))
    return segments


def shapes(wording: Wording, people: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number for each person that tells how its text is cut, -1 where the values' own characters matter.

    Under one profile and coding the edges of parts depend on the places of wide characters. Where no value
    has one, those are places in the literals, which the lengths of the values before them decide.
    """
    crowd, places = wording.crowd, wording.template.places
    kinds_of_people = wording.kinds.of_person[people]
    classes = wording.kinds.classes[kinds_of_people]
    own = wording.profile_of_country[crowd.countries[people]]
    usable = np.array([simple_edges(profile, wording) for profile in wording.profile_list], np.bool_)[own]
    usable &= (classes & (IS_ENTANGLED | IS_JOINED)) == 0
    in_ucs2 = ((classes & IS_FOREIGN) != 0) | literals_in_ucs2(wording)[own]
    keys = own * 2 + in_ucs2
    for name in dict.fromkeys(place.name for place in places):
        ucs2 = crowd.figures(name, None, plain=wording.plain)
        gsm = crowd.figures(name, wording.tables, plain=wording.plain)
        for wide, coded in ((ucs2.wide, in_ucs2), (gsm.wide, ~in_ucs2)):
            if wide is not None:
                usable &= ~coded | (wide[people] == 0)
        units = np.zeros(len(people), np.int64) if ucs2.units is None else ucs2.units[people].astype(np.int64)
        keys = renumbered(keys * (1 + int(units.max(initial=0))) + units)
    return np.where(usable, keys, -1)


def simple_edges(profile: Profile, wording: Wording) -> bool:
    """Whether this profile cuts between code points, counts in the alphabet of the kinds, adds nothing."""
    literals = Literals(wording.template, profile.required_text, wording.plain)
    return (
        profile.edge_rule == "codepoint"
        and not profile.national
        and not profile.required_text
        and not literals.entangled
        and (profile.first is None or profile.first.tables is wording.tables)
        and not any(literal.endswith("\r") for literal in wording.template.literals[:-1])
    )


def literals_in_ucs2(wording: Wording) -> NDArray[np.bool_]:
    """For each profile whether what stands between the fields is UCS-2 already."""

    def in_ucs2(profile: Profile) -> bool:
        text = Literals(wording.template, profile.required_text, wording.plain).text
        return profile.first is None or profile.first.units(text) is None

    return np.array([in_ucs2(profile) for profile in wording.profile_list], np.bool_)


def renumbered(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same keys, counted from 0 without gaps, so that they stay small."""
    found: NDArray[np.int64] = np.unique(keys, return_inverse=True)[1]
    return found


def count_nationally(wording: Wording, people: NDArray[np.int64], profile: Profile) -> NDArray[np.int64]:
    """Segments where national tables are allowed, by figures under each pair that has all literals."""
    literals = Literals(wording.template, profile.required_text, wording.plain)
    if profile.edge_rule == "grapheme" or literals.entangled:
        return np.full(len(people), UNDECIDED, np.int64)
    fewest = np.full(len(people), np.iinfo(np.int64).max)
    odd = exceptions(wording)
    unsure = np.zeros(len(people), np.bool_) if odd is None else odd[people]
    for coding in (profile.ucs2, *profile.gsm):
        if coding.units(literals.text) is None:
            continue
        totals = totals_of(
            wording.crowd, wording.template.places, coding.tables, plain=wording.plain, people=people
        )
        fits = (totals.classes & IS_FOREIGN) == 0
        unsure |= (totals.classes & IS_ENTANGLED) != 0
        segments = edges_of(profile, coding, literals.text, totals.characters, totals.wide, totals.classes)
        at_best = np.where(
            segments == UNDECIDED, lowest(coding, literals.text, totals.characters, totals.wide), segments
        )
        unsure |= fits & (segments == UNDECIDED) & (at_best < fewest)
        fewest = np.where(fits & (segments != UNDECIDED), np.minimum(fewest, segments), fewest)
    fewest[unsure] = UNDECIDED
    return fewest


def lowest(
    coding: Coding, literal: str, lengths: NDArray[np.int64], wide: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The fewest segments that so many units could take."""
    units = lengths + len(literal) + wide + len(coding.wide.findall(literal))
    return -(-units // coding.part)
