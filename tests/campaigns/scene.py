"""Campaigns in a real browser: a platform with drafts and campaigns in every state, and windows on it."""

import os
import random
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.campaigns.makers import ADA, FakeGateway, confirmed, grant, italians, make_list
from tests.personas import make_person, make_platform
from webapp import clock
from webapp.audience import suppression
from webapp.campaigns import dispatching, drafts, scheduling
from webapp.campaigns.drafts import Draft
from webapp.campaigns.gateways.api import Accepted, Declined
from webapp.campaigns.models import Campaign, Message
from webapp.credits import engine
from webapp.db import db, transaction

PICTURES = os.environ.get("CAMPAIGN_PICTURES")
TEXT = "Hi {first_name|friend}, it’s spring: 20% off everything until Sunday. Show this at the till 🌷"
ABROAD = [
    ("DE", 491511234500),
    ("FR", 33612345600),
    ("ES", 34612345600),
    ("GB", 447911123400),
    ("PL", 48512345600),
    ("GR", 306912345600),
    ("AT", 43664123400),
    ("CH", 41791234500),
]


@pytest.fixture
def made(committed_app):
    """A platform with lists, drafts and campaigns in every state; ids by name."""
    with committed_app.app_context():
        with transaction():
            platform = make_platform("Aurora")
            ids = {role: make_person(platform, role).id for role in ("admin", "marketer")}
            empty = make_platform("Empty")
            ids["newcomer"] = make_person(empty, "marketer").id
            platform_id = platform.id
        people = [*italians(30), (393330009999, "IT", {"first_name": "Massimiliano Alessandro della Rovere"})]
        luck = random.Random(1)
        people += [
            (phone + n, country, {"first_name": luck.choice(["Anna", "Zoë", "Łukasz", "Jürgen"])})
            for country, phone in ABROAD
            for n in range(luck.randint(1, 4))
        ]
        with transaction():
            shop = make_list(platform_id, "Shop customers", people)
            vip = make_list(platform_id, "VIP", italians(6, 20))
            make_list(platform_id, "Newsletter", italians(2, 300))
        suppression.do_not_contact(platform_id, [393330000001], reason="", by="Ada", now=clock.now())
        grant(platform_id, 5000, clock.now())
        engine.set_access(platform_id, {vip: 4}, actor=ADA, now=clock.now(), key="vip")

        def draft(name, text=TEXT, lists=(shop,), send_local=""):
            content = Draft(name, "SHOP", text, send_local, lists)
            return drafts.create_draft(platform_id, content, actor=ADA, now=clock.now()).id

        ids["draft"] = draft("Spring sale")
        ids["short"] = draft("VIP evening", lists=(vip, shop))
        ids["blank"] = drafts.create_draft(platform_id, Draft(), actor=ADA, now=clock.now()).id
        ids["wrong"] = draft("Broken", text="Hi {nobody}, hello {")
        ids["scheduled"] = draft(
            "Christmas", "Merry Christmas, {first_name|friend}!", send_local="2027-12-24T09:00"
        )
        confirm(committed_app, platform_id, ids["scheduled"])
        ids["sending"] = running(platform_id)
        ids["paused"] = confirmed(platform_id, count=3, status="paused").campaign_id
        ids["finished"] = finished(platform_id)
        found = db.session.query(Message.id).filter_by(campaign_id=ids["finished"]).order_by(Message.id)
        ids["message"] = found.first()[0]
        return ids


def confirm(app, platform_id, campaign_id):
    campaign = db.session.get(Campaign, campaign_id)
    zone = scheduling.ZoneInfo("Europe/Rome")
    quoted = scheduling.quote_reschedule(campaign, campaign.send_local, zone=zone, now=clock.now())
    check = scheduling.confirms(quoted.fingerprint)
    scheduling.schedule(platform_id, campaign_id, check, zone=zone, actor=ADA, now=clock.now())


def settings_of(batch):
    from webapp.campaigns.settings import Mischief, SendingSettings

    return SendingSettings("fake", "", "k", "", Path("/"), batch, 60, 5, Mischief())


def running(platform_id):
    made = confirmed(platform_id, count=80)
    dispatching.step(made.campaign_id, FakeGateway(), settings_of(33), now=clock.now())
    return made.campaign_id


def finished(platform_id):
    made = confirmed(platform_id, count=60)
    suppression.do_not_contact(platform_id, [393330000003], reason="", by="Ada", now=clock.now())

    def answer(messages):
        return {
            message.reference: Declined("number not in service") if n == 1 else Accepted(f"g{n}")
            for n, message in enumerate(messages)
        }

    while not dispatching.step(
        made.campaign_id, FakeGateway(answers=[answer]), settings_of(100), now=clock.now()
    ).over:
        pass
    with transaction() as session:
        sent = session.query(Message).filter_by(campaign_id=made.campaign_id, status="sent")
        for n, message in enumerate(sent.order_by(Message.id)):
            message.delivery, message.delivered_at = "failed" if n % 11 == 5 else "delivered", clock.now()
    return made.campaign_id


@pytest.fixture
def people(made):
    return made


def total(page):
    return page.locator("[data-figure=total]")


def saved(page):
    """Waits until the draft has saved itself."""
    expect(page.locator("#saved-state.pending")).to_have_count(0)
    expect(page.locator(".saved-words")).to_be_visible()
