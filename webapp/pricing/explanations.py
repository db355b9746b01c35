"""Why a quote is what it is, and what would make it cheaper. Every saving is a quote of its own."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import regex
from numpy.typing import NDArray

from webapp.pricing.merge import Template, parse, rewritten
from webapp.pricing.profiles import Profile
from webapp.pricing.quotes import AudienceQuote, price_audience, priced_people
from webapp.pricing.segmentation import offender
from webapp.pricing.text import name_of, normalise

EMOJI: Final = regex.compile(
    r"(?:\p{Extended_Pictographic}|\p{Emoji_Presentation}|\p{RI}|[\U0001F3FB-\U0001F3FF])[\ufe0e\ufe0f\u200d\u20e3\p{EMod}\U000E0020-\U000E007F]*"
)
TRIMS: Final = (5, 10, 20, 40)
SAMPLES_MAX: Final = 5
FIXES_MAX: Final = 8


@dataclass(frozen=True)
class Saving:
    """Another wording and what it would save. `usual_before`, `usual_after`: segments most messages take.

    `credits_saved` is below 0 where the other wording costs more: three full stops for an ellipsis, in a
    text that stays UCS-2 for another character.
    """

    text: str
    credits_saved: int
    credits: int
    usual_before: int
    usual_after: int
    transliterate: bool = False


@dataclass(frozen=True)
class Fix:
    """A character that the 7-bit alphabet has not, how often it stands in the text, and what replaces it."""

    character: str
    code_point: str
    name: str
    times: int
    replacement: str
    saving: Saving


@dataclass(frozen=True)
class Cause:
    """Recipients whose message is dearer because of a field: `encoding` (a character) or `length`."""

    field: str
    why: str
    recipients: int
    samples: tuple[str, ...]


@dataclass(frozen=True)
class Dearer:
    """How many messages take more segments than most do, what that adds, and because of what."""

    usual: int
    recipients: int
    credits: int
    causes: tuple[Cause, ...]


@dataclass(frozen=True)
class Trim:
    """What shortening the text by so many characters would save, and which ones would go."""

    characters: int
    saving: Saving
    cut: str


def usual_segments(quote: AudienceQuote) -> int:
    """The number of segments most messages take; of several the lowest, 0 where there are no messages."""
    counts = quote.segments_histogram
    return max(counts, key=lambda segments: (counts[segments], -segments), default=0)


def what_if(quote: AudienceQuote, text: str, *, transliterate: bool | None = None) -> Saving:
    """The same audience with another text: what it costs and saves. Raises `MergeError`, `UnknownFields`."""
    plainly = quote.transliterate if transliterate is None else transliterate
    other = price_audience(
        parse(text), quote.crowd.audience, quote.book, quote.at, quote.sender, transliterate=plainly
    )
    return Saving(
        text,
        quote.credits - other.credits,
        other.credits,
        usual_segments(quote),
        usual_segments(other),
        plainly,
    )


def fixes(quote: AudienceQuote) -> tuple[Fix, ...]:
    """For each offending character between the fields that can be replaced: what replacing it saves."""
    found = offending(quote.template, profiles_of(quote))
    return tuple(
        fix
        for character in list(found)[:FIXES_MAX]
        if (fix := fix_of(quote, character, found[character])) is not None
    )


def profiles_of(quote: AudienceQuote) -> list[Profile]:
    profiles = [quote.book.profile(line.country) for line in quote.by_country]
    return list(dict.fromkeys(profiles)) or [quote.book.default_profile]


def offending(template: Template, profiles: Iterable[Profile]) -> dict[str, int]:
    """The characters between the fields that keep a text from the first alphabet of a profile, counted."""
    text = "".join(normalise(literal) for literal in template.literals)
    found: dict[str, int] = {}
    for profile in profiles:
        if profile.first and profile.first.tables:
            outside = profile.first.tables.outside.findall(text)
            found |= {character: outside.count(character) for character in outside}
    return found


def fix_of(quote: AudienceQuote, character: str, times: int) -> Fix | None:
    one = offender(0, character)
    if one.replacement is None:
        return None
    saving = what_if(quote, with_replaced(quote.template.source, {character: one.replacement}))
    return Fix(character, one.code_point, name_of(character), times, one.replacement, saving)


def with_replaced(source: str, replacements: dict[str, str]) -> str:
    """The source of a text with characters between its fields replaced; braces stay what they are."""
    table = str.maketrans(replacements)
    return rewritten(source, lambda literal: normalise(literal).translate(table))


def fix_all(quote: AudienceQuote) -> Saving | None:
    """All offending characters replaced at once; None if one cannot be, there are none, or it costs more."""
    found = {
        character: offender(0, character).replacement
        for character in offending(quote.template, profiles_of(quote))
    }
    known = {character: instead for character, instead in found.items() if instead is not None}
    if not known or len(known) < len(found):
        return None
    saving = what_if(quote, with_replaced(quote.template.source, known))
    return saving if saving.credits_saved >= 0 else None


def without_emoji(quote: AudienceQuote) -> Saving | None:
    """The text without its emoji; None if it has none."""
    text = rewritten(quote.template.source, lambda literal: EMOJI.sub("", literal))
    return what_if(quote, text) if text != quote.template.source else None


def with_transliteration(quote: AudienceQuote) -> Saving | None:
    """What plain typography would save; None if it is on already or saves nothing."""
    if quote.transliterate:
        return None
    saving = what_if(quote, quote.template.source, transliterate=True)
    return saving if saving.credits_saved > 0 else None


def trims(quote: AudienceQuote, lengths: Iterable[int] = TRIMS) -> tuple[Trim, ...]:
    """What dropping characters from the end of the longest literal would save, where it saves anything."""
    literal = max(quote.template.literals, key=len)
    found = [
        Trim(length, what_if(quote, trimmed(quote.template, length)), literal[-length:])
        for length in lengths
        if length <= len(literal)
    ]
    return tuple(trim for trim in found if trim.saving.credits_saved > 0)


def trimmed(template: Template, length: int) -> str:
    """The source of a template whose longest literal has lost its last characters."""
    literals = list(template.literals)
    longest = literals.index(max(literals, key=len))
    literals[longest] = literals[longest][:-length]
    return source_of(literals, template)


def source_of(literals: list[str], template: Template) -> str:
    escaped = [literal.replace("{", "{{").replace("}", "}}") for literal in literals]
    places = [
        "{" + place.name + (f"|{place.default}" if place.default else "") + "}" for place in template.places
    ]
    return escaped[0] + "".join(place + text for place, text in zip(places, escaped[1:], strict=True))


def dearer(quote: AudienceQuote) -> Dearer:
    """The messages that take more segments than most, and the field values that make them."""
    usual = usual_segments(quote)
    people = extra = 0
    for line in quote.by_country:
        for segments, recipients in line.segments_histogram.items():
            if segments > usual:
                people += recipients
                extra += (segments - usual) * recipients * line.credits_per_segment
    return Dearer(usual, people, extra, causes(quote, priced_people(quote, usual), usual))


def causes(quote: AudienceQuote, people: NDArray[np.int64], usual: int) -> tuple[Cause, ...]:
    """By field: those with a character outside the alphabet, of the others those with the longest values."""
    found, rest = [], np.ones(len(people), np.bool_)
    tables = next((profile.first.tables for profile in profiles_of(quote) if profile.first), None)
    for name in quote.template.fields if tables else ():
        foreign = quote.crowd.figures(name, tables).foreign
        if foreign is not None and (mask := foreign[people]).any():
            found.append(cause(quote, name, "encoding", people[mask]))
            rest &= ~mask
    for name, members in longest_fields(quote, people[rest], usual):
        found.append(cause(quote, name, "length", members))
    return tuple(sorted(found, key=lambda one: -one.recipients))


def longest_fields(
    quote: AudienceQuote, people: NDArray[np.int64], usual: int
) -> list[tuple[str, NDArray[np.int64]]]:
    """Each person under the field whose value stands out most above the usual length of that field."""
    names = [name for name in quote.template.fields if quote.crowd.figures(name, None).units is not None]
    if not names or not len(people):
        return []
    ordinary = quote.counted.of_person == usual
    excess = np.array([above_median(quote, name, people, ordinary) for name in names])
    worst = excess.argmax(axis=0)
    stands_out = excess.max(axis=0) > 0
    groups = [(name, people[(worst == index) & stands_out]) for index, name in enumerate(names)]
    return [(name, members) for name, members in groups if len(members)]


def above_median(
    quote: AudienceQuote, name: str, people: NDArray[np.int64], ordinary: NDArray[np.bool_]
) -> NDArray[np.float64]:
    units = quote.crowd.figures(name, None).units
    assert units is not None, "fields without values are not asked for"
    middle = float(np.median(units[ordinary])) if ordinary.any() else 0.0
    return units[people].astype(np.float64) - middle


def cause(quote: AudienceQuote, name: str, why: str, people: NDArray[np.int64]) -> Cause:
    return Cause(name, why, len(people), samples(quote, name, people))


def samples(quote: AudienceQuote, name: str, people: NDArray[np.int64]) -> tuple[str, ...]:
    """Some different values, the longest first."""
    units = quote.crowd.figures(name, None).units
    order = people if units is None else people[longest_first(units[people])]
    values = (quote.crowd.values(int(person), (name,))[name] for person in order[:200])
    return tuple(dict.fromkeys(value for value in values if value))[:SAMPLES_MAX]


def longest_first(units: NDArray[np.unsignedinteger[Any]]) -> NDArray[np.int64]:
    """The order of lengths, the largest first. They stay as narrow as they are: such are sorted by digits."""
    order: NDArray[np.int64] = np.argsort(np.iinfo(units.dtype).max - units, kind="stable")
    return order
