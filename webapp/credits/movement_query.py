"""Which movements are wanted, in what order, and from where: the statements, along the ledger's indexes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Subquery, literal_column, select, tuple_

from webapp.credits.models import KINDS, AccessChange, Hold, LedgerEntry, LedgerTransaction

AnySelect = Select[*tuple[Any, ...]]


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


def window(platform_id: int, filters: Filters, before: Place | None, most: int) -> AnySelect:
    """The newest, so many at most. Of a list without other filters the ids come first, from their own index:
    the planner cannot know that so few of a list's many movements will do."""
    if not filters.list_id or filters != Filters(list_id=filters.list_id):
        return newest(platform_id, filters, before).limit(most)
    moved, changed = (
        select(column_of.label("id"))
        .where(of == filters.list_id, *([column_of < before.id] if before else []))
        .distinct()
        .order_by(column_of.desc())
        .limit(most)
        .subquery()
        for column_of, of in (
            (LedgerEntry.transaction_id, LedgerEntry.list_id),
            (AccessChange.transaction_id, AccessChange.list_id),
        )
    )
    recent = select(moved.c.id).union(select(changed.c.id)).subquery("recent")
    statement = base(platform_id, Filters()).where(LedgerTransaction.id.in_(select(recent.c.id)))
    return statement.order_by(LedgerTransaction.id.desc()).limit(most)


def newest(platform_id: int, filters: Filters, before: Place | Row[Any] | None) -> AnySelect:
    statement = base(platform_id, filters).order_by(*(column.desc() for column in order_of(filters)))
    return statement if before is None else statement.where(before_place(filters, before))


def oldest(platform_id: int, filters: Filters, after: Place | None) -> AnySelect:
    statement = base(platform_id, filters).order_by(*order_of(filters))
    return statement if after is None else statement.where(after_place(filters, after))
