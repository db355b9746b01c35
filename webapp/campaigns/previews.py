"""The message as one person reads it: the dearest of each country first, or anybody asked for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from flask_babel import gettext as _
from numpy.typing import NDArray
from sqlalchemy import or_, select

from webapp.audience.models import Recipient
from webapp.audience.recipients import Filter, matches
from webapp.campaigns.quoting import Quoted
from webapp.db import db
from webapp.pricing.books import Rate
from webapp.pricing.numbers import COUNTRIES
from webapp.pricing.quotes import AudienceQuote
from webapp.pricing.segmentation import Segmentation, segment

MOST_COUNTRIES = 250


@dataclass(frozen=True)
class Preview:
    """One person's message. `place` of `places` says which of the proposed ones it is, 0: another."""

    recipient_id: int | None
    phone: int | None
    country: str | None
    values: dict[str, str]
    segmentation: Segmentation
    rate: Rate | None
    place: int = 0
    places: int = 0
    before: int | None = None
    after: int | None = None

    @property
    def credits(self) -> int | None:
        return self.segmentation.segments * self.rate.credits_per_segment if self.rate else None

    @property
    def name(self) -> str:
        """How to call whose message it is: the first value that the text uses, or the number."""
        return next((value for value in self.values.values() if value), "") or (
            f"+{self.phone}" if self.phone else _("somebody without values")
        )


def preview(quoted: Quoted, recipient_id: int | None = None) -> Preview | None:
    """The message of this recipient, or the dearest of all. None while the text cannot be read."""
    if quoted.template is None:
        return None
    if quoted.quote is None or not quoted.quote.recipients:
        return of_nobody(quoted)
    proposed = dearest_of_countries(quoted.quote)
    person = person_of(quoted.quote, recipient_id) if recipient_id else None
    if person is None:
        person = proposed[0]
    return of_person(quoted, quoted.quote, person, proposed)


def of_nobody(quoted: Quoted) -> Preview:
    """The text with its defaults, cut as everywhere, while there is nobody to read it."""
    assert quoted.template is not None
    profile = quoted.book.default_profile
    text = segment(quoted.template.render({}), profile, transliterate=quoted.draft.transliterate)
    return Preview(None, None, None, {}, text, None)


def of_person(quoted: Quoted, quote: AudienceQuote, person: int, proposed: list[int]) -> Preview:
    values = quote.crowd.values(person, quote.template.fields)
    country = COUNTRIES[quote.crowd.countries[person]]
    place = proposed.index(person) + 1 if person in proposed else 0
    ids = quote.crowd.recipient_ids
    return Preview(
        recipient_id=int(ids[person]),
        phone=int(quote.crowd.phones[person]),
        country=country,
        values=values,
        segmentation=segment(
            quote.template.render(values), quote.book.profile(country), transliterate=quote.transliterate
        ),
        rate=quote.book.rate(country, quoted.at),
        place=place,
        places=len(proposed),
        before=int(ids[proposed[(place or 1) - 2]]) if len(proposed) > 1 else None,
        after=int(ids[proposed[place % len(proposed)]]) if len(proposed) > 1 else None,
    )


def dearest_of_countries(quote: AudienceQuote) -> list[int]:
    """For each country one person whose message costs most there; the dearest message of all first.

    Places in the crowd. One pass per number of segments, as most audiences have few.
    """
    segments = quote.counted.of_person
    dearest = np.full(len(COUNTRIES), -1, np.int64)
    for parts in quote.segments_histogram:
        people: NDArray[Any] = np.flatnonzero(segments == parts)[::-1]
        dearest[quote.crowd.countries[people]] = people
    found = []
    for line in quote.by_country:
        person = int(dearest[COUNTRIES.index(line.country)])
        found.append((-max(line.segments_histogram) * line.credits_per_segment, line.country, person))
    return [person for _credits, _country, person in sorted(found)[:MOST_COUNTRIES]]


def person_of(quote: AudienceQuote, recipient_id: int) -> int | None:
    """The place in the crowd of a recipient who gets a message."""
    places = np.flatnonzero(quote.crowd.recipient_ids == recipient_id)
    return int(places[0]) if len(places) else None


def find_recipient(quoted: Quoted, sought: str) -> int | None:
    """The first recipient of the chosen lists with this in the number or a value, who gets a message."""
    if quoted.quote is None or not sought.strip():
        return None
    wanted = Filter(text=sought.strip())
    found = (
        select(Recipient.id)
        .where(Recipient.list_id.in_(quoted.draft.list_ids))
        .where(or_(*matches(wanted.text)))
        .order_by(Recipient.id)
        .limit(50)
    )
    for recipient_id in db.session.scalars(found):
        if person_of(quoted.quote, recipient_id) is not None:
            return recipient_id
    return None
