"""How numbers, money, instants and countries are written: for the reader's language and platform."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_precision
from flask import Flask
from flask_babel import format_currency, format_date, format_datetime, format_decimal, get_locale
from flask_login import current_user

DASH = "–"


def credits(value: int | None) -> str:
    """A count with its thousands apart: 1,284."""
    return DASH if value is None else str(format_decimal(value))


def money(minor: int | None, currency: str) -> str:
    """An amount from minor units (cents): €45.00."""
    if minor is None:
        return DASH
    return str(format_currency(Decimal(minor).scaleb(-get_currency_precision(currency)), currency))


def reader_zone() -> ZoneInfo:
    """The time zone of the reader's platform; UTC for an operator and the public."""
    platform = getattr(current_user, "platform", None)
    return ZoneInfo(platform.time_zone if platform else "UTC")


def instant(at: datetime | None, zone: str | None = None) -> str:
    """A moment in the platform's time zone (or the one named): 20 Nov 2028, 09:00."""
    if at is None:
        return DASH
    local = at.astimezone(ZoneInfo(zone) if zone else reader_zone())
    return str(format_datetime(local, "d MMM y, HH:mm", rebase=False))


def clock_time(at: datetime | None) -> str:
    """Only the time of day of a moment: 09:00."""
    return DASH if at is None else at.astimezone(reader_zone()).strftime("%H:%M")


def day(on: date | None, style: str = "long") -> str:
    """A calendar day: 20 November 2028 (style `long`), 20 Nov 2028 (`medium`), 20 Nov (`short`)."""
    if on is None:
        return DASH
    return str(format_date(on, {"long": "d MMMM y", "medium": "d MMM y", "short": "d MMM"}[style]))


def country(code: str | None) -> str:
    """The name of an ISO 3166 country in the reader's language; the code where there is none."""
    if not code:
        return DASH
    locale = get_locale()
    return str(locale.territories.get(code, code)) if locale else code


def percent(part: float, whole: float) -> float:
    """How much of a hundred `part` is of `whole`, between 0 and 100; for widths, not for prices."""
    return 0.0 if whole <= 0 else max(0.0, min(100.0, 100.0 * part / whole))


def init_app(app: Flask) -> None:
    """Puts the filters where every template finds them."""
    filters: dict[str, Callable[..., Any]] = {
        "credits": credits,
        "money": money,
        "instant": instant,
        "clock_time": clock_time,
        "day": day,
        "country": country,
        "percent": percent,
    }
    for name, function in filters.items():
        app.add_template_filter(function, name)
