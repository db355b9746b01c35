"""The text of one message: the confirmed text with its own merge values, cut as it was confirmed."""

from collections.abc import Mapping
from functools import lru_cache

from sqlalchemy import select

from webapp.campaigns.models import Campaign, CampaignRate, Message
from webapp.campaigns.pins import pinned_profile
from webapp.db import db
from webapp.pricing.merge import Template, parse
from webapp.pricing.profiles import Profile
from webapp.pricing.segmentation import Segmentation, segment

ERASED = "This text was erased on request."


@lru_cache(maxsize=64)
def template_of(text: str) -> Template:
    return parse(text)


def profiles_of(campaign_id: int) -> dict[str, Profile]:
    """The pinned profile of each country of a campaign."""
    found = select(CampaignRate.country, CampaignRate.profile_key).where(
        CampaignRate.campaign_id == campaign_id
    )
    return {country: pinned_profile(key) for country, key in db.session.execute(found)}


def rendered(campaign: Campaign, merge: Mapping[str, str], profile: Profile) -> Segmentation:
    """The message as it is sent, what its country requires included."""
    return segment(template_of(campaign.text).render(merge), profile, transliterate=campaign.transliterate)


def text_of(message: Message, campaign: Campaign | None) -> Segmentation | None:
    """The message of this row as it was, is or would be sent; None when its person was erased."""
    if message.erased_at is not None:
        return None
    if campaign is None:
        return segment(message.text or "", pinned_profile(message.profile_key or ""), as_given=True)
    key = db.session.scalars(
        select(CampaignRate.profile_key).where(
            CampaignRate.campaign_id == campaign.id, CampaignRate.country == message.country
        )
    ).one()
    return rendered(campaign, message.merge, pinned_profile(key))
