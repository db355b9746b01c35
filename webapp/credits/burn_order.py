"""Which lots are used first (R8): a total order on (burn key, lot id), the same whatever came in when."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Literal, TypeVar

BurnOrder = Literal["latest_expiry_first", "earliest_expiry_first"]
T = TypeVar("T")

NEVER = date.max.toordinal() + 1  # later than every day: credits without expiry


def burn_key(expires_on: date | None, policy: BurnOrder) -> int:
    """Lower is used earlier. Without expiry counts as the latest expiry there is."""
    day = NEVER if expires_on is None else expires_on.toordinal()
    if policy == "latest_expiry_first":
        return -day
    if policy == "earliest_expiry_first":
        return day
    raise ValueError(f"no such burn order: {policy!r}")


def in_burn_order(
    lots: Iterable[T], policy: BurnOrder, expires_on: Callable[[T], date | None], lot_id: Callable[[T], int]
) -> list[T]:
    """The lots, those to be used first at the front; of equal expiry the older one (lower id)."""
    return sorted(lots, key=lambda lot: (burn_key(expires_on(lot), policy), lot_id(lot)))
