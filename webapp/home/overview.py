"""What the first page shows, read from every feature for one platform. Reads only."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import dropwhile
from zoneinfo import ZoneInfo

from sqlalchemy import ScalarResult, Select, case, func, select

from webapp.accounts.models import Platform
from webapp.audience.models import RecipientList
from webapp.campaigns.models import OPEN, RUNNING, Campaign, MessageTally
from webapp.credits import engine
from webapp.credits.expiry import rome_day
from webapp.credits.models import CreditPool
from webapp.db import db
from webapp.home import months
from webapp.shop.models import Order

SHOWN = 6
USE_DAYS = 30
NEAR = 5  # a list is near its limit when it has less than a fifth of what it had 30 days ago


@dataclass(frozen=True)
class Running:
    """A campaign on its way: how many of its messages are done with."""

    campaign: Campaign
    done: int
    total: int


@dataclass(frozen=True)
class NearLimit:
    """A limited list that has little left beside what it used in 30 days."""

    id: int
    name: str
    assigned: int
    spent: int


@dataclass(frozen=True)
class Steps:
    """What a new platform has done of the three things to do first."""

    listed: bool
    funded: bool
    written: bool

    @property
    def all_done(self) -> bool:
        return self.listed and self.funded and self.written


def of_status(platform_id: int, *statuses: str) -> Select[Campaign]:
    return select(Campaign).where(Campaign.platform_id == platform_id, Campaign.status.in_(statuses))


def first_of(statement: Select[Campaign]) -> list[Campaign]:
    found: ScalarResult[Campaign] = db.session.scalars(statement.limit(SHOWN))
    return list(found.unique())


def running(platform_id: int) -> list[Running]:
    """The campaigns that are being confirmed, send now or are paused, the newest first."""
    campaigns = first_of(
        of_status(platform_id, "confirming", *RUNNING).order_by(Campaign.started_at.desc(), Campaign.id)
    )
    still_open = case((MessageTally.state.in_(OPEN), MessageTally.messages), else_=0)
    counted = (
        select(MessageTally.campaign_id, func.sum(MessageTally.messages), func.sum(still_open))
        .where(MessageTally.campaign_id.in_([campaign.id for campaign in campaigns]))
        .group_by(MessageTally.campaign_id)
    )
    tallies = {row[0]: (int(row[1]), int(row[2])) for row in db.session.execute(counted)}
    return [running_of(campaign, *tallies.get(campaign.id, (0, 0))) for campaign in campaigns]


def running_of(campaign: Campaign, total: int, still_open: int) -> Running:
    return Running(campaign, total - still_open, total)


def scheduled(platform_id: int) -> list[Campaign]:
    """The next to be sent."""
    return first_of(of_status(platform_id, "scheduled").order_by(Campaign.send_at, Campaign.id))


def drafts(platform_id: int) -> list[Campaign]:
    """The drafts touched last."""
    return first_of(of_status(platform_id, "draft").order_by(Campaign.saved_at.desc(), Campaign.id))


def today_of(platform: Platform, now: datetime) -> date:
    return now.astimezone(ZoneInfo(platform.time_zone)).date()


def used(platform: Platform, now: datetime) -> list[tuple[date, int]]:
    """Credits charged on each of the last 30 days, today last; days without use are 0."""
    today = today_of(platform, now)
    first = today - timedelta(days=USE_DAYS - 1)
    charged = {row.key: row.credits for row in engine.usage(platform.id, from_on=first, to_on=today).rows}
    days = [first + timedelta(days=n) for n in range(USE_DAYS)]
    return [(day, charged.get(day, 0)) for day in days]


def past_months(platform: Platform, now: datetime) -> list[tuple[date, int]]:
    """What was available when each of the last months began in Italy, since there were credits."""
    starts = [months.first_of(rome_day(now), -n) for n in range(months.MONTHS_BACK - 1, -1, -1)]
    then = [engine.balance(platform.id, now=now, at=months.midnight(start)).available for start in starts]
    return list(dropwhile(lambda point: not point[1], zip(starts, then, strict=True)))


def near_limit(platform: Platform, balance: engine.Balance, now: datetime) -> list[NearLimit]:
    """The limited lists that are used and have little left, the emptiest first."""
    today = today_of(platform, now)
    use = engine.usage(platform.id, from_on=today - timedelta(days=USE_DAYS - 1), to_on=today, group="list")
    spent = {row.key: row.credits for row in use.rows}
    limited = {one.list_id: one for one in balance.lists if one.access == "limited"}
    near = {
        list_id: one
        for list_id, one in limited.items()
        if one.assigned == 0 or one.assigned * NEAR < one.assigned + spent.get(list_id, 0)
    }
    statement = select(RecipientList.id, RecipientList.name).where(RecipientList.id.in_(near))
    names = {row[0]: row[1] for row in db.session.execute(statement)}
    lists = [NearLimit(key, names[key], near[key].assigned, spent.get(key, 0)) for key in names]
    return sorted(lists, key=lambda one: (one.assigned, -one.spent, one.id))[:SHOWN]


def orders_waiting(platform_id: int) -> list[Order]:
    """Orders that wait for their payment, the newest first."""
    statement = select(Order).where(Order.platform_id == platform_id, Order.status == "pending")
    return list(db.session.scalars(statement.order_by(Order.id.desc()).limit(SHOWN)).unique())


def steps(platform_id: int) -> Steps:
    """The three steps of a new platform: a list, credits, a campaign."""

    def any_of(statement: Select[int]) -> bool:
        return db.session.scalar(statement.limit(1)) is not None

    return Steps(
        listed=any_of(
            select(RecipientList.id).where(
                RecipientList.platform_id == platform_id, RecipientList.deleted_at.is_(None)
            )
        ),
        funded=any_of(
            select(CreditPool.platform_id).where(
                CreditPool.platform_id == platform_id, CreditPool.received > 0
            )
        ),
        written=any_of(select(Campaign.id).where(Campaign.platform_id == platform_id)),
    )
