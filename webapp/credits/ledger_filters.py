"""What the address of the ledger asks for, read from its query; days are those of the platform's zone."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _

from webapp.credits.expiry import day_in
from webapp.credits.models import KINDS
from webapp.credits.movement_query import Filters, Place
from webapp.errors import Refused

DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
IDENTIFIER = re.compile("[1-9][0-9]{0,17}")
PLACE = re.compile("([0-9]{1,17})-([1-9][0-9]{0,17})")
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2200, 12, 31)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadFilter(Refused):
    """A filter that cannot be read; `field` is the one to mend."""

    slug = "invalid-request"

    def __init__(self, sentence: str, field: str) -> None:
        super().__init__(sentence, field=field)
        self.field = field


@dataclass(frozen=True)
class Asked:
    """The filters of an address; `query` is what it says of them, without the place in the pages."""

    filters: Filters
    today: date
    query: Mapping[str, str] = field(default_factory=dict)
    before: Place | None = None
    refusal: BadFilter | None = None


def asked_for(values: Mapping[str, str], zone: ZoneInfo, now: datetime) -> Asked:
    """The filters of an address; what cannot be read is told in `refusal`, and then nothing is filtered."""
    today = day_in(now, zone)
    try:
        filters = read(values, zone)
    except BadFilter as refusal:
        return Asked(Filters(), today, refusal=refusal)
    named = ("kind", "list", "campaign", "from", "to")
    query = {name: values[name] for name in named if values.get(name)}
    return Asked(filters, today, query, place_of(values.get("before", "")))


def read(values: Mapping[str, str], zone: ZoneInfo) -> Filters:
    """The filters. Raises `BadFilter`."""
    kind = values.get("kind") or None
    if kind is not None and kind not in KINDS:
        raise BadFilter(_("There is no such kind of movement: choose one from the list."), "kind")
    first, last = day_of(values, "from"), day_of(values, "to")
    if first and last and first > last:
        raise BadFilter(_("The first day is after the last one: exchange them."), "from")
    return Filters(
        kind,
        identifier_of(values, "list"),
        identifier_of(values, "campaign"),
        midnight(first, zone) if first else None,
        midnight(last + timedelta(days=1), zone) if last else None,
    )


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day in a zone, as UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def day_of(values: Mapping[str, str], name: str) -> date | None:
    text = values.get(name)
    if not text:
        return None
    if DAY.fullmatch(text):
        with suppress(ValueError):
            day = date.fromisoformat(text)
            if FIRST_DAY <= day <= LAST_DAY:
                return day
    raise BadFilter(_("Write a day as year, month and day, such as 2026-11-20."), name)


def identifier_of(values: Mapping[str, str], name: str) -> int | None:
    text = values.get(name)
    if not text:
        return None
    if not IDENTIFIER.fullmatch(text):
        raise BadFilter(_("That filter names nothing that exists: choose one from the list."), name)
    return int(text)


def place_of(text: str) -> Place | None:
    """A place in the ledger from an address; anything else is its newest end."""
    found = PLACE.fullmatch(text)
    if not found:
        return None
    with suppress(OverflowError):
        return Place(EPOCH + timedelta(microseconds=int(found[1])), int(found[2]))
    return None


def text_of(place: Place) -> str:
    """A place as an address says it: microseconds since 1970, and the movement."""
    return f"{(place.at - EPOCH) // timedelta(microseconds=1)}-{place.id}"
