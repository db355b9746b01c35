"""What a purchase would do to the expiry days, told as a page tells it: which credits, until when (R6)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from webapp.credits.expiry import last_usable_day
from webapp.credits.terms import PurchasePreview


@dataclass(frozen=True)
class Change:
    """Credits that share their last usable days before and after; None stands for credits without expiry.

    `bought` tells the credits of the package itself, which have no day before.
    """

    credits: int
    until_before: date | None
    until_after: date | None
    bought: bool = False

    @property
    def moved(self) -> bool:
        return self.bought or self.until_before != self.until_after


@dataclass(frozen=True)
class Outlook:
    """All credits of a platform, with the package, if it is paid today. `until` is its last usable day."""

    until: date
    changes: tuple[Change, ...]

    @property
    def credits(self) -> int:
        return sum(change.credits for change in self.changes)

    @property
    def credits_until(self) -> int:
        """How many credits, the package's included, will be usable until its own last day."""
        return sum(change.credits for change in self.changes if change.until_after == self.until)

    @property
    def alike(self) -> bool:
        """Whether all credits will then have that same last day."""
        return self.credits == self.credits_until

    @property
    def first_until_before(self) -> date | None:
        """The earliest last usable day as things are now; None when nothing that is there expires."""
        days = [each.until_before for each in self.changes if not each.bought and each.until_before]
        return min(days, default=None)


def outlook(preview: PurchasePreview, credits: int) -> Outlook:
    """The outlook on a package of so many credits, the soonest to expire first."""
    after = {lot.lot_id: lot.expires_on for lot in preview.lots_after}
    held: Counter[tuple[date | None, date | None]] = Counter()
    for lot in preview.lots_before:
        held[_last(lot.expires_on), _last(after[lot.lot_id])] += lot.credits
    changes = [Change(count, before, until) for (before, until), count in held.items() if count]
    bought = Change(credits, None, last_usable_day(preview.expires_on), bought=True)
    return Outlook(last_usable_day(preview.expires_on), (*_soonest_first(changes), bought))


def _soonest_first(changes: Iterable[Change]) -> list[Change]:
    return sorted(changes, key=lambda each: (each.until_before is None, each.until_before or date.max))


def _last(expires_on: date | None) -> date | None:
    return None if expires_on is None else last_usable_day(expires_on)
