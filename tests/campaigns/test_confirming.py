"""Confirming more than a page waits for: exactly what was confirmed is held, or the page says why not."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from sqlalchemy import text

from tests.campaigns.makers import ADA, NOW, grant, italians, make_list
from tests.campaigns.test_pages import HTMX, fingerprint, form
from tests.campaigns.test_scheduling import everything
from tests.personas import make_person, sign_in
from webapp.audience import lists, recipients
from webapp.campaigns import confirming, drafts, quoting, scheduling, starting
from webapp.campaigns.drafts import Draft
from webapp.campaigns.models import Campaign, Confirmation, Message
from webapp.credits import engine
from webapp.credits.models import Hold
from webapp.credits.terms import Demand, Subject
from webapp.credits.verification import verify
from webapp.db import db

ROME = ZoneInfo("Europe/Rome")
TIME, LATER = "2026-12-10T09:00", "2026-12-12T09:00"
PEOPLE = 5


@pytest.fixture(autouse=True)
def at_nine(database):
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch):
    monkeypatch.setattr(confirming, "MOST_AT_ONCE", PEOPLE - 1)


@pytest.fixture
def shop(platform):
    return make_list(platform.id, "Shop customers", italians(PEOPLE))


@pytest.fixture
def draft(platform, shop):
    content = Draft("Spring", "SHOP", "Hi {first_name|friend}", TIME, (shop,))
    return drafts.create_draft(platform.id, content, actor=ADA, now=NOW)


@pytest.fixture
def ada(client, marketer):
    return sign_in(client, marketer)


def confirm(client, draft):
    """Presses the button of the draft's page."""
    page = client.get(f"/campaigns/{draft.id}/compose").text
    return client.post(f"/campaigns/{draft.id}/schedule", data=form(draft, fingerprint=fingerprint(page)))


def move(client, campaign, send_local=LATER):
    url = f"/campaigns/{campaign.id}/reschedule"
    shown = client.get(f"{url}?when=at&send_local={send_local}").text
    return client.post(url, data={"send_local": send_local, "fingerprint": fingerprint(shown)})


@pytest.fixture
def confirming_draft(ada, draft, platform):
    grant(platform.id, 1000)
    assert confirm(ada, draft).status_code == 303
    assert draft.status == "confirming"
    return draft


@pytest.fixture
def scheduled(confirming_draft, run_jobs):
    run_jobs()
    assert confirming_draft.status == "scheduled"
    return confirming_draft


def carry_out(campaign_id, now=NOW):
    """As a worker does: in a transaction that begins now, so that undoing it undoes nothing of before."""
    db.session.commit()
    confirming.carry_out(campaign_id, now=now)


def held(platform):
    return engine.balance(platform.id, now=NOW).held


def message_count(campaign):
    return db.session.query(Message).filter_by(campaign_id=campaign.id).count()


def page_of(client, campaign):
    return client.get(f"/campaigns/{campaign.id}", follow_redirects=True).text


def test_the_page_answers_at_once_says_how_many_and_leads_on_when_it_is_done(
    ada, draft, platform, run_jobs, marketer
):
    grant(platform.id, 1000)
    answer = confirm(ada, draft)
    assert answer.status_code == 303
    assert (held(platform), message_count(draft)) == (0, 0)
    page = page_of(ada, draft)
    assert f"Confirming {PEOPLE} messages …" in page
    assert f"{marketer.name} confirmed it." in page
    assert '<noscript><meta http-equiv="refresh"' in page
    url = f"/campaigns/{draft.id}/confirming"
    assert f'hx-get="{url}" hx-trigger="every 2s"' in page
    fragment = ada.get(url, headers=HTMX)
    assert fragment.text.startswith('<div id="confirming"')
    run_jobs()
    assert draft.status == "scheduled"
    assert draft.scheduled_by_name == marketer.name
    assert held(platform) == draft.quoted_credits > 0
    assert message_count(draft) == PEOPLE
    assert ada.get(url, headers=HTMX).headers["HX-Redirect"] == f"/campaigns/{draft.id}"
    assert ada.get(url).location == f"/campaigns/{draft.id}"
    assert f"{draft.quoted_credits} credits are held for it" in page_of(ada, draft)
    assert db.session.query(Confirmation).count() == 0
    assert list(verify(platform.id)) == []


def test_a_small_one_is_confirmed_while_the_page_waits(ada, draft, platform, monkeypatch):
    monkeypatch.setattr(confirming, "MOST_AT_ONCE", PEOPLE)
    grant(platform.id, 1000)
    confirm(ada, draft)
    assert draft.status == "scheduled"
    assert held(platform) == draft.quoted_credits
    assert db.session.query(Confirmation).count() == 0


