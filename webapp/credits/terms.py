"""The words in which the engine is asked and answers: frozen, without behaviour of their own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from webapp.credits.burn_order import BurnOrder


@dataclass(frozen=True)
class Actor:
    """Who does something: a person's id and name as they are now, or the system."""

    id: int | None
    name: str


SYSTEM = Actor(None, "system")


class Amounts(Mapping[int, int]):
    """Credits by id, that nobody changes; other than a view of a dict it can be sent to another process."""

    def __init__(self, amounts: Mapping[int, int]) -> None:
        self._amounts = dict(amounts)

    def __getitem__(self, key: int) -> int:
        return self._amounts[key]

    def __iter__(self) -> Iterator[int]:
        return iter(self._amounts)

    def __len__(self) -> int:
        return len(self._amounts)

    def __repr__(self) -> str:
        return repr(self._amounts)


def freeze(answer: object, *names: str) -> None:
    """Gives an answer amounts of its own in place of the mappings it was made of."""
    for name in names:
        object.__setattr__(answer, name, Amounts(getattr(answer, name)))


@dataclass(frozen=True)
class Subject:
    """What a movement is about, for links and reports: ("campaign", 7), ("order", 12), ("message", 3)."""

    kind: str
    id: int


@dataclass(frozen=True)
class Demand:
    """Credits that one list (None: no list) needs for a hold."""

    list_id: int | None
    credits: int


class Charge(NamedTuple):
    """One message handed to the gateway; it costs `segments` x `credits_per_segment` credits."""

    message_id: int
    list_id: int | None
    country: str
    segments: int
    credits_per_segment: int
    plugin: str
    plugin_version: str


@dataclass(frozen=True)
class Done:
    """What every write answers. `replayed` says that the key had done it before, and nothing new was done."""

    transaction_id: int
    replayed: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Renewal:
    """A lot whose expiry day a purchase moved (R6)."""

    lot_id: int
    expires_on_before: date
    expires_on: date


@dataclass(frozen=True)
class Granted(Done):
    lot_id: int
    expires_on: date | None


@dataclass(frozen=True)
class Purchased(Done):
    lot_id: int
    expires_on: date
    renewals: tuple[Renewal, ...]


@dataclass(frozen=True)
class Assigned(Done):
    """What is unassigned afterwards, and the change of each list's credits (below zero: returned)."""

    unassigned: int
    changes: Mapping[int, int]

    def __post_init__(self) -> None:
        freeze(self, "changes")


@dataclass(frozen=True)
class Adjusted(Done):
    lot_id: int
    credits_left: int


@dataclass(frozen=True)
class Held(Done):
    hold_id: int
    credits: int


@dataclass(frozen=True)
class Captured(Done):
    """`credits` charged by this call, for these messages; the others had been charged before."""

    hold_id: int
    credits: int
    message_ids: tuple[int, ...]


@dataclass(frozen=True)
class Released(Done):
    """`credits` let go: `expired` of them at once, as their lots had; the rest is available again."""

    hold_id: int
    credits: int
    expired: int


@dataclass(frozen=True)
class Expired:
    """One instant's expiry on one platform: who bore it, and which lots."""

    transaction_id: int
    platform_id: int
    at: datetime
    credits: int
    unassigned: int
    lists: Mapping[int, int]
    lots: Mapping[int, int]

    def __post_init__(self) -> None:
        freeze(self, "lists", "lots")


@dataclass(frozen=True)
class ListBalance:
    list_id: int
    access: str  # "free" or "limited"
    assigned: int
    held: int


@dataclass(frozen=True)
class LotBalance:
    id: int
    kind: str
    credits_left: int
    held: int
    expires_at: datetime | None
    expires_on: date | None


@dataclass(frozen=True)
class HoldBalance:
    """An open hold: what it still holds of the `credits` it was placed with."""

    id: int
    label: str
    subject: Subject | None
    credits: int
    send_at: datetime


@dataclass(frozen=True)
class NextExpiry:
    """The next day on which credits expire, the last on which they can be used, and how many they are."""

    on: date
    last_usable_on: date
    credits: int


@dataclass(frozen=True)
class Balance:
    """A platform at an instant, as if everything due by then had expired."""

    available: int
    held: int
    unassigned: int
    assigned: int
    burn_order: BurnOrder
    lists: tuple[ListBalance, ...]
    lots: tuple[LotBalance, ...]
    holds: tuple[HoldBalance, ...]
    next_expiry: NextExpiry | None


@dataclass(frozen=True)
class LotDates:
    """A lot that a purchase would renew, for the page before payment."""

    lot_id: int
    kind: str
    credits: int
    expires_on: date | None


@dataclass(frozen=True)
class PurchasePreview:
    """What a purchase paid at this instant would do to the expiry days."""

    expires_on: date
    last_usable_on: date
    lots_before: tuple[LotDates, ...]
    lots_after: tuple[LotDates, ...]
    renewals: tuple[Renewal, ...]


@dataclass(frozen=True)
class Funding:
    """What lists may spend at a send time.

    A limited list spends what `limited` says, every other the `unassigned` together. All of them
    together at most `usable`: what the lots still valid at the send time hold; `expiring_before`
    is what the others do.
    """

    unassigned: int
    limited: Mapping[int, int]
    usable: int
    expiring_before: int

    def __post_init__(self) -> None:
        freeze(self, "limited")

    def available(self, list_id: int | None) -> int:
        """What this list alone could spend."""
        return min(self.limited.get(list_id, self.unassigned) if list_id else self.unassigned, self.usable)

    def access(self, list_id: int | None) -> str:
        return "limited" if list_id in self.limited else "free"
