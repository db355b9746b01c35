"""A movement as it is told: who, when and why, and what it moved, read for many of them at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select

from webapp.credits.models import AccessChange, LedgerEntry, LotLine, LotRenewal
from webapp.credits.movement_query import AnySelect
from webapp.db import db

PARTS_SHOWN = 12  # a movement may touch ten thousand lists: so many are read, the others are summed
OWN = ("unassigned", "list")


@dataclass(frozen=True)
class Part:
    """Credits between two accounts; `list_id` says for which list."""

    source: str
    target: str
    credits: int
    list_id: int | None


@dataclass(frozen=True)
class LotPart:
    lot_id: int
    source: str
    target: str
    credits: int


@dataclass
class Movement:
    """One transaction, or several charges of one hold in a row (`batches`, from `began_at` to `at`)."""

    id: int
    kind: str
    at: datetime
    actor_id: int | None
    actor_name: str
    subject_kind: str | None
    subject_id: int | None
    hold_id: int | None
    label: str | None
    reason: str | None
    available_after: int | None
    result: dict[str, Any]
    batches: int = 1
    began_at: datetime | None = None
    parts: list[Part] = field(default_factory=list)
    part_count: int = 0
    sums: dict[tuple[str, str], int] = field(default_factory=dict)
    lots: list[LotPart] = field(default_factory=list)
    renewals: list[Row[Any]] = field(default_factory=list)
    access: dict[int, bool] = field(default_factory=dict)

    @property
    def credits(self) -> int:
        """All that was moved."""
        return sum(self.sums.values())

    @property
    def change(self) -> int:
        """By how much the available credits went up or down."""
        return sum(
            credits * ((target in OWN) - (source in OWN)) for (source, target), credits in self.sums.items()
        )

    def moved_to(self, target: str) -> int:
        return sum(credits for (_, to), credits in self.sums.items() if to == target)


def run_of(row: Row[Any]) -> tuple[str, int]:
    """Charges of one hold belong together; everything else stands alone."""
    return ("capture", row.hold_id) if row.kind == "capture" else ("", row.id)


def movement_of(run: Sequence[Row[Any]]) -> Movement:
    """A line of the ledger from its rows, the latest first."""
    row = run[0]
    return Movement(
        id=row.id,
        kind=row.kind,
        at=row.at,
        actor_id=row.actor_id,
        actor_name=row.actor_name,
        subject_kind=row.subject_kind,
        subject_id=row.subject_id,
        hold_id=row.hold_id,
        label=row.label,
        reason=row.reason,
        available_after=row.available_after,
        result=row.result,
        batches=len(run),
        began_at=run[-1].at,
    )


def load_parts(movements: Sequence[Movement], runs: Sequence[Sequence[Row[Any]]]) -> None:
    """Reads entries, lots, renewals and changes of access of these movements, a statement each."""
    owner = {row.id: movement for movement, run in zip(movements, runs, strict=True) for row in run}
    if owner:
        load_sums(owner)
        load_entries(owner)
        load_lots(owner)
        load_renewals(owner)
        load_access(owner)


def load_sums(owner: dict[int, Movement]) -> None:
    entry = LedgerEntry
    statement = (
        select(entry.transaction_id, entry.source, entry.target, func.sum(entry.credits), func.count())
        .where(entry.transaction_id.in_(owner))
        .group_by(entry.transaction_id, entry.source, entry.target)
    )
    for transaction_id, source, target, credits, parts in db.session.execute(statement):
        movement = owner[transaction_id]
        movement.sums[source, target] = movement.sums.get((source, target), 0) + int(credits)
        movement.part_count += parts


def load_entries(owner: dict[int, Movement]) -> None:
    entry = LedgerEntry
    statement = (
        select(entry.transaction_id, entry.source, entry.target, entry.credits, entry.list_id)
        .where(entry.transaction_id.in_([key for key, m in owner.items() if m.batches == 1]))
        .where(entry.position <= PARTS_SHOWN)
        .order_by(entry.transaction_id, entry.position)
    )
    for transaction_id, source, target, credits, list_id in db.session.execute(statement):
        owner[transaction_id].parts.append(Part(source, target, credits, list_id))


def load_lots(owner: dict[int, Movement]) -> None:
    line = LotLine
    statement = (
        select(line.transaction_id, line.lot_id, line.source, line.target, line.credits)
        .where(line.transaction_id.in_([key for key, m in owner.items() if m.batches == 1]))
        .where(line.position <= PARTS_SHOWN)
        .order_by(line.transaction_id, line.position)
    )
    for transaction_id, lot_id, source, target, credits in db.session.execute(statement):
        owner[transaction_id].lots.append(LotPart(lot_id, source, target, credits))


def load_renewals(owner: dict[int, Movement]) -> None:
    bought = [key for key, movement in owner.items() if movement.kind == "purchase"]
    statement: AnySelect = (
        select(
            LotRenewal.transaction_id, LotRenewal.lot_id, LotRenewal.expires_on_before, LotRenewal.expires_on
        )
        .where(LotRenewal.transaction_id.in_(bought))
        .order_by(LotRenewal.transaction_id, LotRenewal.lot_id)
    )
    for row in db.session.execute(statement) if bought else ():
        owner[row.transaction_id].renewals.append(row)


def load_access(owner: dict[int, Movement]) -> None:
    assigned = [key for key, movement in owner.items() if movement.kind == "assign"]
    statement = select(AccessChange.transaction_id, AccessChange.list_id, AccessChange.limited).where(
        AccessChange.transaction_id.in_(assigned)
    )
    for transaction_id, list_id, limited in db.session.execute(statement) if assigned else ():
        owner[transaction_id].access[list_id] = limited
