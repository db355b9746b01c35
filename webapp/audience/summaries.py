"""How many people a list has, by country and status: added up from chunks, counted where those changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from webapp.audience.chunks import Summary, add_summaries
from webapp.audience.models import STATUSES, Recipient, RecipientChunk


@dataclass(frozen=True)
class People:
    """The people of a list: how many may be written to, and how many not, in all and by country."""

    subscribed: int = 0
    unsubscribed: int = 0
    invalid: int = 0
    countries: tuple[tuple[str, int], ...] = ()
    """Country and people subscribed there, most first."""

    @property
    def total(self) -> int:
        return self.subscribed + self.unsubscribed + self.invalid

    @classmethod
    def of(cls, summary: Summary) -> "People":
        counts = [sum(column) for column in zip(*summary.values(), strict=True)] or [0, 0, 0]
        by_country = sorted(((country, each[0]) for country, each in summary.items()), key=most_first)
        subscribed, unsubscribed, invalid = counts
        here = tuple(pair for pair in by_country if pair[1])
        return cls(subscribed, unsubscribed, invalid, here)


def most_first(pair: tuple[str, int]) -> tuple[int, str]:
    return -pair[1], pair[0]


def people_of(session: Session, list_ids: Sequence[int]) -> dict[int, People]:
    """The people of each of these lists."""
    summaries: dict[int, list[Summary]] = {list_id: [] for list_id in list_ids}
    packed = select(RecipientChunk.list_id, RecipientChunk.summary).where(
        RecipientChunk.list_id.in_(list_ids), ~RecipientChunk.dirty
    )
    for list_id, summary in session.execute(packed):
        summaries[list_id].append(summary)
    for list_id, summary in counted(session, list_ids):
        summaries[list_id].append(summary)
    return {list_id: People.of(add_summaries(parts)) for list_id, parts in summaries.items()}


def counted(session: Session, list_ids: Sequence[int]) -> list[tuple[int, Summary]]:
    """The same for chunks whose rows changed since."""
    changed = select(RecipientChunk.id).where(RecipientChunk.list_id.in_(list_ids), RecipientChunk.dirty)
    rows = session.execute(
        select(Recipient.list_id, Recipient.country, Recipient.status, func.count())
        .where(Recipient.chunk_id.in_(changed))
        .group_by(Recipient.list_id, Recipient.country, Recipient.status)
    )
    found = []
    for list_id, country, status, count in rows:
        counts = [0, 0, 0]
        counts[STATUSES.index(status)] = count
        found.append((list_id, {country: counts}))
    return found


def do_not_contact_on(session: Session, platform_id: int, list_id: int) -> int:
    """How many subscribed people of a list are on the do-not-contact list as well."""
    return session.scalar(ON_BOTH, {"platform_id": platform_id, "list_id": list_id}) or 0


ON_BOTH = text(
    """
    SELECT count(*) FROM do_not_contact JOIN recipient USING (phone)
    WHERE do_not_contact.platform_id = :platform_id AND recipient.list_id = :list_id
      AND recipient.status = 'subscribed'
    """
)


@dataclass(frozen=True)
class LastCampaign:
    """The campaign that wrote to a list last, or will."""

    id: int
    name: str
    send_at: object


def last_campaigns(session: Session, list_ids: Sequence[int]) -> dict[int, LastCampaign]:
    """The last campaign of each list that was confirmed; read by SQL, as lists know no campaigns."""
    rows = session.execute(LAST_CAMPAIGNS, {"list_ids": list(list_ids)})
    return {row.list_id: LastCampaign(row.id, row.name, row.send_at) for row in rows}


LAST_CAMPAIGNS = text(
    """
    SELECT DISTINCT ON (campaign_list.list_id)
        campaign_list.list_id, campaign.id, campaign.name, campaign.send_at
    FROM campaign_list JOIN campaign ON campaign.id = campaign_list.campaign_id
    WHERE campaign_list.list_id = ANY(:list_ids) AND campaign.send_at IS NOT NULL
    ORDER BY campaign_list.list_id, campaign.send_at DESC, campaign.id DESC
    """
)
