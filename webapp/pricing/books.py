"""The pricing book: what a segment costs and how a text is cut, per country, compiled from the plugins.

A book is immutable and known by the digest of its content. The one in force is stored in the database, so
every process prices alike, whatever packages it has installed.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import select, text

from webapp.db import db, transaction
from webapp.pricing import plugins
from webapp.pricing.api import RateCard, SegmentProfile
from webapp.pricing.models import PricingPlugin, StoredBook
from webapp.pricing.profiles import Profile, profile_of
from webapp.pricing.stored import (
    Json,
    handed_over_to_json,
    profiles_from_json,
    profiles_to_json,
    rate_from_json,
    rate_to_json,
)

EVERYWHERE = "**"
WITHOUT_ALPHABET = SegmentProfile(country=None, alphabets=())
INSTALL_LOCK = 7_301_926


@dataclass(frozen=True, slots=True)
class Rate:
    """The rate of a country in force from a day until another, and the plugin it comes from."""

    country: str
    credits_per_segment: int
    plugin: str
    plugin_version: str
    effective_from: date
    effective_until: date | None
    source: str
    licence: str

    def holds(self, on: date) -> bool:
        return self.effective_from <= on and (self.effective_until is None or on < self.effective_until)


@dataclass(frozen=True)
class Source:
    """What one enabled plugin brings to a book."""

    plugin: str
    version: str
    rate_cards: tuple[RateCard, ...]
    profiles: tuple[SegmentProfile, ...]


@dataclass(frozen=True)
class PricingBook:
    """Rates and profiles by country. `digest` is the SHA-256 of all of it."""

    digest: str
    rates_by_country: Mapping[str, tuple[Rate, ...]]
    profiles_by_country: Mapping[str, Profile]
    default_profile: Profile

    def rate(self, country: str | None, at: datetime) -> Rate | None:
        """The rate of a country at an instant (days begin at 00:00 UTC), None where there is none."""
        on = at.astimezone(UTC).date()
        return next((rate for rate in self.rates_by_country.get(country or "", ()) if rate.holds(on)), None)

    def rates(self, at: datetime) -> tuple[Rate, ...]:
        """The rate of every country that has one, by country code."""
        found = (self.rate(country, at) for country in sorted(self.rates_by_country))
        return tuple(rate for rate in found if rate)

    def profile(self, country: str | None) -> Profile:
        """The segment profile of a country, or that of all countries without their own."""
        return self.profiles_by_country.get(country or "", self.default_profile)


def compile_book(sources: Iterable[Source], chosen: Mapping[tuple[str, str], str]) -> PricingBook:
    """The book of plugins without conflicts, or with each settled in `chosen` by (kind, country)."""
    return from_json(to_json(list(sources), chosen))


def to_json(sources: list[Source], chosen: Mapping[tuple[str, str], str]) -> Json:
    rates: list[list[Any]] = []
    profiles: dict[str, tuple[SegmentProfile, str]] = {}
    for source in sorted(sources, key=lambda source: source.plugin):
        for card in source.rate_cards:
            about = [source.plugin, source.version, card.source, card.licence]
            wins = [
                rate
                for rate in card.rates
                if chosen.get(("rate", rate.country), source.plugin) == source.plugin
            ]
            rates += [[*rate_to_json(rate), *about] for rate in wins]
        for profile in source.profiles:
            country = profile.country or EVERYWHERE
            if chosen.get(("profile", country), source.plugin) == source.plugin:
                profiles[country] = (profile, source.plugin)
    rates.sort(key=lambda rate: (rate[0], rate[2]))
    taken = [profile for _country, (profile, _plugin) in sorted(profiles.items())]
    return {"rates": rates, **profiles_to_json(taken)}


def digest_of(data: Json) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def from_json(data: Json) -> PricingBook:
    by_country: dict[str, tuple[Rate, ...]] = {}
    for entry in data["rates"]:
        rate = rate_from_book(entry)
        by_country[rate.country] = (*by_country.get(rate.country, ()), rate)
    profiles = {profile.country or EVERYWHERE: profile_of(profile) for profile in profiles_from_json(data)}
    default = profiles.pop(EVERYWHERE, profile_of(WITHOUT_ALPHABET))
    return PricingBook(digest_of(data), MappingProxyType(by_country), MappingProxyType(profiles), default)


def rate_from_book(entry: list[Any]) -> Rate:
    given = rate_from_json(entry[:4])
    plugin, version, source, licence = entry[4:]
    return Rate(
        given.country,
        given.credits_per_segment,
        plugin,
        version,
        given.effective_from,
        given.effective_until,
        source,
        licence,
    )


def current_book() -> PricingBook:
    """The book in force. The first call on a new database stores that of the plugins enabled at first."""
    newest = select(StoredBook.id, StoredBook.digest).order_by(StoredBook.id.desc()).limit(1)
    row = db.session.execute(newest).one_or_none()
    if row is None:
        install_first_book()
        row = db.session.execute(newest).one()
    return remembered(row.digest) or remember(row.id, row.digest)


_books: dict[str, PricingBook] = {}
BOOKS_REMEMBERED = 4


def remembered(digest: str) -> PricingBook | None:
    return _books.get(digest)


def remember(book_id: int, digest: str) -> PricingBook:
    data = db.session.execute(select(StoredBook.data).where(StoredBook.id == book_id)).scalar_one()
    book = from_json(data)
    while len(_books) >= BOOKS_REMEMBERED:
        _books.pop(next(iter(_books)), None)
    _books[digest] = book
    return book


def install_first_book() -> None:
    """Enable the plugins of the house on a database that has no book yet; of several callers one does it."""
    with transaction() as session:
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": INSTALL_LOCK})
        if session.execute(select(StoredBook.id).limit(1)).first():
            return
        sources = shipped_sources()
        session.add_all(
            PricingPlugin(
                name=source.plugin,
                version=source.version,
                distribution=plugins.SHIPPED,
                enabled=True,
                data=handed_over_to_json(source.rate_cards, source.profiles),
            )
            for source in sources
        )
        data = to_json(sources, {})
        session.add(
            StoredBook(digest=digest_of(data), data=data, reason="first installation", actor="system")
        )


def shipped_sources() -> list[Source]:
    found = [plugins.find(name) for name in plugins.ENABLED_AT_FIRST]
    for plugin in found:
        plugin.require_sound()
    return [Source(plugin.name, plugin.version, plugin.rate_cards, plugin.profiles) for plugin in found]


@lru_cache(maxsize=1)
def offline_book() -> PricingBook:
    """The book of the plugins enabled at first, without a database."""
    return compile_book(shipped_sources(), {})
