"""A platform at a past instant, replayed from entries and lot lines since the last checkpoint before it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from webapp.credits.expiry import expires_at
from webapp.credits.operation import LOCK_POOL, POOL
from webapp.credits.state import LotState, PlatformState
from webapp.credits.wire import Row, Wire, unit

CHECKPOINT_EVERY = 500
SETTLED_AFTER = timedelta(hours=1)  # older transactions than this are all committed
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

LAST_CHECKPOINT = """
SELECT at, state FROM balance_checkpoint WHERE platform_id = %(platform_id)s AND at <= %(at)s
ORDER BY at DESC LIMIT 1
"""
SPAN = """
WITH span AS MATERIALIZED (
    SELECT id, at FROM ledger_transaction
    WHERE platform_id = %(platform_id)s AND at > %(since)s AND at <= %(until)s)
"""
ENTRIES = f"""{SPAN}
SELECT source, target, coalesce(list_id, 0), coalesce(hold_id, 0), sum(credits)::bigint
FROM span JOIN ledger_entry ON transaction_id = span.id GROUP BY 1, 2, 3, 4
"""
LINES = f"""{SPAN}
SELECT lot_id, source, target, coalesce(hold_id, 0), sum(credits)::bigint
FROM span JOIN lot_line ON transaction_id = span.id GROUP BY 1, 2, 3, 4
"""
ACCESS = f"""{SPAN}
SELECT DISTINCT ON (list_id) list_id, limited FROM span JOIN access_change ON transaction_id = span.id
ORDER BY list_id, at DESC, id DESC
"""
POLICY = """
SELECT burn_order FROM ledger_transaction WHERE platform_id = %(platform_id)s AND at <= %(until)s
ORDER BY at DESC, id DESC LIMIT 1
"""
LOTS = """
SELECT id, kind, greatest(first_expires_on, (
    SELECT max(renewal.expires_on) FROM lot_renewal AS renewal
    JOIN ledger_transaction AS moved ON moved.id = renewal.transaction_id
    WHERE renewal.lot_id = lot.id AND moved.at <= %(until)s))
FROM lot WHERE id = ANY (%(ids)s::bigint[])
"""
HOLDS = """
SELECT id, label, subject_kind, subject_id, send_at FROM hold WHERE id = ANY (%(ids)s::bigint[])
ORDER BY send_at, id
"""
LISTS = """
SELECT id FROM recipient_list
WHERE platform_id = %(platform_id)s AND created_at <= %(until)s
  AND (deleted_at IS NULL OR deleted_at > %(until)s)
