"""The campaigns of a platform as a table, and the figures of one: quoted, charged, and why they differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Select, case, func, select

from webapp.audience.models import RecipientList
from webapp.campaigns.models import CHARGED_STATES, NOT_SENT, Campaign, CampaignList, MessageTally
from webapp.db import db

STATUSES = {
    "running": ("confirming", "sending", "paused"),
    "scheduled": ("scheduled",),
    "drafts": ("draft",),
    "sent": ("finished",),
    "cancelled": ("cancelled",),
}


@dataclass(frozen=True)
class Tally:
    """Messages, segments and credits of a campaign by country and state."""

    rows: Sequence[tuple[str, str, int, int, int]]

    def count(self, *states: str) -> int:
        return sum(messages for _c, state, messages, _s, _cr in self.rows if not states or state in states)

    def credits(self, *states: str) -> int:
        return sum(credits for _c, state, _m, _s, credits in self.rows if not states or state in states)

    @cached_property
    def by_state(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for _country, state, messages, _segments, _credits in self.rows:
            if messages:
                found[state] = found.get(state, 0) + messages
        return found

    @cached_property
    def by_country(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for country, _state, messages, _segments, _credits in self.rows:
            if messages:
                found[country] = found.get(country, 0) + messages
        return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))

    @property
    def total(self) -> int:
        return self.count()

    @property
    def charged(self) -> int:
        return self.credits(*CHARGED_STATES)

    @property
    def handed_over(self) -> int:
        return self.count(*CHARGED_STATES)

    @property
    def left(self) -> int:
        return self.count("queued", "submitting")

    @property
    def done(self) -> int:
        return self.total - self.left

    @property
    def not_sent(self) -> dict[str, tuple[int, int]]:
        """By reason: how many messages were not sent, and the credits released for them."""
        return {state: (self.count(state), self.credits(state)) for state in NOT_SENT if self.count(state)}

    @property
    def released(self) -> int:
        return self.credits(*NOT_SENT)


def tallies(campaign_ids: Sequence[int]) -> dict[int, Tally]:
    """The tally of each of these campaigns, in one query."""
    rows: dict[int, list[tuple[str, str, int, int, int]]] = {campaign_id: [] for campaign_id in campaign_ids}
    found = select(
        MessageTally.campaign_id,
        MessageTally.country,
        MessageTally.state,
        MessageTally.messages,
        MessageTally.segments,
        MessageTally.credits,
    ).where(MessageTally.campaign_id.in_(campaign_ids))
    for campaign_id, *row in db.session.execute(found):
        rows[campaign_id].append(tuple(row))  # type: ignore[arg-type]
    return {campaign_id: Tally(of) for campaign_id, of in rows.items()}


def tally_of(campaign: Campaign) -> Tally:
    """The tally of one campaign. What a cancelled one has not marked yet counts as cancelled already."""
    tally = tallies([campaign.id])[campaign.id]
    if campaign.status != "cancelled":
        return tally
    unsent = "lapsed" if campaign.cancelled_by_name is None else "cancelled"
    return Tally([(c, unsent if s == "queued" else s, m, sg, cr) for c, s, m, sg, cr in tally.rows])


def campaigns(platform_id: int, group: str | None, name: str = "") -> Select[Campaign]:
    """The campaigns of a platform: what runs first, then what is scheduled, the drafts, and the latest."""
    moves = case(
        (Campaign.status.in_(STATUSES["running"]), 0),
        (Campaign.status == "scheduled", 1),
        (Campaign.status == "draft", 2),
        else_=3,
    )
    found = select(Campaign).where(Campaign.platform_id == platform_id).order_by(moves, Campaign.id.desc())
    if group:
        found = found.where(Campaign.status.in_(STATUSES[group]))
    if name.strip():
        escaped = name.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        found = found.where(Campaign.name.ilike(f"%{escaped}%"))
    return found


def counts(platform_id: int) -> dict[str, int]:
    """How many campaigns are in each group."""
    rows = db.session.execute(
        select(Campaign.status, func.count())
        .where(Campaign.platform_id == platform_id)
        .group_by(Campaign.status)
    )
    found: dict[str, int] = dict(rows.all())
    return {group: sum(found.get(status, 0) for status in statuses) for group, statuses in STATUSES.items()}


def lists_of(campaign_ids: Sequence[int]) -> dict[int, list[str]]:
    """The names of the chosen lists of each campaign, in their order, in one query."""
    rows = db.session.execute(
        select(CampaignList.campaign_id, RecipientList.name)
        .join(RecipientList, RecipientList.id == CampaignList.list_id)
        .where(CampaignList.campaign_id.in_(campaign_ids))
        .order_by(CampaignList.campaign_id, CampaignList.position)
    )
    names: dict[int, list[str]] = {campaign_id: [] for campaign_id in campaign_ids}
    for campaign_id, name in rows:
        names[campaign_id].append(name)
    return names


@dataclass(frozen=True)
class QuotedCountry:
    """What was quoted for one country."""

    country: str
    recipients: int
    segments: int
    credits: int
    credits_per_segment: int


def quoted_countries(quoted: Mapping[str, Any]) -> list[QuotedCountry]:
    return [QuotedCountry(*line) for line in quoted.get("by_country", ())]
