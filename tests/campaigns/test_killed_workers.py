"""Workers and gateways killed at random moments, checked against the gateway's own store.

The workers are processes of their own, ended by SIGKILL: nothing they had in hand is finished or tidied up.
"""

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from flask import Flask

from tests.campaigns.makers import Confirmed, confirmed
from tests.installation import Installation, installed
from tests.personas import make_platform
from tests.processes import eventually
from webapp import clock
from webapp.campaigns import dispatching
from webapp.campaigns.gateways import gateway
from webapp.campaigns.gateways.sandbox import server
from webapp.campaigns.models import Message
from webapp.campaigns.settings import Mischief, SendingSettings
from webapp.campaigns.starting import open_lanes
from webapp.credits.models import Charge, Hold
from webapp.credits.verification import verify
from webapp.db import db, transaction

RATE = 2
LONGEST_LIFE_S = 0.35
PATIENCE_S = 240
SLOWLY = {
    "SMS_CREDITS_BATCH_MESSAGES": "15",
    "SMS_CREDITS_LEASE_S": "2",
    "SMS_CREDITS_WORKER_JOBS": "1",
    "SMS_CREDITS_SANDBOX_ANSWER_DELAY_S": "0.1",
    "SMS_CREDITS_SANDBOX_REFUSED_SHARE": "0.03",
}


def child(work: Callable[[], None]) -> int:
    """Starts a process that does this and ends; its id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        work()
        os._exit(0)
    except BaseException as error:
        os.write(2, f"a child failed: {error!r}\n".encode())
        os._exit(1)


def ends(pid: int) -> int | None:
    """The exit status of a child that has ended, None while it runs."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def kill(pid: int) -> bool:
    """Ends a child; whether it was alive until then and this is what ended it."""
    os.kill(pid, signal.SIGKILL)
    _pid, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) == -signal.SIGKILL


def worker(app: Flask, settings: SendingSettings, campaign_id: int) -> None:
    """Steps until the campaign is over, as the job does."""
    with app.app_context():
        db.engine.dispose(close=False)  # the connections are the parent's
        road = gateway(settings)
        while True:
            step = dispatching.step(campaign_id, road, settings, now=clock.now())
            if step.over:
                return
            if step.again_at is not None:
                time.sleep(max(0.0, min(1.0, (step.again_at - clock.now()).total_seconds())))


@contextmanager
def sandbox(settings: SendingSettings) -> Iterator[dict[str, int]]:
    """The gateway as a process that may be killed: `running["pid"]` is the one there is now."""
    running = {"pid": child(lambda: server.serve(settings))}
    try:
        yield running
    finally:
        kill(running["pid"])


def revive(settings: SendingSettings, running: dict[str, int]) -> None:
    kill(running["pid"])
    running["pid"] = child(lambda: server.serve(settings))


def kept_by(settings: SendingSettings) -> list[tuple[str, str, str, int]]:
    with sqlite3.connect(settings.store) as store:
        found = store.execute("SELECT phone, reference, status, offered FROM message").fetchall()
    store.close()
    return found


def send_among_kills(
    app: Flask, settings: SendingSettings, campaign: Confirmed, *, kills: int, workers: int, seed: int
) -> None:
    """Kills live workers `kills` times, now and then the gateway too, then lets a last one finish."""
    luck = random.Random(seed)
    with sandbox(settings) as running:
        done, deadline = 0, time.monotonic() + PATIENCE_S
        while done < kills:
            pids = [child(lambda: worker(app, settings, campaign.campaign_id)) for _ in range(workers)]
            time.sleep(luck.uniform(0.0, LONGEST_LIFE_S))
            if luck.random() < 0.2:
                revive(settings, running)
            for pid in pids:
                status = ends(pid)
                assert status in (None, 0), "a worker failed by itself"
                done += status is None and kill(pid)
            if time.monotonic() > deadline:
                pytest.fail(f"all was sent when only {done} workers had been killed at work")
        last, deadline = (
            child(lambda: worker(app, settings, campaign.campaign_id)),
            time.monotonic() + PATIENCE_S,
        )
        while (status := ends(last)) is None:
            if time.monotonic() > deadline:
                kill(last)
                pytest.fail("the last worker did not finish")
            time.sleep(0.05)
        assert status == 0


def assert_all_is_well(settings: SendingSettings, campaign: Confirmed) -> None:
    kept = kept_by(settings)
    assert any(offered > 1 for *_rest, offered in kept), "no kill came between the hand-off and its record"
    assert_all_is_settled(kept, campaign)


