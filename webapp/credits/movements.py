"""The ledger as it is read: every movement with what it moved, a page at a time, the latest first.

A page is found by the instant and id of the last movement of the page before, along the index on them,
so the last page of ten million movements costs what the first does. Charges of one hold that follow
each other are one line; a campaign of a million messages is not ten thousand of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Row, and_, column, func, not_, select, table, tuple_

from webapp.credits.models import Hold, LedgerEntry, LedgerTransaction
from webapp.credits.movement_parts import PARTS_SHOWN, Movement, load_parts, movement_of, run_of
from webapp.credits.movement_query import (
    Filters,
    Place,
    after_place,
    before_place,
    conditions,
    newest,
    oldest,
    window,
)
from webapp.db import db

PER_PAGE = 50
WINDOW_ROWS = 4 * PER_PAGE

recipient_list = table(
    "recipient_list", column("id"), column("platform_id"), column("name"), column("deleted_at")
)


@dataclass(frozen=True)
class LedgerPage:
    """Movements, the latest first, the names of their lists, and where older ones follow."""

    movements: Sequence[Movement]
    list_names: dict[int, str]
    older: Place | None


def page_of(platform_id: int, filters: Filters, before: Place | None = None) -> LedgerPage:
    """The movements older than `before`; all of the newest where it is None."""
    rows = db.session.execute(window(platform_id, filters, before, WINDOW_ROWS + 1)).all()
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
