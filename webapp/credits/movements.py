"""The ledger as it is read: every movement with what it moved, a page at a time, the latest first.

A page is found by the instant and id of the last movement of the page before, along the index on them,
so the last page of ten million movements costs what the first does. Charges of one hold that follow
each other are one line; a campaign of a million messages is not ten thousand of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Subquery,
    and_,
    column,
    func,
    literal_column,
    not_,
    select,
    table,
    tuple_,
)

from webapp.credits.models import (
    KINDS,
    AccessChange,
    Hold,
    LedgerEntry,
    LedgerTransaction,
    LotLine,
    LotRenewal,
)
from webapp.db import db

PER_PAGE = 50
WINDOW_ROWS = 4 * PER_PAGE
PARTS_SHOWN = 12  # a movement may touch ten thousand lists: so many are read, the others are summed
OWN = ("unassigned", "list")

AnySelect = Select[*tuple[Any, ...]]
recipient_list = table(
    "recipient_list", column("id"), column("platform_id"), column("name"), column("deleted_at")
)


@dataclass(frozen=True)
class Filters:
    """Which movements are wanted. Instants: from `since` on, before `until`."""

    kind: str | None = None
    list_id: int | None = None
    campaign_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Place:
    """A place in the ledger: after this movement, older ones follow."""

    at: datetime
    id: int


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


@dataclass(frozen=True)
class LedgerPage:
    """Movements, the latest first, the names of their lists, and where older ones follow."""

    movements: Sequence[Movement]
    list_names: dict[int, str]
    older: Place | None


def page_of(platform_id: int, filters: Filters, before: Place | None = None) -> LedgerPage:
    """The movements older than `before`; all of the newest where it is None."""
    rows = db.session.execute(window(platform_id, filters, before)).all()
    runs = [list(run) for _, run in groupby(rows[:WINDOW_ROWS], key=run_of)]
    shown = runs[:PER_PAGE]
    movements = [movement_of(run) for run in shown]
    load_parts(movements, shown)
    more = len(rows) > WINDOW_ROWS or len(runs) > PER_PAGE
    last: Row[Any] | Place | None = shown[-1][-1] if shown else None
    if isinstance(last, Row) and len(runs) <= PER_PAGE and more and last.kind == "capture":
        last, more = extend(platform_id, filters, movements[-1], last)
    older = Place(last.at, last.id) if last is not None and more else None
    fill_balances(platform_id, movements)
    return LedgerPage(movements, names_of(movements), older)


def each(platform_id: int, filters: Filters, batch: int = 1000) -> Iterator[tuple[Movement, dict[int, str]]]:
    """Every movement by itself, the oldest first, with the names of its lists."""
    place: Place | None = None
    names: dict[int, str] = {}
    available: int | None = None
    while True:
        statement = oldest(platform_id, filters, place).limit(batch)
        rows = db.session.execute(statement).all()
        movements = [movement_of([row]) for row in rows]
        load_parts(movements, [[row] for row in rows])
        names |= names_of(movements, known=names)
        for movement in movements:
            available = movement.available_after = (
                available if movement.available_after is None else movement.available_after
            )
            yield movement, names
        if len(rows) < batch:
            return
        place = Place(rows[-1].at, rows[-1].id)


def count(platform_id: int, filters: Filters) -> int:
    """How many movements there are; for an export's progress, not for a page."""
    statement = select(func.count()).select_from(LedgerTransaction).where(*conditions(platform_id, filters))
    return db.session.scalar(statement) or 0


def campaigns_of(platform_id: int, most: int = 100) -> list[tuple[int, str]]:
    """The campaigns that held credits last, with their names as they were then, for the filter."""
    statement = (
        select(Hold.subject_id, Hold.label)
        .where(Hold.platform_id == platform_id, Hold.subject_kind == "campaign")
        .order_by(Hold.id.desc())
        .limit(4 * most)
    )
    found: dict[int, str] = {}
    for subject_id, label in db.session.execute(statement):
        found.setdefault(subject_id, label)
    return list(found.items())[:most]


