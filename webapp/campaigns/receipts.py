"""Delivery receipts: kept once however often they come, in whatever order, for whatever message.

A receipt says what became of a message that was handed over; it never moves credits. Delivered is final: a
`failed` that comes late, or came first, does not undo it. So the order of two receipts never matters.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.campaigns.gateways.api import DELIVERED, FAILED, Report
from webapp.campaigns.locks import lock_campaigns
from webapp.campaigns.models import Campaign, Message, Receipt
from webapp.campaigns.references import parse_reference
from webapp.db import transaction


@dataclass(frozen=True)
class Taken:
    """How many receipts were new, known already, and about messages that are not ours."""

    new: int
    known: int
    unknown: int


def receive(reports: Sequence[Report], *, now: datetime) -> Taken:
    """Keeps the receipts and moves the messages they are about, all or nothing."""
    with transaction() as session:
        messages = find_messages(session, {report.reference for report in reports})
        lock_campaigns({campaign for _id, campaign in messages.values() if campaign is not None})
        ours = [report for report in reports if report.reference in messages]
        new = [
            (messages[report.reference][0], report)
            for report in ours
            if keep(session, messages[report.reference][0], report, now)
        ]
        for status in (FAILED, DELIVERED):
            deliver(session, [pair for pair in new if pair[1].status == status], status)
        return Taken(len(new), len(ours) - len(new), len(reports) - len(ours))


def find_messages(session: Session, references: Iterable[str]) -> dict[str, tuple[int, int | None]]:
    """Message and campaign id of each reference that is ours, token and all."""
    parsed = {reference: parse_reference(reference) for reference in references}
    ids = {parts[1] for parts in parsed.values() if parts}
    token = func.coalesce(Message.token, Campaign.token)
    rows = session.execute(
        select(Message.id, Message.campaign_id, token)
        .outerjoin(Campaign, Campaign.id == Message.campaign_id)
        .where(Message.id.in_(ids))
    )
    known = {(found_token, message_id): (message_id, of) for message_id, of, found_token in rows}
    return {reference: known[parts] for reference, parts in parsed.items() if parts and parts in known}


def keep(session: Session, message_id: int, report: Report, now: datetime) -> bool:
    """Whether this receipt is new."""
    row = insert(Receipt).values(
        message_id=message_id,
        key=report.key,
        status=report.status,
        detail=report.detail,
        happened_at=report.happened_at,
        received_at=now,
    )
    return session.scalar(row.on_conflict_do_nothing().returning(Receipt.id)) is not None


def deliver(session: Session, reports: Sequence[tuple[int, Report]], status: str) -> None:
    """Puts the messages where their receipts say; what is delivered stays delivered."""
    if not reports:
        return
    in_order = sorted(reports, key=lambda pair: pair[1].happened_at)
    latest = {message_id: report.happened_at for message_id, report in in_order}
    for at in sorted(set(latest.values())):
        ids = [message_id for message_id, happened_at in latest.items() if happened_at == at]
        session.execute(
            update(Message)
            .where(Message.id.in_(ids), Message.delivery.is_distinct_from(DELIVERED))
            .values(delivery=status, delivered_at=at)
            .execution_options(synchronize_session=False)
        )
