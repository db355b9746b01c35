"""What the engine refuses. A refusal changes nothing, and its key may be tried again."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

from webapp.errors import Refused
from webapp.web.formats import credits as told
from webapp.web.words import gettext as _


@dataclass(frozen=True)
class Shortfall:
    """A list (None: no list, or the unassigned) that needs more than it may spend."""

    list_id: int | None
    needed: int
    available: int

    @property
    def short(self) -> int:
        return self.needed - self.available


class InsufficientCredits(Refused):
    """Too few credits; `shortfalls` says where and by how much."""

    slug = "insufficient-credits"

    def __init__(self, shortfalls: Sequence[Shortfall], *, needed: int, available: int) -> None:
        short = sum(shortfall.short for shortfall in shortfalls)
        listed = [{"list": s.list_id, "needed": s.needed, "available": s.available} for s in shortfalls]
        super().__init__(
            _(
                "%(short)s credits are missing: %(needed)s are needed and %(available)s available.",
                short=told(short),
                needed=told(needed),
                available=told(available),
            ),
            needed=needed,
            available=available,
            shortfalls=listed,
        )
        self.shortfalls = tuple(shortfalls)
        self.needed = needed
        self.available = available


@dataclass(frozen=True)
class ExpiringCredits:
    lot_id: int
    credits: int
    expires_on: date | None


class CreditsExpireBefore(Refused):
    """There are enough credits, but not enough that are still valid at the send time."""

    slug = "credits-expire-before"

    def __init__(
        self, send_at: datetime, *, needed: int, usable: int, expiring: Sequence[ExpiringCredits]
    ) -> None:
        lost = sum(lot.credits for lot in expiring)
        super().__init__(
            _(
                "%(needed)s credits are needed at the send time, but only %(usable)s are valid then: "
                "%(lost)s expire before. Send earlier, or buy credits, which renews all of them.",
                needed=told(needed),
                usable=told(usable),
                lost=told(lost),
            ),
            send_at=send_at.isoformat(),
            needed=needed,
            usable=usable,
            expiring=[asdict(lot) for lot in expiring],
        )
        self.send_at = send_at
        self.needed = needed
        self.usable = usable
        self.expiring = tuple(expiring)


class HoldAlreadyResolved(Refused):
    """Nothing is left in the hold: it was captured, released, or both."""

    slug = "wrong-state"

    def __init__(self, hold_id: int) -> None:
        super().__init__(_("These credits are no longer held: they were charged or released."), hold=hold_id)
        self.hold_id = hold_id


class HoldExceeded(InsufficientCredits):
    """More was asked of a hold than it still holds for a list."""


class IdempotencyConflict(Refused):
    """The key belongs to another request."""

    slug = "idempotency-conflict"

    def __init__(self, key: str) -> None:
        super().__init__("This idempotency key was used for another request. Use a new one.", key=key)
        self.key = key


class NotFound(Refused):
    """No such thing on this platform."""

    slug = "not-found"


class BadRequest(Refused, ValueError):
    """A request that makes no sense, whatever the balances are."""

    slug = "invalid-request"
