"""Who changes messages of a campaign holds its row first. So the order of locks is, everywhere:

recipient lists by id, the do-not-contact list, campaigns by id, messages, then whatever the engine of credits
locks. Nobody waits for an earlier one while holding a later one.
"""

from collections.abc import Iterable

from sqlalchemy import Select, select

from webapp.campaigns.models import Campaign
from webapp.campaigns.wrong_state import WrongState
from webapp.db import db
from webapp.errors import Refused


class NotThere(Refused):
    """No such campaign on this platform."""

    slug = "not-found"


def lock_campaign(campaign_id: int, platform_id: int | None = None) -> Campaign:
    """The campaign as it is now; nobody else changes it or its messages until the transaction ends.

    Raises `NotThere`, also when it is not of the given platform; and at once `WrongState` while a worker
    confirms it, who may hold its row for minutes.
    """
    found = select(Campaign).where(Campaign.id == campaign_id)
    if platform_id is not None:
        found = found.where(Campaign.platform_id == platform_id)
    campaign = locked(found.where(Campaign.status != "confirming"))
    if campaign is None and db.session.scalars(found).one_or_none():
        raise WrongState("confirming")
    if campaign is None:
        raise NotThere("There is no such campaign.", campaign=campaign_id)
    return campaign


def lock_confirming(campaign_id: int) -> Campaign | None:
    """For the worker that confirms it; None when it is not being confirmed any more."""
    return locked(select(Campaign).where(Campaign.id == campaign_id, Campaign.status == "confirming"))


def locked(found: Select[Campaign]) -> Campaign | None:
    for_update = found.with_for_update(key_share=True).execution_options(populate_existing=True)
    return db.session.scalars(for_update).one_or_none()


def lock_campaigns(campaign_ids: Iterable[int]) -> None:
    """Several at once, in the order of their ids."""
    wanted = sorted(set(campaign_ids))
    if wanted:
        rows = select(Campaign.id).where(Campaign.id.in_(wanted)).order_by(Campaign.id)
        db.session.execute(rows.with_for_update(key_share=True))