"""
NEXT_CHECKPOINT = """
SELECT at FROM ledger_transaction WHERE platform_id = %(platform_id)s AND at > %(since)s
ORDER BY at, id OFFSET %(skip)s LIMIT 1
"""
WRITE_CHECKPOINT = """
INSERT INTO balance_checkpoint (platform_id, at, state) VALUES (%(platform_id)s, %(at)s, %(state)s)
ON CONFLICT DO NOTHING
"""


def add(amounts: dict[int, int], key: int, change: int) -> None:
    """Adds to an amount; one that becomes 0 is forgotten."""
    amounts[key] = amounts.get(key, 0) + change
    if not amounts[key]:
        del amounts[key]


@dataclass
class Replayed:
    """Balances told by entries and lines alone."""

    unassigned: int = 0
    limited: dict[int, int] = field(default_factory=dict)
    lots: dict[int, int] = field(default_factory=dict)
    held_lists: dict[int, dict[int, int]] = field(default_factory=dict)
    held_lots: dict[int, dict[int, int]] = field(default_factory=dict)

    def apply(self, entries: Iterable[Row], lines: Iterable[Row], access: Iterable[Row]) -> None:
        """Adds what the rows of a span sum up to; the last change of access decides who is limited."""
        assigned = {**self.limited}
        for source, target, list_id, hold_id, credits in entries:
            self.unassigned += credits * ((target == "unassigned") - (source == "unassigned"))
            if "list" in (source, target):
                assigned[list_id] = assigned.get(list_id, 0) + credits * (1 if target == "list" else -1)
            if hold_id:
                add(
                    self.held_lists.setdefault(hold_id, {}),
                    list_id,
                    credits * (1 if target == "hold" else -1),
                )
        for lot_id, source, target, hold_id, credits in lines:
            add(self.lots, lot_id, credits * ((target == "left") - (source == "left")))
            if hold_id:
                add(self.held_lots.setdefault(hold_id, {}), lot_id, credits * (1 if target == "held" else -1))
        self.limited = self.limited_after(assigned, dict(access))
        self.held_lists = {hold: amounts for hold, amounts in self.held_lists.items() if amounts}
        self.held_lots = {hold: amounts for hold, amounts in self.held_lots.items() if amounts}

    def limited_after(self, assigned: Mapping[int, int], access: Mapping[int, bool]) -> dict[int, int]:
        lists = {*self.limited, *(i for i, limited in access.items() if limited)}
        lists -= {i for i, limited in access.items() if not limited}
        return {list_id: assigned.get(list_id, 0) for list_id in sorted(lists)}

    def stored(self) -> dict[str, object]:
        return dict(vars(self))

    @classmethod
    def from_stored(cls, state: Mapping[str, Any]) -> "Replayed":
        def whole(amounts: Mapping[str, Any]) -> dict[int, Any]:
            return {int(k): whole(v) if isinstance(v, dict) else v for k, v in amounts.items()}

        parts: dict[str, Any] = {
            name: value if isinstance(value, int) else whole(value) for name, value in state.items()
        }
        return cls(**parts)


def replayed_at(wire: Wire, platform_id: int, at: datetime) -> Replayed:
    """Every transaction that counts from this instant or earlier, and no other."""
    checkpoint = wire.ask(LAST_CHECKPOINT, platform_id=platform_id, at=at)
    since, replayed = BEGINNING, Replayed()
    if checkpoint:
        since, replayed = checkpoint[0][0], Replayed.from_stored(checkpoint[0][1])
    span = {"platform_id": platform_id, "since": since, "until": at}
    replayed.apply(*wire.ask_all((ENTRIES, span), (LINES, span), (ACCESS, span)))
    return replayed


@dataclass
class Past:
    """What `balances.told` tells a balance from, as it was."""

    state: PlatformState
    holds: list[Row]
    held_lists: dict[int, int]
    held_lots: list[Row]
    lists: list[int]


def past(wire: Wire, platform_id: int, at: datetime) -> Past | None:
    """The platform at an instant; None when there is no such platform."""
    pool = wire.ask(POOL, platform_id=platform_id)
    if not pool:
        return None
    replayed = replayed_at(wire, platform_id, at)
    of = {"platform_id": platform_id, "until": at}
    lot_ids = sorted({*replayed.lots, *(lot for lots in replayed.held_lots.values() for lot in lots)})
    policy, lots, holds, lists = wire.ask_all(
        (POLICY, of),
        (LOTS, {**of, "ids": lot_ids}),
        (HOLDS, {"ids": sorted(replayed.held_lists)}),
        (LISTS, of),
    )
    known = {row[0]: lot_of(row, replayed.lots.get(row[0], 0)) for row in lots}
    state = PlatformState(*pool[0])
    state.unassigned, state.assigned = replayed.unassigned, sum(replayed.limited.values())
    state.burn_order = policy[0][0] if policy else state.burn_order
    state.lots, state.limited = known, replayed.limited
    return Past(
        state,
        held_holds(replayed, holds),
        summed(replayed.held_lists),
        held_lots(replayed, known),
        [r[0] for r in lists],
    )


def lot_of(row: Row, credits_left: int) -> LotState:
    lot_id, kind, day = row
    return LotState(lot_id, kind, credits_left, day, expires_at(day) if day else None)


def held_holds(replayed: Replayed, rows: list[Row]) -> list[Row]:
    return [
        (hold_id, label, kind, subject, sum(replayed.held_lists[hold_id].values()), send_at)
        for hold_id, label, kind, subject, send_at in rows
    ]


def summed(held: Mapping[int, Mapping[int, int]]) -> dict[int, int]:
    """By list or lot, over all holds; what no list demanded is left out."""
    sums: dict[int, int] = {}
    for amounts in held.values():
        for key, credits in amounts.items():
            sums[key] = sums.get(key, 0) + credits
    sums.pop(0, None)
    return sums


def held_lots(replayed: Replayed, lots: Mapping[int, LotState]) -> list[Row]:
    held = summed(replayed.held_lots)
    return [(i, lots[i].kind, lots[i].expires_on, lots[i].expires_at, credits) for i, credits in held.items()]


def write_checkpoints(platform_id: int, *, now: datetime, every: int = CHECKPOINT_EVERY) -> int:
    """Writes the checkpoints a platform lacks, one after so many transactions; the answer is how many."""
    written = 0
    while checkpoint_once(platform_id, now - SETTLED_AFTER, every):
        written += 1
    return written


def checkpoint_once(platform_id: int, settled: datetime, every: int) -> bool:
    with unit() as wire:
        wire.ask(LOCK_POOL, platform_id=platform_id)  # an expiry under way may count from before
        last = wire.ask(LAST_CHECKPOINT, platform_id=platform_id, at=settled)
        since = last[0][0] if last else BEGINNING
        row = wire.ask(NEXT_CHECKPOINT, platform_id=platform_id, since=since, skip=every - 1)
        if not row or row[0][0] > settled:
            return False
        state = replayed_at(wire, platform_id, row[0][0]).stored()
        wire.ask(WRITE_CHECKPOINT, platform_id=platform_id, at=row[0][0], state=Jsonb(state))
        return True
