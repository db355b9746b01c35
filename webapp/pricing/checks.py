"""Every figure a plugin hands over is checked here, before anything else sees it.

A plugin is not trusted to keep the types it promises: what it returns is read item by item, in bounded
number, and the first thing that is wrong becomes a sentence for the operator.
"""

import re
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from functools import cache
from itertools import islice, pairwise
from typing import Any, Final

from babel import Locale

from webapp.errors import Refused
from webapp.pricing.api import (
    EDGE_RULES,
    ESCAPE,
    NATIONAL_LANGUAGES,
    SENDER_FORMS,
    UNUSED,
    Alphabet,
    Rate,
    RateCard,
    SegmentProfile,
)

CARDS_MAX: Final = 100
RATES_MAX: Final = 50_000
PROFILES_MAX: Final = 1_000
ALPHABETS_MAX: Final = 64
CREDITS_PER_SEGMENT_MAX: Final = 1_000_000
PART_LIMIT_MAX: Final = 255
TEXT_LENGTH_MAX: Final = 1_000
REQUIRED_TEXT_LENGTH_MAX: Final = 160
NOT_COUNTRIES: Final = {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}


class PluginRefused(Refused):
    """A plugin that cannot be used, or not so; the sentence names it."""

    slug = "wrong-state"


class Wrong(Exception):
    """What is wrong with a piece of data, as the end of a sentence that begins with its name."""


@cache
def countries() -> frozenset[str]:
    """ISO 3166-1 alpha-2 codes, and XK for Kosovo, as the Unicode CLDR lists them."""
    territories = map(str, Locale("en").territories)
    known = {code for code in territories if re.fullmatch("[A-Z]{2}", code)}
    return frozenset(known - NOT_COUNTRIES)


def require(truth: bool, wrong: str) -> None:
    if not truth:
        raise Wrong(wrong)


def items(given: object, kind: type, maximum: int, what: str) -> tuple[Any, ...]:
    """The items of an iterable, all of one kind, refused beyond a maximum before they are all read."""
    require(
        isinstance(given, Iterable) and not isinstance(given, (str, bytes)),
        f"{what} is no list of {kind.__name__}",
    )
    taken = tuple(islice(given, maximum + 1))  # type: ignore[call-overload]
    require(len(taken) <= maximum, f"{what} has more than {maximum:,} items")
    for item in taken:
        require(type(item) is kind, f"{what} holds a {type(item).__name__} where a {kind.__name__} belongs")
        named = [field.name for field in fields(kind)] if is_dataclass(kind) else []
        require(all(hasattr(item, name) for name in named), f"{what} holds an incomplete {kind.__name__}")
    return taken


def text(given: object, what: str, *, longest: int = TEXT_LENGTH_MAX, empty: bool = False) -> None:
    require(isinstance(given, str), f"{what} is no text")
    assert isinstance(given, str)
    require(empty or bool(given.strip()), f"{what} is empty")
    require(len(given) <= longest, f"{what} is longer than {longest} characters")
    require(not re.search("[\x00\x1b\ud800-\udfff]", given), f"{what} holds a character that cannot be kept")


def whole(given: object, what: str, lowest: int, highest: int) -> None:
    require(type(given) is int, f"{what} is {given!r:.60}, not a whole number")
    assert isinstance(given, int)
    require(lowest <= given <= highest, f"{what} is {given}, not from {lowest} to {highest:,}")


def one_of(given: object, choices: Iterable[object], what: str) -> None:
    allowed = list(choices)
    names = ", ".join(map(str, allowed))
    require(
        any(type(given) is type(choice) and given == choice for choice in allowed),
        f"{what} is none of {names}",
    )


def country(given: object, what: str) -> None:
    require(
        isinstance(given, str) and given in countries(), f"{what} is {given!r:.60}, no ISO 3166 country code"
    )


def day(given: object, what: str) -> None:
    require(isinstance(given, date) and not isinstance(given, datetime), f"{what} is no date")


def rate_cards(given: object) -> tuple[RateCard, ...]:
    """The rate cards of a plugin, checked one by one and then against each other. Raises `Wrong`."""
    cards = items(given, RateCard, CARDS_MAX, "the list of rate cards")
    total = 0
    for card in cards:
        rate_card(card)
        total += len(card.rates)
        require(total <= RATES_MAX, f"there are more than {RATES_MAX:,} rates")
    no_overlap([entry for card in cards for entry in card.rates])
    return cards


