"""Forgetting a person in what was sent: number, values and text go; what it cost, where and when, stays."""

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from webapp import clock
from webapp.campaigns.intents import release_messages
from webapp.campaigns.locks import lock_campaigns
from webapp.campaigns.models import Campaign, Message, Receipt
from webapp.db import transaction

# One probe of an index per campaign, instead of an index over every number ever written to.
IN_CAMPAIGNS = text(
    """
    SELECT message.campaign_id, message.id FROM campaign
    CROSS JOIN LATERAL (
        SELECT id, campaign_id FROM message WHERE campaign_id = campaign.id AND phone = :phone
    ) AS message
    WHERE campaign.platform_id = :platform_id AND campaign.status <> 'draft'
    """
)


def erase(platform_id: int, phone: int) -> int:
    """Erases a number (E.164 digits) from the platform's messages; how many had it.

    What was still queued is not sent, and its credits are released. One that is with the gateway at this
    moment is settled by asking for it. A job has the gateway forget what it was handed.
    """
    from webapp.campaigns.jobs import forget

    with transaction() as session:
        found = session.execute(IN_CAMPAIGNS, {"platform_id": platform_id, "phone": phone}).all()
        lock_campaigns(campaign_id for campaign_id, _id in found)
        ids = [message_id for _campaign, message_id in found] + single_messages(session, platform_id, phone)
        leave_out_queued(session, ids)
        blank(session, ids)
        if ids:
            forget.enqueue(message_ids=ids)
        return len(ids)


def single_messages(session: Session, platform_id: int, phone: int) -> list[int]:
    found = select(Message.id).where(
        Message.platform_id == platform_id, Message.phone == phone, Message.campaign_id.is_(None)
    )
    return list(session.scalars(found.order_by(Message.id).with_for_update()))


def leave_out_queued(session: Session, ids: list[int]) -> None:
    """Those not yet taken up are not sent any more."""
    queued = session.execute(
        select(Message, func.coalesce(Message.hold_id, Campaign.hold_id), Campaign.status)
        .outerjoin(Campaign, Campaign.id == Message.campaign_id)
        .where(Message.id.in_(ids), Message.status == "queued")
        .order_by(Message.id)
        .with_for_update(of=Message)
        .execution_options(populate_existing=True)
    ).all()
    for message, hold_id, campaign_status in queued:
        session.execute(
            update(Message)
            .where(Message.id == message.id)
            .values(status="erased")
            .execution_options(synchronize_session=False)
        )
        if campaign_status != "cancelled":  # there the credits went back when it was cancelled
            release_messages(hold_id, [message], reason="erased", now=clock.now())


def blank(session: Session, ids: list[int]) -> None:
    now = clock.now()
    session.execute(
        update(Message)
        .where(Message.id.in_(ids))
        .values(phone=None, merge={}, erased_at=now, reason=None, recipient_id=None)
        .execution_options(synchronize_session=False)
    )
    singles = update(Message).where(Message.id.in_(ids), Message.campaign_id.is_(None))
    session.execute(singles.values(text="").execution_options(synchronize_session=False))
    details = update(Receipt).where(Receipt.message_id.in_(ids))
    session.execute(details.values(detail="").execution_options(synchronize_session=False))
