"""Writing down what became of a batch, in the transaction that charges and releases for it."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import BigInteger, Text, cast, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from webapp.campaigns.intents import Batch, release_messages
from webapp.campaigns.locks import lock_campaign
from webapp.campaigns.models import Campaign, Message
from webapp.campaigns.resolving import Settled
from webapp.credits import engine
from webapp.credits.terms import Charge
from webapp.db import transaction


def record(batch: Batch, settled: Mapping[str, Settled], *, now: datetime) -> int:
    """Settles those messages of the batch that are still open: charged, or released. Returns how many.

    However often a result is told, and by how many workers, a message is settled once: only rows that are
    still `submitting` are touched, under the lock of their campaign.
    """
    ends = {
        intent.message_id: settled[intent.reference]
        for intent in batch.intents
        if intent.reference in settled
    }
    with transaction() as session:
        if batch.campaign_id is not None:
            lock_campaign(batch.campaign_id)
        still_open = (
            select(Message).where(Message.id.in_(ends), Message.status == "submitting").order_by(Message.id)
        )
        messages = session.scalars(
            still_open.with_for_update().execution_options(populate_existing=True)
        ).all()
        if messages:
            write(session, {message.id: ends[message.id] for message in messages}, now)
            charged = [message for message in messages if ends[message.id].charged]
            charge(batch.hold_id, charged, now)
            others = [message for message in messages if not ends[message.id].charged]
            release_messages(batch.hold_id, others, reason="refused", now=now)
        return len(messages)


def write(session: Session, ends: Mapping[int, Settled], now: datetime) -> None:
    """One statement for the whole batch, so that the tally moves once."""
    given = (
        func.unnest(
            cast(list(ends), ARRAY(BigInteger)),
            cast([end.status for end in ends.values()], ARRAY(Text)),
            cast([end.reason for end in ends.values()], ARRAY(Text)),
            cast([end.gateway_reference for end in ends.values()], ARRAY(Text)),
        )
        .table_valued("id", "status", "reason", "gateway_reference", name="settled")
        .render_derived()
    )
    session.execute(
        update(Message)
        .where(Message.id == given.c.id)
        .values(
            status=cast(given.c.status, Text),
            reason=cast(given.c.reason, Text),
            gateway_reference=cast(given.c.gateway_reference, Text),
            handed_over_at=now,
            lease_ends_at=None,
        )
        .execution_options(synchronize_session=False)
    )


def charge(hold_id: int, messages: list[Message], now: datetime) -> None:
    """Each once ever: a message is in at most one charge, so the lowest id names it for ever."""
    if not messages:
        return
    charges = [
        Charge(
            message.id,
            message.list_id,
            message.country,
            message.segments,
            message.credits_per_segment,
            message.plugin,
            message.plugin_version,
        )
        for message in messages
    ]
    engine.capture(hold_id, charges, now=now, key=f"message-charge:{messages[0].id}")


def put_back(batch: Batch) -> None:
    """The gateway took none of them: they are queued again."""
    set_open(batch, status="queued", lease_ends_at=None)


def leave_unsettled(batch: Batch, retry_at: datetime) -> None:
    """Any of them may have been taken: they stay under way, and are taken up again at `retry_at`."""
    set_open(batch, lease_ends_at=retry_at)


def set_open(batch: Batch, **values: object) -> None:
    """Only while the lease is still ours: whoever took the batch over decides about it now."""
    ids = [intent.message_id for intent in batch.intents]
    with transaction() as session:
        if batch.campaign_id is not None:
            lock_campaign(batch.campaign_id)
        session.execute(
            update(Message)
            .where(
                Message.id.in_(ids),
                Message.status == "submitting",
                Message.lease_ends_at == batch.lease_ends_at,
            )
            .values(**values)
            .execution_options(synchronize_session=False)
        )


def note_trouble(campaign_id: int, trouble: str, retry_at: datetime) -> None:
    """Remembers on the campaign that the gateway does not answer, and when it is tried again."""
    with transaction():
        campaign = lock_campaign(campaign_id)
        campaign.gateway_failures += 1
        campaign.gateway_trouble = trouble
        campaign.retry_at = retry_at


def note_answer(campaign: Campaign) -> None:
    """The gateway answers again."""
    if campaign.gateway_failures:
        campaign.gateway_failures, campaign.gateway_trouble, campaign.retry_at = 0, None, None
