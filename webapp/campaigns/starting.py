"""When sending begins, and who keeps an eye on it: every campaign and message that is due has a job."""

from contextlib import suppress
from datetime import datetime

from sqlalchemy import select

from webapp.campaigns.endings import lapse, lapse_single
from webapp.campaigns.intents import is_too_late
from webapp.campaigns.locks import lock_campaign
from webapp.campaigns.models import OPEN, Campaign, Message
from webapp.campaigns.wrong_state import WrongState
from webapp.db import transaction

LANES = 2


def start(campaign_id: int, *, now: datetime) -> bool:
    """A scheduled campaign whose time has come begins to send; whether it did."""
    with transaction(), suppress(WrongState):  # it is being given another time: `tend` looks again
        campaign = lock_campaign(campaign_id)
        if campaign.status != "scheduled" or campaign.send_at is None or campaign.send_at > now:
            return False
        if is_too_late(campaign.send_at, now):
            return False
        campaign.status, campaign.started_at = "sending", now
        open_lanes(campaign_id)
        return True
    return False


def open_lanes(campaign_id: int) -> None:
    """Several jobs side by side, so that waiting for the gateway's answer holds up one of them only."""
    from webapp.campaigns.jobs import dispatch

    for lane in range(LANES):
        dispatch.enqueue(campaign_id=campaign_id, lane=lane, once=f"campaign-{campaign_id}-{lane}")


def tend(*, now: datetime) -> None:
    """Every minute: what should run has its jobs again; what is a week late is released."""
    for campaign_id, status, send_at in unfinished(now):
        if is_too_late(send_at, now):
            lapse(campaign_id, now=now)
        elif status == "scheduled":
            start(campaign_id, now=now)
        else:
            take_up_again(campaign_id, status)
    take_up_single_messages(now)


def unfinished(now: datetime) -> list[tuple[int, str, datetime]]:
    """Confirmed campaigns that are due and not over."""
    due = select(Campaign.id, Campaign.status, Campaign.send_at).where(
        Campaign.finished_at.is_(None),
        Campaign.status != "draft",
        Campaign.status != "confirming",
        Campaign.send_at <= now,
    )
    with transaction() as session:
        found = session.execute(due.order_by(Campaign.id))
        return [(each, status, send_at) for each, status, send_at in found if send_at is not None]


def take_up_again(campaign_id: int, status: str) -> None:
    from webapp.campaigns.jobs import close

    with transaction():
        open_lanes(campaign_id)
        if status == "cancelled":
            close.enqueue(campaign_id=campaign_id, once=f"close-{campaign_id}")


def take_up_single_messages(now: datetime) -> None:
    from webapp.campaigns.jobs import send_single

    found = select(Message.id, Message.created_at).where(
        Message.campaign_id.is_(None),
        Message.status.in_(OPEN),
        Message.lease_ends_at.is_(None) | (Message.lease_ends_at <= now),
    )
    with transaction() as session:
        for message_id, created_at in session.execute(found):
            if is_too_late(created_at, now):
                lapse_single(message_id, now=now)
                continue
            send_single.enqueue(message_id=message_id, once=f"message-{message_id}")