def test_one_to_be_sent_now_is_sent_when_it_is_confirmed(ada, draft, platform):
    grant(platform.id, 1000)
    draft.send_local = ""
    db.session.commit()
    confirm(ada, draft)
    carry_out(draft.id, now=NOW + timedelta(minutes=1))
    assert draft.status == "sending"
    assert draft.send_at == NOW + timedelta(minutes=1)
    assert message_count(draft) == PEOPLE


def test_what_can_be_refused_at_once_is_refused_at_once_and_changes_nothing(ada, draft, platform):
    page = ada.get(f"/campaigns/{draft.id}/compose").text
    shown = quoting.quote_draft(platform.id, drafts.draft_of(draft), zone=ROME, now=NOW).fingerprint
    assert "schedule-button" not in page
    before = everything()
    answer = ada.post(f"/campaigns/{draft.id}/schedule", data=form(draft, fingerprint=shown))
    assert answer.status_code == 422
    assert "10 credits are missing: 10 are needed and 0 available." in answer.text
    assert {name: rows for name, rows in everything().items() if rows != before[name]}.keys() <= {"sign_in"}
    grant(platform.id, 1000)
    answer = ada.post(f"/campaigns/{draft.id}/schedule", data=form(draft, fingerprint="0" * 32))
    assert answer.status_code == 422
    assert "Something changed since you looked" in answer.text
    assert (draft.status, held(platform)) == ("draft", 0)
    assert db.session.query(Confirmation).count() == 0


@pytest.mark.parametrize("name", ["compose", "draft", "delete", "duplicate", "test", "pause", "resume"])
def test_while_it_is_being_confirmed_nothing_else_is_done_with_it(ada, confirming_draft, platform, name):
    before = everything()
    sent = form(confirming_draft, text="Other words", test_phone="+393331234567")
    answer = ada.post(f"/campaigns/{confirming_draft.id}/{name}", data=sent)
    assert answer.status_code == 409
    assert "This campaign is being confirmed" in answer.text
    assert {name: rows for name, rows in everything().items() if rows != before[name]}.keys() <= {"sign_in"}


@pytest.mark.parametrize("name", ["compose", "", "progress", "reschedule"])
def test_every_page_of_it_leads_to_the_one_that_waits(ada, confirming_draft, name):
    answer = ada.get(f"/campaigns/{confirming_draft.id}/{name}".rstrip("/"), follow_redirects=True)
    assert f"Confirming {PEOPLE} messages …" in answer.text
    partial = ada.get(f"/campaigns/{confirming_draft.id}/progress", headers=HTMX)
    assert partial.headers["HX-Redirect"] == f"/campaigns/{confirming_draft.id}/confirming"


def test_confirming_it_twice_confirms_it_once(ada, client, confirming_draft, platform, run_jobs):
    colleague = sign_in(client, make_person(platform, "admin"))
    sent = form(confirming_draft, fingerprint=db.session.query(Confirmation.fingerprint).scalar())
    answer = colleague.post(f"/campaigns/{confirming_draft.id}/schedule", data=sent)
    assert answer.location == f"/campaigns/{confirming_draft.id}"
    run_jobs()
    carry_out(confirming_draft.id)
    assert db.session.query(Hold).count() == 1
    assert message_count(confirming_draft) == PEOPLE


def add_somebody(platform, shop, draft):
    recipients.add_recipient(platform.id, shop, 393331111111, "IT", {}, now=NOW)


def spend(platform, shop, draft, credits=995):
    engine.place_hold(
        platform.id,
        [Demand(None, credits)],
        send_at=NOW,
        subject=Subject("message", 1),
        label="x",
        actor=ADA,
        now=NOW,
        key="x",
    )


def delete_list(platform, shop, draft):
    lists.delete_list(platform.id, shop, actor=ADA, now=NOW)


def limit(platform, shop, draft):
    engine.set_access(platform.id, {shop: 3}, actor=ADA, now=NOW, key="limit")


REFUSALS = [
    (add_somebody, "Something changed since you looked: it is 12 credits now."),
    (spend, "5 credits are missing: 10 are needed and 5 available."),
    (limit, "7 credits are missing"),
    (delete_list, "A chosen list was deleted meanwhile. Take it off."),
]


