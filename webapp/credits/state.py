"""A platform's balances as read, and what is due of them: the one model that reads and writes share."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from webapp.credits.apportionment import take_expired
from webapp.credits.burn_order import BurnOrder, in_burn_order


@dataclass
class LotState:
    """A lot's dates and what it has left."""

    id: int
    kind: str
    credits_left: int
    expires_on: date | None
    expires_at: datetime | None

    def valid_at(self, instant: datetime) -> bool:
        return self.expires_at is None or self.expires_at > instant


@dataclass(frozen=True)
class Due:
    """What expires at one instant: off the unassigned, off the lists, out of which lots."""

    at: datetime
    unassigned: int
    lists: dict[int, int]
    lots: dict[int, int]

    @property
    def credits(self) -> int:
        return sum(self.lots.values())


@dataclass
class PlatformState:
    """What a platform has; `limited` holds the credits of its limited lists, or of those asked for."""

    platform_id: int
    unassigned: int
    assigned: int
    received: int
    moved_at: datetime
    turn: int
    burn_order: BurnOrder
    time_zone: str
    lots: dict[int, LotState] = field(default_factory=dict)
    limited: dict[int, int] = field(default_factory=dict)

    @property
    def available(self) -> int:
        return self.unassigned + self.assigned

    def due_instants(self, now: datetime) -> list[datetime]:
        """When something has expired that is still counted, earliest first."""
        instants = {
            lot.expires_at for lot in self.lots.values() if lot.credits_left and not lot.valid_at(now)
        }
        return sorted(instant for instant in instants if instant is not None)

    def due(self, instant: datetime) -> Due:
        """What the lots that expire at this instant take along (R10). `limited` must hold every list."""
        lots = {
            lot.id: lot.credits_left
            for lot in self.lots.values()
            if lot.expires_at == instant and lot.credits_left
        }
        unassigned, lists = take_expired(sum(lots.values()), self.unassigned, self.limited)
        return Due(instant, unassigned, lists, dict(sorted(lots.items())))

    def apply(self, due: Due) -> None:
        """Takes off what is due, here; the caller writes it down, or only reads."""
        self.unassigned -= due.unassigned
        self.assigned -= sum(due.lists.values())
        for list_id, credits in due.lists.items():
            self.limited[list_id] -= credits
        for lot_id in due.lots:
            self.lots[lot_id].credits_left = 0

    def expire(self, now: datetime) -> list[Due]:
        """Takes off everything due by now, earlier instants first."""
        done = []
        for instant in self.due_instants(now):
            done.append(self.due(instant))
            self.apply(done[-1])
        return done

    def usable(self, instant: datetime) -> list[LotState]:
        """The lots still valid at this instant that have something left, in burn order."""
        lots = (lot for lot in self.lots.values() if lot.credits_left and lot.valid_at(instant))
        return order(lots, self.burn_order)


def order(lots: Iterable[LotState], policy: BurnOrder) -> list[LotState]:
    return in_burn_order(lots, policy, lambda lot: lot.expires_on, lambda lot: lot.id)
