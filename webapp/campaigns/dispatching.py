"""Sending a campaign, one step at a time; every step can be the last before the power goes.

A step settles what nobody knows the end of, or hands over one batch: intent committed, hand-off, result
committed. Any number of workers may step on one campaign. What a crash leaves behind is a lease that runs
out.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, select

from webapp import clock
from webapp.campaigns import endings, intents, outcomes
from webapp.campaigns.backoff import next_attempt_at
from webapp.campaigns.gateways.api import AnswerLost, Gateway, GatewayAway
from webapp.campaigns.intents import Batch, Intent
from webapp.campaigns.locks import lock_campaign
from webapp.campaigns.models import Campaign, Message
from webapp.campaigns.resolving import GONE, Settled, Way, settle, way, way_without_text
from webapp.campaigns.settings import SendingSettings
from webapp.campaigns.waiting import oldest
from webapp.db import transaction

NO_ANSWER = "The gateway gave no answer to some messages."


@dataclass(frozen=True)
class Step:
    """What a step came to: `handled` messages; whether there is nothing more to do; when to come back."""

    handled: int = 0
    over: bool = False
    again_at: datetime | None = None


def step(campaign_id: int, gateway: Gateway, settings: SendingSettings, *, now: datetime) -> Step:
    """Does the next thing that is to be done for this campaign."""
    if (wait := resting_until(campaign_id)) and wait > now:
        return Step(again_at=wait)
    take = {"limit": settings.batch_messages, "lease_s": settings.lease_s, "now": now}
    unsettled = intents.claim_unsettled(campaign_id, **take)  # type: ignore[arg-type]
    if unsettled.intents:
        return hand_over(unsettled, gateway, under_way=True)
    batch = intents.claim(campaign_id, **take)  # type: ignore[arg-type]
    if batch and batch.intents:
        return hand_over(batch, gateway, under_way=False)
    return ended_or_waiting(campaign_id, now=now)


def resting_until(campaign_id: int) -> datetime | None:
    with transaction() as session:
        return session.scalars(select(Campaign.retry_at).where(Campaign.id == campaign_id)).one_or_none()


def ended_or_waiting(campaign_id: int, *, now: datetime) -> Step:
    """Nothing is there to take: it is over, others are at it, or some were left out and more are queued."""
    with transaction() as session:
        campaign = lock_campaign(campaign_id)
        if endings.finish(campaign, now=now):
            return Step(over=True)
        waiting = oldest(Message.id, campaign_id, "queued", 1)
        if campaign.status == "sending" and session.execute(waiting).first():
            return Step()
        lease = select(func.min(Message.lease_ends_at)).where(
            Message.campaign_id == campaign_id, Message.state == "submitting"
        )
        lease_ends_at = session.scalar(lease)
        return Step(over=lease_ends_at is None or campaign.status == "paused", again_at=lease_ends_at)


def hand_over(batch: Batch, gateway: Gateway, *, under_way: bool) -> Step:
    """Offers the batch and writes down what came of it; what is not known now is taken up again later."""
    failures = failures_of(batch)
    try:
        known = ways_of(batch, gateway) if under_way else submit(batch.intents, gateway)
    except GatewayAway as away:
        retry_at = next_attempt_at(failures + 1, clock.now())
        if under_way:
            outcomes.leave_unsettled(batch, retry_at)
        else:
            outcomes.put_back(batch)
        return trouble(batch, str(away), retry_at)
    except AnswerLost as lost:
        known = {}
        if way(deduplicates=gateway.deduplicates, can_be_asked=gateway.can_be_asked) is Way.CALL_UNKNOWN:
            known = unknown(batch.intents)
        else:
            retry_at = next_attempt_at(failures + 1, clock.now())
            outcomes.leave_unsettled(batch, retry_at)
            return trouble(batch, str(lost), retry_at)
    return written(batch, known, gateway, failures)


def written(batch: Batch, known: dict[str, Settled], gateway: Gateway, failures: int) -> Step:
    now = clock.now()
    left = [intent for intent in batch.intents if intent.reference not in known]
    if left and way(deduplicates=gateway.deduplicates, can_be_asked=gateway.can_be_asked) is Way.CALL_UNKNOWN:
        known, left = known | unknown(left), []
    handled = outcomes.record(batch, known, now=now)
    if left:
        rest = replace(batch, intents=tuple(left))
        retry_at = next_attempt_at(failures + 1, now)
        outcomes.leave_unsettled(rest, retry_at)
        return trouble(rest, NO_ANSWER, retry_at)
    if failures and batch.campaign_id is not None:
        with transaction():
            outcomes.note_answer(lock_campaign(batch.campaign_id))
    return Step(handled=handled)


def submit(wanted: tuple[Intent, ...], gateway: Gateway) -> dict[str, Settled]:
    outgoing = [intent.outgoing for intent in wanted if intent.outgoing is not None]
    return settle([message.reference for message in outgoing], gateway.submit(outgoing))


def ways_of(batch: Batch, gateway: Gateway) -> dict[str, Settled]:
    """Settles messages that somebody was handing over when they went silent."""
    whole = tuple(intent for intent in batch.intents if intent.outgoing is not None)
    bare = tuple(intent for intent in batch.intents if intent.outgoing is None)
    known: dict[str, Settled] = {}
    if bare:
        known |= settle_erased(bare, gateway)
    if not whole:
        return known
    match way(deduplicates=gateway.deduplicates, can_be_asked=gateway.can_be_asked):
        case Way.OFFER_AGAIN:
            return known | submit(whole, gateway)
        case Way.ASK_FIRST:
            return known | ask_first(whole, gateway)
        case Way.CALL_UNKNOWN:
            return known | unknown(whole)


def ask_first(wanted: tuple[Intent, ...], gateway: Gateway) -> dict[str, Settled]:
    """Only what the gateway never heard of is offered."""
    references = [intent.reference for intent in wanted]
    known = settle(references, gateway.ask(references))
    missing = tuple(intent for intent in wanted if intent.reference not in known)
    return known | submit(missing, gateway) if missing else known


def settle_erased(wanted: tuple[Intent, ...], gateway: Gateway) -> dict[str, Settled]:
    """A message without its text cannot be offered again: it was taken, or it was never sent."""
    if way_without_text(can_be_asked=gateway.can_be_asked) is Way.CALL_UNKNOWN:
        return unknown(wanted)
    references = [intent.reference for intent in wanted]
    known = settle(references, gateway.ask(references))
    return {reference: known.get(reference, Settled(GONE)) for reference in references}


def unknown(wanted: tuple[Intent, ...] | list[Intent]) -> dict[str, Settled]:
    return {intent.reference: Settled("unknown") for intent in wanted}


def failures_of(batch: Batch) -> int:
    if batch.campaign_id is None:
        return 0
    with transaction() as session:
        found = select(Campaign.gateway_failures).where(Campaign.id == batch.campaign_id)
        return session.scalars(found).one()


def trouble(batch: Batch, words: str, retry_at: datetime) -> Step:
    if batch.campaign_id is not None:
        outcomes.note_trouble(batch.campaign_id, words, retry_at)
    return Step(again_at=retry_at)
