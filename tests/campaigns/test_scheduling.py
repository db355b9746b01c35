"""Confirming a draft: what was quoted is held, what is held is pinned, or nothing happens."""

import json
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from sqlalchemy import text

from tests.campaigns.makers import ADA, NOW, FakeGateway, grant, italians, make_list
from webapp.audience import recipients, suppression
from webapp.campaigns import dispatching, drafts, quoting, scheduling
from webapp.campaigns.drafts import Draft
from webapp.campaigns.models import Campaign, CampaignRate, Message
from webapp.campaigns.rendering import profiles_of, rendered
from webapp.campaigns.scheduling import NotReady, QuoteChanged, confirms
from webapp.campaigns.wrong_state import WrongState
from webapp.credits import engine
from webapp.credits.errors import CreditsExpireBefore, InsufficientCredits
from webapp.credits.models import Hold
from webapp.db import db, transaction

ROME = ZoneInfo("Europe/Rome")
FRENCH = [(33612345600 + n, "FR", {"first_name": "Zoë 👍" if n == 0 else "Luc"}) for n in range(3)]


@pytest.fixture(autouse=True)
def at_nine():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def shop(platform):
    return make_list(platform.id, "Shop", italians(5) + FRENCH)


@pytest.fixture
def make_draft(platform, shop):
    def make(**values):
        given = {"name": "Spring", "sender": "SHOP", "text": "Hi {first_name|friend}", "list_ids": (shop,)}
        return drafts.create_draft(platform.id, Draft(**(given | values)), actor=ADA, now=NOW)

    return make


def quote(campaign, send_local=None):
    draft = drafts.draft_of(campaign)
    if send_local is not None:
        draft = Draft(**(vars(draft) | {"send_local": send_local}))
    return quoting.quote_draft(campaign.platform_id, draft, zone=ROME, now=NOW)


def schedule(campaign, fingerprint=None):
    check = confirms(quote(campaign).fingerprint if fingerprint is None else fingerprint)
    return scheduling.schedule(campaign.platform_id, campaign.id, check, zone=ROME, actor=ADA, now=NOW)


def messages(campaign):
    return db.session.query(Message).filter_by(campaign_id=campaign.id).order_by(Message.id).all()


def everything():
    """The rows of every table, to see that nothing changed."""
    names = db.session.scalars(
        text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    ).all()
    return {
        name: db.session.execute(
            text(f"SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM \"{name}\" t")
        ).one()
        for name in names
    }


def test_what_was_quoted_is_held_and_pinned_to_the_credit(platform, make_draft):
    grant(platform.id, 1000)
    campaign = make_draft(send_local="2026-12-10T09:00")
    quoted = quote(campaign)
    schedule(campaign)
    pinned = messages(campaign)
    hold = db.session.get(Hold, campaign.hold_id)
    assert quoted.credits == hold.credits == campaign.quoted_credits == sum(m.credits for m in pinned)
    assert quoted.recipients == len(pinned) == 8
    assert campaign.status == "scheduled"
    assert campaign.send_at == NOW.replace(month=12, day=10, hour=8)
    assert engine.balance(platform.id, now=NOW).held == quoted.credits


def test_each_pinned_message_has_the_segments_and_credits_of_its_own_text(platform, make_draft):
    grant(platform.id, 1000)
    campaign = schedule(make_draft(text="{first_name} " + "x" * 70))
    profiles = profiles_of(campaign.id)
    rates = dict(db.session.query(CampaignRate.country, CampaignRate.credits_per_segment))
    for message in messages(campaign):
        text = rendered(campaign, message.merge, profiles[message.country])
        assert text.segments == message.segments
        assert message.credits == message.segments * rates[message.country]
    assert {message.segments for message in messages(campaign)} == {1, 2}


@pytest.mark.parametrize(
    "value", ["back\\slash", "tab\there", 'quote"s', "new\nline", "\\N", "\\.", "{brace}", "€ 👍 é", " "]
)
def test_merge_values_are_pinned_as_they_are(platform, make_draft, value):
    grant(platform.id, 1000)
    list_id = make_list(platform.id, "Odd", [(393339999999, "IT", {"first_name": value + "x"})])
    campaign = schedule(make_draft(list_ids=(list_id,), text="<{first_name}>"))
    (message,) = messages(campaign)
    kept = db.session.query(recipients.Recipient.fields).filter_by(list_id=list_id).scalar()
    assert message.merge == kept
    assert rendered(campaign, message.merge, profiles_of(campaign.id)["IT"]).text.startswith(
        "<" + kept["first_name"]
    )


