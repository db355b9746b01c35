"""What the tests of reports, ledger, widget and assign page play with: lists, campaigns, charged messages."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import uuid4

from sqlalchemy import event

from webapp.accounts.models import Platform
from webapp.audience.models import RecipientList
from webapp.campaigns.models import Campaign, Message
from webapp.credits import engine
from webapp.credits.engine import Actor, Charge, Demand, Subject
from webapp.credits.wire import Wire
from webapp.db import db

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}
ADA = Actor(None, "Ada")
numbers = count(1)


def key() -> str:
    return f"test:{uuid4().hex}"


def make_list(platform: Platform, name: str, *, deleted: bool = False) -> RecipientList:
    now = datetime.now(UTC)
    made = RecipientList(
        platform_id=platform.id, name=name, created_at=now, deleted_at=now if deleted else None
    )
    db.session.add(made)
    db.session.flush()
    return made


def make_campaign(platform: Platform, name: str) -> Campaign:
    now = datetime.now(UTC)
    made = Campaign(
        platform_id=platform.id,
        name=name,
        token=uuid4().hex,
        saved_at=now,
        created_at=now,
        created_by_name="Ada",
        text="Hello",
        sender="SHOP",
    )
    db.session.add(made)
    db.session.flush()
    return made


def make_message(
    platform: Platform, campaign: Campaign, list_id: int | None, *, country: str, segments: int, rate: int
) -> Message:
    number = next(numbers)
    made = Message(
        platform_id=platform.id,
        campaign_id=campaign.id,
        list_id=list_id,
        phone=393_000_000_000 + number,
        country=country,
        segments=segments,
        credits_per_segment=rate,
        credits=segments * rate,
        plugin="world_rates",
        plugin_version="1",
        status="sent",
        handed_over_at=datetime.now(UTC),
    )
    db.session.add(made)
    db.session.flush()
    return made


def grant(platform: Platform, credits: int, *, now: datetime, days: int | None = 365) -> engine.Granted:
    until = (now + timedelta(days=days)).date() if days else None
    return engine.grant(
        platform.id, credits, expires_on=until, reason="a trial", actor=ADA, now=now, key=key()
    )


def hold(
    platform: Platform, campaign: Campaign, demands: Iterable[tuple[int | None, int]], *, now: datetime
) -> engine.Held:
    return engine.place_hold(
        platform.id,
        [Demand(list_id, credits) for list_id, credits in demands],
        send_at=now,
        subject=Subject("campaign", campaign.id),
        label=campaign.name,
        actor=ADA,
        now=now,
        key=key(),
    )


def charge(hold_id: int, messages: Iterable[Message], *, now: datetime) -> engine.Captured:
    return engine.capture(
        hold_id,
        [
            Charge(m.id, m.list_id, m.country, m.segments, m.credits_per_segment, m.plugin, m.plugin_version)
            for m in messages
        ],
        now=now,
        key=key(),
    )


def send(
    platform: Platform,
    name: str,
    counts: Iterable[tuple[RecipientList | None, str, int, int, int]],
    *,
    now: datetime,
) -> Campaign:
    """A campaign sent at once: (list, country, messages, segments, rate) each; everything is charged."""
    campaign = make_campaign(platform, name)
    messages = [
        make_message(
            platform, campaign, found.id if found else None, country=country, segments=segments, rate=rate
        )
        for found, country, how_many, segments, rate in counts
        for _ in range(how_many)
    ]
    demands: dict[int | None, int] = {}
    for message in messages:
        demands[message.list_id] = demands.get(message.list_id, 0) + message.credits
    placed = hold(platform, campaign, demands.items(), now=now)
    charge(placed.hold_id, messages, now=now)
    return campaign


class Asked(list[str]):
    """The round trips to the database, as they were made."""


@contextmanager
def round_trips(monkeypatch) -> Iterator[Asked]:
    """Gathers every statement sent by SQLAlchemy, and every pipeline of the engine as one."""
    asked, real = Asked(), Wire.ask_all

    def told(connection, cursor, statement, *rest):
        if not statement.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            asked.append(statement)

    def ask_all(wire, *statements):
        asked.append("; ".join(sql for sql, _ in statements))
        return real(wire, *statements)

    monkeypatch.setattr(Wire, "ask_all", ask_all)
    event.listen(db.engine, "before_cursor_execute", told)
    try:
        yield asked
    finally:
        event.remove(db.engine, "before_cursor_execute", told)
        monkeypatch.setattr(Wire, "ask_all", real)
