"""Confirming many messages: a worker runs `scheduling` whole, and no page waits for it (R11, R13).

A million messages take half a minute to write, several millions longer than a request may last. So the
request checks all that can be checked before anything is written, marks the campaign `confirming` and adds
the job, in one transaction. The job makes it a draft (or scheduled) again and confirms it, in one transaction
of its own: a killed one leaves nothing behind and is run again. What is refused by then is said on its page.
"""

import logging
from datetime import datetime
from zoneinfo import ZoneInfo

from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.audience.snapshots import lock_audience
from webapp.campaigns import scheduling
from webapp.campaigns.locks import lock_campaign, lock_confirming
from webapp.campaigns.models import Campaign, Confirmation
from webapp.campaigns.quoting import Quoted
from webapp.campaigns.scheduling import Check, confirms
from webapp.campaigns.wrong_state import WrongState
from webapp.credits.terms import Actor
from webapp.db import db, transaction
from webapp.errors import Refused

MOST_AT_ONCE = 20_000  # recipients that are confirmed while the page waits, in about a second

log = logging.getLogger(__name__)


class Withdrawn(Refused):
    """Somebody stopped the confirmation before it was done."""

    slug = "wrong-state"

    def __init__(self, name: str) -> None:
        super().__init__(_("%(name)s stopped the confirmation: nothing was changed.", name=name))


def confirm(
    platform_id: int,
    campaign_id: int,
    check: Check,
    *,
    send_local: str | None = None,
    zone: ZoneInfo,
    language: str,
    actor: Actor,
    now: datetime,
) -> Campaign:
    """Schedules a draft or, with `send_local`, reschedules a campaign; a large one is `confirming` then.

    Raises what `scheduling.schedule` raises. `language` is for what the worker may have to say.
    """
    with transaction() as session:
        campaign = lock_campaign(campaign_id, platform_id)
        if campaign.status != status_before(send_local):
            raise WrongState(campaign.status)
        local = campaign.send_local if send_local is None else send_local
        quoted = scheduling.quote_reschedule(campaign, local, zone=zone, now=now)
        if quoted.recipients > MOST_AT_ONCE:
            scheduling.require(quoted, check)
            try_to_hold(session, campaign, quoted, actor, now)
            asked = Confirmation(
                campaign_id=campaign.id,
                version=campaign.version,
                fingerprint=quoted.fingerprint,
                recipients=quoted.recipients,
                send_local=send_local,
                zone=zone.key,
                language=language,
                by_id=actor.id,
                by_name=actor.name,
                withdrawn_by_name=None,
                refusal=None,
            )
            hand_over(session, campaign, asked)
            return campaign
    return at_once(platform_id, campaign_id, check, send_local=send_local, zone=zone, actor=actor, now=now)


def at_once(
    platform_id: int,
    campaign_id: int,
    check: Check,
    *,
    send_local: str | None,
    zone: ZoneInfo,
    actor: Actor,
    now: datetime,
) -> Campaign:
    if send_local is None:
        return scheduling.schedule(platform_id, campaign_id, check, zone=zone, actor=actor, now=now)
    return scheduling.reschedule(platform_id, campaign_id, send_local, check, zone=zone, actor=actor, now=now)


def status_before(send_local: str | None) -> str:
    return "draft" if send_local is None else "scheduled"


def try_to_hold(session: Session, campaign: Campaign, quoted: Quoted, actor: Actor, now: datetime) -> None:
    """Has the engine refuse now what it would refuse after half a minute; the hold itself is undone."""
    with session.begin_nested() as trial:
        hold = scheduling.place if campaign.hold_id is None else scheduling.swap
        hold(campaign, quoted, actor, now)
        trial.rollback()


def hand_over(session: Session, campaign: Campaign, asked: Confirmation) -> None:
    session.merge(asked)
    campaign.status = "confirming"
    session.flush()
    enqueue(campaign.platform_id, campaign.id)