@pytest.mark.parametrize(("change", "sentence"), REFUSALS)
def test_what_changed_by_then_makes_it_a_draft_again_and_the_page_says_why(
    ada, confirming_draft, platform, shop, run_jobs, change, sentence
):
    change(platform, shop, confirming_draft)
    before = held(platform)
    run_jobs()
    assert confirming_draft.status == "draft"
    assert (held(platform), message_count(confirming_draft)) == (before, 0)
    answer = ada.get(f"/campaigns/{confirming_draft.id}/confirming", follow_redirects=True)
    assert answer.status_code == 200
    assert f'role="alert">{sentence}' in answer.text
    assert 'name="text"' in answer.text
    assert list(verify(platform.id)) == []


def test_what_was_refused_is_said_until_the_draft_is_changed_and_can_be_confirmed_anew(
    ada, confirming_draft, platform, shop, run_jobs
):
    add_somebody(platform, shop, confirming_draft)
    run_jobs()
    assert "Something changed since you looked" in page_of(ada, confirming_draft)
    ada.post(f"/campaigns/{confirming_draft.id}/draft", data=form(confirming_draft, text="Hello"))
    assert "Something changed since you looked" not in page_of(ada, confirming_draft)
    confirm(ada, confirming_draft)
    assert confirming_draft.status == "confirming"
    run_jobs()
    assert confirming_draft.status == "scheduled"
    assert held(platform) == confirming_draft.quoted_credits == 12
    assert message_count(confirming_draft) == PEOPLE + 1


def test_a_time_that_has_passed_by_then_is_refused(ada, confirming_draft, platform):
    carry_out(confirming_draft.id, now=NOW + timedelta(days=30))
    assert confirming_draft.status == "draft"
    assert "has passed" in db.session.query(Confirmation.refusal).scalar()
    assert held(platform) == 0


def test_credits_that_expire_before_by_then_are_refused(ada, draft, platform, run_jobs):
    soon = (NOW + timedelta(days=5)).date()
    engine.grant(platform.id, 995, expires_on=soon, reason="x", actor=ADA, now=NOW, key="g")
    grant(platform.id, 10)
    confirm(ada, draft)
    lasting = db.session.execute(text("SELECT id FROM lot WHERE expires_at IS NULL")).scalar()
    engine.adjust(platform.id, lasting, 10, reason="x", actor=ADA, now=NOW, key="a")
    run_jobs()
    assert draft.status == "draft"
    assert "only 0 are valid then" in page_of(ada, draft)


def test_whatever_breaks_makes_it_a_draft_again(
    ada, confirming_draft, platform, run_jobs, monkeypatch, caplog
):
    def breaks(*_given):
        raise MemoryError

    monkeypatch.setattr(scheduling, "confirm", breaks)
    run_jobs()
    assert confirming_draft.status == "draft"
    assert (held(platform), message_count(confirming_draft)) == (0, 0)
    assert "Something broke on our side. Nothing was changed: try again." in page_of(ada, confirming_draft)
    assert "could not be confirmed" in caplog.text


def test_the_reason_is_said_in_the_language_of_who_confirmed(client, draft, platform, shop, run_jobs):
    grant(platform.id, 1000)
    bea = sign_in(client, make_person(platform, "marketer", language="it"))
    confirm(bea, draft)
    add_somebody(platform, shop, draft)
    run_jobs()
    assert "12 crediti" in db.session.query(Confirmation.refusal).scalar()


def test_it_can_be_stopped_before_it_is_done(ada, confirming_draft, platform, run_jobs, marketer):
    url = f"/campaigns/{confirming_draft.id}"
    assert f'action="{url}/cancel"' in page_of(ada, confirming_draft)
    assert ada.post(f"{url}/cancel").status_code == 303
    assert confirming_draft.status == "confirming"
    page = page_of(ada, confirming_draft)
    assert f"{marketer.name} stops it" in page
    assert f'action="{url}/cancel"' not in page
    run_jobs()
    assert confirming_draft.status == "draft"
    assert held(platform) == 0
    assert f"{marketer.name} stopped the confirmation: nothing was changed." in page_of(ada, confirming_draft)


def test_stopping_what_is_done_is_refused(confirming_draft, run_jobs):
    run_jobs()
    with pytest.raises(Exception, match="scheduled already"):
        confirming.withdraw(confirming_draft.id, actor=ADA)
    assert confirming_draft.status == "scheduled"


def test_another_time_for_many_is_confirmed_by_the_worker_too(ada, scheduled, platform, run_jobs):
    first_hold, first_time = scheduled.hold_id, scheduled.send_at
    assert move(ada, scheduled).status_code == 303
    assert (scheduled.status, scheduled.hold_id, scheduled.send_at) == ("confirming", first_hold, first_time)
    assert held(platform) == scheduled.quoted_credits
    run_jobs()
    assert scheduled.status == "scheduled"
    assert scheduled.hold_id != first_hold
    assert scheduled.send_at == first_time + timedelta(days=2)
    assert held(platform) == scheduled.quoted_credits
    assert message_count(scheduled) == PEOPLE
    assert db.session.query(Confirmation).count() == 0
    assert list(verify(platform.id)) == []


