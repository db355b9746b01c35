"""The period a report is about: whole days of the platform's zone, both ends included, told by its URL."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from flask_babel import lazy_gettext as _

from webapp.errors import Refused

DEFAULT_DAYS = 30
FIRST_DAY = date(2000, 1, 1)
LAST_DAY = date(2200, 12, 31)
LONGEST_DAYS = 5 * 366
MONTHS_OFFERED = 24

DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")

Step = Literal["day", "week", "month"]


class BadPeriod(Refused):
    """A period that cannot be shown; `field` is the parameter to mend."""

    slug = "invalid-request"

    def __init__(self, sentence: str, field: str) -> None:
        super().__init__(sentence, field=field)
        self.field = field


@dataclass(frozen=True)
class Period:
    """Days `from_on` to `to_on`, both included. `query` is what its URL says."""

    from_on: date
    to_on: date
    query: Mapping[str, str]

    @property
    def days(self) -> int:
        return (self.to_on - self.from_on).days + 1

    @property
    def step(self) -> Step:
        """How usage over it is grouped so that a chart of it can be read."""
        if self.days <= 92:
            return "day"
        return "week" if self.days <= 366 else "month"

    def before(self) -> "Period":
        """The period of the same kind just before: what prev arrows lead to and figures compare with."""
        if "month" in self.query:
            return month_of(self.from_on - timedelta(days=1))
        return between(self.from_on - timedelta(days=self.days), self.from_on - timedelta(days=1))

    def after(self) -> "Period":
        if "month" in self.query:
            return month_of(self.to_on + timedelta(days=1))
        return between(self.to_on + timedelta(days=1), self.to_on + timedelta(days=self.days))

    def steps(self) -> list[tuple[date, date]]:
        """The period cut into days, weeks (from Monday) or months, as `step` says: (first, last) pairs."""
        pieces, first = [], self.from_on
        while first <= self.to_on:
            last = min(_last_of(first, self.step), self.to_on)
            pieces.append((first, last))
            first = last + timedelta(days=1)
        return pieces


def read(values: Mapping[str, str], today: date) -> Period:
    """The period a URL asks for: `days=30`, `month=2026-11` or `from=2026-11-01&to=2026-11-20`.

    Nothing asked: the last 30 days. `today` is the platform's. Raises `BadPeriod`.
    """
    if values.get("from") or values.get("to"):
        return _between_texts(values.get("from", ""), values.get("to", ""), today)
    if values.get("month"):
        return _month_text(values["month"])
    return last_days(_days_text(values.get("days") or str(DEFAULT_DAYS)), today)


def last_days(days: int, today: date) -> Period:
    return Period(today - timedelta(days=days - 1), today, {"days": str(days)})


def month_of(day: date) -> Period:
    first = day.replace(day=1)
    return Period(first, _last_of(first, "month"), {"month": f"{first:%Y-%m}"})


def between(from_on: date, to_on: date) -> Period:
    return Period(from_on, to_on, {"from": from_on.isoformat(), "to": to_on.isoformat()})


def months_until(today: date, count: int = MONTHS_OFFERED) -> list[date]:
    """The first days of this month and those before it, latest first."""
    months = [today.replace(day=1)]
    while len(months) < count:
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    return months


def _between_texts(from_text: str, to_text: str, today: date) -> Period:
    to_on = _day(to_text, "to") if to_text else today
    from_on = _day(from_text, "from") if from_text else to_on - timedelta(days=DEFAULT_DAYS - 1)
    if from_on > to_on:
        raise BadPeriod(_("The first day is after the last one: exchange them."), "from")
    if (to_on - from_on).days >= LONGEST_DAYS:
        raise BadPeriod(_("That is more than five years: choose a shorter period."), "from")
    return between(from_on, to_on)


def _month_text(text: str) -> Period:
    return month_of(_day(f"{text}-01", "month"))


def _days_text(text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) <= 4 and 1 <= int(text) <= LONGEST_DAYS:
        return int(text)
    raise BadPeriod(_("Choose 7, 30 or 90 days, a month, or a first and a last day."), "days")


def _day(text: str, field: str) -> date:
    if DAY.fullmatch(text):
        with suppress(ValueError):
            day = date.fromisoformat(text)
            if FIRST_DAY <= day <= LAST_DAY:
                return day
    raise BadPeriod(_("Write a day as year, month and day, such as 2026-11-20."), field)


def _last_of(day: date, step: Step) -> date:
    if step == "day":
        return day
    if step == "week":
        return day + timedelta(days=6 - day.weekday())
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
