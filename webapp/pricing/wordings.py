"""A text for a crowd, with what each country does to it; what stands between its fields."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from webapp.pricing import characters
from webapp.pricing.characters import MARK
from webapp.pricing.crowds import Crowd
from webapp.pricing.kinds import Kinds, kinds_of
from webapp.pricing.merge import Template
from webapp.pricing.numbers import COUNTRIES
from webapp.pricing.profiles import Profile, Tables
from webapp.pricing.segmentation import count
from webapp.pricing.text import complete, normalise
from webapp.pricing.transliteration import transliterated


@dataclass(frozen=True, eq=False)
class Wording:
    """A text for a crowd, as it is written or in `plain` typography, and the profile of each country."""

    template: Template
    crowd: Crowd
    profiles: Mapping[str, Profile]
    plain: bool

    @cached_property
    def tables(self) -> Tables | None:
        """The alphabet in which kinds are made: the first of the profiles that have one."""
        first = next((profile.first for profile in self.profiles.values() if profile.first), None)
        return first.tables if first else None

    @cached_property
    def kinds(self) -> Kinds:
        return kinds_of(self.crowd, self.template.places, self.tables, plain=self.plain)

    @cached_property
    def profile_list(self) -> list[Profile]:
        return list(dict.fromkeys(self.profiles.values()))

    @cached_property
    def profile_of_country(self) -> NDArray[np.int64]:
        """The index in `profile_list` by the index of a country, -1 for one without."""
        found = np.full(len(COUNTRIES), -1, np.int64)
        for country, profile in self.profiles.items():
            found[COUNTRIES.index(country)] = self.profile_list.index(profile)
        return found

    def rendered(self, person: int) -> int:
        """The segments of one person's text."""
        profile = self.profiles[COUNTRIES[self.crowd.countries[person]]]
        text = normalise(self.template.render(self.crowd.values(person, self.template.fields)))
        text = complete(text, profile.required_text)
        return count(transliterated(text)[0] if self.plain else text, profile).segments


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
    def text(self) -> str:
        """All that stands between the fields, and the required text where it is not there already."""
        added = f"\n{self.required}" if self.ends_with_required is not True else ""
        return "".join(self.pieces) + (transliterated(added)[0] if self.plain else added)

    @cached_property
    def entangled(self) -> bool:
        """Whether a literal begins with a character that may compose with the value before it."""
        begins = [text[0] for text in (*self.pieces[1:], *self.template.literals[1:]) if text]
        points = characters.code_points("".join(begins))
        return bool((characters.flags_of(points) & MARK).any())

    @cached_property
    def ends_with_required(self) -> bool | None:
        """Whether every text ends with what is required: yes, no, or None where the values decide."""
        last = normalise(self.template.literals[-1])
        if not self.required or len(last) >= len(self.required) or not self.template.places:
            return last.endswith(self.required)
        return None if self.required.endswith(last) else False
