"""Amounts as people type and read them; inside, prices are whole minor units (cents)."""

import re
from copy import copy
from decimal import Decimal

from babel import Locale
from flask_babel import get_locale

_TYPED = re.compile(r"(\d{1,13})(?:[.,](\d{1,2}))?", re.ASCII)

_WHOLE = re.compile(r"\d{1,16}|\d{1,3}(?:[.,' \u00a0\u202f]\d{3}){1,5}", re.ASCII)


def parse_whole(text: str) -> int:
    """A whole number, its thousands apart or not: `10000`, `10,000`, `10.000`. Raises `ValueError`."""
    if not _WHOLE.fullmatch(text.strip()):
        raise ValueError(f"not a whole number: {text!r}")
    return int("".join(re.findall(r"\d", text)))


def parse_minor(text: str) -> int:
    """The minor units of `45`, `45.5`, `45.50` or `45,50`. Raises `ValueError`, for thousands apart too:
    `1.234` is a thousand to one reader and a little over one to another."""
    found = _TYPED.fullmatch(text.strip())
    if not found:
        raise ValueError(f"not a price: {text!r}")
    units, cents = found.groups(default="")
    return int(units) * 100 + int(cents.ljust(2, "0"))


def plain(minor: int) -> str:
    """A price as it is typed: 1234.50."""
    return f"{minor // 100}.{minor % 100:02d}"


def price_each(minor: Decimal | None, currency: str) -> str:
    """A price per message, to a hundredth of a minor unit: €0.0912; a dash where there is none."""
    if minor is None:
        return "–"
    locale = get_locale() or Locale("en")
    pattern = copy(locale.currency_formats["standard"])
    pattern.frac_prec = (4, 4)
    return str(pattern.apply(minor.scaleb(-2), locale, currency=currency, currency_digits=False))


def saving(permille: int) -> str:
    """A saving in percent, without a decimal where it is a round one: 12.5 %, 20 %."""
    locale = get_locale() or Locale("en")
    pattern = copy(locale.percent_formats[None])
    pattern.frac_prec = (0, 1)
    return str(pattern.apply(Decimal(permille).scaleb(-3), locale))