def test_only_the_fields_that_are_used_are_pinned(platform, make_draft):
    grant(platform.id, 1000)
    list_id = make_list(platform.id, "Two", [(393339999999, "IT", {"first_name": "Ada", "secret": "s"})])
    campaign = schedule(make_draft(list_ids=(list_id,)))
    assert messages(campaign)[0].merge == {"first_name": "Ada"}


def test_a_number_in_two_lists_gets_one_message_paid_by_the_first(platform, make_draft, shop):
    grant(platform.id, 1000)
    other = make_list(platform.id, "VIP", [(393330000001, "IT", {"first_name": "Vip"}), *italians(1, 100)])
    campaign = schedule(make_draft(list_ids=(other, shop)))
    found = [m for m in messages(campaign) if m.phone == 393330000001]
    assert [(m.list_id, m.merge) for m in found] == [(other, {"first_name": "Vip"})]
    assert campaign.quoted["excluded"]["duplicate"] == 1


@pytest.mark.parametrize(
    "change", ["text", "person", "value", "unsubscribe", "do_not_contact", "sender", "list"]
)
def test_whatever_changed_since_the_quote_is_refused_with_the_new_one(platform, make_draft, shop, change):
    grant(platform.id, 1000)
    campaign = make_draft()
    shown = quote(campaign)
    first = db.session.query(recipients.Recipient).filter_by(list_id=shop, phone=393330000000).one()
    match change:
        case "text":
            with transaction():
                campaign.text += "!"
        case "person":
            recipients.add_recipient(platform.id, shop, 393331111111, "IT", {}, now=NOW)
        case "value":
            recipients.change_recipient(platform.id, shop, first.id, {"first_name": "Bob"}, now=NOW)
        case "unsubscribe":
            recipients.unsubscribe(platform.id, shop, first.id, reason="", by="Ada", now=NOW)
        case "do_not_contact":
            suppression.do_not_contact(platform.id, [393330000000], reason="", by="Ada", now=NOW)
        case "sender":
            with transaction():
                campaign.sender = "OTHER"
        case "list":
            other = make_list(platform.id, "More", italians(1, 500))
            with transaction() as session:
                drafts.choose(session, campaign, [shop, other])
    before = everything()
    with pytest.raises(QuoteChanged) as refused:
        schedule(campaign, shown.fingerprint)
    assert refused.value.quoted.fingerprint == quote(campaign).fingerprint != shown.fingerprint
    assert everything() == before


def test_a_missing_fingerprint_confirms_nothing(platform, make_draft):
    grant(platform.id, 1000)
    with pytest.raises(QuoteChanged):
        schedule(make_draft(), "")


def test_too_few_credits_are_refused_with_the_shortfall_and_nothing_changes(platform, make_draft, shop):
    grant(platform.id, 3)
    campaign = make_draft()
    quoted = quote(campaign)
    assert not quoted.ready
    assert [(s.list_id, s.short) for s in quoted.shortages] == [(shop, quoted.credits - 3)]
    before = everything()
    with pytest.raises(InsufficientCredits) as refused:
        schedule(campaign)
    assert refused.value.shortfalls[0].short == quoted.credits - 3
    assert everything() == before


def test_credits_that_expire_before_the_send_time_do_not_count(platform, make_draft):
    engine.grant(
        platform.id,
        1000,
        expires_on=(NOW + timedelta(days=5)).date(),
        reason="x",
        actor=ADA,
        now=NOW,
        key="g",
    )
    campaign = make_draft(send_local="2026-12-10T09:00")
    quoted = quote(campaign)
    assert quoted.expiring_before == quoted.credits
    assert not quoted.ready
    with pytest.raises(CreditsExpireBefore):
        schedule(campaign)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"text": ""}, "text"),
        ({"text": "Hi {"}, "text"),
        ({"text": "Hi {last_name}"}, "text"),
        ({"text": "x" * 9999}, "text"),
        ({"sender": ""}, "sender"),
        ({"sender": "Far too long a name"}, "sender"),
        ({"list_ids": ()}, "lists"),
        ({"send_local": "2026-11-22T09:00"}, "send_local"),
        ({"send_local": "tomorrow"}, "send_local"),
        ({"send_local": "2027-03-28T02:30"}, "send_local"),
    ],
)
def test_a_draft_that_is_not_ready_says_at_which_field(platform, make_draft, values, field):
    grant(platform.id, 1000)
    campaign = make_draft(**values)
    quoted = quote(campaign)
    assert [problem.field for problem in quoted.problems] == [field]
    assert not quoted.ready
    with pytest.raises(NotReady):
        schedule(campaign, quoted.fingerprint)


