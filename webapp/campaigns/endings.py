"""How a campaign ends: sent to the last message, cancelled, or given up a week after its time.

Cancelling gives the credits back at once; the rows of what was not sent are marked after that, in pieces. A
campaign is over when no message is open and its hold is resolved to the last credit.
"""

import contextlib
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from webapp.campaigns.intents import is_too_late
from webapp.campaigns.locks import lock_campaign
from webapp.campaigns.models import OPEN, Campaign, Message
from webapp.campaigns.waiting import oldest
from webapp.campaigns.wrong_state import WrongState
from webapp.credits import engine
from webapp.credits.errors import HoldAlreadyResolved
from webapp.credits.terms import SYSTEM, Actor
from webapp.db import transaction

CANCELLABLE = ("scheduled", "sending", "paused")
PIECE = 5_000


def cancel(platform_id: int, campaign_id: int, *, actor: Actor, now: datetime) -> int:
    """Ends it; what is not with the gateway is released. Returns the credits given back.

    Raises `WrongState` once it is over.
    """
    from webapp.campaigns.jobs import close

    with transaction() as session:
        campaign = lock_campaign(campaign_id, platform_id)
        if campaign.status not in CANCELLABLE:
            raise WrongState(campaign.status)
        campaign.status, campaign.cancelled_at, campaign.cancelled_by_name = "cancelled", now, actor.name
        given_back = release_queued(session, campaign, actor, now)
        close.enqueue(campaign_id=campaign.id, once=f"close-{campaign.id}")
        return given_back


def release_queued(session: Session, campaign: Campaign, actor: Actor, now: datetime) -> int:
    """Releases what no message in the gateway's hands needs."""
    sums = (
        select(Message.list_id, func.sum(Message.credits))
        .where(Message.campaign_id == campaign.id, Message.state == "queued")
        .group_by(Message.list_id)
    )
    credits = {list_id: int(total) for list_id, total in session.execute(sums)}
    if credits and campaign.hold_id is not None:
        key = f"campaign-cancel:{campaign.id}"
        engine.release(campaign.hold_id, credits, reason="cancelled", actor=actor, now=now, key=key)
    return sum(credits.values())


def mark_unsent(campaign_id: int, *, now: datetime) -> bool:
    """Marks a piece of what a cancelled campaign did not send; whether there is more."""
    with transaction() as session:
        campaign = lock_campaign(campaign_id)
        if campaign.status != "cancelled":
            return False
        ids = session.scalars(oldest(Message.id, campaign_id, "queued", PIECE)).all()
        session.execute(
            update(Message)
            .where(Message.id.in_(ids))
            .values(status="lapsed" if campaign.cancelled_by_name is None else "cancelled")
            .execution_options(synchronize_session=False)
        )
        if len(ids) < PIECE:
            finish(campaign, now=now)
        return len(ids) == PIECE


def lapse(campaign_id: int, *, now: datetime) -> None:
    """Releases all that is unresolved a week after the send time (R12), messages under way included."""
    from webapp.campaigns.jobs import close

    with transaction() as session:
        campaign = lock_campaign(campaign_id)
        if campaign.finished_at is not None or campaign.send_at is None:
            return
        if campaign.status == "draft" or not is_too_late(campaign.send_at, now):
            return
        under_way = select(Message.id).where(
            Message.campaign_id == campaign_id, Message.state == "submitting"
        )
        session.execute(
            update(Message)
            .where(Message.id.in_(under_way))
            .values(status="lapsed", lease_ends_at=None)
            .execution_options(synchronize_session=False)
        )
        if campaign.status != "cancelled":
            campaign.status, campaign.cancelled_at = "cancelled", now
        release_rest(campaign.hold_id, f"campaign-lapsed:{campaign.id}", "lapsed", now)
        close.enqueue(campaign_id=campaign.id, once=f"close-{campaign.id}")


def lapse_single(message_id: int, *, now: datetime) -> None:
    """The same for one message without a campaign."""
    with transaction() as session:
        found = select(Message).where(Message.id == message_id, Message.campaign_id.is_(None))
        message = session.scalars(found.with_for_update()).one_or_none()
        if message is None or message.status not in OPEN or not is_too_late(message.created_at, now):
            return
        message.status, message.lease_ends_at = "lapsed", None
        release_rest(message.hold_id, f"message-lapsed:{message.id}", "lapsed", now)


def finish(campaign: Campaign, *, now: datetime) -> bool:
    """Closes a campaign, locked by the caller, when nothing of it is open; whether it is over."""
    if campaign.finished_at is not None:
        return True
    if campaign.status not in ("sending", "cancelled") or is_open(campaign.id):
        return False
    release_rest(campaign.hold_id, f"campaign-not-charged:{campaign.id}", "not charged", now)
    campaign.finished_at = now
    if campaign.status == "sending":
        campaign.status = "finished"
    campaign.gateway_failures, campaign.gateway_trouble, campaign.retry_at = 0, None, None
    return True


def is_open(campaign_id: int) -> bool:
    with transaction() as session:
        return any(session.execute(oldest(Message.id, campaign_id, status, 1)).first() for status in OPEN)


def release_rest(hold_id: int | None, key: str, reason: str, now: datetime) -> None:
    """Nothing stays held. As a rule nothing is left by then."""
    if hold_id is None:
        return
    with contextlib.suppress(HoldAlreadyResolved):
        engine.release(hold_id, None, reason=reason, actor=SYSTEM, now=now, key=key)
