"""What made this dearer, and what would make it cheaper: counted on this audience, never guessed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from webapp.campaigns.quoting import Quoted
from webapp.errors import Refused
from webapp.pricing.columns import COUNTRIES
from webapp.pricing.merge import parse
from webapp.pricing.profiles import Profile
from webapp.pricing.quotes import AudienceQuote, price_audience
from webapp.pricing.segmentation import segment
from webapp.pricing.text import name_of
from webapp.pricing.transliteration import replacement_of

MOST_OFFERS = 6
MOST_SAMPLES = 5


@dataclass(frozen=True)
class Offer:
    """A character of the text that could be replaced (`character` None: all of them), and what that saves."""

    character: str | None
    replacement: str
    count: int
    name: str
    parts_before: int
    parts_after: int
    saved: int


@dataclass(frozen=True)
class Sample:
    """Somebody whose message needs more parts than most; `field` is the value that makes it so."""

    recipient_id: int
    phone: int
    country: str
    segments: int
    credits: int
    field: str | None
    value: str


@dataclass(frozen=True)
class Dearer:
    """How many people need more parts than `usual`, which most need; and some of them, the longest first."""

    people: int
    usual: int
    samples: tuple[Sample, ...]

    @property
    def field(self) -> str | None:
        """The field that most of the samples have it from."""
        counted = Counter(sample.field for sample in self.samples if sample.field)
        return counted.most_common(1)[0][0] if counted else None


def offers(quoted: Quoted) -> tuple[Offer, ...]:
    """Characters outside the alphabet that somebody may replace in the text, the largest saving first."""
    found = offending(quoted)
    if not found:
        return ()
    single = [offer(quoted, character, (character,)) for character in found[:MOST_OFFERS]]
    every = [offer(quoted, None, found)] if len(found) > 1 else []
    made = [made for made in every + single if made is not None]
    return tuple(sorted(made, key=lambda one: (one.character is not None, -one.saved)))


def offending(quoted: Quoted) -> tuple[str, ...]:
    """Characters of the text itself that the usual alphabet lacks and that something could stand for."""
    first = quoted.book.default_profile.first
    if quoted.template is None or first is None or first.tables is None:
        return ()
    text = "".join(quoted.template.literals)
    found = dict.fromkeys(match[0] for match in first.tables.outside.finditer(text))
    return tuple(character for character in found if replacement_of(character) is not None)


def offer(quoted: Quoted, character: str | None, characters: Sequence[str]) -> Offer | None:
    text = quoted.draft.text
    count = sum(text.count(each) for each in characters)
    changed = replaced(text, characters)
    quote = repriced(quoted, changed)
    before, after = longest(quoted.quote), longest(quote)
    saved = quoted.quote.credits - quote.credits if quoted.quote and quote else 0
    if quote is None:
        before, after = parts_of(quoted, text), parts_of(quoted, changed)
    if saved <= 0 and quote is not None and character is None:
        return None
    one = character or ""
    return Offer(
        character,
        replacement_of(one) or "" if one else "",
        count,
        name_of(one) if one else "",
        before,
        after,
        saved,
    )


def replaced(text: str, characters: Sequence[str]) -> str:
    """The text with what could stand for each of these characters."""
    for character in characters:
        text = text.replace(character, replacement_of(character) or "")
    return text


def repriced(quoted: Quoted, text: str) -> AudienceQuote | None:
    if quoted.quote is None or quoted.audience is None:
        return None
    try:
        return price_audience(
            parse(text),
            quoted.audience,
            quoted.book,
            quoted.at,
            quoted.draft.sender,
            transliterate=quoted.draft.transliterate,
        )
    except Refused:
        return None


def longest(quote: AudienceQuote | None) -> int:
    return max(quote.segments_histogram, default=0) if quote else 0


def parts_of(quoted: Quoted, text: str) -> int:
    return segment(parse(text).render({}), quoted.book.default_profile).segments


def dearer(quoted: Quoted) -> Dearer | None:
    """Who needs more parts than most, and why. None where everybody needs the same or fewer."""
    quote = quoted.quote
    if quote is None or len(quote.segments_histogram) < 2:
        return None
    usual = max(quote.segments_histogram, key=lambda parts: quote.segments_histogram[parts])
    people = sum(count for parts, count in quote.segments_histogram.items() if parts > usual)
    if not people:
        return None
    found: list[int] = []
    for parts in sorted((parts for parts in quote.segments_histogram if parts > usual), reverse=True):
        missing = MOST_SAMPLES - len(found)
        if missing > 0:
            found += np.flatnonzero(quote.counted.of_person == parts)[:missing].tolist()
    return Dearer(people, usual, tuple(sample(quoted, quote, person, usual) for person in found))


def sample(quoted: Quoted, quote: AudienceQuote, person: int, usual: int) -> Sample:
    values = quote.crowd.values(person, quote.template.fields)
    country = COUNTRIES[quote.crowd.countries[person]]
    profile = quote.book.profile(country)
    segments = segment(quote.template.render(values), profile, transliterate=quote.transliterate).segments
    rate = quote.book.rate(country, quoted.at)
    field = cause(quote, values, profile, usual)
    return Sample(
        recipient_id=int(quote.crowd.recipient_ids[person]),
        phone=int(quote.crowd.phones[person]),
        country=country,
        segments=segments,
        credits=segments * (rate.credits_per_segment if rate else 0),
        field=field,
        value=values.get(field or "", ""),
    )


def cause(quote: AudienceQuote, values: dict[str, str], profile: Profile, usual: int) -> str | None:
    """The one field without whose value the message would take no more parts than most."""
    for field in quote.template.fields:
        without = quote.template.render({**values, field: ""})
        if segment(without, profile, transliterate=quote.transliterate).segments <= usual:
            return field
    return None


def with_replacement(text: str, character: str | None, quoted: Quoted) -> str:
    """The text after somebody pressed the button of an offer."""
    known = offending(quoted)
    wanted = known if character is None else tuple(each for each in known if each == character)
    return replaced(text, wanted)
