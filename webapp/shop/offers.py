"""What a package is worth to the person who buys it: messages, price of each, saving.

Exact arithmetic throughout: integers, and `Decimal` for the one figure with hundredths of a minor unit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

CURRENCIES = ("USD", "EUR")


@dataclass(frozen=True)
class PackageForSale:
    """A package under its present terms. `price_minor`: currency -> price in cents, at least 1."""

    package_id: int
    terms_id: int
    credits: int
    validity_months: int
    price_minor: Mapping[str, int]


@dataclass(frozen=True)
class Offer:
    """One row of the price table: a package in one currency, for messages to one country."""

    package: PackageForSale
    currency: str
    price_minor: int
    messages: int
    price_per_message_minor: Decimal | None
    saving_permille: int


@dataclass(frozen=True)
class NotCheaper:
    """A larger package whose credit is not cheaper than that of a smaller one, in one currency."""

    larger: PackageForSale
    smaller: PackageForSale
    currency: str
    dearer: bool


def messages(credits: int, credits_per_segment: int) -> int:
    """How many one-segment messages a package sends (R3). Raises `ValueError` for a rate below 1."""
    if credits_per_segment < 1:
        raise ValueError("a rate is at least one credit per segment")
    return credits // credits_per_segment


def price_per_message_minor(price_minor: int, messages: int) -> Decimal | None:
    """The price of each message in minor units, half up to a hundredth of one; None without messages."""
    if messages < 1:
        return None
    hundredths = (2 * 100 * price_minor + messages) // (2 * messages)
    return Decimal(hundredths).scaleb(-2)


def saving_permille(package: PackageForSale, against: PackageForSale, currency: str) -> int:
    """How much less a credit costs than in `against`, in thousandths, cut off so that it never says
    too much; 0 where nothing is saved."""
    cost = package.price_minor[currency] * against.credits
    usual = against.price_minor[currency] * package.credits
    return max(0, 1000 * (usual - cost) // usual)


def smallest_of(packages: Iterable[PackageForSale], currency: str) -> PackageForSale | None:
    """The package the others are compared with: the fewest credits, then the lowest price."""
    return min(packages, key=lambda each: _order(each, currency), default=None)


def offers(
    packages: Sequence[PackageForSale], currency: str, credits_per_segment: int | None
) -> tuple[Offer, ...]:
    """The price table for one country and currency, the smallest package first.

    Without a rate (no country has one yet) the offers say nothing of messages.
    """
    smallest = smallest_of(packages, currency)
    if smallest is None:
        return ()
    ordered = sorted(packages, key=lambda each: _order(each, currency))
    return tuple(_offer(package, smallest, currency, credits_per_segment) for package in ordered)


def not_cheaper(packages: Sequence[PackageForSale]) -> tuple[NotCheaper, ...]:
    """Where "the larger, the cheaper a credit" is broken (R3): each larger package against the
    smaller one with the cheapest credit, once a currency."""
    found = (_broken(package, packages, currency) for currency in CURRENCIES for package in packages)
    return tuple(each for each in found if each)


def _broken(package: PackageForSale, packages: Sequence[PackageForSale], currency: str) -> NotCheaper | None:
    cheapest = None
    for each in packages:
        if each.credits < package.credits and (cheapest is None or _compare(each, cheapest, currency) < 0):
            cheapest = each
    if cheapest is None or _compare(package, cheapest, currency) < 0:
        return None
    return NotCheaper(package, cheapest, currency, dearer=_compare(package, cheapest, currency) > 0)


def _compare(one: PackageForSale, other: PackageForSale, currency: str) -> int:
    """Below, at or above 0 as a credit of `one` costs less than, as much as or more than one of `other`."""
    return one.price_minor[currency] * other.credits - other.price_minor[currency] * one.credits


def _offer(package: PackageForSale, smallest: PackageForSale, currency: str, rate: int | None) -> Offer:
    price_minor = package.price_minor[currency]
    count = 0 if rate is None else messages(package.credits, rate)
    return Offer(
        package=package,
        currency=currency,
        price_minor=price_minor,
        messages=count,
        price_per_message_minor=price_per_message_minor(price_minor, count),
        saving_permille=saving_permille(package, smallest, currency),
    )


def _order(package: PackageForSale, currency: str) -> tuple[int, int, int]:
    return package.credits, package.price_minor[currency], package.package_id