def assert_all_is_settled(kept: list[tuple[str, str, str, int]], campaign: Confirmed) -> None:
    """What the gateway keeps, the messages, the charges and the hold tell the same."""
    phones = [phone for phone, *_rest in kept]
    assert len(phones) == len(set(phones)), "somebody got two messages"
    messages = campaign.messages
    assert {f"+{message.phone}" for message in messages} == set(phones), "somebody was forgotten"
    taken = {phone for phone, _ref, status, _offered in kept if status == "accepted"}
    sent = {f"+{message.phone}" for message in messages if message.status == "sent"}
    assert sent == taken
    assert {message.status for message in messages} <= {"sent", "refused"}
    charged = db.session.query(Charge.message_id).filter(Charge.message_id.in_(campaign.message_ids)).all()
    assert {charged_id for (charged_id,) in charged} == {
        message.id for message in messages if message.status == "sent"
    }
    hold = db.session.get(Hold, campaign.hold_id, populate_existing=True)
    assert hold is not None
    assert (hold.captured, hold.released) == (RATE * len(taken), RATE * (len(messages) - len(taken)))
    assert not hold.open
    assert campaign.campaign.status == "finished"
    assert list(verify(campaign.platform_id)) == []


def run(app: Flask, settings: SendingSettings, *, messages: int, kills: int, workers: int, seed: int) -> None:
    with app.app_context():
        with transaction():
            platform_id = make_platform().id
            campaign = confirmed(platform_id, count=messages, rate=RATE)
        db.session.remove()
        db.engine.dispose()
        send_among_kills(app, settings, campaign, kills=kills, workers=workers, seed=seed)
        assert_all_is_well(settings, campaign)
        assert db.session.query(Message).filter_by(status="submitting").count() == 0


def hard_times(sending: Callable[..., SendingSettings], seed: int) -> SendingSettings:
    mischief = Mischief(
        refused_share=0.03, lost_answer_share=0.15, answer_delay_s=0.01, receipt_delay_s=3600, seed=str(seed)
    )
    return sending(mischief, batch_messages=15, lease_s=0.3, timeout_s=2.0)


def test_twenty_killed_workers_leave_nobody_with_two_messages_or_none(committed_app, sending):
    run(committed_app, hard_times(sending, 1), messages=1200, kills=20, workers=1, seed=1)


def test_several_workers_at_once_killed_at_random_come_to_the_same(committed_app, sending):
    run(committed_app, hard_times(sending, 2), messages=900, kills=12, workers=3, seed=2)


def test_the_worker_of_an_installation_killed_at_work_is_followed_by_one_that_finishes(
    committed_app, committed, tmp_path
):
    """The real command: its jobs come back from the queue, and nobody is written to twice."""
    kills, count = 4, 1200
    with committed_app.app_context(), transaction():
        campaign = confirmed(make_platform().id, count=count, rate=RATE)
    with installed(committed, tmp_path / "instance", **SLOWLY) as made:
        with committed_app.app_context(), transaction():
            open_lanes(campaign.campaign_id)
        for kill_number in range(kills):
            sent = count * (kill_number + 1) // (kills + 2)
            assert eventually(lambda sent=sent: kept_count(made) >= sent, PATIENCE_S), made.logs()
            worker = made.processes["worker"]
            worker.kill()
            assert worker.wait() == -signal.SIGKILL, "it was alive until then"
            assert kept_count(made) < count, "all was sent before the last kill"
            made.start("worker")
        with committed_app.app_context():
            assert eventually(lambda: status_of(campaign) == "finished", PATIENCE_S), made.logs()
    with committed_app.app_context(), sqlite3.connect(made.gateway_store) as store:
        assert_all_is_settled(
            store.execute("SELECT phone, reference, status, offered FROM message").fetchall(), campaign
        )


def kept_count(made: Installation) -> int:
    with sqlite3.connect(made.gateway_store, timeout=30) as store:
        found = store.execute("SELECT count(*) FROM message").fetchone()[0]
    store.close()
    return int(found)


def status_of(campaign: Confirmed) -> str:
    db.session.rollback()
    status = campaign.campaign.status
    db.session.rollback()
    return status


@pytest.mark.soak
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("seed", range(1, 4))
def test_a_hundred_killed_workers_come_to_the_same(committed_app, sending, workers, seed):
    run(committed_app, hard_times(sending, seed), messages=6000, kills=100, workers=workers, seed=seed)