def test_a_campaign_is_scheduled_once(platform, make_draft):
    grant(platform.id, 1000)
    campaign = make_draft()
    shown = quote(campaign).fingerprint
    schedule(campaign, shown)
    with pytest.raises(WrongState):
        schedule(campaign, shown)
    assert engine.balance(platform.id, now=NOW).held == campaign.quoted_credits


def test_sending_now_is_sent_by_the_worker(platform, make_draft, sending, run_jobs, app):
    grant(platform.id, 1000)
    campaign = schedule(make_draft())
    assert campaign.status == "sending"
    gateway = FakeGateway()
    while not dispatching.step(campaign.id, gateway, sending(), now=NOW).over:
        pass
    assert campaign.status == "finished"
    assert engine.balance(platform.id, now=NOW).available == 1000 - campaign.quoted_credits
    assert len(gateway.phones) == 8


def test_rescheduling_prices_anew_and_swaps_the_hold(platform, make_draft, shop):
    grant(platform.id, 1000)
    campaign = schedule(make_draft(send_local="2026-12-10T09:00"))
    first_hold, before = campaign.hold_id, campaign.quoted_credits
    recipients.add_recipient(platform.id, shop, 393331111111, "IT", {}, now=NOW)
    later = "2026-12-11T09:00"
    quoted = scheduling.quote_reschedule(campaign, later, zone=ROME, now=NOW)
    scheduling.reschedule(
        platform.id, campaign.id, later, confirms(quoted.fingerprint), zone=ROME, actor=ADA, now=NOW
    )
    assert campaign.hold_id != first_hold
    assert campaign.quoted_credits > before
    assert campaign.send_at == NOW.replace(month=12, day=11, hour=8)
    assert len(messages(campaign)) == 9
    assert engine.balance(platform.id, now=NOW).held == campaign.quoted_credits


def test_a_reschedule_that_cannot_be_paid_keeps_the_old_hold(platform, make_draft, shop):
    campaign = make_draft(send_local="2026-12-10T09:00")
    grant(platform.id, quote(campaign).credits)
    schedule(campaign)
    for n in range(3):
        recipients.add_recipient(platform.id, shop, 393331111111 + n, "IT", {}, now=NOW)
    quoted = scheduling.quote_reschedule(campaign, "2026-12-11T09:00", zone=ROME, now=NOW)
    db.session.flush()
    before = everything()
    with pytest.raises(InsufficientCredits):
        scheduling.reschedule(
            platform.id,
            campaign.id,
            "2026-12-11T09:00",
            confirms(quoted.fingerprint),
            zone=ROME,
            actor=ADA,
            now=NOW,
        )
    assert everything() == before


def test_another_platform_cannot_schedule_it(platform, make_draft, stranger):
    campaign = make_draft()
    with pytest.raises(Exception, match="no such campaign"):
        scheduling.schedule(stranger.platform_id, campaign.id, confirms("x"), zone=ROME, actor=ADA, now=NOW)


def test_what_was_pinned_survives_a_change_of_rates_and_text_of_the_plugin(platform, make_draft):
    grant(platform.id, 1000)
    campaign = schedule(make_draft(send_local="2026-12-10T09:00"))
    message = messages(campaign)[0]
    rate = db.session.get(CampaignRate, (campaign.id, message.country))
    assert (message.plugin, message.plugin_version) == (rate.plugin, rate.plugin_version)
    assert rate.source
    assert json.dumps(campaign.quoted["by_country"])


def test_the_tally_counts_what_was_copied_in(platform, make_draft):
    grant(platform.id, 1000)
    campaign = schedule(make_draft(send_local="2026-12-10T09:00"))
    tally = db.session.execute(
        text(
            "SELECT country, state, messages, credits FROM message_tally WHERE campaign_id = :id ORDER BY 1"
        ),
        {"id": campaign.id},
    ).all()
    assert [(row.country, row.state, row.messages) for row in tally] == [
        ("FR", "queued", 3),
        ("IT", "queued", 5),
    ]
    assert sum(row.credits for row in tally) == campaign.quoted_credits


def test_no_campaign_but_a_draft_can_be_deleted(platform, make_draft):
    grant(platform.id, 1000)
    campaign = schedule(make_draft())
    with pytest.raises(WrongState):
        drafts.delete_draft(platform.id, campaign.id)
    other = make_draft()
    drafts.delete_draft(platform.id, other.id)
    assert db.session.get(Campaign, other.id) is None
