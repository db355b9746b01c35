"""What the ledger does by itself, beside those who write: rebuilding, sealing, auditing, periodic tasks."""

import json
import time
from datetime import timedelta
from functools import partial

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from tests.credits.ledgers import (
    NOW,
    capture,
    charge,
    day,
    everything,
    grant,
    hold,
    make_list,
    release,
    totals,
)
from tests.credits.processes import connected, race
from tests.personas import make_platform
from webapp import clock
from webapp.cli import group
from webapp.credits import engine, history, jobs, sealing
from webapp.credits.engine import Subject
from webapp.credits.expiry import expires_at
from webapp.credits.verification import newest_seal, verify
from webapp.db import db
from webapp.jobs import Task

JUNE = day("2027-06-01")
BUSY_S = 3
WRITERS = 3


@pytest.fixture
def url(committed):
    with connected(committed):
        yield committed


def rounds():
    """Numbers, for as long as the others are busy."""
    end, number = time.monotonic() + BUSY_S, 0
    while time.monotonic() < end:
        yield (number := number + 1)


def used(platform, group="campaign", subject=None):
    return engine.usage(platform, from_on=NOW.date(), to_on=NOW.date(), group=group, subject=subject)


def test_rebuilding_roll_ups_and_sealing_twice_at_once_disturb_nobody_who_writes(url):
    platform = make_platform().id
    shop = make_list(platform)
    grant(platform, 10**9)
    db.session.commit()

    def write(number):
        """Charges its own campaign, and is told what it charged whatever is rebuilt meanwhile."""
        campaign, charged = Subject("campaign", number), 0
        for turn in rounds():
            one = turn * WRITERS + number
            held = hold(platform, {shop: 20, None: 5}, subject=campaign, key=f"hold {one}")
            messages = [charge(shop, 3, message_id=2 * one + n) for n in (0, 1)]
            charged += capture(held.hold_id, messages, key=f"capture {one}").credits
            assert used(platform, subject=campaign).total.credits == charged
            release(held.hold_id, key=f"release {one}")
        return charged

    def keep_up(work):
        return [work() for _ in rounds()]

    tasks = [lambda: sealing.seal(now=NOW, most=7)] * 2 + [engine.rebuild_usage, verify]
    parts = [
        *(partial(write, number) for number in range(WRITERS)),
        *(partial(keep_up, task) for task in tasks),
    ]
    *charged, one, other, rebuilt, audits = race(url, lambda number: parts[number](), len(parts))
    assert len(rebuilt) > 2 and set(audits) == {()}
    assert {row.key.id: row.credits for row in used(platform).rows} == dict(enumerate(charged))
    before = [used(platform, group) for group in ("day", "list", "campaign", "country")]
    engine.rebuild_usage()
    assert [used(platform, group) for group in ("day", "list", "campaign", "country")] == before

    blocks = [block.id for block in [*one, *other] if block]
    assert sorted(blocks) == [*range(1, len(blocks) + 1)] and any(one) and any(other)
    sealing.seal_all(now=NOW)
    sealed = "SELECT sum(transactions) FROM ledger_block"
    written = "SELECT count(*) FROM ledger_transaction"
    assert db.session.scalar(text(sealed)) == db.session.scalar(text(written))
    assert verify() == ()


# The command


@pytest.fixture
def told(committed, monkeypatch, tmp_path):
    """What `sms-credits ledger verify` answers: its exit status and what it says."""
    monkeypatch.setenv("DATABASE_URL", committed)
    monkeypatch.setenv("SMS_CREDITS_INSTANCE", str(tmp_path))

    def verify(*words):
        answer = CliRunner().invoke(group, ["ledger", "verify", *words])
        return answer.exit_code, answer.output

    return verify


CORRUPTED = {
    "credit_pool of platform": "UPDATE credit_pool SET unassigned = unassigned - 1 WHERE received > 0",
    "usage_day": "DELETE FROM usage_day",
    "ledger_block 1: its transactions were edited": "UPDATE ledger_transaction SET actor_name = 'Mallory'",
}


@pytest.mark.parametrize("named", CORRUPTED)
def test_the_command_that_verifies_exits_1_and_names_what_is_wrong(committed_app, told, named):
    with committed_app.app_context():
        platform, other = make_platform().id, make_platform().id
        grant(platform, 20)
        capture(hold(platform, 5).hold_id, [charge(credits=2)])
        jobs.seal()
        status, words = told()
        assert (status, "No drift" in words, newest_seal()[1] in words) == (0, True, True)
        db.session.execute(text("SET LOCAL session_replication_role = replica"))
        assert db.session.execute(text(CORRUPTED[named])).rowcount
        db.session.commit()
        status, words = told()
        assert (status, named in words, "drifts found" in words) == (1, True, True)
        status, words = told("--json")
        assert status == 1
        assert any(named in drift["what"] for drift in json.loads(words)["drifts"])
        assert told("--platform", str(other))[0] == 0


# The periodic tasks


def expires(platform):
    grant(platform, 10, JUNE)
    yield expires_at(JUNE)
    kinds = "SELECT kind FROM ledger_transaction WHERE platform_id = :id ORDER BY id"
    assert [*db.session.scalars(text(kinds), {"id": platform})] == ["grant", "expire"]


def releases(platform):
    grant(platform, 10)
    hold(platform, 4)
    yield NOW + timedelta(days=7)
    assert totals(platform) == (10, 0, 0)


def seals(platform):
    grant(platform, 10)
    yield NOW
    assert [*db.session.execute(text("SELECT id, transactions FROM ledger_block"))] == [(1, 1)]


def keeps_checkpoints(platform):
    for _ in range(history.CHECKPOINT_EVERY + 1):
        grant(platform, 1)
    grant(platform, 1, now=NOW + timedelta(days=1))
    yield NOW + timedelta(days=2)
    written = "SELECT at FROM balance_checkpoint WHERE platform_id = :id"
    assert [*db.session.scalars(text(written), {"id": platform})] == [NOW]


TASKS = {
    "expire_due": expires,
    "release_unresolved": releases,
    "seal": seals,
    "checkpoint": keeps_checkpoints,
}


def test_every_periodic_task_is_tried():
    assert {name for name, value in vars(jobs).items() if isinstance(value, Task)} == set(TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_a_periodic_task_does_its_work_and_nothing_more_when_it_runs_again(platform, monkeypatch, name):
    story, task = TASKS[name](platform), getattr(jobs, name)
    now = next(story)
    monkeypatch.setattr(clock, "now", lambda: now)
    task()
    assert next(story, "told") == "told"
    done = everything()
    task()
    assert everything() == done
