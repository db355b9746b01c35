"""Expiry days: when credits stop being usable, in Italian time (R5, R16). No SQL, no clock."""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ROME = ZoneInfo("Europe/Rome")
MOST_MONTHS = 1200


def rome_day(instant: datetime) -> date:
    """The calendar day in Italy at this instant."""
    return day_in(instant, ROME)


def day_in(instant: datetime, zone: ZoneInfo) -> date:
    """The calendar day in a zone at this instant, which must be aware of its own."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return instant.astimezone(zone).date()


def add_months(day: date, months: int) -> date:
    """The same day `months` later, clamped to the end of that month: 31 January + 1 is 28 or 29 February."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def expiry_day(paid_at: datetime, validity_months: int) -> date:
    """The first day on which credits paid at this instant cannot be used (R5)."""
    if type(validity_months) is not int or not 1 <= validity_months <= MOST_MONTHS:
        raise ValueError(f"a validity is 1 to {MOST_MONTHS} whole months, not {validity_months!r}")
    return add_months(rome_day(paid_at), validity_months)


def expires_at(day: date) -> datetime:
    """The instant at which credits of this expiry day are deducted: 00:00 in Italy, as UTC."""
    return datetime.combine(day, time(), ROME).astimezone(UTC)


def last_usable_day(day: date) -> date:
    """What pages show: the last day on which the credits can be used."""
    return day - timedelta(days=1)


def renewed(day: date | None, bought_until: date) -> date | None:
    """The expiry day of an unexpired lot after a purchase that lasts until `bought_until` (R6).

    Never earlier than before; a lot without expiry keeps none.
    """
    return None if day is None else max(day, bought_until)