def lists_of(platform_id: int) -> list[tuple[int, str, bool]]:
    """Every list of the platform by name, deleted ones last: (id, name, deleted)."""
    deleted = recipient_list.c.deleted_at.is_not(None)
    statement = (
        select(recipient_list.c.id, recipient_list.c.name, deleted)
        .where(recipient_list.c.platform_id == platform_id)
        .order_by(deleted, func.lower(recipient_list.c.name), recipient_list.c.id)
    )
    return [tuple(row) for row in db.session.execute(statement)]


def conditions(platform_id: int, filters: Filters) -> list[ColumnElement[bool]]:
    transaction = LedgerTransaction
    wanted = [transaction.platform_id == platform_id]
    if filters.kind:
        # As a literal, so that the planner may use the index of the rare kinds.
        wanted.append(transaction.kind == literal_column(f"'{known_kind(filters.kind)}'"))
    if filters.since:
        wanted.append(transaction.at >= filters.since)
    if filters.until:
        wanted.append(transaction.at < filters.until)
    if filters.campaign_id:
        wanted += [transaction.subject_kind == "campaign", transaction.subject_id == filters.campaign_id]
    if filters.list_id:
        wanted.append(transaction.id.in_(select(of_list(filters.list_id).c.id)))
    return wanted


def of_list(list_id: int) -> Subquery:
    """The movements of a list: of its credits, and of its becoming free or limited."""
    moved = select(LedgerEntry.transaction_id.label("id")).where(LedgerEntry.list_id == list_id)
    changed = select(AccessChange.transaction_id.label("id")).where(AccessChange.list_id == list_id)
    return moved.union(changed).subquery("of_list")


def known_kind(kind: str) -> str:
    """One of the ledger's own words. Raises ValueError."""
    return KINDS[KINDS.index(kind)]


def base(platform_id: int, filters: Filters) -> AnySelect:
    transaction = LedgerTransaction
    statement: AnySelect = (
        select(
            transaction.id,
            transaction.kind,
            transaction.at,
            transaction.actor_id,
            transaction.actor_name,
            transaction.subject_kind,
            transaction.subject_id,
            transaction.hold_id,
            Hold.label,
            transaction.reason,
            transaction.available_after,
            transaction.result,
        )
        .outerjoin(Hold, Hold.id == transaction.hold_id)
        .where(*conditions(platform_id, filters))
    )
    return statement


def order_of(filters: Filters) -> tuple[Any, ...]:
    """What orders the ledger. A list's movements come in the order they were recorded, which is that of
    the index on its entries; all of them in the order of their instants, which has an index of its own."""
    transaction = LedgerTransaction
    return (transaction.id,) if filters.list_id else (transaction.at, transaction.id)


def before_place(filters: Filters, place: Place | Row[Any]) -> ColumnElement[bool]:
    values = (place.id,) if filters.list_id else (place.at, place.id)
    return tuple_(*order_of(filters)) < values


def after_place(filters: Filters, place: Place | Row[Any]) -> ColumnElement[bool]:
    values = (place.id,) if filters.list_id else (place.at, place.id)
    return tuple_(*order_of(filters)) > values


def window(platform_id: int, filters: Filters, before: Place | None) -> AnySelect:
    """What a page is made of. Of a list without other filters the ids come first, from their own index:
    the planner cannot know that so few of a list's many movements will do."""
    if not filters.list_id or filters != Filters(list_id=filters.list_id):
        return newest(platform_id, filters, before).limit(WINDOW_ROWS + 1)
    moved, changed = (
        select(column_of.label("id"))
        .where(of == filters.list_id, *([column_of < before.id] if before else []))
        .distinct()
        .order_by(column_of.desc())
        .limit(WINDOW_ROWS + 1)
        .subquery()
        for column_of, of in (
            (LedgerEntry.transaction_id, LedgerEntry.list_id),
            (AccessChange.transaction_id, AccessChange.list_id),
        )
    )
    recent = select(moved.c.id).union(select(changed.c.id)).subquery("recent")
    statement = base(platform_id, Filters()).where(LedgerTransaction.id.in_(select(recent.c.id)))
    return statement.order_by(LedgerTransaction.id.desc()).limit(WINDOW_ROWS + 1)


