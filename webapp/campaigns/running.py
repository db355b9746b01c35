"""Holding a campaign up while it runs, and letting it go on."""

from datetime import datetime

from webapp.campaigns.locks import lock_campaign
from webapp.campaigns.models import Campaign
from webapp.campaigns.starting import open_lanes
from webapp.campaigns.wrong_state import WrongState
from webapp.db import transaction


def pause(platform_id: int, campaign_id: int) -> Campaign:
    """Nothing more is handed over; what is with the gateway stays there. Raises `WrongState`."""
    with transaction():
        campaign = lock_campaign(campaign_id, platform_id)
        if campaign.status != "sending":
            raise WrongState(campaign.status)
        campaign.status = "paused"
        return campaign


def resume(platform_id: int, campaign_id: int, *, now: datetime) -> Campaign:
    """Goes on where it was paused. Raises `WrongState`."""
    with transaction():
        campaign = lock_campaign(campaign_id, platform_id)
        if campaign.status != "paused":
            raise WrongState(campaign.status)
        campaign.status = "sending"
        if campaign.retry_at is not None and campaign.retry_at > now:
            campaign.retry_at = now
        open_lanes(campaign_id)
        return campaign
