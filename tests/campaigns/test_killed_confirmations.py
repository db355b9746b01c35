"""Workers killed while they confirm a campaign: one hold, one message for each, whenever it happened."""

import os
import random
import signal
import time
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from tests.audience.scenes import bring_in, csv_file
from tests.campaigns.makers import ADA, grant
from tests.campaigns.test_killed_workers import child, ends, kill
from tests.installation import installed
from tests.personas import make_platform
from tests.processes import eventually
from webapp import clock
from webapp.audience import lists
from webapp.campaigns import confirming, drafts, scheduling
from webapp.campaigns.drafts import Draft
from webapp.campaigns.models import Campaign, Confirmation, Message
from webapp.credits import engine
from webapp.credits.models import Hold
from webapp.credits.verification import verify
from webapp.db import db, transaction

ROME = ZoneInfo("Europe/Rome")
PEOPLE = confirming.MOST_AT_ONCE + 5_000
PATIENCE_S = 240.0


@pytest.fixture
def campaign(committed_app):
    """One that waits for its worker: platform and id."""
    rows = [["phone", "first_name"], *([f"+39333{n:07}", f"Person {n}"] for n in range(PEOPLE))]
    with committed_app.app_context():
        with transaction():
            platform = make_platform()
            grant(platform.id, 3 * PEOPLE, clock.now())
            shop = lists.create_list(platform.id, "Shop", now=clock.now())
        bring_in(platform, shop, csv_file(rows))
        content = Draft("Spring", "SHOP", "Hi {first_name}", "2027-12-24T09:00", (shop.id,))
        draft = drafts.create_draft(platform.id, content, actor=ADA, now=clock.now())
        ask(platform.id, draft.id, None)
        yield platform.id, draft.id
        db.session.rollback()


def ask(platform_id, campaign_id, send_local):
    found = db.session.get(Campaign, campaign_id, populate_existing=True)
    local = send_local or found.send_local
    quoted = scheduling.quote_reschedule(found, local, zone=ROME, now=clock.now())
    confirming.confirm(
        platform_id,
        campaign_id,
        scheduling.confirms(quoted.fingerprint),
        send_local=send_local,
        zone=ROME,
        language="en",
        actor=ADA,
        now=clock.now(),
    )
    db.session.rollback()
    db.engine.dispose()


def work(app, campaign_id):
    with app.app_context():
        db.engine.dispose(close=False)  # the connections are the parent's
        confirming.carry_out(campaign_id, now=clock.now())


def status_of(campaign_id):
    db.session.rollback()
    return db.session.scalars(db.select(Campaign.status).where(Campaign.id == campaign_id)).one()


def is_writing():
    """Whether a worker is in the middle of writing messages down."""
    db.session.rollback()
    found = text("SELECT count(*) FROM pg_stat_progress_copy WHERE relid = 'message'::regclass")
    return db.session.execute(found).scalar_one() > 0


def assert_held_once(platform_id, campaign_id, holds):
    db.session.rollback()
    found = db.session.get(Campaign, campaign_id, populate_existing=True)
    assert found.status == "scheduled"
    phones = db.session.query(Message.phone).filter_by(campaign_id=campaign_id).distinct().count()
    assert (db.session.query(Message).count(), phones) == (PEOPLE, PEOPLE)
    assert db.session.query(Hold).count() == holds
    assert engine.balance(platform_id, now=clock.now()).held == found.quoted_credits == 2 * PEOPLE
    assert db.session.query(Confirmation).count() == 0
    assert list(verify(platform_id)) == []


def confirm_among_kills(app, campaign_id, *, kills, seed):
    luck, done, deadline = random.Random(seed), 0, time.monotonic() + PATIENCE_S
    while done < kills:
        pid = child(lambda: work(app, campaign_id))
        if luck.random() < 0.7:
            assert eventually(lambda pid=pid: is_writing() or ends_early(pid), PATIENCE_S)
        time.sleep(luck.uniform(0.0, 0.15))
        done += kill(pid)
        if status_of(campaign_id) != "confirming":
            break
        assert db.session.query(Message).filter_by(campaign_id=campaign_id).count() in (0, PEOPLE)
        assert time.monotonic() < deadline
    return done


def ends_early(pid):
    """Waits for nothing that has ended, without collecting it."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def test_killed_at_any_moment_and_run_again_it_is_held_once_and_everybody_has_one_message(
    committed_app, campaign
):
    platform_id, campaign_id = campaign
    assert confirm_among_kills(committed_app, campaign_id, kills=6, seed=1) >= 3
    if status_of(campaign_id) == "confirming":
        pid = child(lambda: work(committed_app, campaign_id))
        assert eventually(lambda: (status := ends(pid)) is not None and status == 0, PATIENCE_S)
    assert_held_once(platform_id, campaign_id, 1)


def test_killed_while_it_gets_another_time_it_is_swapped_once(committed_app, campaign):
    platform_id, campaign_id = campaign
    confirming.carry_out(campaign_id, now=clock.now())
    ask(platform_id, campaign_id, "2027-12-25T09:00")
    assert confirm_among_kills(committed_app, campaign_id, kills=4, seed=2) >= 2
    confirming.carry_out(campaign_id, now=clock.now())
    assert_held_once(platform_id, campaign_id, 2)


def test_the_job_of_a_killed_worker_comes_back_and_confirms_it(committed, campaign, tmp_path):
    """The real command, killed in the middle of its transaction."""
    platform_id, campaign_id = campaign
    with installed(committed, tmp_path / "instance") as made:
        for _ in range(2):
            assert eventually(is_writing, PATIENCE_S), made.logs()
            worker = made.processes["worker"]
            worker.kill()
            assert worker.wait() == -signal.SIGKILL, "it was alive until then"
            assert status_of(campaign_id) == "confirming", "it was done before the kill"
            made.start("worker")
        assert eventually(lambda: status_of(campaign_id) == "scheduled", PATIENCE_S), made.logs()
    assert_held_once(platform_id, campaign_id, 1)
