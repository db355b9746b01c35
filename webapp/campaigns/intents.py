"""Taking up messages to send: the intent is committed before anything leaves.

A batch of queued messages becomes `submitting`, under a lease. Whoever has unsubscribed or was put on the
do-not-contact list since the confirmation is left out here, and their credits are released at once. When a
lease runs out, nobody knows what became of the batch: `claim_unsettled` hands it to whoever comes next.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from webapp.audience.models import UNSUBSCRIBED, DoNotContact, Recipient
from webapp.campaigns.gateways.api import Outgoing
from webapp.campaigns.locks import lock_campaign
from webapp.campaigns.models import Campaign, Message
from webapp.campaigns.pins import pinned_profile
from webapp.campaigns.references import reference_of
from webapp.campaigns.rendering import profiles_of, rendered
from webapp.campaigns.waiting import oldest
from webapp.credits import engine
from webapp.credits.terms import SYSTEM
from webapp.db import transaction
from webapp.pricing.segmentation import Segmentation, segment

UNRESOLVED_AT_MOST = timedelta(days=7)


@dataclass(frozen=True)
class Intent:
    """One message about to be handed over. `outgoing` is None when its person was erased meanwhile."""

    message_id: int
    reference: str
    outgoing: Outgoing | None


@dataclass(frozen=True)
class Batch:
    """Messages under one lease and one hold: of a campaign, or a single one (`campaign_id` None)."""

    platform_id: int
    campaign_id: int | None
    hold_id: int
    lease_ends_at: datetime
    intents: tuple[Intent, ...]


def claim(campaign_id: int, *, limit: int, lease_s: float, now: datetime) -> Batch | None:
    """Takes up to `limit` queued messages. None when it is not sending; empty when none is queued."""
    with transaction() as session:
        campaign = lock_campaign(campaign_id)
        if campaign.status != "sending":
            return None
        messages = session.scalars(open_messages(campaign_id, "queued", limit)).all()
        wanted = leave_out(session, campaign, messages, now)
        until = lease(session, wanted, now + timedelta(seconds=lease_s))
        return batch_of(campaign, wanted, until)


def claim_unsettled(campaign_id: int, *, limit: int, lease_s: float, now: datetime) -> Batch:
    """Takes over messages whose lease has run out, in whatever state the campaign is by now."""
    with transaction() as session:
        campaign = lock_campaign(campaign_id)
        overdue = open_messages(campaign_id, "submitting", limit).where(Message.lease_ends_at <= now)
        messages = session.scalars(overdue).all()
        until = lease(session, messages, now + timedelta(seconds=lease_s))
        return batch_of(campaign, messages, until)


def is_too_late(due_at: datetime | None, now: datetime) -> bool:
    """Whether it is so long past its time that its credits are released (R12): it is not sent any more."""
    return due_at is not None and due_at + UNRESOLVED_AT_MOST <= now


def claim_single(message_id: int, *, lease_s: float, now: datetime) -> tuple[Batch, bool] | None:
    """Takes up one message without a campaign; whether it was under way before. None when it is settled."""
    with transaction() as session:
        found = select(Message).where(Message.id == message_id, Message.campaign_id.is_(None))
        message = session.scalars(found.with_for_update()).one_or_none()
        if message is None or message.status not in ("queued", "submitting"):
            return None
        under_way = message.status == "submitting"
        if under_way and message.lease_ends_at is not None and message.lease_ends_at > now:
            return None
        if is_too_late(message.created_at, now):
            return None
        until = lease(session, [message], now + timedelta(seconds=lease_s))
        return single_batch(message, until), under_way


def open_messages(campaign_id: int, status: str, limit: int) -> Any:
    """The oldest messages in this status that nobody else holds at the moment."""
    return oldest(Message, campaign_id, status, limit).with_for_update(skip_locked=True)


def lease(session: Session, messages: Iterable[Message], until: datetime) -> datetime:
    """Takes the messages until then; the instant, by which the holder of the lease is known."""
    ids = [message.id for message in messages]
    if ids:
        session.execute(
            update(Message)
            .where(Message.id.in_(ids))
            .values(status="submitting", lease_ends_at=until, attempts=Message.attempts + 1)
            .execution_options(synchronize_session=False)
        )
    return until


def leave_out(
    session: Session, campaign: Campaign, messages: Sequence[Message], now: datetime
) -> list[Message]:
    """Releases those nobody may write to any more; the others."""
    reasons = reasons_against(session, campaign.platform_id, messages)
    for status in sorted(set(reasons.values())):
        left_out = [message for message in messages if reasons.get(message.id) == status]
        session.execute(
            update(Message)
            .where(Message.id.in_([message.id for message in left_out]))
            .values(status=status)
            .execution_options(synchronize_session=False)
        )
        release_messages(campaign.hold_id, left_out, reason=status, now=now)
    return [message for message in messages if message.id not in reasons]


def reasons_against(session: Session, platform_id: int, messages: Sequence[Message]) -> dict[int, str]:
    """Which of the messages must not be sent any more, and why: the person said so to the list, or to us."""
    ids = [message.id for message in messages]
    listed = exists().where(DoNotContact.platform_id == platform_id, DoNotContact.phone == Message.phone)
    left = exists().where(Recipient.id == Message.recipient_id, Recipient.status == UNSUBSCRIBED)
    found = select(Message.id, listed, left).where(Message.id.in_(ids), listed | left)
    return {
        message_id: "do_not_contact" if listed_now else "unsubscribed"
        for message_id, listed_now, _left in session.execute(found)
    }


def release_messages(hold_id: int | None, messages: Sequence[Message], *, reason: str, now: datetime) -> None:
    """Gives back what these would have cost, each to its list's funding.

    A message is released at most once, so the lowest id names the release for ever.
    """
    if not messages:
        return
    assert hold_id is not None, "only confirmed messages are released"
    credits: dict[int | None, int] = defaultdict(int)
    for message in messages:
        credits[message.list_id] += message.credits
    key = f"message-release:{min(message.id for message in messages)}"
    engine.release(hold_id, dict(credits), reason=reason, actor=SYSTEM, now=now, key=key)


def batch_of(campaign: Campaign, messages: Sequence[Message], until: datetime) -> Batch:
    profiles = profiles_of(campaign.id) if messages else {}
    intents = []
    for message in messages:
        reference = reference_of(campaign.token, message.id)
        outgoing = None
        if message.phone is not None:
            text = rendered(campaign, message.merge, profiles[message.country])
            outgoing = outgoing_of(reference, message.phone, campaign.sender, text)
        intents.append(Intent(message.id, reference, outgoing))
    assert campaign.hold_id is not None, f"campaign {campaign.id} sends without a hold"
    return Batch(campaign.platform_id, campaign.id, campaign.hold_id, until, tuple(intents))


def single_batch(message: Message, until: datetime) -> Batch:
    reference = reference_of(message.token or "", message.id)
    outgoing = None
    if message.phone is not None:
        text = segment(message.text or "", pinned_profile(message.profile_key or ""), as_given=True)
        outgoing = outgoing_of(reference, message.phone, message.sender or "", text)
    intents = (Intent(message.id, reference, outgoing),)
    assert message.hold_id is not None, f"message {message.id} is sent without a hold"
    return Batch(message.platform_id, None, message.hold_id, until, intents)


def outgoing_of(reference: str, phone: int, sender: str, text: Segmentation) -> Outgoing:
    return Outgoing(reference, f"+{phone}", sender, text.text, text.encoding, text.segments)
