"""Campaigns for tests: confirmed ones with pinned messages, and gateways that do what they are told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from webapp.audience import lists, recipients
from webapp.audience.models import RecipientList
from webapp.campaigns.gateways.api import Accepted, Outcome, Outgoing
from webapp.campaigns.models import Campaign, CampaignList, CampaignRate, Message
from webapp.campaigns.pins import pin_profiles
from webapp.campaigns.references import new_token
from webapp.credits import engine
from webapp.credits.terms import Actor, Demand, Subject
from webapp.db import db, transaction
from webapp.pricing.books import offline_book

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
ADA = Actor(None, "Ada")


def grant(platform_id: int, credits: int, now: datetime = NOW) -> None:
    key = f"grant-{new_token()}"
    engine.grant(platform_id, credits, expires_on=None, reason="for a test", actor=ADA, now=now, key=key)


def make_list(platform_id: int, name: str, people: Sequence[tuple[int, str, Mapping[str, str]]] = ()) -> int:
    """A list with these people: number, country, merge values."""
    made = lists.create_list(platform_id, name, now=NOW)
    for phone, country, values in people:
        recipients.add_recipient(platform_id, made.id, phone, country, values, now=NOW)
    return made.id


def italians(count: int, start: int = 0) -> list[tuple[int, str, Mapping[str, str]]]:
    return [(393330000000 + start + n, "IT", {"first_name": f"Person {start + n}"}) for n in range(count)]


@dataclass
class Confirmed:
    """A campaign with pinned messages of known prices, on a list of its own."""

    platform_id: int
    campaign_id: int
    list_id: int
    hold_id: int
    message_ids: list[int] = field(default_factory=list)

    @property
    def campaign(self) -> Campaign:
        found = db.session.get(Campaign, self.campaign_id, populate_existing=True)
        assert found is not None
        return found

    @property
    def messages(self) -> list[Message]:
        found = db.session.query(Message).filter_by(campaign_id=self.campaign_id).order_by(Message.id)
        return found.populate_existing().all()

    def states(self) -> list[str]:
        return [message.state for message in self.messages]


def confirmed(platform_id: int, count: int = 5, rate: int = 2, status: str = "sending") -> Confirmed:
    """A campaign as it is after the confirmation: `count` messages of one part, `rate` credits each."""
    with transaction() as session:
        token = new_token()
        made = RecipientList(
            platform_id=platform_id, name=f"List {token}", fields=["first_name"], created_at=NOW
        )
        session.add(made)
        campaign = Campaign(
            platform_id=platform_id,
            name="Spring sale",
            sender="SHOP",
            text="Hi {first_name|friend}, 20% off",
            token=token,
            saved_at=NOW,
            created_at=NOW,
            created_by_name="Ada",
        )
        session.add(campaign)
        session.flush()
        grant(platform_id, count * rate)
        held = engine.place_hold(
            platform_id,
            [Demand(made.id, count * rate)],
            send_at=NOW,
            subject=Subject("campaign", campaign.id),
            label="Spring sale",
            actor=ADA,
            now=NOW,
            key=f"hold-{token}",
        )
        campaign.hold_id, campaign.send_at, campaign.scheduled_at = held.hold_id, NOW, NOW
        campaign.scheduled_by_name = "Ada"
        campaign.quoted_credits = count * rate
        campaign.quoted = {
            "credits": count * rate,
            "recipients": count,
            "segments": count,
            "excluded": {"duplicate": 1},
            "by_list": [[made.id, count, count, count * rate]],
            "by_country": [["IT", count, count, count * rate, rate]],
            "segments_histogram": {"1": count},
        }
        campaign.status = status
        if status in ("sending", "paused"):
            campaign.started_at = NOW
        (key,) = pin_profiles([offline_book().profile("IT")]).values()
        session.add(
            CampaignList(campaign_id=campaign.id, list_id=made.id, platform_id=platform_id, position=1)
        )
        session.add(
            CampaignRate(
                campaign_id=campaign.id,
                country="IT",
                credits_per_segment=rate,
                plugin="world_rates",
                plugin_version="1",
                effective_from=NOW.date(),
                source="a test",
                profile_key=key,
            )
        )
        messages = [
            Message(
                platform_id=platform_id,
                campaign_id=campaign.id,
                list_id=made.id,
                phone=phone,
                country="IT",
                merge=dict(values),
                segments=1,
                credits_per_segment=rate,
                credits=rate,
                plugin="world_rates",
                plugin_version="1",
            )
            for phone, _country, values in italians(count)
        ]
        session.add_all(messages)
        session.flush()
        ids = [message.id for message in messages]
        return Confirmed(platform_id, campaign.id, made.id, held.hold_id, ids)


def accept_all(messages: Sequence[Outgoing]) -> dict[str, Outcome]:
    return {message.reference: Accepted(f"g{message.reference}") for message in messages}


@dataclass
class FakeGateway:
    """Answers each hand-off with the next of `answers` (a function, or an error to raise), then takes all."""

    answers: list[Callable[[Sequence[Outgoing]], Mapping[str, Outcome]] | Exception] = field(
        default_factory=list
    )
    deduplicates: bool = True
    can_be_asked: bool = True
    can_forget: bool = True
    name: str = "fake"
    has: dict[str, Outcome] = field(default_factory=dict)
    offered: list[list[str]] = field(default_factory=list)
    asked: list[list[str]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    phones: list[str] = field(default_factory=list)

    def submit(self, messages: Sequence[Outgoing]) -> Mapping[str, Outcome]:
        self.offered.append([message.reference for message in messages])
        answer = self.answers.pop(0) if self.answers else accept_all
        if isinstance(answer, Exception):
            raise answer
        given = answer(messages)
        for message in messages:
            if message.reference not in self.has:
                self.phones.append(message.phone)
                self.texts[message.reference] = message.text
        self.has |= {reference: outcome for reference, outcome in given.items() if reference not in self.has}
        return {reference: self.has[reference] for reference in given}

    def ask(self, references: Sequence[str]) -> Mapping[str, Outcome]:
        self.asked.append(list(references))
        return {reference: self.has[reference] for reference in references if reference in self.has}

    def forget(self, references: Sequence[str]) -> None:
        for reference in references:
            self.texts.pop(reference, None)

    def reports(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[object]:
        raise AssertionError("receipts are tested with the sandbox gateway, not with this one")