def test_one_that_is_to_go_out_now_instead_is_sent_when_it_is_confirmed(ada, scheduled, platform):
    url = f"/campaigns/{scheduled.id}/reschedule"
    shown = ada.get(f"{url}?when=now&send_local={TIME}").text
    ada.post(url, data={"when": "now", "send_local": "", "fingerprint": fingerprint(shown)})
    assert scheduled.status == "confirming"
    carry_out(scheduled.id)
    assert scheduled.status == "sending"
    assert scheduled.send_at == NOW
    assert held(platform) == scheduled.quoted_credits


def test_the_time_is_the_one_that_was_confirmed_though_the_zone_changes(confirming_draft, platform, run_jobs):
    platform.time_zone = "America/New_York"
    db.session.commit()
    run_jobs()
    assert confirming_draft.send_at == NOW.replace(month=12, day=10, hour=8)


def test_another_time_that_is_refused_by_then_leaves_all_as_it_was(ada, scheduled, platform, shop, run_jobs):
    before = (scheduled.hold_id, scheduled.send_at, scheduled.quoted_credits, scheduled.version)
    move(ada, scheduled)
    add_somebody(platform, shop, scheduled)
    run_jobs()
    assert scheduled.status == "scheduled"
    assert (scheduled.hold_id, scheduled.send_at, scheduled.quoted_credits, scheduled.version) == before
    assert message_count(scheduled) == PEOPLE
    page = page_of(ada, scheduled)
    assert "Something changed since you looked: it is 12 credits now." in page
    assert f"/campaigns/{scheduled.id}/reschedule" in page
    move(ada, scheduled)
    run_jobs()
    assert "Something changed since you looked" not in page_of(ada, scheduled)
    assert held(platform) == scheduled.quoted_credits == 12


def test_another_time_that_cannot_be_paid_is_refused_at_once(ada, scheduled, platform, shop):
    spend(platform, shop, scheduled, engine.balance(platform.id, now=NOW).available)
    add_somebody(platform, shop, scheduled)
    quoted = scheduling.quote_reschedule(scheduled, LATER, zone=ROME, now=NOW)
    sent = {"send_local": LATER, "fingerprint": quoted.fingerprint}
    answer = ada.post(f"/campaigns/{scheduled.id}/reschedule", data=sent)
    assert answer.status_code == 422
    assert "2 credits are missing: 12 are needed and 10 available." in answer.text
    assert scheduled.status == "scheduled"


def test_its_old_time_does_not_send_what_is_being_given_another(ada, scheduled, platform):
    move(ada, scheduled)
    due = scheduled.send_at
    assert not starting.start(scheduled.id, now=due)
    starting.tend(now=due)
    assert scheduled.status == "confirming"
    confirming.give_back(scheduled.id, "no")
    starting.tend(now=due)
    assert scheduled.status == "sending"


def test_one_that_lost_its_job_gets_it_again_once(confirming_draft, run_jobs):
    db.session.execute(text("DELETE FROM procrastinate_jobs"))
    db.session.commit()
    confirming.tend()
    confirming.tend()
    waiting = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'campaigns.confirm'"
    assert db.session.execute(text(waiting)).scalar() == 1
    run_jobs()
    assert confirming_draft.status == "scheduled"
    confirming.tend()
    assert db.session.execute(text(waiting)).scalar() == 0


def test_the_list_of_campaigns_shows_it_among_those_that_run_and_asks_again(ada, confirming_draft):
    for url in ("/campaigns", "/campaigns?show=running"):
        page = ada.get(url).text
        assert "Being confirmed" in page
        assert f'href="/campaigns/{confirming_draft.id}"' in page
        assert "Running (1)" in page
        assert 'hx-trigger="every 5s"' in page
    assert "Being confirmed" not in ada.get("/campaigns?show=drafts").text
    assert "Being confirmed" in ada.get("/running").text


def test_another_platform_sees_nothing_of_it_and_cannot_stop_it(client, confirming_draft, stranger):
    other = sign_in(client, stranger)
    assert other.get(f"/campaigns/{confirming_draft.id}/confirming").status_code == 404
    assert other.post(f"/campaigns/{confirming_draft.id}/cancel").status_code == 404
    assert db.session.query(Confirmation.withdrawn_by_name).scalar() is None


def test_what_is_no_campaign_any_more_needs_no_worker(platform):
    carry_out(987654321)
    assert db.session.query(Campaign).count() == 0
