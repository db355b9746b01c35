"""Confirming a draft: the number that was shown is held, or nothing happens (R11, R13).

One transaction: the recipients are kept still, the price is computed once more and compared with the one on
the page, the credits are held, every message is pinned, and the job that sends is enqueued.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.audience.snapshots import lock_audience
from webapp.campaigns.drafts import draft_of
from webapp.campaigns.locks import NotThere, lock_campaign
from webapp.campaigns.models import Campaign, CampaignList
from webapp.campaigns.pinning import figures, pin, unpin
from webapp.campaigns.quoting import Quoted, quote_draft
from webapp.campaigns.starting import open_lanes
from webapp.campaigns.wrong_state import WrongState
from webapp.credits import engine
from webapp.credits.terms import Actor, Held, Subject
from webapp.db import transaction
from webapp.errors import Refused
from webapp.web.formats import credits as told


class NotReady(Refused):
    """The draft cannot be confirmed as it stands; `quoted` says why."""

    slug = "invalid-request"

    def __init__(self, quoted: Quoted) -> None:
        sentences = [problem.sentence for problem in quoted.problems]
        super().__init__(" ".join(sentences) or _("This campaign cannot be scheduled as it stands."))
        self.quoted = quoted


class QuoteChanged(Refused):
    """Recipients, text or cost are not what was confirmed; `quoted` is what they are now."""

    slug = "quote-exceeded"

    def __init__(self, quoted: Quoted) -> None:
        super().__init__(
            _(
                "Something changed since you looked: it is %(credits)s credits now.",
                credits=told(quoted.credits),
            ),
            credits=quoted.credits,
        )
        self.quoted = quoted


Check = Callable[[Quoted], None]


def confirms(fingerprint: str) -> Check:
    """The check of a page: exactly what it showed."""

    def check(quoted: Quoted) -> None:
        if not fingerprint or quoted.fingerprint != fingerprint:
            raise QuoteChanged(quoted)

    return check


def at_most(credits: int) -> Check:
    """The check of another system: no dearer than this."""

    def check(quoted: Quoted) -> None:
        if quoted.credits > credits:
            raise QuoteChanged(quoted)

    return check


def schedule(
    platform_id: int, campaign_id: int, check: Check, *, zone: ZoneInfo, actor: Actor, now: datetime
) -> Campaign:
    """Holds the credits of a draft and pins it; it is sent at its time, or at once when it has none.

    Raises `WrongState`, `NotReady`, `QuoteChanged`, and what `place_hold` raises: `InsufficientCredits`,
    `CreditsExpireBefore`.
    """
    with transaction() as session:
        campaign, quoted = priced_still(
            session, platform_id, campaign_id, "draft", lambda campaign: campaign.send_local, zone, now
        )
        require(quoted, check)
        write_down(session, campaign, quoted)
        held = engine.place_hold(
            platform_id,
            quoted.demands,
            send_at=max(quoted.at, now),
            subject=Subject("campaign", campaign.id),
            label=campaign.name or _("Campaign %(id)s", id=campaign.id),
            actor=actor,
            now=now,
            key=f"campaign-hold:{campaign.id}:{campaign.token}",
        )
        confirm(session, campaign, quoted, held, actor, now)
        return campaign


def reschedule(
    platform_id: int,
    campaign_id: int,
    send_local: str,
    check: Check,
    *,
    zone: ZoneInfo,
    actor: Actor,
    now: datetime,
) -> Campaign:
    """Prices a scheduled campaign anew for another time and swaps its hold, or keeps all as it was (R12).

    Raises what `schedule` raises.
    """
    with transaction() as session:
        campaign, quoted = priced_still(
            session, platform_id, campaign_id, "scheduled", lambda _campaign: send_local, zone, now
        )
        require(quoted, check)
        assert campaign.hold_id is not None, "a scheduled campaign has a hold"
        unpin(session, campaign)
        write_down(session, campaign, quoted)
        held = engine.reschedule(
            campaign.hold_id,
            quoted.demands,
            send_at=max(quoted.at, now),
            actor=actor,
            now=now,
            key=f"campaign-reschedule:{campaign.id}:{campaign.version}",
        )
        campaign.send_local, campaign.version = send_local, campaign.version + 1
        confirm(session, campaign, quoted, held, actor, now)
        return campaign


def quote_reschedule(campaign: Campaign, send_local: str, *, zone: ZoneInfo, now: datetime) -> Quoted:
    """What a scheduled campaign would cost at another time, with what it holds counted as available."""
    draft = replace(draft_of(campaign), send_local=send_local)
    return quote_draft(campaign.platform_id, draft, zone=zone, now=now, hold_id=campaign.hold_id)


def priced_still(
    session: Session,
    platform_id: int,
    campaign_id: int,
    status: str,
    send_local: Callable[[Campaign], str],
    zone: ZoneInfo,
    now: datetime,
) -> tuple[Campaign, Quoted]:
    """The campaign, locked, and its price, with its recipients kept still until the transaction ends.

    Lists are locked before the campaign (see `locks`), so the choice is read first and compared after.
    """
    list_ids = chosen_list_ids(session, platform_id, campaign_id)
    lock_audience(platform_id, list_ids)
    campaign = lock_campaign(campaign_id, platform_id)
    if campaign.status != status:
        raise WrongState(campaign.status)
    session.expire(campaign, ["lists"])
    draft = replace(draft_of(campaign), send_local=send_local(campaign))
    quoted = quote_draft(platform_id, draft, zone=zone, now=now, hold_id=campaign.hold_id)
    if campaign.list_ids != tuple(list_ids):
        raise QuoteChanged(quoted)
    return campaign, quoted


def chosen_list_ids(session: Session, platform_id: int, campaign_id: int) -> Sequence[int]:
    found = session.scalars(
        select(CampaignList.list_id)
        .where(CampaignList.platform_id == platform_id, CampaignList.campaign_id == campaign_id)
        .order_by(CampaignList.position)
    ).all()
    owned = select(Campaign.id).where(Campaign.id == campaign_id, Campaign.platform_id == platform_id)
    if session.scalars(owned).one_or_none() is None:
        raise NotThere("There is no such campaign.", campaign=campaign_id)
    return found


def require(quoted: Quoted, check: Check) -> None:
    """Everything but the credits, which the engine judges: it knows what a hold in hand is worth."""
    if quoted.problems or not quoted.credits:
        raise NotReady(quoted)
    check(quoted)


def write_down(session: Session, campaign: Campaign, quoted: Quoted) -> None:
    """Pins what will be held for. Before the hold: a million messages take half a minute to write, and the
    hold locks the platform's credits until the transaction ends."""
    assert quoted.quote is not None
    pin(session, campaign, quoted.quote)


def confirm(
    session: Session, campaign: Campaign, quoted: Quoted, held: Held, actor: Actor, now: datetime
) -> None:
    """Ties the campaign to its hold and its promised figures, and sees to it that it is sent in time."""
    from webapp.campaigns.jobs import start

    assert quoted.quote is not None
    assert held.credits == quoted.credits, "what is held is what was quoted"
    campaign.quoted_credits, campaign.quoted = quoted.credits, figures(quoted.quote)
    campaign.hold_id, campaign.send_at = held.hold_id, max(quoted.at, now)
    campaign.scheduled_at, campaign.scheduled_by_name = now, actor.name
    if quoted.send_time is None:
        campaign.status, campaign.started_at = "sending", now
        session.flush()
        open_lanes(campaign.id)
        return
    campaign.status = "scheduled"
    session.flush()
    start.enqueue(
        campaign_id=campaign.id, schedule_at=campaign.send_at, once=f"start-{campaign.id}-{campaign.version}"
    )