def enqueue(platform_id: int, campaign_id: int) -> None:
    """One of a platform at a time: its large campaigns leave the worker free to send."""
    from webapp.campaigns.jobs import confirm as job

    job.enqueue(campaign_id=campaign_id, lock=f"confirm-{platform_id}", once=f"confirm-{campaign_id}")


def tend() -> None:
    """Sees to it that whatever is being confirmed has its job."""
    waiting = select(Campaign.platform_id, Campaign.id).join(
        Confirmation, Confirmation.campaign_id == Campaign.id
    )
    with transaction() as session:
        for platform_id, campaign_id in session.execute(waiting.where(Campaign.status == "confirming")):
            enqueue(platform_id, campaign_id)


def carry_out(campaign_id: int, *, now: datetime) -> None:
    """What the worker does: all of it, or the campaign is what it was before and its page says why."""
    asked = asked_of(campaign_id)
    if asked is None:
        return
    with force_locale(asked.language):
        try:
            run(campaign_id, now=now)
        except Refused as refused:
            give_back(campaign_id, refused.sentence)
        except Exception:
            log.exception("campaign %d could not be confirmed", campaign_id)
            give_back(campaign_id, _("Something broke on our side. Nothing was changed: try again."))


def run(campaign_id: int, *, now: datetime) -> None:
    with transaction() as session:
        campaign = take_up(session, campaign_id)
        if campaign is None:
            return
        asked = still_wanted(session, campaign_id)
        campaign.status = status_before(asked.send_local)
        session.flush()
        at_once(
            campaign.platform_id,
            campaign_id,
            confirms(asked.fingerprint),
            send_local=asked.send_local,
            zone=ZoneInfo(asked.zone),
            actor=Actor(asked.by_id, asked.by_name),
            now=now,
        )
        session.delete(still_wanted(session, campaign_id, for_update=True))


def take_up(session: Session, campaign_id: int) -> Campaign | None:
    """The campaign, locked after its lists (see `locks`); None when it is not being confirmed any more."""
    platform_id = session.scalars(select(Campaign.platform_id).where(Campaign.id == campaign_id)).one()
    lock_audience(platform_id, scheduling.chosen_list_ids(session, platform_id, campaign_id))
    return lock_confirming(campaign_id)


def still_wanted(session: Session, campaign_id: int, *, for_update: bool = False) -> Confirmation:
    """What was confirmed, as it stands now. Raises `Withdrawn`."""
    asked = session.get_one(
        Confirmation, campaign_id, populate_existing=True, with_for_update=for_update or None
    )
    if asked.withdrawn_by_name is not None:
        raise Withdrawn(asked.withdrawn_by_name)
    return asked


def give_back(campaign_id: int, sentence: str) -> None:
    """A draft again, or scheduled as it was, with the reason."""
    with transaction() as session:
        campaign = lock_confirming(campaign_id)
        if campaign is None:
            return
        asked = session.get_one(Confirmation, campaign_id, populate_existing=True)
        campaign.status, asked.refusal = status_before(asked.send_local), sentence


def withdraw(campaign_id: int, *, actor: Actor) -> None:
    """The worker, which holds the campaign's row, looks here before it begins and before it commits.

    Raises `WrongState` when it has committed.
    """
    with transaction() as session:
        asked = session.get(Confirmation, campaign_id, with_for_update=True, populate_existing=True)
        status = session.scalars(select(Campaign.status).where(Campaign.id == campaign_id)).one()
        if asked is None or status != "confirming":
            raise WrongState(status)
        asked.withdrawn_by_name = actor.name


def asked_of(campaign_id: int) -> Confirmation | None:
    """What was confirmed last, while it is not done."""
    return db.session.get(Confirmation, campaign_id, populate_existing=True)


def refusal_of(campaign: Campaign) -> str | None:
    """Why the last confirmation came to nothing, until something is changed or confirmed."""
    asked = asked_of(campaign.id)
    if asked is None or asked.version != campaign.version:
        return None
    return asked.refusal if status_before(asked.send_local) == campaign.status else None
