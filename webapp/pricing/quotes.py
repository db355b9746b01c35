"""What a message costs, and what a campaign costs: one engine for the quote, the hold and the charge."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from flask_babel import gettext as _
from numpy.typing import NDArray

from webapp.errors import Refused
from webapp.pricing.audiences import Audience
from webapp.pricing.books import PricingBook, Rate
from webapp.pricing.counting import Counted, count_crowd
from webapp.pricing.crowds import REASONS, Crowd, crowd_of
from webapp.pricing.lines import (
    CountryLine,
    Funding,
    ListLine,
    cells_of,
    country_lines,
    histogram,
    list_lines,
    reason_cells,
    with_funding,
)
from webapp.pricing.merge import Template, require_known
from webapp.pricing.numbers import COUNTRIES
from webapp.pricing.profiles import Profile
from webapp.pricing.segmentation import Segmentation, segment
from webapp.pricing.senders import form_of


class NoRate(Refused):
    """No enabled plugin has a rate for a country at an instant."""

    slug = "no-rate"


class TooManySegments(Refused):
    """A text takes more segments than its country allows: `facts` has `segments`, `limit`, `excess`."""

    slug = "too-many-segments"


class EmptyText(Refused):
    slug = "invalid-request"


class SenderNotAllowed(Refused):
    slug = "invalid-request"


@dataclass(frozen=True)
class MessageQuote:
    """The price of one message and how it comes about."""

    country: str
    segments: int
    credits: int
    rate: Rate
    text: str
    segmentation: Segmentation


@dataclass(frozen=True, eq=False)
class RowQuotes:
    """The r recipients that get a message, for pinning: arrays of r. `country_index` refers to `COUNTRIES`.

    `people` are their places in the quote's crowd, which has their merge values.
    """

    recipient_ids: NDArray[np.int64]
    phones: NDArray[np.int64]
    list_index: NDArray[np.int32]
    country_index: NDArray[np.uint16]
    segments: NDArray[np.int64]
    credits: NDArray[np.int64]
    people: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.phones)


@dataclass(frozen=True, eq=False)
class AudienceQuote:
    """The price of a text for an audience. recipients + all excluded = rows of the chosen lists."""

    template: Template
    sender: str
    book: PricingBook
    at: datetime
    recipients: int
    segments: int
    credits: int
    excluded: Mapping[str, int]
    by_country: tuple[CountryLine, ...]
    by_list: tuple[ListLine, ...]
    segments_histogram: Mapping[int, int]
    available_after: int | None
    shortfall: int
    transliterate: bool
    crowd: Crowd
    counted: Counted

    @cached_property
    def rows(self) -> RowQuotes:
        """Every recipient that is priced, with its segments and credits."""
        return priced_rows(self)

    @cached_property
    def fingerprint(self) -> str:
        """Changes with the recipients, their values, the text, the sender, or what any of it costs."""
        return fingerprint_of(self)


def price_message(
    template: Template,
    values: Mapping[str, object],
    country: str | None,
    book: PricingBook,
    at: datetime,
    sender: str | None = None,
    *,
    transliterate: bool = False,
) -> MessageQuote:
    """The price of one message at an instant.

    Raises `NoRate`, `SenderNotAllowed`, `EmptyText` or `TooManySegments`.
    """
    rate = book.rate(country, at)
    if rate is None:
        raise NoRate(
            _("There is no rate for %(country)s.", country=country or _("this number")), country=country
        )
    profile = book.profile(country)
    if not allows(profile, sender):
        raise SenderNotAllowed(
            _("%(country)s does not allow this form of sender.", country=rate.country), sender=sender
        )
    segmentation = segment(template.render(values), profile, transliterate=transliterate)
    require_sendable(segmentation)
    credits = segmentation.segments * rate.credits_per_segment
    return MessageQuote(rate.country, segmentation.segments, credits, rate, segmentation.text, segmentation)


def require_sendable(segmentation: Segmentation) -> None:
    if not segmentation.segments:
        raise EmptyText(_("The text is empty: write what the message should say."))
    if segmentation.over_limit:
        limit, excess = segmentation.profile.part_limit, segmentation.excess
        sentence = _(
            "The text takes %(count)s parts, %(excess)s more than can be sent.",
            count=limit + excess,
            excess=excess,
        )
        raise TooManySegments(sentence, segments=segmentation.segments, limit=limit, excess=excess)


def allows(profile: Profile, sender: str | None) -> bool:
    """Whether a country allows the form of this sender; no sender is the gateway's own, which is allowed."""
    return not sender or form_of(sender) in profile.sender_forms


