"""A balance over months: what it was at the end of each, and what stays of it as the lots expire. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from webapp.credits.expiry import ROME

MONTHS_BACK = 6
MONTHS_AHEAD = 24


@dataclass(frozen=True)
class Expiry:
    """Credits that go on one day, and what is available after it if nothing is spent or bought."""

    on: date
    credits: int
    left_after: int


def first_of(day: date, months: int) -> date:
    """The first day of the month that many months after (or before) the day's."""
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def midnight(day: date) -> datetime:
    """When that day begins in Italy."""
    return datetime(day.year, day.month, day.day, tzinfo=ROME)


def expiries(lots: Iterable[tuple[date | None, int]], available: int) -> list[Expiry]:
    """The days on which credits expire, in order, from each lot's day and what is left of it."""
    by_day: dict[date, int] = {}
    for on, credits in lots:
        if on is not None and credits:
            by_day[on] = by_day.get(on, 0) + credits
    found = []
    for on in sorted(by_day):
        available -= by_day[on]
        found.append(Expiry(on, by_day[on], available))
    return found


def ahead(expiries: list[Expiry], available: int, today: date) -> list[tuple[date, int]]:
    """What is available on the first of each month to come, up to the first one after the last expiry."""
    if not expiries:
        return []
    points = []
    for months in range(1, MONTHS_AHEAD + 2):
        month = first_of(today, months)
        gone = sum(expiry.credits for expiry in expiries if expiry.on <= month)
        points.append((month, available - gone))
        if month > expiries[-1].on:
            break
    return points
