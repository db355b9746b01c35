"""Through the queue and the sandbox: a campaign starts, is sent, and taken up again, whatever its jobs do."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from tests.campaigns.makers import ADA, NOW, FakeGateway, confirmed, grant, italians, make_list
from webapp.audience import erasure as people
from webapp.campaigns import drafts, forgetting, intents, quoting, receipts, scheduling, singles, starting
from webapp.campaigns.drafts import Draft
from webapp.campaigns.gateways.api import GatewayAway
from webapp.campaigns.gateways.sandbox.client import SandboxGateway
from webapp.campaigns.gateways.sandbox.receipts import payload
from webapp.campaigns.gateways.signing import HEADER, signature
from webapp.campaigns.models import Campaign, Message
from webapp.campaigns.settings import EXTENSION, Mischief
from webapp.credits import engine
from webapp.credits.verification import verify
from webapp.db import db
from webapp.pricing.numbers import Phone

ROME = ZoneInfo("Europe/Rome")


@pytest.fixture
def sandbox(app, sending, serving, database, monkeypatch):
    settings = sending(Mischief(refused_share=0.1, receipt_delay_s=0))
    monkeypatch.setitem(app.extensions, EXTENSION, settings)
    with time_machine.travel(NOW, tick=False):
        yield serving(settings)


@pytest.fixture
def campaign_of_one(platform):
    """A message that is being handed over: its id, and the gateway."""
    made = confirmed(platform.id, count=1)
    intents.claim(made.campaign_id, limit=1, lease_s=60, now=NOW)
    return made.message_ids[0], FakeGateway()


def scheduled(platform, send_local="", people=60):
    grant(platform.id, 1000)
    shop = make_list(platform.id, "Shop", italians(people))
    content = Draft("Spring", "SHOP", "Hi {first_name}", send_local, (shop,))
    draft = drafts.create_draft(platform.id, content, actor=ADA, now=NOW)
    quoted = quoting.quote_draft(platform.id, drafts.draft_of(draft), zone=ROME, now=NOW)
    check = scheduling.confirms(quoted.fingerprint)
    return scheduling.schedule(platform.id, draft.id, check, zone=ROME, actor=ADA, now=NOW)


def test_from_the_confirmation_to_the_last_receipt(platform, sandbox, run_jobs):
    campaign = scheduled(platform)
    run_jobs()
    kept = sandbox.store.newest(limit=1000)
    taken = [message for message in kept if message.status == "accepted"]
    assert len(kept) == 60
    assert 0 < len(taken) < 60
    assert campaign.status == "finished"
    rate = campaign.quoted_credits // 60
    assert engine.balance(platform.id, now=NOW).available == 1000 - rate * len(taken)
    assert engine.balance(platform.id, now=NOW).held == 0
    body = payload(sandbox.store.due(NOW.timestamp() + 1, 1000))
    headers = {HEADER: signature(body, sandbox.settings.key, int(NOW.timestamp()))}
    told = receipts.receive(SandboxGateway(sandbox.settings).reports(body, headers, NOW), now=NOW)
    assert told.new == len(taken)
    assert db.session.query(Message).filter_by(state="delivered").count() == len(taken)
    assert list(verify(platform.id)) == []


def test_a_scheduled_campaign_waits_for_its_time(platform, sandbox, run_jobs):
    campaign = scheduled(platform, "2026-12-10T09:00")
    run_jobs()
    assert campaign.status == "scheduled"
    assert sandbox.store.newest() == []
    with time_machine.travel(campaign.send_at, tick=False):
        run_jobs()
    assert campaign.status == "finished"


def test_the_job_of_a_campaign_that_was_moved_does_nothing(platform, sandbox, run_jobs):
    campaign = scheduled(platform, "2026-12-10T09:00")
    first = campaign.send_at
    quoted = scheduling.quote_reschedule(campaign, "2026-12-12T09:00", zone=ROME, now=NOW)
    check = scheduling.confirms(quoted.fingerprint)
    scheduling.reschedule(platform.id, campaign.id, "2026-12-12T09:00", check, zone=ROME, actor=ADA, now=NOW)
    with time_machine.travel(first, tick=False):
        run_jobs()
    assert campaign.status == "scheduled"
    with time_machine.travel(campaign.send_at, tick=False):
        run_jobs()
    assert campaign.status == "finished"


def test_a_campaign_that_lost_all_its_jobs_is_taken_up_again(platform, sandbox, run_jobs):
    made = confirmed(platform.id, count=20)
    run_jobs()
    assert made.campaign.status == "sending"
    starting.tend(now=NOW)
    run_jobs()
    assert made.campaign.status == "finished"


def test_a_scheduled_campaign_without_a_job_starts_all_the_same(platform, sandbox, run_jobs):
    campaign = scheduled(platform, "2026-12-10T09:00")
    db.session.execute(db.text("DELETE FROM procrastinate_jobs"))
    db.session.commit()
    with time_machine.travel(campaign.send_at, tick=False):
        starting.tend(now=campaign.send_at)
        run_jobs()
    assert campaign.status == "finished"


def test_tending_lapses_what_is_a_week_late(platform, sandbox, run_jobs):
    made = confirmed(platform.id, count=3, status="paused")
    later = NOW + timedelta(days=7)
    with time_machine.travel(later, tick=False):
        starting.tend(now=later)
        run_jobs()
    assert made.states() == ["lapsed"] * 3
    assert engine.balance(platform.id, now=later).held == 0


def test_a_single_message_is_sent_charged_and_told_apart_by_its_key(platform, sandbox, run_jobs):
    grant(platform.id, 100)

    def send(text, key):
        phone = Phone("+393331234567", "IT")
        return singles.send_single(platform.id, phone, text, "SHOP", actor=ADA, now=NOW, key=key)

    first = send("Hello", "k1")
    assert send("Hello", "k1").id == first.id
    with pytest.raises(engine.IdempotencyConflict):
        send("Other", "k1")
    run_jobs()
    assert first.status in ("sent", "refused")
    assert [kept.text for kept in sandbox.store.newest()] == ["Hello"]
    assert engine.balance(platform.id, now=NOW).held == 0
    assert list(verify(platform.id)) == []


def test_a_single_message_that_somebody_went_silent_over_is_taken_up_again(platform, sandbox, run_jobs):
    from webapp.campaigns import intents

    grant(platform.id, 100)
    phone = Phone("+393331234567", "IT")
    message = singles.send_single(platform.id, phone, "Hello", "SHOP", actor=ADA, now=NOW, key="k")
    db.session.execute(db.text("DELETE FROM procrastinate_jobs"))
    intents.claim_single(message.id, lease_s=60, now=NOW)
    starting.tend(now=NOW)
    run_jobs()
    assert message.status == "submitting"
    later = NOW + timedelta(seconds=61)
    with time_machine.travel(later, tick=False):
        starting.tend(now=later)
        run_jobs()
    assert message.status in ("sent", "refused")
    assert len(sandbox.store.newest()) == 1


def test_erasing_a_person_reaches_their_messages(platform, sandbox, run_jobs):
    campaign = scheduled(platform, people=5)
    run_jobs()
    assert sandbox.store.newest(phone="+393330000002")
    erased = people.erase_phone(platform.id, 393330000002, by="Ada", now=NOW)
    assert erased.elsewhere >= 1
    run_jobs()
    assert sandbox.store.newest(phone="+393330000002") == []
    assert [kept.text for kept in sandbox.store.newest() if not kept.phone] == [""]
    assert len(sandbox.store.newest()) == 5, "that it was sent stays"
    assert db.session.query(Message).filter_by(phone=393330000002).count() == 0
    assert db.session.query(Message).filter_by(campaign_id=campaign.id).count() == 5
    assert db.session.get(Campaign, campaign.id).quoted_credits == campaign.quoted_credits


def test_a_gateway_that_is_away_forgets_when_it_is_back(platform, sandbox, run_jobs, monkeypatch):
    scheduled(platform, people=3)
    run_jobs()
    people.erase_phone(platform.id, 393330000002, by="Ada", now=NOW)

    def away(*_arguments):
        raise GatewayAway("not now")

    with monkeypatch.context() as broken:
        broken.setattr(SandboxGateway, "forget", away)
        run_jobs()
    assert sandbox.store.newest(phone="+393330000002")
    later = NOW + timedelta(minutes=11)
    with time_machine.travel(later, tick=False):
        run_jobs(later)
    assert sandbox.store.newest(phone="+393330000002") == []


def test_what_is_on_its_way_to_the_gateway_is_forgotten_once_it_is_there(campaign_of_one, caplog):
    message_id, gateway = campaign_of_one
    assert forgetting.forget([message_id], gateway) == [message_id]
    db.session.get(Message, message_id).status = "unknown"
    gateway.can_forget = False
    assert forgetting.forget([message_id], gateway) == []
    assert "keeps messages to an erased number" in caplog.text