def price_audience(
    template: Template,
    audience: Audience,
    book: PricingBook,
    at: datetime,
    sender: str | None = None,
    funding: Funding | None = None,
    *,
    transliterate: bool = False,
) -> AudienceQuote:
    """The price of a text for an audience at an instant. Raises `UnknownFields`."""
    require_known(template, audience.field_names)
    crowd = crowd_of(audience)
    rates = {country: book.rate(country, at) for country in crowd.countries_present}
    rated = {country: rate for country, rate in rates.items() if rate}
    profiles = {country: book.profile(country) for country in rated}
    refused = {country for country, profile in profiles.items() if not allows(profile, sender)}
    priced = {country: profile for country, profile in profiles.items() if country not in refused}
    counted = count_crowd(template, crowd, priced, transliterate=transliterate)
    cells = reason_cells(cells_of(crowd, counted), rated, refused, priced)
    by_list = with_funding(list_lines(crowd, cells, rated), funding)
    credits = sum(line.credits for line in by_list)
    return AudienceQuote(
        template=template,
        sender=sender or "",
        book=book,
        at=at,
        recipients=sum(line.recipients for line in by_list),
        segments=sum(line.segments for line in by_list),
        credits=credits,
        excluded={reason: sum(line.excluded[reason] for line in by_list) for reason in REASONS},
        by_country=country_lines(cells, rated),
        by_list=by_list,
        segments_histogram=histogram(cells),
        available_after=funding.available - credits if funding else None,
        shortfall=sum(line.shortfall for line in by_list),
        transliterate=transliterate,
        crowd=crowd,
        counted=counted,
    )


def priced_people(quote: AudienceQuote, above: int = 0) -> NDArray[np.int64]:
    """The people of the crowd who get a message, or of them those whose message has more segments."""
    limits = per_country(quote, lambda line: quote.book.profile(line.country).part_limit)
    found: NDArray[np.int64] = np.flatnonzero(quote.counted.of_person > above)
    within = quote.counted.of_person[found] <= limits[quote.crowd.countries[found]]
    return found if within.all() else found[within]


def per_country(quote: AudienceQuote, figure: Callable[[CountryLine], int]) -> NDArray[np.int64]:
    """A figure of each country that is paid for by the index of the country, 0 for the others."""
    figures = np.zeros(len(COUNTRIES), np.int64)
    for line in quote.by_country:
        figures[COUNTRIES.index(line.country)] = figure(line)
    return figures


def priced_rows(quote: AudienceQuote) -> RowQuotes:
    crowd, people = quote.crowd, priced_people(quote)
    countries, segments = crowd.countries[people], quote.counted.of_person[people]
    rates = per_country(quote, lambda line: line.credits_per_segment)
    return RowQuotes(
        crowd.recipient_ids[people],
        crowd.phones[people],
        crowd.list_index[people],
        countries,
        segments,
        segments * rates[countries],
        people,
    )


def fingerprint_of(quote: AudienceQuote) -> str:
    digest = hashlib.blake2b(digest_size=16)
    text = (quote.template.source, quote.template.literals, quote.sender, quote.transliterate)
    figures = (quote.credits, quote.recipients, tuple(sorted(quote.excluded.items())))
    lines = tuple((line.list_id, line.recipients, line.segments, line.credits) for line in quote.by_list)
    prices = tuple((line.country, line.segments, line.rate) for line in quote.by_country)
    profiles = tuple(repr(quote.book.profile(line.country).source) for line in quote.by_country)
    digest.update(repr((text, figures, lines, prices, profiles)).encode("utf-8", "surrogatepass"))
    digest.update(people_digest(quote.crowd))
    for name in sorted(quote.template.fields):
        digest.update(values_digest(quote.crowd, name))
    return digest.hexdigest()


def people_digest(crowd: Crowd) -> bytes:
    return remembered_digest(
        crowd, ("people",), lambda: [crowd.recipient_ids, crowd.phones, crowd.list_index]
    )


def values_digest(crowd: Crowd, name: str) -> bytes:
    """Of all values of a field in the lists, also of those that get no message: a change of them is rare."""

    def pieces() -> list[Any]:
        columns = [column for column in crowd.columns(name) if column is not None]
        return [piece for column in columns for piece in (column.offsets, column.blob)]

    return remembered_digest(crowd, ("values", name), pieces)


def remembered_digest(crowd: Crowd, key: tuple[str, ...], pieces: Any) -> bytes:
    if key not in crowd.remembered:
        digest = hashlib.blake2b(digest_size=16)
        for piece in pieces():
            digest.update(np.ascontiguousarray(piece).data if isinstance(piece, np.ndarray) else piece)
        crowd.remembered[key] = digest.digest()
    found: bytes = crowd.remembered[key]
    return found