def newest(platform_id: int, filters: Filters, before: Place | Row[Any] | None) -> AnySelect:
    statement = base(platform_id, filters).order_by(*(column.desc() for column in order_of(filters)))
    return statement if before is None else statement.where(before_place(filters, before))


def oldest(platform_id: int, filters: Filters, after: Place | None) -> AnySelect:
    statement = base(platform_id, filters).order_by(*order_of(filters))
    return statement if after is None else statement.where(after_place(filters, after))


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


def extend(
    platform_id: int, filters: Filters, movement: Movement, last: Row[Any]
) -> tuple[Row[Any] | Place | None, bool]:
    """Adds the rest of a run of charges that goes on behind the rows read.

    The answer is where the run ends, and whether older movements follow.
    """
    same = and_(LedgerTransaction.kind == "capture", LedgerTransaction.hold_id == movement.hold_id)
    other = db.session.execute(newest(platform_id, filters, last).where(not_(same)).limit(1)).first()
    rest = (
        select(
            LedgerEntry.source,
            LedgerEntry.target,
            func.sum(LedgerEntry.credits),
            func.count(LedgerEntry.transaction_id.distinct()),
            func.min(LedgerTransaction.at),
        )
        .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
        .where(*conditions(platform_id, filters), same, before_place(filters, last))
        .group_by(LedgerEntry.source, LedgerEntry.target)
    )
    if other is not None:
        rest = rest.where(after_place(filters, other))
    for source, target, credits, batches, began_at in db.session.execute(rest):
        movement.sums[source, target] = movement.sums.get((source, target), 0) + int(credits)
        movement.batches += batches
        movement.began_at = began_at
    return (None, False) if other is None else (just_after(other), True)


def just_after(row: Row[Any]) -> Place:
    """The place from which this very row is the next."""
    return Place(row.at, row.id + 1)


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


def fill_balances(platform_id: int, movements: Sequence[Movement]) -> None:
    """A charge leaves what is available as it was: its line repeats the balance before it."""
    if not movements:
        return
    known = movements[-1].available_after
    if known is None:
        known = available_before(platform_id, movements[-1])
    for movement in reversed(movements):
        known = movement.available_after = (
            known if movement.available_after is None else movement.available_after
        )


def available_before(platform_id: int, movement: Movement) -> int | None:
    """What was available after the last movement before this one that changed it."""
    statement = (
        select(LedgerTransaction.available_after)
        .where(
            LedgerTransaction.platform_id == platform_id,
            LedgerTransaction.available_after.is_not(None),
            tuple_(LedgerTransaction.at, LedgerTransaction.id) < (movement.at, movement.id),
        )
        .order_by(LedgerTransaction.at.desc(), LedgerTransaction.id.desc())
        .limit(1)
    )
    return db.session.scalar(statement)


def names_of(movements: Iterable[Movement], known: dict[int, str] | None = None) -> dict[int, str]:
    """The names of the lists that these movements touch, deleted ones too."""
    wanted = {part.list_id for movement in movements for part in movement.parts if part.list_id}
    wanted |= {list_id for movement in movements for list_id in list(movement.access)[:PARTS_SHOWN]}
    wanted -= set(known or ())
    statement = select(recipient_list.c.id, recipient_list.c.name).where(recipient_list.c.id.in_(wanted))
    return {row[0]: row[1] for row in db.session.execute(statement)} if wanted else {}
