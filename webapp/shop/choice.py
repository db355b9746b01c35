"""What a price table is for: the country and the currency a reader chose, or good ones to begin with."""

from collections.abc import Collection
from dataclasses import dataclass

from flask_babel import gettext as _

from webapp.shop.offers import CURRENCIES

FIRST_COUNTRY = "IT"
FIRST_CURRENCY = "EUR"


@dataclass(frozen=True)
class Choice:
    """`country` is None only while no country has a rate. `complaints` are sentences for the reader."""

    country: str | None
    currency: str
    complaints: tuple[str, ...] = ()


def choose(
    country: str | None,
    currency: str | None,
    rated: Collection[str],
    *,
    first_country: str | None = None,
    first_currency: str = FIRST_CURRENCY,
) -> Choice:
    """What was asked for where it makes sense, else what to begin with and a sentence that says so."""
    complaints = []
    country, currency = (country or "").strip().upper(), (currency or "").strip().upper()
    if country and country not in rated:
        complaints.append(_("There are no prices for that country. Choose another one from the list."))
    if currency and currency not in CURRENCIES:
        complaints.append(_("There are no prices in that currency. Choose dollars or euro."))
    return Choice(
        country if country in rated else _first_of(first_country or FIRST_COUNTRY, rated),
        currency if currency in CURRENCIES else first_currency,
        tuple(complaints),
    )


def _first_of(preferred: str, rated: Collection[str]) -> str | None:
    return preferred if preferred in rated else min(rated, default=None)
