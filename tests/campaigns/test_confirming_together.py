"""Confirming in the background on several connections: two people at once, and others meanwhile."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from zoneinfo import ZoneInfo

import pytest

from tests.campaigns.makers import ADA, grant, italians, make_list
from tests.campaigns.test_pages import form
from tests.personas import make_person, make_platform, sign_in
from webapp import clock
from webapp.accounts.models import User
from webapp.campaigns import confirming, drafts, quoting, scheduling
from webapp.campaigns.drafts import Draft
from webapp.campaigns.models import Campaign, Confirmation, Message
from webapp.credits import engine
from webapp.credits.models import Hold
from webapp.credits.verification import verify
from webapp.db import db, transaction

ROME = ZoneInfo("Europe/Rome")
PEOPLE = 5
PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch):
    monkeypatch.setattr(confirming, "MOST_AT_ONCE", PEOPLE - 1)


@pytest.fixture
def shop(committed_app):
    """A draft to many people, two who may confirm it, and its fingerprint."""
    with committed_app.app_context():
        with transaction():
            platform = make_platform()
            people = [make_person(platform, role).id for role in ("admin", "marketer")]
            list_id = make_list(platform.id, "Shop", italians(PEOPLE))
            grant(platform.id, 1000, clock.now())
            content = Draft("Spring", "SHOP", "Hi {first_name}", "2027-12-24T09:00", (list_id,))
            draft = drafts.create_draft(platform.id, content, actor=ADA, now=clock.now())
            quoted = quoting.quote_draft(platform.id, content, zone=ROME, now=clock.now())
            sent = form(draft, fingerprint=quoted.fingerprint)
        yield Scene(committed_app, platform.id, draft.id, people, sent)


class Scene:
    def __init__(self, app, platform_id, campaign_id, people, sent):
        self.app, self.platform_id, self.campaign_id = app, platform_id, campaign_id
        self.people, self.sent = people, sent

    def client(self, place=0):
        """A browser of one of the two."""
        client = self.app.test_client()
        sign_in(client, db.session.get(User, self.people[place]))
        db.session.commit()
        return client

    def post(self, client, name):
        return client.post(f"/campaigns/{self.campaign_id}/{name}", data=self.sent)

    def carry_out(self):
        with self.app.app_context():
            confirming.carry_out(self.campaign_id, now=clock.now())

    @property
    def status(self):
        db.session.rollback()
        return db.session.get(Campaign, self.campaign_id, populate_existing=True).status

    def counts(self):
        """Holds, messages and credits held."""
        db.session.rollback()
        balance = engine.balance(self.platform_id, now=clock.now())
        return db.session.query(Hold).count(), db.session.query(Message).count(), balance.held


def both(*work):
    with ThreadPoolExecutor(len(work)) as pool:
        return [each.result(PATIENCE_S) for each in [pool.submit(one) for one in work]]


def test_two_people_who_confirm_at_once_and_two_workers_hold_it_once(shop):
    clients = [shop.client(0), shop.client(1)]
    answers = both(*(lambda client=client: shop.post(client, "schedule") for client in clients))
    assert {answer.status_code for answer in answers} == {303}
    assert shop.status == "confirming"
    assert shop.counts() == (0, 0, 0)
    both(shop.carry_out, shop.carry_out, shop.carry_out)
    assert shop.status == "scheduled"
    assert shop.counts() == (1, PEOPLE, 10)
    assert list(verify(shop.platform_id)) == []


@pytest.fixture
def writing(shop, monkeypatch):
    """A worker in the middle of its transaction, every message written: let it go on with `writing.set()`."""
    reached, go_on = threading.Event(), threading.Event()
    real = scheduling.place

    def place(*given):
        reached.set()
        assert go_on.wait(PATIENCE_S)
        return real(*given)

    shop.post(shop.client(), "schedule")
    monkeypatch.setattr(scheduling, "place", place)
    worker = threading.Thread(target=shop.carry_out)
    worker.start()
    assert reached.wait(PATIENCE_S)
    try:
        yield lambda: (go_on.set(), worker.join(PATIENCE_S))
    finally:
        go_on.set()
        worker.join(PATIENCE_S)


def test_while_the_worker_writes_nobody_waits_for_it(shop, writing):
    client, began = shop.client(1), time.monotonic()
    for name in ("draft", "delete", "test", "duplicate", "pause"):
        assert shop.post(client, name).status_code == 409
    assert shop.post(client, "schedule").status_code == 303
    assert "Confirming 5 messages" in client.get(f"/campaigns/{shop.campaign_id}/confirming").text
    confirming.tend()
    assert time.monotonic() - began < PATIENCE_S / 3, "somebody waited for the worker"
    assert shop.counts() == (0, 0, 0)
    writing()
    assert shop.status == "scheduled"
    assert shop.counts() == (1, PEOPLE, 10)


def test_stopped_while_the_worker_writes_nothing_is_held(shop, writing):
    client = shop.client(1)
    assert shop.post(client, "cancel").status_code == 303
    assert "stops it" in client.get(f"/campaigns/{shop.campaign_id}/confirming").text
    writing()
    assert shop.status == "draft"
    assert shop.counts() == (0, 0, 0)
    assert "stopped the confirmation" in db.session.query(Confirmation.refusal).scalar()
    assert list(verify(shop.platform_id)) == []


def test_a_worker_that_was_slow_to_say_no_undoes_nothing_that_another_has_done(shop):
    shop.post(shop.client(), "schedule")
    shop.carry_out()
    confirming.give_back(shop.campaign_id, "too late")
    assert shop.status == "scheduled"
    assert shop.counts() == (1, PEOPLE, 10)
