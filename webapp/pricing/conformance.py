"""What a plugin must hold to, check by check. `sms-credits plugins check` and the pytest plugin run these.

A plugin that was read has passed the checks of its data already (`checks.py`), or has a problem. The
checks here go on where reading stops: the same answer twice, data that survive the database, texts that
come out of the packing as they went in.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from importlib.metadata import entry_points
from typing import Final

from webapp.pricing import plugins
from webapp.pricing.api import ENTRY_POINT_GROUP, ESCAPE, UNUSED
from webapp.pricing.books import Source, compile_book
from webapp.pricing.checks import Wrong, require
from webapp.pricing.plugins import Plugin
from webapp.pricing.profiles import Profile, profile_of
from webapp.pricing.segmentation import segment
from webapp.pricing.stored import handed_over_from_json, handed_over_to_json


@dataclass(frozen=True)
class Check:
    """A rule as a sentence, and what finds a breach of it (`run` raises `Wrong`)."""

    name: str
    sentence: str
    run: Callable[[Plugin], None]


def problem_of(check: Check, plugin: Plugin) -> str | None:
    """What is wrong by this check, None if nothing is."""
    if plugin.problem:
        return plugin.problem
    try:
        check.run(plugin)
    except Wrong as wrong:
        return str(wrong)
    return None


def is_sound(plugin: Plugin) -> None:
    require(plugin.problem is None, plugin.problem or "")


def answers_alike(plugin: Plugin) -> None:
    points = entry_points(group=ENTRY_POINT_GROUP, name=plugin.name)
    again = [plugins.read(point) for point in points]
    alike = [(one.rate_cards, one.profiles) == (plugin.rate_cards, plugin.profiles) for one in again]
    require(all(alike), "it hands over other data when it is asked again")


def survives_storing(plugin: Plugin) -> None:
    stored = handed_over_to_json(plugin.rate_cards, plugin.profiles)
    kept = handed_over_from_json(stored)
    require(kept == (plugin.rate_cards, plugin.profiles), "its data change when they are stored and read")


def is_frozen(plugin: Plugin) -> None:
    for item in (*plugin.rate_cards, *plugin.profiles):
        try:
            hash(item)
        except TypeError as problem:
            raise Wrong(f"a {type(item).__name__} holds what can be changed: {problem}") from None


def prices_every_day_it_claims(plugin: Plugin) -> None:
    book = compile_book([Source(plugin.name, plugin.version, plugin.rate_cards, plugin.profiles)], {})
    for rate in (rate for card in plugin.rate_cards for rate in card.rates):
        found = book.rate(rate.country, datetime.combine(rate.effective_from, time(0), UTC))
        require(
            found is not None and found.credits_per_segment == rate.credits_per_segment,
            f"its rate of {rate.country} does not hold on {rate.effective_from}",
        )


def packs_every_character(plugin: Plugin) -> None:
    for source in plugin.profiles:
        profile = profile_of(source)
        for coding in profile.gsm:
            assert coding.tables is not None
            for character in sorted(coding.tables.basic | coding.tables.extension):
                units = coding.units(character)
                expected = 1 if character in coding.tables.basic else 2
                require(
                    units == expected, f"{character!r} of {coding.tables.alphabet.name} takes {units} units"
                )


SAMPLES: Final = (
    "a" * 161,
    "€" * 200,
    "ş" * 200,
    "😀" * 100,
    "Zażółć gęślą jaźń " * 12,
    "नमस्ते " * 40,
    "\r\n" * 90,
)


def gives_texts_back(plugin: Plugin) -> None:
    for source in plugin.profiles:
        profile = profile_of(source)
        for sample in SAMPLES:
            counted = segment(sample, profile)
            joined = "".join(part.text for part in counted.parts)
            require(joined == counted.text, f"{whose(profile)} loses text between two parts")
            full = all(part.units <= part.capacity for part in counted.parts)
            require(full, f"{whose(profile)} fills a part above what it holds")


def whose(profile: Profile) -> str:
    return f"the profile of {profile.country or 'all countries'}"


def required_text_can_be_sent(plugin: Plugin) -> None:
    for source in plugin.profiles:
        profile = profile_of(source)
        if profile.required_text:
            counted = segment("a", profile)
            require(not counted.over_limit, f"{whose(profile)} requires a text longer than it allows")
            require(
                counted.text.endswith(profile.required_text), f"{whose(profile)} changes its required text"
            )


def has_room_for_packing(plugin: Plugin) -> None:
    for alphabet in {alphabet for profile in plugin.profiles for alphabet in profile.alphabets}:
        used = set(alphabet.basic) | set(alphabet.extension) - {UNUSED, ESCAPE}
        require("\n" in used, f"alphabet {alphabet.name} has no line feed, which joins a required text")


CHECKS: Final[tuple[Check, ...]] = (
    Check("sound", "It is loaded, asked and checked without a problem", is_sound),
    Check("alike", "It hands over the same data when it is asked again", answers_alike),
    Check("frozen", "Its data are frozen: every value can be hashed", is_frozen),
    Check("stored", "Its data are the same after they were stored", survives_storing),
    Check("days", "Each of its rates holds from its first day", prices_every_day_it_claims),
    Check("packing", "Each character of its alphabets takes the units of its table", packs_every_character),
    Check("line_feed", "Its alphabets have the line feed", has_room_for_packing),
    Check("parts", "Its profiles cut texts without losing any of them", gives_texts_back),
    Check("required", "The text it requires can be sent", required_text_can_be_sent),
)


def run_all(plugin: Plugin) -> Iterable[tuple[Check, str | None]]:
    """Every check with what is wrong by it."""
    return [(check, problem_of(check, plugin)) for check in CHECKS]
