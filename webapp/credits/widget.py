"""What the credit widget at the foot of every page says about a platform."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from webapp.credits.expiry import rome_day
from webapp.credits.terms import Balance, HoldBalance, NextExpiry

SOON_DAYS = 30
LOW_DAYS = 7
PACE_DAYS = 30
HOLDS_SHOWN = 5


@dataclass(frozen=True)
class Widget:
    """`soon`: credits expire within 30 days. `lasts_days`: how long the balance lasts, when under a week."""

    available: int
    held: int
    unassigned: int
    assigned: int
    next_expiry: NextExpiry | None
    soon: bool
    lasts_days: int | None
    holds: Sequence[HoldBalance]
    holds_more: int
    credits_held_more: int
    mark: str

    @property
    def dot(self) -> str | None:
        """What the dot means: "low" wins over "soon"."""
        return "low" if self.lasts_days is not None else "soon" if self.soon else None


def widget_of(balance: Balance, *, spent: int, mark: str, now: datetime) -> Widget:
    """The widget of a balance; `spent` is what was charged in the last 30 days, `mark` names this state."""
    largest = sorted(balance.holds, key=lambda hold: (-hold.credits, hold.id))
    rest = largest[HOLDS_SHOWN:]
    return Widget(
        available=balance.available,
        held=balance.held,
        unassigned=balance.unassigned,
        assigned=balance.assigned,
        next_expiry=balance.next_expiry,
        soon=expires_soon(balance.next_expiry, now),
        lasts_days=lasts_days(balance.available, spent),
        holds=largest[:HOLDS_SHOWN],
        holds_more=len(rest),
        credits_held_more=sum(hold.credits for hold in rest),
        mark=mark,
    )


def expires_soon(next_expiry: NextExpiry | None, now: datetime) -> bool:
    """Whether credits stop being usable within 30 days from today, in Italian time."""
    return next_expiry is not None and next_expiry.on <= rome_day(now) + timedelta(days=SOON_DAYS)


def lasts_days(available: int, spent: int) -> int | None:
    """How many whole days the credits last at the pace of the last 30; None when that is a week or more.

    A platform that has spent nothing lately is never low.
    """
    if spent <= 0 or available * PACE_DAYS >= spent * LOW_DAYS:
        return None
    return available * PACE_DAYS // spent