def rate_card(card: RateCard) -> None:
    text(card.name, "the name of a rate card", longest=100)
    text(card.source, f"the source of rate card {card.name}")
    text(card.licence, f"the licence of rate card {card.name}")
    require(type(card.rates) is tuple, f"the rates of rate card {card.name} are no tuple")
    require(type(card.left_out) is tuple, f"what rate card {card.name} has left out is no tuple")
    for entry in items(card.rates, Rate, RATES_MAX, f"rate card {card.name}"):
        rate(entry)
    for sentence in items(card.left_out, str, RATES_MAX, f"what rate card {card.name} has left out"):
        text(sentence, f"what rate card {card.name} has left out")


def rate(entry: Rate) -> None:
    country(entry.country, "the country of a rate")
    whole(entry.credits_per_segment, f"the rate of {entry.country}", 1, CREDITS_PER_SEGMENT_MAX)
    day(entry.effective_from, f"the first day of a rate of {entry.country}")
    if entry.effective_until is not None:
        day(entry.effective_until, f"the last day of a rate of {entry.country}")
        require(
            entry.effective_from < entry.effective_until, f"a rate of {entry.country} ends before it begins"
        )


def no_overlap(rates: Iterable[Rate]) -> None:
    ordered = sorted(rates, key=lambda entry: (entry.country, entry.effective_from))
    for earlier, later in pairwise(ordered):
        apart = earlier.country != later.country
        ended = earlier.effective_until is not None and earlier.effective_until <= later.effective_from
        require(apart or ended, f"{later.country} has two rates for {later.effective_from}")


def segment_profiles(given: object) -> tuple[SegmentProfile, ...]:
    """The segment profiles of a plugin, at most one for a country. Raises `Wrong`."""
    profiles = items(given, SegmentProfile, PROFILES_MAX, "the list of segment profiles")
    seen: set[str | None] = set()
    for profile in profiles:
        segment_profile(profile)
        require(
            profile.country not in seen, f"there are two profiles of {profile.country or 'all countries'}"
        )
        seen.add(profile.country)
    return profiles


def segment_profile(profile: SegmentProfile) -> None:
    if profile.country is not None:
        country(profile.country, "the country of a profile")
    whose = f"the profile of {profile.country or 'all countries'}"
    require(type(profile.alphabets) is tuple, f"the alphabets of {whose} are no tuple")
    for given in items(profile.alphabets, Alphabet, ALPHABETS_MAX, f"the alphabets of {whose}"):
        alphabet(given)
    one_of(profile.edge_rule, EDGE_RULES, f"the edge rule of {whose}")
    one_of(profile.concat_reference_bits, (8, 16), f"the reference size of {whose}")
    whole(profile.part_limit, f"the part limit of {whose}", 1, PART_LIMIT_MAX)
    text(profile.required_text, f"the required text of {whose}", longest=REQUIRED_TEXT_LENGTH_MAX, empty=True)
    require(type(profile.sender_forms) is tuple, f"the sender forms of {whose} are no tuple")
    for form in profile.sender_forms:
        one_of(form, SENDER_FORMS, f"a sender form of {whose}")


def alphabet(given: Alphabet) -> None:
    text(given.name, "the name of an alphabet", longest=100)
    for cells, what in ((given.basic, "basic"), (given.extension, "extension")):
        whose = f"the {what} table of alphabet {given.name}"
        require(isinstance(cells, str) and len(cells) == 128, f"{whose} has not 128 cells")
        used = [cell for cell in cells if cell not in (UNUSED, ESCAPE)]
        require(not any("\ud800" <= cell <= "\udfff" for cell in used), f"{whose} holds a surrogate")
        require(len(set(used)) == len(used) or what == "extension", f"{whose} has a character twice")
    require(given.basic[0x1B] == ESCAPE, f"the basic table of alphabet {given.name} has no escape at 0x1B")
    for language in (given.locking_language, given.single_shift_language):
        one_of(language, NATIONAL_LANGUAGES.values(), f"a language of alphabet {given.name}")
