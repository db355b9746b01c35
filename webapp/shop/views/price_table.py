"""What the price page and the buy page have in common: the choice, and the offers it leads to."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from flask_login import current_user

from webapp import clock
from webapp.pricing.books import current_book
from webapp.shop.choice import FIRST_CURRENCY, Choice, choose
from webapp.shop.offers import Offer, offers
from webapp.shop.packages import packages_for_sale
from webapp.web.formats import country as country_name
from webapp.web.formats import reader_zone


@dataclass(frozen=True)
class PriceTable:
    """`countries`: ISO code -> name in the reader's language, by name. `credits_per_segment` is None only
    while no country has a rate; the offers then say nothing of messages."""

    choice: Choice
    countries: Mapping[str, str]
    credits_per_segment: int | None
    offers: tuple[Offer, ...]
    on: date

    @property
    def validity_months(self) -> int | None:
        """The validity when all packages have the same one."""
        found = {offer.package.validity_months for offer in self.offers}
        return found.pop() if len(found) == 1 else None

    def offer(self, package_id: int) -> Offer | None:
        return next((offer for offer in self.offers if offer.package.package_id == package_id), None)


def price_table(country: str | None, currency: str | None) -> PriceTable:
    """The table for what the address asks, at the rates in force now."""
    now = clock.now()
    rates = {rate.country: rate.credits_per_segment for rate in current_book().rates(now)}
    platform = getattr(current_user, "platform", None)
    choice = choose(
        country,
        currency,
        rates,
        first_country=platform.country if platform else None,
        first_currency=platform.currency if platform else FIRST_CURRENCY,
    )
    rate = rates[choice.country] if choice.country else None
    found = offers(packages_for_sale(), choice.currency, rate)
    return PriceTable(choice, _by_name(rates), rate, found, now.astimezone(reader_zone()).date())


def _by_name(codes: Iterable[str]) -> Mapping[str, str]:
    names = {code: country_name(code) for code in codes}
    return dict(sorted(names.items(), key=lambda item: (_plain_letters(item[1]), item[0])))


def _plain_letters(name: str) -> str:
    """The name as one looks it up: Åland among the A, Réunion among the R."""
    letters = unicodedata.normalize("NFD", name)
    return "".join(each for each in letters if not unicodedata.combining(each)).casefold()
