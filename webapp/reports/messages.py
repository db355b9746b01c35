"""The charged messages behind a campaign's figures (or the single ones'), one page at a time.

A page is found by the id of the last message of the page before, so the last page costs what the
first does. The day of a message is that of its charge, in the platform's zone at that moment.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, Select, select

from webapp.campaigns.models import Message
from webapp.credits.models import Charge, LedgerTransaction, UsageDay
from webapp.db import db
from webapp.reports.usage import PER_BATCH, SINGLE, Scope

PER_PAGE = 50


@dataclass(frozen=True)
class ChargedMessage:
    """One message as a report shows it. `phone` is None once the person was erased."""

    id: int
    charged_at: datetime
    on_day: date
    phone: str | None
    list_id: int | None
    country: str
    segments: int
    credits_per_segment: int
    credits: int
    plugin: str
    plugin_version: str
    state: str


@dataclass(frozen=True)
class MessagePage:
    """Some messages, the latest first; `older` is the id from which the next page goes on, if any."""

    rows: Sequence[ChargedMessage]
    older: int | None


def page_of(scope: Scope, before: int | None = None) -> MessagePage:
    """The messages of a scope of level "messages" with an id below `before`."""
    statement = charged(scope).order_by(Message.id.desc()).limit(PER_PAGE + 1)
    if before is not None:
        statement = statement.where(Message.id < before)
    found = [message_of(row) for row in db.session.execute(statement)]
    rows = found[:PER_PAGE]
    return MessagePage(rows, rows[-1].id if len(found) > PER_PAGE else None)


def all_of(scope: Scope) -> Iterator[ChargedMessage]:
    """Every message of the scope by id, read as it is used: all of one state of the database."""
    statement = charged(scope).order_by(Message.id)
    for row in db.session.execute(statement, execution_options={"yield_per": PER_BATCH}):
        yield message_of(row)


def message_of(row: Row[Any]) -> ChargedMessage:
    """A message from a row of `charged`, its number as people write it."""
    message = ChargedMessage(*tuple(row))
    return replace(message, phone=None if message.phone is None else f"+{message.phone}")


def charged(scope: Scope) -> Select[*tuple[Any, ...]]:
    """The charged messages of the scope, in no order yet."""
    statement: Select[*tuple[Any, ...]] = (
        select(
            Message.id,
            LedgerTransaction.at,
            LedgerTransaction.on_day,
            Message.phone,
            Charge.list_id,
            Charge.country,
            Charge.segments,
            Charge.credits_per_segment,
            Charge.credits,
            Charge.plugin,
            Charge.plugin_version,
            Message.state,
        )
        .join(Charge, Charge.message_id == Message.id)
        .join(LedgerTransaction, LedgerTransaction.id == Charge.transaction_id)
        .where(
            Message.platform_id == scope.platform_id,
            Charge.platform_id == scope.platform_id,
            LedgerTransaction.on_day.between(scope.from_on, scope.to_on),
        )
    )
    if scope.list_key is not None:
        statement = statement.where(Charge.list_id.is_not_distinct_from(scope.list_key or None))
    if scope.country is not None:
        statement = statement.where(Charge.country == scope.country)
    return single_ones(statement, scope) if scope.campaign_key == SINGLE else of_campaign(statement, scope)


def of_campaign(statement: Select[*tuple[Any, ...]], scope: Scope) -> Select[*tuple[Any, ...]]:
    if scope.campaign_key is None:
        return statement
    return statement.where(Message.campaign_id == scope.campaign_key)


def single_ones(statement: Select[*tuple[Any, ...]], scope: Scope) -> Select[*tuple[Any, ...]]:
    """Each single message is the subject of a roll-up of its own, through which it is found."""
    rolled_up = select(UsageDay.subject_id).where(
        UsageDay.platform_id == scope.platform_id,
        UsageDay.on_day.between(scope.from_on, scope.to_on),
        UsageDay.subject_kind == "message",
    )
    return statement.where(Message.campaign_id.is_(None), Message.id.in_(rolled_up))
